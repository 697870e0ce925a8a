use std::time::Duration;

use common_fs::Timestamp;

use crate::Listing;

/// If nothing has changed in a directory for longer, its retention may be over, or the clock may
/// have jumped ahead; nobody can tell from there.
const QUIET_MAX: Duration = Duration::from_hours(30 * 24);

/// What is done if the clock may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clockwork {
    /// Nothing is done where nothing has changed for 30 days, unless something is known to have
    /// happened since.
    Doubt,
    /// As [`Self::Doubt`], and this is when something has happened elsewhere, such as a sweep.
    DoubtSince(Timestamp),
    /// The clock is right.
    Trust,
}

impl Clockwork {
    /// For how long nothing has changed, if that is too long.
    pub(crate) fn check(self, now: Timestamp, listing: &Listing) -> Result<(), Duration> {
        let known = match self {
            Self::Trust => return Ok(()),
            Self::Doubt => None,
            Self::DoubtSince(time) => Some(time),
        };
        let Some(last) = listing.last_change().max(known) else { return Ok(()) };
        let quiet = now.since(last);
        if QUIET_MAX < quiet { Err(quiet) } else { Ok(()) }
    }
}
