//! Which events count, where several transcripts record the same.
//!
//! Runtimes copy transcripts when a session is resumed or forked. Nothing of that is decided
//! while a transcript is read, as the others may come, change and go: each keeps all that it
//! records, and who counts what is worked out anew from what is known. So the answer does not
//! depend on the order in which files were read.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    ffi::OsStr,
    path::Path,
};

use common_fs::Timestamp;

use crate::{
    Beginning, Key, TokenCounts,
    log::{EventLog, Logged},
    transcript::Transcript,
};

/// A transcript, by a number that is its own as long as nothing changes.
#[derive(Clone, Copy)]
pub(crate) struct Numbered<'t> {
    pub(crate) number: usize,
    pub(crate) dir: &'t Path,
    pub(crate) name: &'t OsStr,
    pub(crate) transcript: &'t Transcript,
}

/// Who counts what.
#[derive(Debug, Default)]
pub(crate) struct Resolution {
    /// The events that several transcripts record, and which of these counts them.
    counted_by: HashMap<Key, usize>,
    /// The transcripts that begin with what others have used.
    inherited: HashMap<usize, Inherited>,
}

/// With what a transcript begins that is counted elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inherited {
    /// So many tokens.
    Tokens(TokenCounts),
    /// So many events.
    Events(u64),
    /// Nobody can tell.
    Unknown,
}

impl Resolution {
    pub(crate) fn of<'t>(transcripts: impl Iterator<Item = Numbered<'t>> + Clone) -> Self {
        let logged = transcripts.filter(|numbered| !numbered.transcript.log.is_empty());
        Self { counted_by: counted_by(logged.clone()), inherited: inherited(logged) }
    }

    /// The events with an identity that a transcript counts; `None` if nobody can tell which
    /// are its own.
    pub(crate) fn events<'t>(
        &'t self,
        number: usize,
        log: &'t EventLog,
    ) -> Option<impl Iterator<Item = Logged> + 't> {
        let inherited = self.inherited.get(&number).copied();
        let (mut skipped, mut used) = (0, TokenCounts::default());
        let (skip, base) = match inherited {
            None => (0, TokenCounts::default()),
            Some(Inherited::Events(events)) => (events, TokenCounts::default()),
            Some(Inherited::Tokens(tokens)) => (0, tokens),
            Some(Inherited::Unknown) => return None,
        };
        let own = move |mut event: Logged| {
            if skipped < skip {
                skipped += 1;
                return None;
            }
            if inherited.is_some() {
                let before = minus(used, base);
                used = used + event.tokens;
                event.tokens = minus(minus(used, base), before);
                event.cache_creation_1h = event.cache_creation_1h.min(event.tokens.cache_creation);
            }
            let counts = self.counted_by.get(&event.key).is_none_or(|by| *by == number);
            let uses = inherited.is_none() || event.tokens != TokenCounts::default();
            (counts && uses).then_some(event)
        };
        Some(log.iter().filter_map(own))
    }
}

/// What is more in `a` than in `b`.
fn minus(a: TokenCounts, b: TokenCounts) -> TokenCounts {
    TokenCounts {
        input: a.input.saturating_sub(b.input),
        output: a.output.saturating_sub(b.output),
        cache_creation: a.cache_creation.saturating_sub(b.cache_creation),
        cache_read: a.cache_read.saturating_sub(b.cache_read),
        total: a.total.saturating_sub(b.total),
    }
}

/// Finds the events that are recorded more than once, and who counts them.
///
/// That is a transcript that exists, so that the answer about those that exist does not depend
/// on others; of these the one that recorded the most: an answer that was copied while it was
/// streamed is not complete. The rest of the order only has to be the same every time.
fn counted_by<'t>(transcripts: impl Iterator<Item = Numbered<'t>> + Clone) -> HashMap<Key, usize> {
    let keys = |numbered: Numbered<'t>| numbered.transcript.log.keys().iter().copied();
    let mut keys: Vec<Key> = transcripts.clone().flat_map(keys).collect();
    keys.sort_unstable();
    let repeated: HashSet<Key> =
        keys.array_windows().filter(|[a, b]| a == b).map(|[key, _]| *key).collect();
    drop(keys);
    if repeated.is_empty() {
        return HashMap::new();
    }
    let mut best = HashMap::with_capacity(repeated.len());
    for numbered in transcripts {
        let Numbered { number, dir, name, transcript } = numbered;
        if !transcript.log.keys().iter().any(|key| repeated.contains(key)) {
            continue;
        }
        let exists = transcript.gone_since.is_none();
        for event in transcript.log.iter().filter(|event| repeated.contains(&event.key)) {
            let TokenCounts { output, total, .. } = event.tokens;
            let rank = (exists, output, total, event.cost, event.at, Reverse((dir, name)));
            let entry = best.entry(event.key).or_insert((rank, number));
            if entry.0 < rank {
                *entry = (rank, number);
            }
        }
    }
    best.into_iter().map(|(key, (_, number))| (key, number)).collect()
}

fn inherited<'t>(
    transcripts: impl Iterator<Item = Numbered<'t>> + Clone,
) -> HashMap<usize, Inherited> {
    let beginning = |numbered: &Numbered<'_>| numbered.transcript.lineage.beginning;
    let parents: HashSet<Key> = transcripts
        .clone()
        .filter_map(|numbered| match beginning(&numbered) {
            Beginning::Fork { of, .. } => Some(of),
            Beginning::Own | Beginning::Copy { .. } => None,
        })
        .collect();
    let mut sessions: HashMap<Key, Vec<&EventLog>> = HashMap::new();
    for Numbered { transcript, .. } in transcripts.clone() {
        if let Some(session) = transcript.lineage.session.filter(|key| parents.contains(key)) {
            sessions.entry(session).or_default().push(&transcript.log);
        }
    }
    let of = |numbered: Numbered<'_>| {
        let inherited = match beginning(&numbered) {
            Beginning::Own => return None,
            Beginning::Copy { events: Some(events) } => Inherited::Events(events),
            Beginning::Copy { events: None } => Inherited::Unknown,
            Beginning::Fork { of, at } => match sessions.get(&of) {
                Some(logs) => Inherited::Tokens(used_until(logs, at)),
                None => Inherited::Unknown,
            },
        };
        Some((numbered.number, inherited))
    };
    transcripts.filter_map(of).collect()
}

/// What a session had used at some time, going by the transcript of it that knows the most.
fn used_until(logs: &[&EventLog], at: Timestamp) -> TokenCounts {
    let used = |log: &&EventLog| {
        let before = log.iter().filter(|event| event.at.is_some_and(|time| time <= at));
        before.fold(TokenCounts::default(), |used, event| used + event.tokens)
    };
    let most = logs.iter().map(used).max_by_key(|used| (used.total, used.output, used.input));
    most.unwrap_or_default()
}
