//! What the pauses that are over say about the next one.

use std::sync::Arc;

use super::{Settings, policy::of_limit, thread::Thread};
use crate::{GapHistogram, Millis, PingLimit};

const DAY: Millis = Millis::from_hours(24);

/// How many pings to send after each request of each thread, going by the pauses that were over when
/// the day of that request began. Those of people and of sub-agents are kept apart.
pub(super) fn limits(threads: &[Thread<'_>], settings: &Settings) -> Vec<Vec<u32>> {
    let mut limits: Vec<Vec<u32>> =
        threads.iter().map(|thread| vec![0; thread.steps.len()]).collect();
    for is_subagent in [false, true] {
        let of_kind = |thread: &Thread<'_>| thread.history.is_subagent == is_subagent;
        let mut past = Past::of(threads.iter().filter(|thread| of_kind(thread)), settings);
        for (day, thread, step) in questions(threads, of_kind) {
            let known = past.at(day);
            let gap = threads.get(thread).and_then(|thread| Some(thread.steps.get(step)?.gap));
            let limit = limits.get_mut(thread).and_then(|limits| limits.get_mut(step));
            if let (Some(gap), Some(limit)) = (gap, limit) {
                let policy = of_limit(PingLimit::Histogram(known));
                let numbers = gap.decision(gap.ended, gap.started, 0, &policy).numbers;
                *limit = numbers.map_or(0, |numbers| numbers.pings_max);
            }
        }
    }
    limits
}

/// The requests after which there is time for a ping, by day: thread and number.
fn questions(
    threads: &[Thread<'_>],
    of_kind: impl Fn(&Thread<'_>) -> bool,
) -> Vec<(u64, usize, usize)> {
    let mut questions = Vec::new();
    for (nth, thread) in threads.iter().enumerate().filter(|(_, thread)| of_kind(thread)) {
        for (number, step) in thread.steps.iter().enumerate().filter(|(_, step)| step.has_time) {
            questions.push((step.gap.started.0 / DAY.0, nth, number));
        }
    }
    questions.sort_unstable();
    questions
}

/// The pauses, in the order in which it was known how long they are.
struct Past {
    /// When it was known; `None` if the conversation was closed by then.
    known: Vec<(Millis, Option<Millis>)>,
    /// How many of these are counted.
    counted: usize,
    gaps: GapHistogram,
    shared: Arc<GapHistogram>,
}

impl Past {
    fn of<'t, 'h: 't>(threads: impl Iterator<Item = &'t Thread<'h>>, settings: &Settings) -> Self {
        let mut known: Vec<_> = threads
            .flat_map(|thread| &thread.steps)
            .map(|step| {
                let closed = step.gap.ended.plus(settings.closed_after);
                match step.next.filter(|next| *next <= closed) {
                    Some(next) => (next, Some(next.since(step.gap.started))),
                    None => (closed, None),
                }
            })
            .collect();
        known.sort_unstable();
        Self { known, counted: 0, gaps: GapHistogram::new(), shared: Arc::default() }
    }

    /// What was known when a day began; days go forward.
    fn at(&mut self, day: u64) -> Arc<GapHistogram> {
        let begins = DAY.times(day);
        let new = self.known.get(self.counted..).unwrap_or_default();
        let new: Vec<_> = new.iter().take_while(|(at, _)| *at < begins).collect();
        if !new.is_empty() {
            self.counted += new.len();
            for (_, gap) in new {
                match gap {
                    Some(gap) => self.gaps.add(*gap),
                    None => self.gaps.add_never(),
                }
            }
            self.shared = Arc::new(self.gaps.clone());
        }
        Arc::clone(&self.shared)
    }
}
