use std::{borrow::Cow, cmp::Reverse, ffi::OsStr, path::Path};

use common_fs::Timestamp;
use foldhash::{HashMap, HashMapExt as _, HashSet};

use super::Numbered;
use crate::{Beginning, Key, TokenCounts, log::EventLog};

/// With what a transcript begins that is counted elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inherited {
    /// So many tokens.
    Tokens(TokenCounts),
    /// So many events.
    Events(u64),
    /// Nobody can tell.
    Unknown,
}

impl Inherited {
    /// How many events at the beginning are not the transcript's own, whoever counts them.
    pub(super) fn copied(inherited: Option<Self>) -> usize {
        match inherited {
            Some(Self::Events(events)) => usize::try_from(events).unwrap_or(usize::MAX),
            Some(Self::Unknown) => usize::MAX,
            Some(Self::Tokens(_)) | None => 0,
        }
    }
}

/// What is more in `a` than in `b`.
pub(super) fn minus(a: TokenCounts, b: TokenCounts) -> TokenCounts {
    TokenCounts {
        input: a.input.saturating_sub(b.input),
        output: a.output.saturating_sub(b.output),
        cache_creation: a.cache_creation.saturating_sub(b.cache_creation),
        cache_read: a.cache_read.saturating_sub(b.cache_read),
        total: a.total.saturating_sub(b.total),
    }
}

/// What a session has used, going by the transcript of it that knows the most.
#[derive(Default)]
struct Used {
    /// After each event: the sum, and when that was.
    sums: HashMap<[u64; 4], Timestamp>,
    /// The same in order.
    in_order: Vec<(Timestamp, TokenCounts)>,
}

impl Used {
    fn of(log: &EventLog) -> Self {
        let mut used = Self::default();
        let mut sum = TokenCounts::default();
        for event in log.iter() {
            sum = sum + event.tokens;
            if let Some(at) = event.at {
                used.sums.entry(classes(sum)).or_insert(at);
                used.in_order.push((at, sum));
            }
        }
        used
    }

    /// With how much of this a fork begins that left at `at`; `None` if that cannot be told.
    ///
    /// A fork that repeats what its parent recorded goes through the same sums, up to the turn
    /// that it left, which may be long before `at`. One that does not begins beyond all that the
    /// parent had used by then.
    fn before_fork(&self, fork: &EventLog, at: Timestamp) -> Option<TokenCounts> {
        let mut sum = TokenCounts::default();
        let mut repeated = None;
        for event in fork.iter() {
            sum = sum + event.tokens;
            let is_same = self.sums.get(&classes(sum)).is_some_and(|time| *time <= at);
            if !is_same {
                break;
            }
            repeated = Some(sum);
        }
        if repeated.is_some() {
            return repeated;
        }
        let until = self.in_order.iter().filter(|(time, _)| *time <= at);
        let used = until.map(|(_, sum)| *sum).max_by_key(|sum| sum.total).unwrap_or_default();
        let goes_beyond = classes(minus(used, sum)) == [0; 4];
        goes_beyond.then_some(used)
    }
}

fn classes(tokens: TokenCounts) -> [u64; 4] {
    [tokens.input, tokens.output, tokens.cache_creation, tokens.cache_read]
}

/// A path before it was archived, and as it is now.
type Paths<'t> = ((Cow<'t, Path>, Cow<'t, OsStr>), (&'t Path, &'t OsStr));

/// By what one of several transcripts of a session is chosen: how many events it knows, and else
/// its path.
fn knowledge<'t>(numbered: &Numbered<'t>) -> (usize, Reverse<Paths<'t>>) {
    let paths = (numbered.before_archiving(), (numbered.dir, numbered.name));
    (numbered.transcript.log.keys().len(), Reverse(paths))
}

pub(super) fn inherited(transcripts: &[Numbered<'_>]) -> HashMap<usize, Inherited> {
    let beginning = |numbered: &Numbered<'_>| numbered.transcript.lineage.beginning;
    let parents: HashSet<Key> = transcripts
        .iter()
        .filter_map(|numbered| match beginning(numbered) {
            Beginning::Fork { of, .. } => Some(of),
            Beginning::Own | Beginning::Copy { .. } => None,
        })
        .collect();
    let mut sessions: HashMap<Key, &Numbered<'_>> = HashMap::new();
    for numbered in transcripts {
        let session = numbered.transcript.lineage.session;
        if let Some(session) = session.filter(|key| parents.contains(key)) {
            let known = sessions.entry(session).or_insert(numbered);
            if knowledge(known) < knowledge(numbered) {
                *known = numbered;
            }
        }
    }
    let used =
        |(session, numbered): (Key, &Numbered<'_>)| (session, Used::of(&numbered.transcript.log));
    let sessions: HashMap<Key, Used> = sessions.into_iter().map(used).collect();
    let of = |numbered: &Numbered<'_>| {
        let inherited = match beginning(numbered) {
            Beginning::Own => return None,
            Beginning::Copy { events: Some(events) } => Inherited::Events(events),
            Beginning::Copy { events: None } => Inherited::Unknown,
            Beginning::Fork { of, at } => {
                let used = sessions.get(&of);
                let tokens = used.and_then(|used| used.before_fork(&numbered.transcript.log, at));
                tokens.map_or(Inherited::Unknown, Inherited::Tokens)
            }
        };
        Some((numbered.number, inherited))
    };
    transcripts.iter().filter_map(of).collect()
}
