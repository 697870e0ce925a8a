//! Sums, each of a place, a quarter of an hour, a model and a kind, in few bytes: there can be
//! hundreds of thousands, and every report reads all of them.

use std::sync::Arc;

use common_fs::Timestamp;

use crate::{
    NanoUsd, TokenCounts, Usage,
    rollup::Quarter,
    varint::{put, take, unzigzag, zigzag},
};

/// What all events of a cell have in common, besides place, time and model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Kind(u8);

impl Kind {
    /// Their transcript exists no more.
    pub(super) const GONE: Self = Self(1);
    /// They are on a branch of the conversation that was left.
    pub(super) const ABANDONED: Self = Self(2);
    /// Their price is not known.
    pub(super) const UNPRICED: Self = Self(4);
    /// They were asked for with priority.
    pub(super) const PRIORITY: Self = Self(8);

    /// Their transcript is known from the ledger of another machine.
    pub(super) const IMPORTED: Self = Self(128);

    const ALL: u8 = 15 | 128;

    pub(super) fn with(self, other: Self, is: bool) -> Self {
        if is { Self(self.0 | other.0) } else { self }
    }

    pub(super) fn is(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// When the first and the last of some events were, in milliseconds of their quarter. Where that
/// is not known, the quarter's beginning stands for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first_millis: u32,
    pub(super) last_millis: u32,
}

impl Span {
    pub(super) fn at(quarter: Quarter, time: Timestamp) -> Self {
        let millis = time.unix_millis() - quarter.start().unix_millis();
        let millis = u32::try_from(millis).unwrap_or(0);
        Self { first_millis: millis, last_millis: millis }
    }

    fn and(self, other: Self) -> Self {
        Self {
            first_millis: self.first_millis.min(other.first_millis),
            last_millis: self.last_millis.max(other.last_millis),
        }
    }
}

/// What tells cells apart. Cells are sorted by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct CellKey {
    /// Index into the sources or the sessions.
    pub(super) place: u32,
    /// `None` for events without a time.
    pub(super) quarter: Option<Quarter>,
    /// Index into the models.
    pub(super) model: u32,
    pub(super) kind: Kind,
}

/// Events that share a [`CellKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) key: CellKey,
    pub(super) span: Span,
    pub(super) events: u64,
    pub(super) tokens: TokenCounts,
    pub(super) cost: NanoUsd,
}

impl Cell {
    pub(super) fn add(&mut self, other: &Self) {
        self.span = self.span.and(other.span);
        self.events = self.events.saturating_add(other.events);
        self.tokens = self.tokens + other.tokens;
        self.cost = self.cost + other.cost;
    }

    pub(super) fn usage(&self) -> Usage {
        let cost = (!self.key.kind.is(Kind::UNPRICED)).then_some(self.cost);
        let usage = Usage::of(self.events, self.tokens, cost);
        if self.key.kind.is(Kind::PRIORITY) { usage.with_priority() } else { usage }
    }

    /// When the first and the last of the events were; `None` if nobody knows.
    pub(super) fn times(&self) -> Option<(Timestamp, Timestamp)> {
        let start = self.key.quarter?.start().unix_millis();
        let time = |millis: u32| Timestamp::from_unix_millis(start.saturating_add(millis.into()));
        Some((time(self.span.first_millis)?, time(self.span.last_millis)?))
    }
}

/// Cells, sorted and with unique keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cells {
    /// Whoever asks for facts that were saved gets them without a copy.
    bytes: Arc<Vec<u8>>,
}

const HAS_QUARTER: u8 = 16;
/// The total is not the sum of the classes.
const HAS_TOTAL: u8 = 32;
const HAS_SPAN: u8 = 64;

impl Cells {
    /// Sorts cells, and adds up those with the same key.
    pub(super) fn new(mut cells: Vec<Cell>) -> Self {
        cells.sort_by_cached_key(|cell| cell.key);
        cells.dedup_by(|later, earlier| {
            let same = later.key == earlier.key;
            if same {
                earlier.add(later);
            }
            same
        });
        let mut bytes = Vec::with_capacity(cells.len() * 24);
        let mut last = Last::default();
        for cell in &cells {
            last.put(&mut bytes, cell);
        }
        Self { bytes: Arc::new(bytes) }
    }

    /// Cells that were [written](Self::bytes) earlier. Where these bytes are none, there are no
    /// more.
    pub(super) fn from_bytes(bytes: Vec<u8>) -> Self {
        Self { bytes: Arc::new(bytes) }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn iter(&self) -> Iter<'_> {
        Iter { rest: &self.bytes, last: Last::default() }
    }
}

/// The numbers of the cell before: those of the next are near.
#[derive(Clone, Default)]
struct Last {
    place: u32,
    quarter: i32,
}

impl Last {
    fn put(&mut self, bytes: &mut Vec<u8>, cell: &Cell) {
        let Cell { key: CellKey { place, quarter, model, kind }, span, .. } = *cell;
        let TokenCounts { input, output, cache_creation, cache_read, total } = cell.tokens;
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        let has_total = total != cell.tokens.sum_of_classes();
        let has_span = span != Span::default();
        let flags = kind.0
            | flag(quarter.is_some(), HAS_QUARTER)
            | flag(has_total, HAS_TOTAL)
            | flag(has_span, HAS_SPAN);
        bytes.push(flags);
        put(bytes, zigzag(i64::from(place) - i64::from(self.place)));
        self.place = place;
        if let Some(Quarter(quarter)) = quarter {
            put(bytes, zigzag(i64::from(quarter) - i64::from(self.quarter)));
            self.quarter = quarter;
        }
        put(bytes, model.into());
        for number in [cell.events, input, output, cache_creation, cache_read, cell.cost.0] {
            put(bytes, number);
        }
        if has_total {
            put(bytes, total);
        }
        if has_span {
            put(bytes, span.first_millis.into());
            put(bytes, span.last_millis.saturating_sub(span.first_millis).into());
        }
    }

    fn take(&mut self, bytes: &mut &[u8]) -> Option<Cell> {
        let (&flags, rest) = bytes.split_first()?;
        *bytes = rest;
        let place = i64::from(self.place).checked_add(unzigzag(take(bytes)?))?;
        self.place = u32::try_from(place).ok()?;
        let quarter = if flags & HAS_QUARTER == 0 {
            None
        } else {
            let quarter = i64::from(self.quarter).checked_add(unzigzag(take(bytes)?))?;
            self.quarter = i32::try_from(quarter).ok()?;
            Some(Quarter(self.quarter))
        };
        let model = u32::try_from(take(bytes)?).ok()?;
        let events = take(bytes)?;
        let [input, output, cache_creation, cache_read] =
            [take(bytes)?, take(bytes)?, take(bytes)?, take(bytes)?];
        let cost = NanoUsd(take(bytes)?);
        let mut tokens = TokenCounts { input, output, cache_creation, cache_read, total: 0 };
        tokens.total = if flags & HAS_TOTAL == 0 { tokens.sum_of_classes() } else { take(bytes)? };
        let span = if flags & HAS_SPAN == 0 {
            Span::default()
        } else {
            let first_millis = u32::try_from(take(bytes)?).ok()?;
            let more = u32::try_from(take(bytes)?).ok()?;
            Span { first_millis, last_millis: first_millis.checked_add(more)? }
        };
        let key = CellKey { place: self.place, quarter, model, kind: Kind(flags & Kind::ALL) };
        Some(Cell { key, span, events, tokens, cost })
    }
}

/// Decodes cells; ends where they cannot be decoded.
#[derive(Clone)]
pub(super) struct Iter<'c> {
    rest: &'c [u8],
    last: Last,
}

impl Iterator for Iter<'_> {
    type Item = Cell;

    fn next(&mut self) -> Option<Cell> {
        let mut rest = self.rest;
        let cell = self.last.take(&mut rest)?;
        self.rest = rest;
        Some(cell)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cell() -> impl Strategy<Value = Cell> {
        let number = || prop_oneof![0_u64..3, 100_u64..200_000, any::<u64>()];
        let key = (0_u32..5, prop::option::of(-9_i32..2_000_000), 0_u32..4, any::<u8>());
        let span = (0_u32..900_000, 0_u32..900_000);
        (key, span, number(), number(), number(), any::<bool>()).prop_map(
            |((place, quarter, model, kind), (a, b), events, input, other, summed)| {
                let tokens = TokenCounts { input, cache_read: events, ..TokenCounts::default() };
                let total = if summed { tokens.sum_of_classes() } else { other };
                Cell {
                    key: CellKey {
                        place,
                        quarter: quarter.map(Quarter),
                        model,
                        kind: Kind(kind & Kind::ALL),
                    },
                    span: Span { first_millis: a.min(b), last_millis: a.max(b) },
                    events,
                    tokens: TokenCounts { total, ..tokens },
                    cost: NanoUsd(other),
                }
            },
        )
    }

    proptest! {
        #[test]
        fn cells_come_back_sorted_and_added_up(cells in prop::collection::vec(cell(), 0..40)) {
            let mut expected: Vec<Cell> = Vec::new();
            for cell in &cells {
                match expected.iter_mut().find(|known| known.key == cell.key) {
                    Some(known) => known.add(cell),
                    None => expected.push(*cell),
                }
            }
            expected.sort_by_key(|cell| cell.key);
            let encoded = Cells::new(cells);
            let mut iter = encoded.iter();
            let decoded: Vec<Cell> = iter.by_ref().collect();
            prop_assert!(iter.rest.is_empty());
            prop_assert_eq!(&decoded, &expected);
            let bytes = encoded.bytes().to_vec();
            if let Some(end) = bytes.len().checked_sub(1) {
                let cut = Cells::from_bytes(bytes[..end].to_vec());
                let decoded_of_cut: Vec<Cell> = cut.iter().collect();
                prop_assert_eq!(&*decoded_of_cut, &decoded[..decoded.len() - 1]);
            }
            prop_assert_eq!(Cells::from_bytes(bytes), encoded);
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            Cells::from_bytes(bytes).iter().for_each(drop);
        }
    }
}
