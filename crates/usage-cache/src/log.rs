//! What is kept of events that other transcripts may record as well.
//!
//! A [`Rollup`](crate::rollup::Rollup) forgets which events it is made of. Where a runtime copies
//! events from one transcript to another, each has to be kept, so that it can be counted once,
//! whichever of the transcripts are there. An event takes some twenty bytes, of which eight are
//! its identity.

use common_fs::Timestamp;
use foldhash::{HashMap, HashMapExt as _};

use crate::{
    Event, Key, NanoUsd, ServiceTier, TokenCounts,
    models::ModelId,
    varint::{put, take, unzigzag, zigzag},
};

/// An event with an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Logged {
    pub(crate) key: Key,
    /// In whole milliseconds.
    pub(crate) at: Option<Timestamp>,
    pub(crate) model: ModelId,
    pub(crate) tier: ServiceTier,
    pub(crate) turn: Option<Key>,
    pub(crate) abandoned: bool,
    pub(crate) tokens: TokenCounts,
    pub(crate) cache_creation_1h: u64,
    pub(crate) cost: Option<NanoUsd>,
}

/// The events of a transcript that have an identity, in the order in which they were first
/// recorded; no identity occurs twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EventLog {
    kinds: Box<[Kind]>,
    /// The identities: most questions are about them alone.
    keys: Box<[Key]>,
    /// The turns, in the order in which they come first.
    turns: Box<[Key]>,
    /// All else, encoded.
    bytes: Box<[u8]>,
}

/// What the encoding of an event leaves out, because many share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Kind {
    pub(crate) model: ModelId,
    pub(crate) tier: ServiceTier,
    /// Which of the optional numbers follow.
    pub(crate) flags: u8,
}

const HAS_TIME: u8 = 1;
const HAS_1H: u8 = 2;
/// The total is not the sum of the classes.
const HAS_TOTAL: u8 = 4;
const HAS_COST: u8 = 8;
const HAS_TURN: u8 = 16;
const ABANDONED: u8 = 32;

impl EventLog {
    pub(crate) fn new(events: &[Logged]) -> Self {
        let (mut kinds, mut numbers) = (Vec::new(), HashMap::new());
        let (mut keys, mut bytes) = (Vec::with_capacity(events.len()), Vec::new());
        let (mut turns, mut places) = (Vec::new(), HashMap::new());
        let (mut last_millis, mut last_turn) = (0, 0);
        for event in events {
            let kind = event.kind();
            let number = *numbers.entry(kind).or_insert_with(|| {
                kinds.push(kind);
                kinds.len() as u64 - 1
            });
            keys.push(event.key);
            put(&mut bytes, number);
            if let Some(at) = event.at {
                let millis = at.unix_millis();
                put(&mut bytes, zigzag(millis.wrapping_sub(last_millis)));
                last_millis = millis;
            }
            if let Some(turn) = event.turn {
                let place = *places.entry(turn).or_insert_with(|| {
                    turns.push(turn);
                    turns.len() as u64 - 1
                });
                put(&mut bytes, zigzag(place.wrapping_sub(last_turn).cast_signed()));
                last_turn = place;
            }
            event.numbers().for_each(|number| put(&mut bytes, number));
        }
        Self {
            kinds: kinds.into_boxed_slice(),
            keys: keys.into_boxed_slice(),
            turns: turns.into_boxed_slice(),
            bytes: bytes.into_boxed_slice(),
        }
    }

    /// From its parts, as [`kinds`](Self::kinds), [`keys`](Self::keys), [`turns`](Self::turns)
    /// and [`bytes`](Self::bytes) give them; `None` if they are not that.
    pub(crate) fn from_parts(
        kinds: Vec<Kind>,
        keys: Vec<Key>,
        turns: Vec<Key>,
        bytes: Vec<u8>,
    ) -> Option<Self> {
        let log = Self {
            kinds: kinds.into_boxed_slice(),
            keys: keys.into_boxed_slice(),
            turns: turns.into_boxed_slice(),
            bytes: bytes.into_boxed_slice(),
        };
        let mut events = log.iter();
        events.by_ref().for_each(drop);
        (events.keys.is_empty() && events.rest.is_empty()).then_some(log)
    }

    pub(crate) fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    pub(crate) fn keys(&self) -> &[Key] {
        &self.keys
    }

    pub(crate) fn turns(&self) -> &[Key] {
        &self.turns
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    pub(crate) fn iter(&self) -> Iter<'_> {
        Iter {
            kinds: &self.kinds,
            keys: &self.keys,
            turns: &self.turns,
            rest: &self.bytes,
            last_millis: 0,
            last_turn: 0,
        }
    }

    /// The events that are not the same in `earlier`, or `None` if that is not how this began.
    ///
    /// What is [`updated`](Self::updated) by them is the same as this.
    pub(crate) fn since(&self, earlier: &Self) -> Option<Vec<Logged>> {
        let mut old = earlier.iter();
        let mut changed = Vec::new();
        for event in self.iter() {
            match old.next() {
                Some(old) if old == event => (),
                Some(old) if old.key != event.key => return None,
                Some(_) | None => changed.push(event),
            }
        }
        old.next().is_none().then_some(changed)
    }

    /// This with some events replaced or added.
    pub(crate) fn updated(&self, changed: &Self) -> Self {
        if changed.is_empty() {
            return self.clone();
        }
        let mut builder = LogBuilder::new(self);
        changed.iter().for_each(|event| builder.put(event));
        builder.log()
    }
}

impl Logged {
    pub(crate) fn new(key: Key, event: &Event<'_>, model: ModelId) -> Self {
        Self {
            key,
            at: event.at.and_then(|at| Timestamp::from_unix_millis(at.unix_millis())),
            model,
            tier: event.tier,
            turn: event.turn,
            abandoned: event.abandoned,
            tokens: event.tokens,
            cache_creation_1h: event.cache_creation_1h,
            cost: event.cost,
        }
    }

    fn kind(&self) -> Kind {
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        let flags = flag(self.at.is_some(), HAS_TIME)
            | flag(self.cache_creation_1h != 0, HAS_1H)
            | flag(self.tokens.total != self.tokens.sum_of_classes(), HAS_TOTAL)
            | flag(self.cost.is_some(), HAS_COST)
            | flag(self.turn.is_some(), HAS_TURN)
            | flag(self.abandoned, ABANDONED);
        Kind { model: self.model, tier: self.tier, flags }
    }

    /// What is kept of the event after its time and turn.
    fn numbers(&self) -> impl Iterator<Item = u64> {
        let flags = self.kind().flags;
        let TokenCounts { input, output, cache_creation, cache_read, total } = self.tokens;
        let optional = [
            (HAS_1H, self.cache_creation_1h),
            (HAS_TOTAL, total),
            (HAS_COST, self.cost.unwrap_or_default().0),
        ];
        let set = optional.into_iter().filter(move |(flag, _)| flags & flag != 0);
        [input, output, cache_creation, cache_read].into_iter().chain(set.map(|(_, number)| number))
    }
}

/// Decodes a log; ends where it cannot be decoded.
pub(crate) struct Iter<'l> {
    kinds: &'l [Kind],
    keys: &'l [Key],
    turns: &'l [Key],
    rest: &'l [u8],
    last_millis: i64,
    last_turn: u64,
}

impl Iterator for Iter<'_> {
    type Item = Logged;

    fn next(&mut self) -> Option<Logged> {
        let (&key, keys) = self.keys.split_first()?;
        let mut rest = self.rest;
        let number = take(&mut rest)?;
        let Kind { model, tier, flags } = *self.kinds.get(usize::try_from(number).ok()?)?;
        let mut last_millis = self.last_millis;
        let mut at = None;
        if flags & HAS_TIME != 0 {
            last_millis = last_millis.wrapping_add(unzigzag(take(&mut rest)?));
            at = Some(Timestamp::from_unix_millis(last_millis)?);
        }
        let mut last_turn = self.last_turn;
        let mut turn = None;
        if flags & HAS_TURN != 0 {
            last_turn = last_turn.wrapping_add_signed(unzigzag(take(&mut rest)?));
            turn = Some(*self.turns.get(usize::try_from(last_turn).ok()?)?);
        }
        let [input, output, cache_creation, cache_read] =
            [take(&mut rest)?, take(&mut rest)?, take(&mut rest)?, take(&mut rest)?];
        let mut tokens = TokenCounts { input, output, cache_creation, cache_read, total: 0 };
        let mut optional = |flag, otherwise| {
            if flags & flag == 0 { Some(otherwise) } else { take(&mut rest) }
        };
        let cache_creation_1h = optional(HAS_1H, 0)?;
        tokens.total = optional(HAS_TOTAL, tokens.sum_of_classes())?;
        let cost = optional(HAS_COST, 0)?;
        let cost = (flags & HAS_COST != 0).then_some(NanoUsd(cost));
        (self.keys, self.rest) = (keys, rest);
        (self.last_millis, self.last_turn) = (last_millis, last_turn);
        let abandoned = flags & ABANDONED != 0;
        Some(Logged { key, at, model, tier, turn, abandoned, tokens, cache_creation_1h, cost })
    }
}

/// Collects events into an [`EventLog`].
pub(crate) struct LogBuilder {
    events: Vec<Logged>,
    places: HashMap<Key, usize>,
}

impl LogBuilder {
    pub(crate) fn new(log: &EventLog) -> Self {
        let events: Vec<Logged> = log.iter().collect();
        let places = events.iter().enumerate().map(|(place, event)| (event.key, place)).collect();
        Self { events, places }
    }

    /// Adds an event; one with the same identity is replaced.
    pub(crate) fn put(&mut self, event: Logged) {
        let place = *self.places.entry(event.key).or_insert(self.events.len());
        match self.events.get_mut(place) {
            Some(earlier) => *earlier = event,
            None => self.events.push(event),
        }
    }

    pub(crate) fn log(&self) -> EventLog {
        EventLog::new(&self.events)
    }
}

#[cfg(test)]
mod tests;
