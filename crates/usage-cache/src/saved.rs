//! Facts that are kept beside the cache, so that who asks again need not make them again.
//!
//! They are what was made of a cache file that knew all that was found, and are found again by
//! what that file says last: it names all that is in it. So they cannot change an answer; when
//! anything is in doubt, they are as if they were not there.

mod counts;
mod file;
mod glance;
mod open;
#[cfg(test)]
mod tests;

use std::{os::unix::ffi::OsStrExt as _, path::Path};

use common_fs::{
    Access, Host, Timestamp, open_parent,
    replace::{FileMode, Options as ReplaceOptions, Symlinks, replace},
};

use crate::{
    Facts, Gone, Key, Options, Place, Prices, SaveError, UsageCache,
    store::{self, Complete},
};

use counts::Counts;
use file::Header;
pub use glance::{Glance, glance};
pub use open::{Saved, open_saved};

/// What facts are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Basis {
    /// What the cache file says last.
    pub(crate) complete: Complete,
    /// Which turns had priority.
    pub(crate) turns: Key,
    pub(crate) prices: Key,
    pub(crate) gone: Gone,
}

impl Basis {
    /// Whether these are the prices, and what is gone is treated so.
    fn is_at(&self, gone: Gone, prices: &Prices) -> bool {
        self.gone == gone && self.prices == prices.key()
    }
}

/// What was saved.
#[derive(Debug)]
pub(crate) struct Memo {
    pub(crate) facts: Facts,
    pub(crate) counts: Counts,
    /// When that was last known to hold.
    held_at: Timestamp,
}

/// What came of [`remember`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remembered {
    /// The facts were saved.
    Saved,
    /// They are those that were saved before; the file now says that they still hold.
    Confirmed,
    /// They are not such that they could be found again: not everything is known, or not saved.
    No,
}

/// Saves facts to [`Locations::facts`](crate::Locations::facts), for the next
/// [`refresh()`](crate::refresh()) that finds nothing new, for [`open_saved`] and for [`glance()`].
///
/// There is room for one set of facts: those that are asked for most. Nothing depends on them but
/// time. The modification time of the file is when they were last known to hold.
///
/// # Errors
///
/// The file cannot be written. The answers are right nevertheless.
pub fn remember(
    host: Host<'_>,
    options: &Options,
    usage: &UsageCache,
    facts: &Facts,
) -> Result<Remembered, SaveError> {
    let places = places_key(&options.locations.places);
    let basis = facts.basis().filter(|basis| Some(basis.complete) == usage.complete());
    let (Some(basis), Some(places)) = (basis, places) else { return Ok(Remembered::No) };
    let Some(counts) = Counts::of(usage.status()) else { return Ok(Remembered::No) };
    let path = &options.locations.facts;
    if file::read_header(host, path).is_some_and(|header| header.is_of(places, &basis)) {
        let (dir, name) = open_parent(host.fs, path)?;
        dir.open(&name, Access::Append)?.set_modified(host.clock.now())?;
        return Ok(Remembered::Confirmed);
    }
    let content = Header::write(places, &basis, counts, facts);
    let mode = ReplaceOptions { mode: FileMode::Private, symlinks: Symlinks::Refuse };
    replace(host, path, &content, mode)?;
    Ok(Remembered::Saved)
}

/// What was saved of a cache file that says this last.
pub(crate) fn recall(
    host: Host<'_>,
    options: &Options,
    complete: Complete,
    turns: Key,
) -> Option<Memo> {
    let places = places_key(&options.locations.places)?;
    let memo = file::read(host, &options.locations.facts, places)?;
    let basis = memo.facts.basis()?;
    (basis.complete == complete && basis.turns == turns).then_some(memo)
}

/// The same, of the cache file that is there.
fn recall_last(host: Host<'_>, options: &Options, turns: Key) -> Option<Memo> {
    let complete = store::last_complete(host, &options.locations.cache)?;
    recall(host, options, complete, turns)
}

/// What tells places, and how they are read, from others; `None` if that depends on where
/// somebody stands.
fn places_key(places: &[Place]) -> Option<Key> {
    let keys = places.iter().map(|Place { source, path }| {
        let name = source.name().as_bytes();
        let parts = [name, &source.version().to_le_bytes(), path.as_os_str().as_bytes()];
        Path::is_absolute(path).then(|| Key::of(&parts))
    });
    let keys = keys.collect::<Option<Vec<Key>>>()?;
    let bytes: Vec<[u8; 8]> = keys.into_iter().map(|Key(key)| key.to_le_bytes()).collect();
    Some(Key::of(&[bytes.as_flattened()]))
}
