use std::sync::Arc;

use common_fs::Timestamp;

use crate::{
    Interval, Millis, Model, NanoDollars, Reason, RequestUsage, Settings, Tier, WarmMethod,
};

/// What happens to a [`Warmer`](crate::Warmer).
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// Something happened in a conversation.
    Conversation(&'a str, Happened),
    /// Time has passed: [`Warmer::next_due`](crate::Warmer::next_due) is over. Too early or too
    /// often does no harm.
    Tick,
    /// A request of this account is on its way, and nobody can tell yet of which conversation it is.
    /// Until [`Arrived`](Self::Arrived), no ping is sent for any of them.
    Arriving(Account),
    /// It is told by now of which conversation that request is, or it never will be. Once for each
    /// [`Arriving`](Self::Arriving), after [`Happened::TurnStarted`].
    Arrived(Account),
    /// A real request of this account was turned away with 429: no ping is sent for as long as the
    /// provider asked to wait.
    RateLimited {
        /// Whose request.
        account: Account,
        /// For how long the provider asked to wait.
        retry_after: Option<Millis>,
    },
    /// Settings or the ledger can, or cannot, be written down. While they cannot, nothing is sent:
    /// what is spent must not be forgotten. Once they can, what could not be written is asked for
    /// again.
    StateWritable(bool),
    /// The program ends. Nothing happens any more after that.
    Disposed,
}

/// What happens in a conversation.
#[derive(Clone, Debug)]
pub enum Happened {
    /// These settings are on stable storage: tell so at the start of the program, and before anything
    /// else happens in a conversation that was closed before. Nothing is sent before a real request
    /// was seen.
    SettingsLoaded(Settings),
    /// The user switched warming on or off.
    EnabledSet(bool),
    /// The user asked for an interval; `None` is as long as is safe.
    IntervalSet(Option<Interval>),
    /// What an [`Action::Persist`] asked for is on stable storage.
    Persisted {
        /// That of the action.
        version: u32,
        /// Those of the action.
        settings: Settings,
    },
    /// It is not.
    PersistFailed {
        /// That of the action.
        version: u32,
    },
    /// A turn begins: the conversation keeps itself warm. A ping that is under way is cancelled.
    TurnStarted,
    /// A real request was answered.
    Answered(Answered),
    /// The turn is over.
    TurnSettled,
    /// A ping was answered.
    WarmCompleted {
        /// That of the action.
        generation: Generation,
        /// What it used.
        usage: RequestUsage,
        /// How long ago it was sent.
        took: Millis,
    },
    /// The provider has extended the life of the entry.
    Extended {
        /// That of the action.
        generation: Generation,
        /// How long ago it was asked to.
        took: Millis,
    },
    /// A ping was not answered.
    WarmFailed {
        /// That of the action.
        generation: Generation,
        /// Why.
        failure: Failure,
    },
    /// Somebody sent a ping by hand, and it was answered.
    WarmedByHand {
        /// What it used.
        usage: RequestUsage,
        /// How long ago it was sent.
        took: Millis,
    },
    /// The user closed the conversation: it is forgotten, and off until switched on again. Losing a
    /// connection is no close.
    Closed,
}

/// A real request that was answered.
#[derive(Clone, Debug)]
pub struct Answered {
    /// What it used.
    pub usage: RequestUsage,
    /// How long ago it was sent: lifetimes count from there.
    pub took: Millis,
    /// Its model, if its prices are known.
    pub model: Option<Arc<Model>>,
    /// Which lifetime was asked for, if that is known. What the usage tells counts more.
    pub tier: Option<Tier>,
    /// What was captured of it to be replayed.
    pub prefix: Fingerprint,
    /// Who answers and who pays: endpoint, account and model. What one conversation learns about
    /// rates and credentials holds for all with the same.
    pub account: Account,
    /// Whether a subagent sent it.
    pub subagent: bool,
}

/// Identifies what was captured of a request: tools, system prompt, messages and all that is part of
/// the key of the cache. A ping replays exactly this, or is not sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u64);

/// Identifies endpoint, account and model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account(pub u64);

/// Which ping this is. No two are the same, in any conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub u64);

/// Why a ping was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// 429. Everybody with the same account waits.
    RateLimited {
        /// For how long the provider asked to wait.
        retry_after: Option<Millis>,
    },
    /// 5xx.
    Server,
    /// There was no connection.
    Connection,
    /// There was no answer in time. It may have been paid for.
    Timeout,
    /// The answer broke off. It may have been paid for.
    Interrupted,
    /// 400, or another answer that says that the request itself is wrong.
    Refused,
    /// 401 or 403. Everybody with the same account stops.
    Unauthorized,
    /// What is captured is not what the action asked for; nothing was sent.
    PrefixChanged,
}

impl Failure {
    /// What an HTTP status other than success means; `retry_after` is the header of that name.
    pub const fn from_status(status: u16, retry_after: Option<Millis>) -> Self {
        match status {
            429 => Self::RateLimited { retry_after },
            401 | 403 => Self::Unauthorized,
            408 | 500.. => Self::Server,
            _ => Self::Refused,
        }
    }

    /// As in JSON and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RateLimited { .. } => "rate-limited",
            Self::Server => "server",
            Self::Connection => "connection",
            Self::Timeout => "timeout",
            Self::Interrupted => "interrupted",
            Self::Refused => "refused",
            Self::Unauthorized => "unauthorized",
            Self::PrefixChanged => "prefix-changed",
        }
    }

    /// Whether it may have been paid for all the same.
    pub const fn may_cost(self) -> bool {
        matches!(self, Self::Timeout | Self::Interrupted)
    }
}

/// What the embedder has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a ping, and report with this generation what became of it.
    Send {
        /// For which conversation.
        conversation: Arc<str>,
        /// Which ping this is.
        generation: Generation,
        /// What to replay. If something else is captured: [`Failure::PrefixChanged`].
        prefix: Fingerprint,
        /// How.
        method: WarmMethod,
    },
    /// Give up this ping, and free what it holds: a real request comes, or nobody wants it any more.
    Cancel {
        /// Of which conversation.
        conversation: Arc<str>,
        /// Which ping.
        generation: Generation,
    },
    /// Write these settings down, durably, and report with [`Happened::Persisted`] or
    /// [`Happened::PersistFailed`]. Of one conversation, in this order.
    Persist {
        /// Of which conversation.
        conversation: Arc<str>,
        /// The how-manieth settings these are.
        version: u32,
        /// What to write.
        settings: Settings,
    },
    /// Show this. It carries the time of the next ping already.
    Notify {
        /// Of which conversation.
        conversation: Arc<str>,
        /// How it stands.
        status: Status,
    },
}

/// How a conversation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether warming is switched on, durably.
    pub enabled: bool,
    /// Whether the last change of settings could not be written down.
    pub unsaved: bool,
    /// Why it is, or is not, being kept warm.
    pub reason: Reason,
    /// The interval that was asked for.
    pub interval: Option<Interval>,
    /// When the next ping is sent: never in the past.
    pub next_warm_at: Option<Timestamp>,
    /// When the last ping was answered.
    pub last_warm_at: Option<Timestamp>,
    /// How many hundredths of the prompt of the last ping were read from the cache.
    pub last_cache_percent: Option<u8>,
    /// How many hundredths of what was read or written by the last ping were read.
    pub last_retention_percent: Option<u8>,
    /// How many pings this idle spell had.
    pub pings: u32,
    /// What was spent for this conversation since it was first seen.
    pub spent: NanoDollars,
}
