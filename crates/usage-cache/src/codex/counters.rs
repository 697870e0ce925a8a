//! How much a line adds to what was counted.
//!
//! Codex keeps one counter per thread, adds the usage of every answer to it, and writes both:
//! `total_token_usage` and `last_token_usage` (`TokenUsageInfo::append_last_usage` in
//! openai/codex). It writes them again whenever the rate limits change. A rollout can hold the
//! lines of several counters in turn, a counter can begin anew when a thread is resumed or its
//! context overflows, and totals can jump by what another thread used.
//!
//! So a line is an answer that was not counted yet if its total is new and, without its `last`,
//! is one that was seen: that is certain, whichever counter it belongs to. For other lines the
//! rules of steipete/CodexBar hold. A line counts by how much the total has grown if that is no
//! more than its `last`, else by its `last`; and once a total has been below an earlier one, at
//! most by what exceeds all that was counted and, in a highest total, the highest before. There,
//! that limit is for all lines, and so the usage of a counter that has begun anew is lost
//! (steipete/CodexBar#3303, #3510).

use serde::{Deserialize, Serialize};

use super::{counts::Counts, recent::Recent};

/// What is known of the counters in a rollout.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Counters {
    /// The sum of what was handed on.
    #[serde(rename = "c", default, skip_serializing_if = "is_default")]
    counted: Counts,
    /// The total of the line before.
    #[serde(rename = "r", default, skip_serializing_if = "is_default")]
    raw: Option<Counts>,
    /// The highest total, class by class.
    #[serde(rename = "w", default, skip_serializing_if = "is_default")]
    highest: Option<Counts>,
    /// Whether a total was not what was counted.
    #[serde(rename = "d", default, skip_serializing_if = "is_default")]
    divergent: bool,
    /// Whether a total was below an earlier one.
    #[serde(rename = "i", default, skip_serializing_if = "is_default")]
    interleaved: bool,
    /// The first total. If it comes again, and the counter begins with it, all that was recorded
    /// so far is recorded again.
    #[serde(rename = "f", default, skip_serializing_if = "is_default")]
    first: Option<Counts>,
    /// What was recorded is being recorded again.
    #[serde(rename = "p", default, skip_serializing_if = "is_default")]
    replaying: bool,
    /// The counters have just become those of another session.
    #[serde(rename = "a", default, skip_serializing_if = "is_default")]
    anew: bool,
    #[serde(rename = "t", default, skip_serializing_if = "Recent::is_empty")]
    recent: Recent,
}

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What a line adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Growth {
    /// So much, possibly nothing.
    By(Counts),
    /// Something, and nobody can tell how much.
    Unknown,
}

/// Which of the two numbers of a line is to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prefer {
    /// The usage of the answer.
    Last,
    /// The counter. In a fork it begins with what the other session had used, so that what is
    /// counted begins with that, too.
    Total,
}

const NOTHING: Growth = Growth::By(Counts { input: 0, cache_read: 0, cache_write: 0, output: 0 });

impl Counters {
    /// The sum of what was handed on.
    pub(super) fn counted(&self) -> Counts {
        self.counted
    }

    /// Whether the counter has only grown, by what was counted.
    pub(super) fn is_plain(&self) -> bool {
        !self.divergent && !self.interleaved
    }

    /// Takes the counters for those of another session, which go on from here or begin at zero.
    pub(super) fn begin_anew(&mut self) {
        self.anew = true;
        self.counted = self.raw.unwrap_or(self.counted);
        self.highest = self.raw;
        self.divergent = false;
        self.interleaved = false;
    }

    /// Takes the numbers of a line.
    pub(super) fn observe(
        &mut self,
        last: Option<Counts>,
        total: Option<Counts>,
        prefer: Prefer,
    ) -> Growth {
        let Some(total) = total else {
            return last.map_or(NOTHING, |last| self.observe_last(last));
        };
        let below = self.highest.is_some_and(|highest| !total.at_least(highest));
        let begins_again = below && self.first == Some(total) && last == Some(total);
        self.replaying = below && (self.replaying || begins_again);
        if self.recent.contains(total) || self.replaying {
            self.raw = Some(total);
            return NOTHING;
        }
        self.interleaved |= below;
        let growth = match last {
            Some(last) => self.by_both(last, total, below, prefer),
            None => self.by_total(total),
        };
        if let Growth::By(growth) = growth {
            self.counted = self.counted.plus(growth);
        }
        self.first.get_or_insert(total);
        self.anew = false;
        self.raw = Some(total);
        self.raise(total);
        self.divergent |= total != self.counted;
        self.recent.push(total);
        growth
    }

    fn observe_last(&mut self, last: Counts) -> Growth {
        self.counted = self.counted.plus(last);
        self.raw = Some(self.counted);
        self.raise(self.counted);
        Growth::By(last)
    }

    fn raise(&mut self, total: Counts) {
        self.highest = Some(self.highest.map_or(total, |highest| highest.max(total)));
    }

    fn by_both(&self, last: Counts, total: Counts, below: bool, prefer: Prefer) -> Growth {
        if self.is_next(last, total, below) {
            return Growth::By(last);
        }
        let growth = total.above(self.raw.unwrap_or_default());
        if prefer == Prefer::Total && !self.interleaved {
            return Growth::By(growth);
        }
        if last.is_zero() {
            // A counter at zero has been reset. One that has grown, or begins with something,
            // has taken over what another session used (steipete/CodexBar#3524).
            return if below || growth.is_zero() { NOTHING } else { Growth::Unknown };
        }
        if self.interleaved {
            return certain(self.contained(total).min(last));
        }
        if !self.divergent && self.raw.is_some() && last.at_least(growth) {
            return Growth::By(growth);
        }
        Growth::By(last)
    }

    /// Whether a counter that is known has come to `total` by adding `last`.
    ///
    /// Of a total that is not below the others nobody can tell whether the counter is a new one
    /// or the same, so it counts as the same.
    fn is_next(&self, last: Counts, total: Counts, below: bool) -> bool {
        total.before(last).is_some_and(|before| {
            Some(before) == self.raw
                || self.recent.contains(before)
                || before.is_zero() && (below || self.anew || self.raw.is_none())
        })
    }

    fn by_total(&self, total: Counts) -> Growth {
        if self.interleaved {
            return certain(self.contained(total));
        }
        Growth::By(total.above(self.highest.unwrap_or_default()))
    }

    /// By how much a total exceeds what was counted, and where it is the highest, the highest
    /// before.
    fn contained(&self, total: Counts) -> Counts {
        let highest = self.highest.unwrap_or_default();
        let passed =
            total.zip(highest, |total, highest| if highest <= total { highest } else { 0 });
        total.above(self.counted.max(passed))
    }
}

/// A total that is new but adds nothing belongs to a counter that is not known.
fn certain(growth: Counts) -> Growth {
    if growth.is_zero() { Growth::Unknown } else { Growth::By(growth) }
}

#[cfg(test)]
mod tests;
