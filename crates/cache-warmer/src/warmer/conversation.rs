use std::sync::Arc;

use common_fs::Timestamp;

use crate::{
    Account, Fingerprint, Generation, Millis, Model, NanoDollars, Reason, RequestUsage, Settings,
    Situation, Spent, Status, Terms, Tier, now::TimeLine, seed,
};

/// What is known of a conversation. Small, as there may be many.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Conversation {
    pub(super) name: Arc<str>,
    /// Of the name: by how much its pings are early.
    hash: u32,
    /// In force.
    pub(super) settings: Settings,
    /// Asked for.
    pub(super) wanted: Settings,
    /// On stable storage, as far as is known.
    pub(super) stored: Settings,
    /// Of the settings that were asked for last.
    pub(super) version: u32,
    /// Of the settings about which there is an answer.
    pub(super) answered_version: u32,
    pub(super) unsaved: bool,
    pub(super) closed: bool,
    /// Whether a turn is running.
    pub(super) active: bool,
    pub(super) phase: Phase,
    /// When the phase ends by itself.
    pub(super) timer: Option<Millis>,
    pub(super) generation: Generation,
    /// The last real request.
    pub(super) last: Option<Last>,
    /// When the last request started that used the entry, real or not.
    pub(super) anchor: Millis,
    /// Pings of this idle spell.
    pub(super) pings: u32,
    /// How many tokens the last ping of this idle spell has left in the cache.
    pub(super) kept: u64,
    /// Failures in a row.
    pub(super) failures: u8,
    /// Pings in a row that did no good.
    pub(super) bad: u8,
    /// Real requests in a row that read nothing of what pings had kept.
    pub(super) lost: u8,
    /// Until when the circuit breaker is open, if there were too many of them.
    pub(super) breaker_until: Millis,
    /// No ping is sent before.
    pub(super) not_before: Millis,
    /// No ping is sent at all, for this reason.
    pub(super) blocked: Option<Reason>,
    /// How long answers to pings take at worst, lately.
    pub(super) latency: Millis,
    pub(super) spent: NanoDollars,
    pub(super) last_warm: Option<LastWarm>,
    /// Whether its status has to be told.
    pub(super) changed: bool,
}

/// A real request.
#[derive(Debug)]
pub(super) struct Last {
    pub(super) started: Millis,
    pub(super) model: Option<Arc<Model>>,
    pub(super) tier: Tier,
    pub(super) prefix: Fingerprint,
    pub(super) account: Account,
    pub(super) cached: u64,
    pub(super) prompt: u64,
    pub(super) subagent: bool,
}

impl Last {
    pub(super) fn terms(&self) -> Option<Terms> {
        self.model.as_ref().map(|model| model.terms(self.tier, self.prompt))
    }
}

/// What the last ping has shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastWarm {
    at: Timestamp,
    cache_percent: u8,
    retention_percent: u8,
}

impl LastWarm {
    pub(super) fn new(at: Timestamp, usage: &RequestUsage) -> Self {
        Self {
            at,
            cache_percent: seed::percent_of_tokens(usage.read, usage.prompt()),
            retention_percent: seed::percent_of_tokens(usage.read, usage.cached()),
        }
    }
}

/// What a conversation waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// For the time of its next ping.
    Armed,
    /// For the time of a retry.
    BackingOff,
    /// For a request that may be its own.
    Arriving,
    /// For its turn.
    Queued,
    /// For an answer.
    InFlight,
    /// For nothing.
    Stopped(Reason),
}

/// FNV-1a, so that a name means the same on every machine and in every release.
fn hash(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

impl Conversation {
    pub(super) const UNKNOWN_STATUS: Status = Status {
        enabled: false,
        unsaved: false,
        reason: Reason::Disabled,
        interval: None,
        next_warm_at: None,
        last_warm_at: None,
        last_cache_percent: None,
        last_retention_percent: None,
        pings: 0,
        spent: NanoDollars::ZERO,
    };

    pub(super) fn new(name: Arc<str>) -> Self {
        Self {
            hash: hash(&name),
            name,
            settings: Settings::OFF,
            wanted: Settings::OFF,
            stored: Settings::OFF,
            version: 0,
            answered_version: 0,
            unsaved: false,
            closed: false,
            active: false,
            phase: Phase::Stopped(Reason::Disabled),
            timer: None,
            generation: Generation(0),
            last: None,
            anchor: Millis::ZERO,
            pings: 0,
            kept: 0,
            failures: 0,
            bad: 0,
            lost: 0,
            breaker_until: Millis::ZERO,
            not_before: Millis::ZERO,
            blocked: None,
            latency: Millis::ZERO,
            spent: NanoDollars::ZERO,
            last_warm: None,
            changed: false,
        }
    }

    pub(super) const fn reason(&self) -> Reason {
        match self.phase {
            Phase::Armed => Reason::Scheduled,
            Phase::BackingOff => Reason::BackingOff,
            Phase::Arriving => Reason::RequestArriving,
            Phase::Queued => Reason::Queued,
            Phase::InFlight => Reason::InFlight,
            Phase::Stopped(reason) => reason,
        }
    }

    pub(super) fn status(&self, time: &TimeLine) -> Status {
        let next = match self.phase {
            Phase::Armed | Phase::BackingOff => self.timer.map(|at| time.wall(at)),
            Phase::Arriving | Phase::Queued | Phase::InFlight | Phase::Stopped(_) => None,
        };
        Status {
            enabled: self.settings.enabled,
            unsaved: self.unsaved,
            reason: self.reason(),
            interval: self.settings.interval,
            next_warm_at: next,
            last_warm_at: self.last_warm.map(|warm| warm.at),
            last_cache_percent: self.last_warm.map(|warm| warm.cache_percent),
            last_retention_percent: self.last_warm.map(|warm| warm.retention_percent),
            pings: self.pings,
            spent: self.spent,
        }
    }

    /// What to decide by; `spent` without what is reserved.
    pub(super) fn situation(&self, now: Millis, jitter_percent: u32, spent: Spent) -> Situation {
        let last = self.last.as_ref();
        let terms = last.and_then(Last::terms);
        let cached = last.map_or(0, |last| last.cached);
        Situation {
            now,
            enabled: self.settings.enabled,
            active: self.active,
            subagent: last.is_some_and(|last| last.subagent),
            anchor: last.map(|_| self.anchor),
            idle_since: last.map_or(now, |last| last.started),
            terms,
            cached,
            uncached: last.map_or(0, |last| last.prompt.saturating_sub(cached)),
            pings: self.pings,
            interval: self.settings.interval.map(crate::Interval::millis),
            latency: self.latency,
            early_ppm: self.early_ppm(jitter_percent),
            spent: Spent { conversation: self.spent, ..spent },
            breaker_open: now < self.breaker_until,
        }
    }

    /// Between nothing and so many hundredths.
    const fn early_ppm(&self, jitter_percent: u32) -> u32 {
        let percent = if jitter_percent < 100 { jitter_percent } else { 100 };
        self.hash % (percent * 10_000 + 1)
    }

    /// Whether anything is to be written down about which there is no answer.
    pub(super) const fn is_pending(&self) -> bool {
        self.answered_version != self.version
    }
}
