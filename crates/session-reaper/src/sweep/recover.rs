//! What an interrupted sweep or restore has left.

use std::time::Duration;

use super::{Failure, SweepError, Work, has_store};
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
    /// A row is in the store or not; its files follow it. What has no row is finished if it was begun;
    /// what was not is for the next plan to decide. What cannot be done now is tried again by the next
    /// sweep, and is in nobody's way.
    pub(crate) fn recover(
        &mut self,
        lock_wait: Duration,
    ) -> Result<(Recovered, Vec<Failure>), SweepError> {
        let (mut recovered, mut failures) = (Recovered::default(), Vec::new());
        let pending: Vec<(u64, Vec<(u32, Item)>)> = self
            .journal
            .journal()
            .pending()
            .map(|(sweep, batch)| {
                (sweep, batch.items.iter().map(|(nth, item)| (*nth, item.clone())).collect())
            })
            .collect();
        if pending.is_empty() {
            return Ok((recovered, failures));
        }
        let lock = has_store(self.place.layout).then(|| self.lock_store(lock_wait)).transpose()?;
        let raw = if lock.is_some() { read_store(self.dir)? } else { RawStore::None };
        let store = self.trusted(&raw)?;
        for (sweep, items) in pending {
            let (mut kept, failed) = (Vec::new(), failures.len());
            for (nth, item) in items {
                let is_undone = match &item.row {
                    Some(_) => is_still_there(&item, store.as_ref()),
                    None => !self.moves.has_begun(&item.files)?,
                };
                match self.settle(&item, is_undone) {
                    Ok(true) => kept.push(nth),
                    // What is there again, or was written to, stays beside its archive.
                    Ok(false) | Err(SweepError::Changed { .. }) => (),
                    Err(error) => failures.push(Failure { what: item.name(), error }),
                }
                let count = if is_undone { &mut recovered.undone } else { &mut recovered.finished };
                *count += 1;
            }
            self.moves.sync()?;
            if failures.len() == failed {
                self.journal.append([Record::Done { sweep, kept }])?;
            }
        }
        Ok((recovered, failures))
    }

    /// Undoes or finishes an item, all of its files, and says whether it is as it was.
    fn settle(&self, item: &Item, is_undone: bool) -> Result<bool, SweepError> {
        let settled = item
            .files
            .iter()
            .map(|file| if is_undone { self.moves.undo(file) } else { self.moves.finish(file) });
        // One that fails does not stop the others; the worst of it is told.
        let errors: Vec<SweepError> = settled.filter_map(Result::err).collect();
        let is_change = |error: &SweepError| matches!(error, SweepError::Changed { .. });
        match errors.into_iter().min_by_key(is_change) {
            Some(error) => Err(error),
            None => Ok(is_undone),
        }
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
    let before = before.as_ref().ok().and_then(|store| store.rows().first());
    before.and_then(|row| row.session_id()) == row.session_id()
}
