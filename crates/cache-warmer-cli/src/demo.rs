//! Made-up conversations, so that everybody can see a report.
//!
//! How long people pause is a mix of short pauses, of some twenty minutes, of a lunch, and of not
//! coming back; a request finds in the cache what a truthful cache holds, except that entries are
//! now and then evicted early. Sub-agents ask quickly one after the other and then end.

use cache_warmer::{
    RequestUsage,
    simulate::{History, Request},
};
use common_fs::Timestamp;
use fastrand::Rng;

use crate::transcripts::{Counts, Transcripts};

/// So many conversations with people, and with sub-agents.
const CONVERSATIONS: u32 = 160;
const SUBAGENTS: u32 = 60;

/// Over so many days they began.
const DAYS: i64 = 28;

const HOUR_SECONDS: i64 = 3_600;
const DAY_SECONDS: i64 = 24 * HOUR_SECONDS;

/// Of a hundred requests that come in time, so many find nothing.
const EVICTED_PERCENT: u32 = 4;

/// What the context of an agent grows to before it is compacted.
const CONTEXT_TOKENS_MAX: u64 = 160_000;

/// A way to work: the runtime, whom it asks, and for how long entries are kept.
struct Way {
    runtime: &'static str,
    provider: &'static str,
    model: &'static str,
    lifetime_seconds: i64,
}

const WAYS: [Way; 4] = [
    Way {
        runtime: "claude",
        provider: "anthropic",
        model: "claude-opus-4-5",
        lifetime_seconds: 300,
    },
    Way {
        runtime: "claude",
        provider: "anthropic",
        model: "claude-sonnet-4-5",
        lifetime_seconds: 3_600,
    },
    Way {
        runtime: "codex",
        provider: "openai-codex",
        model: "gpt-5.2-codex",
        lifetime_seconds: 1_800,
    },
    Way {
        runtime: "openclaw",
        provider: "anthropic",
        model: "claude-sonnet-4-5",
        lifetime_seconds: 300,
    },
];

/// When the day (UTC) began. Where the days of a policy begin in a conversation must not depend on
/// the hour.
pub(crate) fn midnight(now: Timestamp) -> Timestamp {
    Timestamp::clamped((now.unix_millis() / 1_000).div_euclid(DAY_SECONDS) * DAY_SECONDS, 0)
}

/// Conversations that ended before a [`midnight()`]. The same, but for their dates, whenever that is.
pub(crate) fn conversations(midnight: Timestamp) -> Transcripts {
    let mut rng = Rng::with_seed(7);
    let mut histories = Vec::new();
    for nth in 0..CONVERSATIONS + SUBAGENTS {
        let is_subagent = CONVERSATIONS <= nth;
        let way = rng.usize(..WAYS.len());
        let Some(way) = WAYS.get(way) else { continue };
        let began = midnight.unix_millis() / 1_000 - DAY_SECONDS - rng.i64(0..DAYS * DAY_SECONDS);
        let mut draft = Draft { now: began, way, rng: rng.fork(), sent: None, cached: 0 };
        let requests = if is_subagent { draft.errand() } else { draft.work(midnight) };
        histories.push(History {
            id: format!("{}:demo-{nth:03}", way.runtime),
            provider: way.provider.to_owned(),
            model: way.model.to_owned(),
            is_subagent,
            requests,
        });
    }
    histories.sort_by(|a, b| a.id.cmp(&b.id));
    Transcripts { histories, counts: Counts::default(), ..Transcripts::default() }
}

/// A conversation in the making. Times in seconds.
struct Draft {
    now: i64,
    way: &'static Way,
    rng: Rng,
    /// When the last request was sent.
    sent: Option<i64>,
    cached: u64,
}

impl Draft {
    /// What a person asks for, again and again.
    fn work(&mut self, until: Timestamp) -> Vec<Request> {
        let mut requests = Vec::new();
        let until = until.unix_millis() / 1_000;
        self.cached = self.rng.u64(12_000..30_000);
        while let Some(pause) = self.pause() {
            for _ in 0..self.rng.u32(2..14) {
                requests.push(self.request());
                self.now += self.rng.i64(1..20);
            }
            self.now += pause;
            if until <= self.now + HOUR_SECONDS {
                break;
            }
        }
        if requests.is_empty() {
            requests.push(self.request());
        }
        requests
    }

    /// Until a person goes on; `None` if that is not in this conversation.
    fn pause(&mut self) -> Option<i64> {
        match self.rng.u32(..100) {
            0..55 => Some(self.rng.i64(20..240)),
            55..80 => Some(self.rng.i64(6 * 60..40 * 60)),
            80..90 => Some(self.rng.i64(40 * 60..75 * 60)),
            90..93 => Some(self.rng.i64(12 * HOUR_SECONDS..18 * HOUR_SECONDS)),
            _ => None,
        }
    }

    /// What a sub-agent asks for.
    fn errand(&mut self) -> Vec<Request> {
        self.cached = self.rng.u64(8_000..20_000);
        let requests = self.rng.u32(3..25);
        let one = |_| {
            let request = self.request();
            self.now += self.rng.i64(1..30);
            request
        };
        (0..requests).map(one).collect()
    }

    fn request(&mut self) -> Request {
        let is_kept = self.sent.is_some_and(|sent| self.now - sent <= self.way.lifetime_seconds)
            && EVICTED_PERCENT <= self.rng.u32(..100);
        let read = if is_kept { self.cached } else { 0 };
        let mut prompt = self.cached + self.rng.u64(300..6_000);
        if CONTEXT_TOKENS_MAX < prompt {
            prompt = self.rng.u64(15_000..30_000);
        }
        let read = read.min(prompt);
        let (output, new) = (self.rng.u64(50..2_500), prompt - read);
        let usage = match (self.way.provider, self.way.lifetime_seconds) {
            ("anthropic", 3_600) => {
                RequestUsage { read, write_1h: new, output, ..RequestUsage::default() }
            }
            ("anthropic", _) => {
                RequestUsage { read, write_5m: new, output, ..RequestUsage::default() }
            }
            _ => RequestUsage { uncached: new, read, output, ..RequestUsage::default() },
        };
        self.cached = prompt;
        self.sent = Some(self.now);
        let started = Timestamp::clamped(self.now, 0);
        self.now += self.rng.i64(2..45);
        Request { started, ended: Timestamp::clamped(self.now, 0), usage }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_dates_depend_on_the_time() {
        // Of each request: in seconds before the end of it all, when it began; and what it used.
        let at = |seconds: i64| {
            let midnight = midnight(Timestamp::clamped(seconds, 0));
            assert_eq!(midnight.unix_millis() % (DAY_SECONDS * 1_000), 0);
            let requests = conversations(midnight).histories.into_iter().map(|history| {
                let before = |time: Timestamp| midnight.unix_millis() - time.unix_millis();
                let of = |request: &Request| (before(request.started), request.usage);
                (history.id, history.requests.iter().map(of).collect::<Vec<_>>())
            });
            requests.collect::<Vec<_>>()
        };
        let day = 20_000 * DAY_SECONDS;
        let first = at(day);
        assert!(first.iter().flat_map(|(_, requests)| requests).all(|(before, _)| 0 < *before));
        for seconds in [day + 1, day + DAY_SECONDS - 1, day + 45 * DAY_SECONDS + 7_000] {
            assert!(at(seconds) == first, "{seconds}");
        }
    }
}
