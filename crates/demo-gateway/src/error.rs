use std::{
    io,
    path::{Path, PathBuf},
};

/// Why a gateway cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The settings ask for what cannot be done.
    #[error("{0}")]
    Unsuitable(&'static str),
    /// The operating system refused something.
    #[error("cannot {what}")]
    System {
        /// What was attempted, as a verb with its object.
        what: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write `{}`", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A process that was to serve did not do what it was asked to.
    #[error("generation {number} {what}")]
    Generation {
        /// Which process it is, counted from one.
        number: u32,
        /// What went wrong.
        what: &'static str,
    },
}

/// Adds what was attempted to an error of the operating system.
pub(crate) fn cannot<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> Error {
    move |source| Error::System { what, source: source.into() }
}

/// Adds the path to an error of writing a file.
pub(crate) fn cannot_write(path: &Path) -> impl FnOnce(io::Error) -> Error + use<'_> {
    move |source| Error::File { path: path.to_owned(), source }
}

/// Why something that takes time did not go on to its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The process is to exit with this status.
    Exit(u8),
    /// It cannot go on.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Stop {
    /// What this means for the process.
    pub(crate) fn status(self) -> Result<u8, Error> {
        match self {
            Self::Exit(status) => Ok(status),
            Self::Failed(error) => Err(error),
        }
    }
}
