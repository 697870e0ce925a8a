//! Reading everything anew, and holding what the cache says against it.

use std::{
    collections::{BTreeMap, HashSet},
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use common_fs::{FsError, Host};

use crate::{
    CacheProblem, Day, Gone, Model, NanoUsd, OnProgress, Options, Prices, Query, TokenCounts,
    Usage, UsageCache, Zone,
    entries::{Entries, Entry},
    models::Models,
    refresh::{self, InMemory},
    trace::PriorityTurns,
    transcript::Transcript,
};

/// So often what has changed meanwhile is read again, before it is passed over.
const ROUNDS: u32 = 5;

/// What came of a verification.
#[derive(Debug)]
#[non_exhaustive]
pub struct Verified {
    /// How many transcripts were compared.
    pub compared: u64,
    /// Those that the cache has otherwise than they are, by path.
    pub transcripts: Vec<TranscriptDifference>,
    /// The sums of days (UTC) and models that are not the same, by day and model.
    pub days: Vec<DayDifference>,
    /// Transcripts that were written to all the time, and were not compared.
    pub unsteady: Vec<PathBuf>,
    /// What could not be read, and was not compared.
    pub unreadable: Vec<FsError>,
    /// What is the matter with the cache file.
    pub problems: Vec<CacheProblem>,
    /// Whether the caller broke off; then nothing was compared.
    pub interrupted: bool,
}

/// A transcript that the cache has otherwise than it is. If the sums are the same, it is something
/// else that differs: days, models, identities, or lines that were passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TranscriptDifference {
    /// Where it is.
    pub path: PathBuf,
    /// What it records according to the cache; `None` if that does not know it.
    pub cached: Option<Usage>,
    /// What it records; `None` if it is not there.
    pub read: Option<Usage>,
}

/// A day with another sum than the cache says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DayDifference {
    /// The day, in UTC.
    pub day: Day,
    /// The model.
    pub model: Arc<Model>,
    /// What was used according to the cache,
    pub cached: Usage,
    /// and according to the transcripts.
    pub read: Usage,
}

impl Verified {
    /// Whether everything that was compared is the same.
    pub fn is_same(&self) -> bool {
        self.transcripts.is_empty() && self.days.is_empty()
    }
}

/// Reads all transcripts that exist, without the cache and without writing anything, and compares
/// what they say with what the cache says once it is brought up to date, also in memory.
///
/// What is written to meanwhile is read again; where that does not end, it is passed over and told
/// ([`Verified::unsteady`]). Recorded costs are compared, others follow from the tokens.
pub fn verify(host: Host<'_>, options: &Options, on_progress: OnProgress<'_>) -> Verified {
    let mut loaded = refresh::load(host, options);
    let mut models = std::mem::take(&mut loaded.models);
    let entries = std::mem::take(&mut loaded.entries);
    let mut verified = Verified {
        compared: 0,
        transcripts: Vec::new(),
        days: Vec::new(),
        unsteady: Vec::new(),
        unreadable: Vec::new(),
        problems: loaded.problem.into_iter().collect(),
        interrupted: true,
    };
    let mut refresh = |entries, models: &mut Models| {
        let read = refresh::refresh_in_memory(host, options, entries, models, on_progress);
        read.flow.is_continue().then_some(read)
    };
    let Some(mut warm) = refresh(entries, &mut models) else { return verified };
    let Some(mut cold) = refresh(Entries::default(), &mut models) else { return verified };
    for _ in 0..ROUNDS {
        let moving = moving(&warm.entries, &cold.entries);
        if moving.is_empty() {
            break;
        }
        for path in &moving {
            cold.entries.remove(path);
        }
        let Some(again) = refresh(warm.entries, &mut models) else { return verified };
        warm = again;
        let Some(again) = refresh(cold.entries, &mut models) else { return verified };
        cold = again;
    }
    verified.interrupted = false;
    verified.compare(warm, cold, &models);
    verified
}

impl Verified {
    fn compare(&mut self, mut warm: InMemory, mut cold: InMemory, models: &Models) {
        for read in [&mut warm, &mut cold] {
            self.unreadable.append(&mut read.standing.unreadable);
            self.unreadable.append(&mut read.discovery.errors);
        }
        self.unreadable.sort_by(|a, b| a.path.cmp(&b.path));
        self.unreadable.dedup_by(|a, b| a.path == b.path);
        let unreadable: HashSet<&Path> =
            self.unreadable.iter().map(|error| error.path.as_path()).collect();
        let is_unreadable = |path: &Path| path.ancestors().any(|path| unreadable.contains(path));
        let mut left_out: Vec<PathBuf> = moving(&warm.entries, &cold.entries);
        left_out.retain(|path| !is_unreadable(path));
        let known = present(&warm.entries).chain(present(&cold.entries)).map(|(path, _)| path);
        let hidden: Vec<PathBuf> = known.filter(|path| is_unreadable(path)).collect();
        for path in left_out.iter().chain(&hidden) {
            warm.entries.remove(path);
            cold.entries.remove(path);
        }
        self.unsteady = left_out;
        self.compare_transcripts(&warm.entries, &cold.entries);
        let [cached, read] = [warm, cold].map(|read| by_day(read, models));
        let nothing = Usage::default();
        let keys: std::collections::BTreeSet<_> = cached.keys().chain(read.keys()).collect();
        for key in keys {
            let of = |sums: &BTreeMap<_, Usage>| sums.get(key).copied().unwrap_or(nothing);
            let (cached, read) = (of(&cached), of(&read));
            if cached != read {
                let (day, model) = key.clone();
                self.days.push(DayDifference { day, model, cached, read });
            }
        }
    }

    fn compare_transcripts(&mut self, warm: &Entries, cold: &Entries) {
        let cached: BTreeMap<PathBuf, &Transcript> = present(warm).collect();
        let read: BTreeMap<PathBuf, &Transcript> = present(cold).collect();
        let paths: std::collections::BTreeSet<&PathBuf> =
            cached.keys().chain(read.keys()).collect();
        for path in paths {
            self.compared += 1;
            let (cached, read) = (cached.get(path).copied(), read.get(path).copied());
            let is_same = cached.zip(read).is_some_and(|(cached, read)| is_same(cached, read));
            if !is_same {
                let (cached, read) = (cached.map(sum), read.map(sum));
                self.transcripts.push(TranscriptDifference { path: path.clone(), cached, read });
            }
        }
    }
}

fn present(entries: &Entries) -> impl Iterator<Item = (PathBuf, &Transcript)> {
    let exists = |(_, entry): &(&OsString, &Entry)| entry.transcript.gone_since.is_none();
    entries.dirs().flat_map(move |(dir, names)| {
        let names = names.iter().filter(exists);
        names.map(move |(name, entry)| (dir.join(name), &*entry.transcript))
    })
}

/// The transcripts that changed between two looks at them.
fn moving(warm: &Entries, cold: &Entries) -> Vec<PathBuf> {
    let is_steady = |path: &Path| {
        let exists = |entry: &&Entry| entry.transcript.gone_since.is_none();
        match (warm.get(path).filter(exists), cold.get(path).filter(exists)) {
            (Some(warm), Some(cold)) => {
                let (warm, cold) = (&warm.transcript, &cold.transcript);
                warm.fingerprint == cold.fingerprint && !warm.unsteady && !cold.unsteady
            }
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    };
    let paths = present(warm).chain(present(cold)).map(|(path, _)| path);
    let mut moving: Vec<PathBuf> = paths.filter(|path| !is_steady(path)).collect();
    moving.sort();
    moving.dedup();
    moving
}

fn is_same(a: &Transcript, b: &Transcript) -> bool {
    let rules = |of: &Transcript| (Arc::clone(&of.source), of.version, of.as_file);
    let read = |of: &Transcript| (of.parsed_to, of.anchor, of.lines, of.lineage);
    rules(a) == rules(b)
        && read(a) == read(b)
        && a.rollup == b.rollup
        && a.log.iter().eq(b.log.iter())
}

/// All that a transcript records, whoever counts it; of costs, those that it records.
fn sum(transcript: &Transcript) -> Usage {
    let of = |events, tokens: TokenCounts, cost| Usage { events, tokens, cost, ..Usage::default() };
    let buckets = transcript.rollup.buckets().iter();
    let buckets = buckets.map(|bucket| of(bucket.events, bucket.tokens, bucket.recorded));
    let events = transcript.log.iter();
    let events = events.map(|event| of(1, event.tokens, event.cost.unwrap_or(NanoUsd::ZERO)));
    buckets.chain(events).fold(Usage::default(), |sum, usage| sum + usage)
}

/// What counts of the transcripts that exist, by day and model.
fn by_day(read: InMemory, models: &Models) -> BTreeMap<(Day, Arc<Model>), Usage> {
    let InMemory { entries, discovery, standing, .. } = read;
    let turns = (PriorityTurns::default(), None);
    let usage = UsageCache::new(entries, models.clone(), discovery, standing, false, turns);
    let query = Query { gone: Gone::Exclude, ..Query::all(Zone::utc()) };
    let days = usage.summary(&query, &Prices::none()).daily.into_iter();
    let models = days.flat_map(|day| {
        let date = day.day;
        day.models.into_iter().map(move |of| ((date, of.model), of.usage))
    });
    models.collect()
}
