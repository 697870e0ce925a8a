//! What several ledgers know of a session, where events have no identity.

use std::{cmp::Reverse, collections::BTreeMap, path::Path};

use foldhash::{HashMap, HashMapExt as _, HashSet};

use super::Numbered;
use crate::{
    Key, NanoUsd, TokenCounts,
    ledger::{is_version, session},
    rollup::{self, Bucket, Rollup},
    scope::Scope,
};

/// What is known of several ledgers.
#[derive(Default)]
pub(super) struct Known {
    /// Transcripts that are the beginning of another one.
    pub(super) older: HashSet<usize>,
    /// What counts of the sums of the others, if it is not all.
    pub(super) shares: HashMap<usize, Rollup>,
}

/// Who knows sums that can be added up: a ledger, as far as it read by the same rules. This
/// machine comes first, then whoever has the newest rules.
type Witness = (bool, Reverse<u32>, Option<Key>);

/// Sums by what they are the sums of.
type Buckets = BTreeMap<rollup::Key, Bucket>;

impl Known {
    pub(super) fn of(transcripts: &[Numbered<'_>], scope: &Scope) -> Self {
        let mut known = Self::default();
        for mut transcripts in sessions(transcripts, scope) {
            let older = transcripts.iter().filter(|numbered| is_older(numbered, &transcripts));
            let older: HashSet<usize> = older.map(|numbered| numbered.number).collect();
            transcripts.retain(|numbered| !older.contains(&numbered.number));
            known.older.extend(older);
            known.share(&transcripts);
        }
        known
    }

    /// Divides up what the sums of a session come to, if each counts once.
    fn share(&mut self, transcripts: &[Numbered<'_>]) {
        let mut witnesses: BTreeMap<Witness, Vec<Numbered<'_>>> = BTreeMap::new();
        let own = transcripts.iter().filter(|numbered| numbered.ledger.is_none());
        let own_rules = own.map(|numbered| numbered.transcript.version).max();
        for numbered in transcripts {
            let version = numbered.ledger.map_or(own_rules, |_| Some(numbered.transcript.version));
            let rules = Reverse(version.unwrap_or_default());
            let witness = (numbered.ledger.is_some(), rules, numbered.ledger);
            witnesses.entry(witness).or_default().push(*numbered);
        }
        let mut best: Option<(Reverse<u32>, Buckets)> = None;
        for ((is_other, rules, _), mut transcripts) in witnesses {
            let all = transcripts.iter().flat_map(|numbered| numbered.transcript.rollup.buckets());
            let sums = Rollup::new(all.copied().collect());
            let Some((best_rules, best)) = &mut best else {
                let sums = sums.buckets().iter().map(|bucket| (bucket.key(), *bucket)).collect();
                best = Some((rules, sums));
                continue;
            };
            debug_assert!(is_other, "this machine comes first");
            let mut more = Buckets::new();
            for bucket in sums.buckets().iter().filter(|_| *best_rules == rules) {
                let known = best.entry(bucket.key()).or_insert(nothing(bucket));
                more.insert(bucket.key(), each(bucket, known, u64::saturating_sub));
                *known = each(bucket, known, u64::max);
            }
            transcripts.sort_unstable_by_key(path);
            for numbered in transcripts {
                let share = share_of(&numbered.transcript.rollup, &mut more);
                self.shares.insert(numbered.number, share);
            }
        }
    }
}

fn path<'t>(numbered: &Numbered<'t>) -> (&'t Path, &'t std::ffi::OsStr) {
    (numbered.dir, numbered.name)
}

/// The transcripts of each session that another ledger knows as well.
fn sessions<'t>(transcripts: &[Numbered<'t>], scope: &Scope) -> Vec<Vec<Numbered<'t>>> {
    let mut sessions: HashMap<(&str, Vec<u8>), Vec<Numbered<'t>>> = HashMap::new();
    let session_of = |numbered: &Numbered<'t>| {
        let source = &*numbered.transcript.source;
        (source, session(scope.source(source), numbered.dir, numbered.name))
    };
    for numbered in transcripts.iter().filter(|numbered| numbered.ledger.is_some()) {
        sessions.entry(session_of(numbered)).or_default();
    }
    if sessions.is_empty() {
        return Vec::new();
    }
    for numbered in transcripts {
        if let Some(known) = sessions.get_mut(&session_of(numbered)) {
            known.push(*numbered);
        }
    }
    sessions.into_values().collect()
}

/// Whether a transcript that is gone is the beginning of another one, and either is of another
/// ledger. Which of two of the same content counts only has to be the same every time.
fn is_older(numbered: &Numbered<'_>, all: &[Numbered<'_>]) -> bool {
    let is_gone = |numbered: &Numbered<'_>| numbered.transcript.gone_since.is_some();
    let rank = |numbered: &Numbered<'_>| {
        (is_gone(numbered), numbered.ledger.is_some(), Reverse(numbered.transcript.parsed_to))
    };
    let comes_first = |other: &Numbered<'_>| {
        (rank(other), path(other), other.number) < (rank(numbered), path(numbered), numbered.number)
    };
    is_gone(numbered)
        && all.iter().any(|other| {
            other.number != numbered.number
                && (numbered.ledger.is_some() || other.ledger.is_some())
                && is_version(numbered.transcript, other.transcript)
                && (comes_first(other) || !is_version(other.transcript, numbered.transcript))
        })
}

/// What a transcript has of `more`, which is taken from that.
fn share_of(rollup: &Rollup, more: &mut Buckets) -> Rollup {
    let share = rollup.buckets().iter().filter_map(|bucket| {
        let more = more.get_mut(&bucket.key())?;
        let share = each(bucket, more, u64::min);
        *more = each(more, &share, u64::saturating_sub);
        (share != nothing(bucket)).then_some(share)
    });
    Rollup::new(share.collect())
}

fn nothing(bucket: &Bucket) -> Bucket {
    each(bucket, bucket, |_, _| 0)
}

/// Each number of two buckets of the same key, put together.
fn each(a: &Bucket, b: &Bucket, with: fn(u64, u64) -> u64) -> Bucket {
    Bucket {
        events: with(a.events, b.events),
        tokens: TokenCounts {
            input: with(a.tokens.input, b.tokens.input),
            output: with(a.tokens.output, b.tokens.output),
            cache_creation: with(a.tokens.cache_creation, b.tokens.cache_creation),
            cache_read: with(a.tokens.cache_read, b.tokens.cache_read),
            total: with(a.tokens.total, b.tokens.total),
        },
        cache_creation_1h: with(a.cache_creation_1h, b.cache_creation_1h),
        recorded: NanoUsd(with(a.recorded.0, b.recorded.0)),
        ..*a
    }
}
