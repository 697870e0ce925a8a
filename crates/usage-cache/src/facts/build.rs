use std::{borrow::Cow, ffi::OsStr, path::Path, ptr, sync::Arc};

use common_fs::Timestamp;
use foldhash::{HashMap, HashMapExt as _};

use super::{
    Facts, SourceFacts, at,
    cells::{Cell, CellKey, Cells, Kind, Span},
    sessions::Packing,
};
use crate::{
    Gone, Model, Name, NanoUsd, Prices, ServiceTier, TokenCounts, Unresolved, UsageCache, archived,
    log::Logged,
    models::{ModelId, Models},
    parallel,
    prices::DirPrices,
    resolve::Resolution,
    rollup::Quarter,
    scope::Scope,
    trace::PriorityTurns,
    transcript::Transcript,
    wire,
};

impl UsageCache {
    /// Decides who counts what, and prices what has no recorded cost.
    pub fn facts(&self, gone: Gone, prices: &Prices) -> Facts {
        let basis = self.basis(gone, prices);
        if let Some(facts) = self.saved_facts().filter(|facts| facts.basis() == basis) {
            return facts.clone();
        }
        let facts = self.made_in_parts(gone, prices, self.threads());
        // What they were to be made of may turn out to be lost.
        Facts { basis: self.basis(gone, prices), ..facts }
    }

    /// Makes them in so many parts, on several threads if there are enough transcripts.
    fn made_in_parts(&self, gone: Gone, prices: &Prices, parts: usize) -> Facts {
        let inputs = Inputs {
            models: self.models(),
            resolution: self.resolution(gone),
            turns: self.priority_turns(),
            scope: self.scope(),
            first_imported: self.first_imported(),
        };
        let all = self.by_dir().flat_map(|(dir, transcripts)| {
            transcripts.map(move |(number, name, transcript)| Counted {
                dir,
                name,
                number,
                transcript,
            })
        });
        let counts = |counted: &Counted<'_>| {
            let is_left_out = counted.transcript.gone_since.is_some() && gone == Gone::Exclude;
            !is_left_out && inputs.resolution.counts(counted.number)
        };
        let counted: Vec<Counted<'_>> = all.filter(counts).collect();
        let part_len = counted.len().div_ceil(parts.max(1)).max(1);
        let parts: Vec<&[Counted<'_>]> = counted.chunks(part_len).collect();
        let build = |part: &&[Counted<'_>]| Building::of(inputs, part, prices);
        let threads = counted.len() / COUNTED_PER_THREAD_MIN;
        let mut built = parallel::map(&parts, threads, 1, build).into_iter();
        let first = built.next().unwrap_or_else(|| Building::new(inputs, 0));
        built.fold(first, Building::with).facts()
    }
}

/// Less are done sooner than a thread is started.
const COUNTED_PER_THREAD_MIN: usize = 2_000;

/// A transcript that counts.
struct Counted<'u> {
    dir: &'u Path,
    name: &'u OsStr,
    number: usize,
    transcript: &'u Transcript,
}

/// What facts are made of, besides transcripts and prices.
#[derive(Clone, Copy)]
struct Inputs<'u> {
    models: &'u Models,
    resolution: &'u Resolution,
    turns: &'u PriorityTurns,
    scope: &'u Scope,
    /// The first number of a transcript that another ledger knows.
    first_imported: usize,
}

/// Facts in the making.
struct Building<'u> {
    inputs: Inputs<'u>,
    sources: Vec<SourceFacts>,
    /// The numbers of the sessions, by all that tells them apart.
    sessions: HashMap<SessionKey, u32>,
    /// What they are about, by their numbers.
    projects: Vec<Option<Project>>,
    cells: Vec<Cell>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
struct SessionKey {
    source: u32,
    agent: Option<String>,
    id: String,
}

/// What a session is about. What its transcripts say is preferred to how a directory is named.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Project {
    Said(String),
    Named(String),
}

impl Project {
    fn name(&self) -> &str {
        let (Self::Said(name) | Self::Named(name)) = self;
        name
    }
}

/// Where the events of a transcript belong.
#[derive(Clone, Copy)]
struct Place {
    session: u32,
    gone: bool,
    imported: bool,
}

impl<'u> Building<'u> {
    fn new(inputs: Inputs<'u>, sessions: usize) -> Self {
        Self {
            inputs,
            sources: Vec::new(),
            sessions: HashMap::with_capacity(sessions),
            projects: Vec::new(),
            cells: Vec::new(),
        }
    }

    /// Those of some transcripts.
    fn of(inputs: Inputs<'u>, counted: &[Counted<'_>], prices: &Prices) -> Self {
        let mut building = Self::new(inputs, counted.len());
        for of_dir in counted.chunk_by(|a, b| ptr::eq(a.dir, b.dir)) {
            let Some(Counted { dir, .. }) = of_dir.first() else { continue };
            let prices = prices.in_dir(dir);
            for counted in of_dir {
                building.add(counted, &prices);
            }
        }
        building
    }

    /// Together with those of other transcripts.
    fn with(mut self, other: Self) -> Self {
        let Self { sources, sessions, mut projects, cells, .. } = other;
        let add = |SourceFacts { name, unresolved: Unresolved { transcripts, events } }| {
            let number = self.source(&name);
            if let Some(SourceFacts { unresolved, .. }) = at_mut(&mut self.sources, number) {
                unresolved.transcripts += transcripts;
                unresolved.events += events;
            }
            number
        };
        let sources: Vec<u32> = sources.into_iter().map(add).collect();
        let mut numbers = vec![0; projects.len()];
        for (SessionKey { source, agent, id }, number) in sessions {
            let source = at(&sources, source).copied().unwrap_or_default();
            let project = at_mut(&mut projects, number).and_then(Option::take);
            if let Some(number) = at_mut(&mut numbers, number) {
                *number = self.session(SessionKey { source, agent, id }, project);
            }
        }
        self.cells.extend(cells.into_iter().filter_map(|cell| {
            let place = *at(&numbers, cell.key.place)?;
            Some(Cell { key: CellKey { place, ..cell.key }, ..cell })
        }));
        self
    }

    fn add(&mut self, counted: &Counted<'_>, prices: &DirPrices<'_>) {
        let Counted { number, transcript, .. } = *counted;
        let gone = transcript.gone_since.is_some();
        let imported = self.inputs.first_imported <= number;
        let source = self.source(&transcript.source);
        let (of, project) = self.belongs(source, counted);
        let place = Place { session: self.session(of, project), gone, imported };
        let Inputs { models, resolution, .. } = self.inputs;
        for bucket in resolution.buckets(number, &transcript.rollup) {
            let Some(model) = models.get(bucket.model) else { continue };
            let cost = prices.cost(model, bucket);
            let kind = Kind::default().with(Kind::PRIORITY, bucket.class.has_priority());
            let key = key(place, bucket.quarter, bucket.model, kind);
            self.push(key, Span::default(), bucket.events, bucket.tokens, cost);
        }
        let Some(events) = resolution.events(number, &transcript.log) else {
            if let Some(SourceFacts { unresolved, .. }) = at_mut(&mut self.sources, source) {
                unresolved.transcripts += 1;
                unresolved.events += transcript.log.keys().len() as u64;
            }
            return;
        };
        for event in events {
            let Some(model) = models.get(event.model) else { continue };
            let (cost, has_priority) = self.cost(&event, model, prices);
            let kind = Kind::default()
                .with(Kind::PRIORITY, has_priority)
                .with(Kind::ABANDONED, event.abandoned);
            let quarter = event.at.map(Quarter::of);
            let span = quarter.zip(event.at).map(|(quarter, at)| Span::at(quarter, at));
            let key = key(place, quarter, event.model, kind);
            self.push(key, span.unwrap_or_default(), 1, event.tokens, cost);
        }
    }

    fn push(
        &mut self,
        key: CellKey,
        span: Span,
        events: u64,
        tokens: TokenCounts,
        cost: Option<NanoUsd>,
    ) {
        let kind = key.kind.with(Kind::UNPRICED, cost.is_none());
        let key = CellKey { kind, ..key };
        let cell = Cell { key, span, events, tokens, cost: cost.unwrap_or_default() };
        // Most events follow one of the same quarter and model.
        match self.cells.last_mut() {
            Some(last) if last.key == key => last.add(&cell),
            Some(_) | None => self.cells.push(cell),
        }
    }

    fn cost(
        &self,
        event: &Logged,
        model: &Model,
        prices: &DirPrices<'_>,
    ) -> (Option<NanoUsd>, bool) {
        let Logged { at, tier, tokens, cache_creation_1h, .. } = *event;
        let cost =
            event.cost.or_else(|| prices.event_cost(model, at, tier, &tokens, cache_creation_1h));
        if let Some(answered_by) = event.turn.and_then(|turn| self.inputs.turns.get(turn)) {
            return (cost.max(prices.fast_cost(model, answered_by, at, &tokens)), true);
        }
        (cost, tier == ServiceTier::Priority)
    }

    fn source(&mut self, name: &str) -> u32 {
        let known = self.sources.iter().position(|source| source.name == name);
        let number = known.unwrap_or_else(|| {
            let unresolved = Unresolved::default();
            self.sources.push(SourceFacts { name: name.to_owned(), unresolved });
            self.sources.len() - 1
        });
        index(number)
    }

    /// The session that a transcript belongs to, going by where it is, or was before it was put
    /// away, and what it is about.
    fn belongs(&self, source: u32, counted: &Counted<'_>) -> (SessionKey, Option<Project>) {
        let Counted { dir, name, transcript, .. } = *counted;
        let (home, name) = archived::before(dir, name);
        let known = self.inputs.scope.source(&transcript.source);
        let session = match known.map(|known| known.classify(&name)) {
            Some(Name::Transcript(named)) => named.session.map(String::from_utf8_lossy),
            Some(Name::Compressed | Name::Other) | None => None,
        };
        let session = session.unwrap_or_else(|| wire::to_text(Path::new(&name)));
        let belongs = known.map(|known| known.belongs(&home, &session)).unwrap_or_default();
        let id = belongs.session.map_or_else(|| session.to_string(), Cow::into_owned);
        let project = match (transcript.project.as_deref(), belongs.project) {
            (Some(said), _) => Some(Project::Said(said.to_owned())),
            (None, named) => named.map(|named| Project::Named(named.into_owned())),
        };
        (SessionKey { source, agent: belongs.agent.map(Cow::into_owned), id }, project)
    }

    /// The number of a session; what it is about is the same in whatever order its transcripts come.
    fn session(&mut self, key: SessionKey, project: Option<Project>) -> u32 {
        let number = *self.sessions.entry(key).or_insert_with(|| {
            self.projects.push(None);
            index(self.projects.len() - 1)
        });
        if let Some(known) = at_mut(&mut self.projects, number) {
            *known = match (known.take(), project) {
                (Some(known), Some(project)) => Some(known.min(project)),
                (known, project) => known.or(project),
            };
        }
        number
    }

    fn facts(self) -> Facts {
        let Self { inputs, sources, sessions, projects, mut cells } = self;
        let mut packing = Packing::default();
        let mut numbers = vec![0; projects.len()];
        let mut session_sources = Vec::with_capacity(sessions.len());
        for (new, (session, number)) in in_order(&sessions, &cells).enumerate() {
            let SessionKey { source, agent, id } = session;
            let project = at(&projects, number).and_then(Option::as_ref);
            packing.put(*source, agent.as_deref(), project.map(Project::name), id);
            session_sources.push(*source);
            if let Some(number) = at_mut(&mut numbers, number) {
                *number = index(new);
            }
        }
        cells.retain_mut(|Cell { key: CellKey { place, .. }, .. }| {
            let number = at(&numbers, *place);
            *place = number.copied().unwrap_or_default();
            number.is_some()
        });
        let by_session = Cells::new(cells);
        let mut sums: HashMap<CellKey, Cell> = HashMap::new();
        for cell in by_session.iter() {
            let Some(&place) = at(&session_sources, cell.key.place) else { continue };
            let cell = Cell { key: CellKey { place, ..cell.key }, ..cell };
            sums.entry(cell.key).and_modify(|sum| sum.add(&cell)).or_insert(cell);
        }
        let by_source = Cells::new(sums.into_values().collect());
        Facts {
            sources,
            models: inputs.models.list().iter().cloned().map(Arc::new).collect(),
            sessions: packing.sessions(),
            by_source,
            by_session,
            basis: None,
        }
    }
}

/// The order in which sessions were last used is that of the reports, which so read what they need
/// from one place of the memory after the other.
fn in_order<'s>(
    sessions: &'s HashMap<SessionKey, u32>,
    cells: &[Cell],
) -> impl ExactSizeIterator<Item = (&'s SessionKey, u32)> {
    let mut last_times: Vec<Option<Timestamp>> = vec![None; sessions.len()];
    for cell in cells {
        if let Some(known) = at_mut(&mut last_times, cell.key.place) {
            *known = (*known).max(cell.times().map(|(_, last)| last));
        }
    }
    let last = |number: u32| at(&last_times, number).copied().flatten();
    let mut sessions: Vec<(Option<Timestamp>, &SessionKey, u32)> =
        sessions.iter().map(|(session, number)| (last(*number), session, *number)).collect();
    sessions.sort_unstable();
    sessions.into_iter().map(|(_, session, number)| (session, number))
}

fn key(place: Place, quarter: Option<Quarter>, model: ModelId, kind: Kind) -> CellKey {
    let kind = kind.with(Kind::GONE, place.gone).with(Kind::IMPORTED, place.imported);
    CellKey { place: place.session, quarter, model: model.index(), kind }
}

/// Nobody has four billion of anything here; if so, the rest shares the last number.
fn index(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn at_mut<T>(list: &mut [T], index: u32) -> Option<&mut T> {
    list.get_mut(usize::try_from(index).ok()?)
}

#[cfg(test)]
mod tests;
