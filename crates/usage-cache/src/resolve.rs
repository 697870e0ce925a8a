//! Which events count, where several transcripts record the same.
//!
//! Runtimes copy transcripts when a session is resumed or forked. Nothing of that is decided
//! while a transcript is read, as the others may come, change and go: each keeps all that it
//! records, and who counts what is worked out anew from what is known. So the answer does not
//! depend on the order in which files were read.

mod imported;
mod inherited;
mod repeated;
mod stored_twice;

use std::{borrow::Cow, ffi::OsStr, path::Path};

use foldhash::{HashMap, HashSet};

use crate::{
    Key, TokenCounts, archived,
    log::{EventLog, Logged},
    rollup::{Bucket, Rollup},
    scope::Scope,
    transcript::Transcript,
};
use imported::Known;
use inherited::{Inherited, inherited, minus};
use repeated::{Own, Repeated};
use stored_twice::stored_twice;

/// A transcript, by a number that is its own as long as nothing changes.
#[derive(Clone, Copy)]
pub(crate) struct Numbered<'t> {
    pub(crate) number: usize,
    /// The ledger that it comes from, if that is another one.
    pub(crate) ledger: Option<Key>,
    pub(crate) dir: &'t Path,
    pub(crate) name: &'t OsStr,
    pub(crate) transcript: &'t Transcript,
}

/// Who counts what.
#[derive(Debug, Default)]
pub(crate) struct Resolution {
    /// The transcripts that are known from elsewhere, too, and do not count.
    stored_twice: HashSet<usize>,
    /// What counts of the sums of those that several ledgers know.
    shares: HashMap<usize, Rollup>,
    repeated: Repeated,
    /// The transcripts that begin with what others have used.
    inherited: HashMap<usize, Inherited>,
}

impl Resolution {
    pub(crate) fn of<'t>(
        transcripts: impl Iterator<Item = Numbered<'t>>,
        scope: &'t Scope,
    ) -> Self {
        let mut transcripts: Vec<Numbered<'t>> = transcripts.collect();
        let Known { older, shares } = Known::of(&transcripts, scope);
        transcripts.retain(|numbered| !older.contains(&numbered.number));
        let mut stored_twice = stored_twice(&transcripts, &shares);
        stored_twice.extend(older);
        transcripts
            .retain(|numbered| numbered.matters() && !stored_twice.contains(&numbered.number));
        let inherited = inherited(&transcripts);
        let own = |numbered: Numbered<'t>| {
            Own::new(numbered, Inherited::copied(inherited.get(&numbered.number).copied()))
        };
        let own: Vec<Own<'t>> = transcripts.into_iter().map(own).collect();
        Self { stored_twice, shares, repeated: Repeated::among(&own), inherited }
    }

    /// Whether a transcript counts at all.
    pub(crate) fn counts(&self, number: usize) -> bool {
        !self.stored_twice.contains(&number)
    }

    /// The sums of events without an identity that a transcript counts.
    pub(crate) fn buckets<'t>(&'t self, number: usize, rollup: &'t Rollup) -> &'t [Bucket] {
        self.shares.get(&number).unwrap_or(rollup).buckets()
    }

    /// The events with an identity that a transcript counts; `None` if nobody can tell which
    /// are its own.
    pub(crate) fn events<'t>(
        &'t self,
        number: usize,
        log: &'t EventLog,
    ) -> Option<impl Iterator<Item = Logged> + 't> {
        let inherited = self.inherited.get(&number).copied();
        let base = match inherited {
            Some(Inherited::Unknown) => return None,
            Some(Inherited::Tokens(tokens)) => Some(tokens),
            Some(Inherited::Events(_)) | None => None,
        };
        let mut used = TokenCounts::default();
        let own = move |mut event: Logged| {
            if let Some(base) = base {
                let before = minus(used, base);
                used = used + event.tokens;
                event.tokens = minus(minus(used, base), before);
                event.cache_creation_1h = event.cache_creation_1h.min(event.tokens.cache_creation);
            }
            let counts = self.repeated.counted_by(event.key).is_none_or(|by| by == number);
            let uses = base.is_none() || event.tokens != TokenCounts::default();
            (counts && uses).then_some(event)
        };
        Some(log.iter().skip(Inherited::copied(inherited)).filter_map(own))
    }
}

impl<'t> Numbered<'t> {
    /// The directory and name that it had before it was archived: what is decided by its path is
    /// not decided otherwise because of that.
    fn before_archiving(&self) -> (Cow<'t, Path>, Cow<'t, OsStr>) {
        archived::before(self.dir, self.name)
    }

    /// Whether it has anything to do with others.
    fn matters(&self) -> bool {
        !self.transcript.log.is_empty() || self.transcript.lineage.session.is_some()
    }
}
