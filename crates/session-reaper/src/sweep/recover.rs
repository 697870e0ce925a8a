//! What an interrupted sweep or restore has left.

use std::time::Duration;

use super::{SweepError, Work, has_store};
use crate::{
    Item, Store,
    journal::Record,
    listing::{RawStore, read_store},
};

/// What was done about an interrupted sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// So many rows and files had been archived but for the last step, which was done.
    pub finished: u64,
    /// So many had not, and are where they were.
    pub undone: u64,
}

impl Work<'_> {
    /// Finishes or undoes what an interrupted sweep has left.
    ///
    /// A row is in the store or not; its files follow it. What has no row is finished.
    pub(crate) fn recover(&mut self, lock_wait: Duration) -> Result<Recovered, SweepError> {
        let mut recovered = Recovered::default();
        let pending: Vec<(u64, Vec<(u32, Item)>)> = self
            .journal
            .journal()
            .pending()
            .map(|(sweep, batch)| {
                (sweep, batch.items.iter().map(|(nth, item)| (*nth, item.clone())).collect())
            })
            .collect();
        if pending.is_empty() {
            return Ok(recovered);
        }
        let lock = has_store(self.place.layout).then(|| self.lock_store(lock_wait)).transpose()?;
        let raw = if lock.is_some() { read_store(self.dir)? } else { RawStore::None };
        let store = self.trusted(&raw)?;
        for (sweep, items) in pending {
            let mut kept = Vec::new();
            for (nth, item) in items {
                if is_still_there(&item, store.as_ref()) {
                    for file in &item.files {
                        self.moves.undo(file)?;
                    }
                    kept.push(nth);
                    recovered.undone += 1;
                } else {
                    for file in &item.files {
                        match self.moves.finish(file) {
                            // It stays, as an orphan with a date of its own.
                            Ok(()) | Err(SweepError::Changed { .. }) => (),
                            Err(error) => return Err(error),
                        }
                    }
                    recovered.finished += 1;
                }
            }
            self.moves.sync()?;
            self.journal.append([Record::Done { sweep, kept }])?;
        }
        Ok(recovered)
    }
}

/// Whether the row of an item is still, or again, that of the same session.
fn is_still_there(item: &Item, store: Option<&Store<'_>>) -> bool {
    let Some((archived, row)) =
        item.row.as_ref().and_then(|archived| Some((archived, store?.row(&archived.key)?)))
    else {
        return false;
    };
    let text = format!("{{{}}}", archived.member);
    let before = Store::parse(text.as_bytes());
    let session = before.ok().and_then(|store| {
        store.rows().first().and_then(|row| row.session_id().map(std::borrow::Cow::into_owned))
    });
    session.as_deref() == row.session_id().as_deref()
}
