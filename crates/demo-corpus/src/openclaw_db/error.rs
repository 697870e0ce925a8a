use std::io;

/// Why a database cannot be written as asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The database refused.
    #[error("cannot write the agent database")]
    Sqlite(#[from] rusqlite::Error),
    /// A directory or an archive could not be written, or something could not be compressed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The database does not have the session, or another one wrote it.
    #[error("no session `{session}`")]
    NoSession {
        /// Which was asked for.
        session: String,
    },
    /// What was asked for needs a session in another place.
    #[error("session `{session}` is {place:?}")]
    Place {
        /// Which was asked for.
        session: String,
        /// Where its transcript is.
        place: super::Place,
    },
    /// The session does not have the event.
    #[error("no event `{event}` in session `{session}`")]
    NoEvent {
        /// Which was asked for.
        session: String,
        /// Which was asked for.
        event: String,
    },
}
