use serde::{Deserialize, Serialize};

/// Why a conversation is, or is not, being kept warm: for machines. For people there is
/// [`Reason::explain`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Reason {
    /// The next ping has its time.
    Scheduled,
    /// It is time for a ping.
    Due,
    /// It is time, but a request of the same account is on its way, and may be the next of this
    /// conversation.
    RequestArriving,
    /// It is time, but as many pings as allowed are under way.
    Queued,
    /// A ping is under way.
    InFlight,
    /// A ping failed, and is tried again in time.
    BackingOff,
    /// The conversation is being worked in: its own requests keep it warm.
    TurnRunning,
    /// Nobody has switched warming on.
    Disabled,
    /// The conversation was closed.
    Closed,
    /// The warmer was shut down.
    Disposed,
    /// No real request was seen since the program started: what would have to be replayed is not
    /// known.
    NoRequestSeen,
    /// Subagents come back too rarely: they lose at any number of pings.
    Subagent,
    /// The model has no known price.
    PriceUnknown,
    /// The prompt is too short to be cached.
    BelowMinimum,
    /// The provider neither read nor wrote anything.
    Uncacheable,
    /// Entries are kept for so short a time that no ping can be in time.
    LifetimeTooShort,
    /// The entry has expired, or would have until a ping arrives.
    Cold,
    /// The entry has expired while as many other pings as allowed were under way.
    CrowdedOut,
    /// As many pings were sent as can pay.
    PingsSpent,
    /// The conversation has been idle for as long as the policy allows.
    IdleTooLong,
    /// The budget of the conversation is exhausted.
    ConversationBudget,
    /// The budget of the day is exhausted.
    DayBudget,
    /// The budget of all time is exhausted.
    TotalBudget,
    /// Too many pings in a row did no good.
    BreakerOpen,
    /// The provider refused the ping as malformed.
    Refused,
    /// The provider refused the credentials.
    Unauthorized,
    /// What was captured is not what would have to be replayed.
    PrefixChanged,
    /// Every retry failed.
    RetriesSpent,
    /// Nothing is written down: warming must not run on.
    StateUnwritable,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 29] = [
        Self::Scheduled,
        Self::Due,
        Self::RequestArriving,
        Self::Queued,
        Self::InFlight,
        Self::BackingOff,
        Self::TurnRunning,
        Self::Disabled,
        Self::Closed,
        Self::Disposed,
        Self::NoRequestSeen,
        Self::Subagent,
        Self::PriceUnknown,
        Self::BelowMinimum,
        Self::Uncacheable,
        Self::LifetimeTooShort,
        Self::Cold,
        Self::CrowdedOut,
        Self::PingsSpent,
        Self::IdleTooLong,
        Self::ConversationBudget,
        Self::DayBudget,
        Self::TotalBudget,
        Self::BreakerOpen,
        Self::Refused,
        Self::Unauthorized,
        Self::PrefixChanged,
        Self::RetriesSpent,
        Self::StateUnwritable,
    ];

    /// As in JSON, in metrics and in the documentation.
    pub const fn name(self) -> &'static str {
        self.texts().0
    }

    /// One sentence for people.
    pub const fn explain(self) -> &'static str {
        self.texts().1
    }

    const fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::Scheduled => ("scheduled", "the next ping has its time"),
            Self::Due => ("due", "it is time for a ping"),
            Self::RequestArriving => {
                ("request-arriving", "a request is on its way that may be the next turn")
            }
            Self::Queued => ("queued", "as many pings as allowed are under way"),
            Self::InFlight => ("in-flight", "a ping is under way"),
            Self::BackingOff => ("backing-off", "a ping failed and is tried again in time"),
            Self::TurnRunning => ("turn-running", "the conversation keeps itself warm"),
            Self::Disabled => ("disabled", "warming is not switched on"),
            Self::Closed => ("closed", "the conversation was closed"),
            Self::Disposed => ("disposed", "the warmer was shut down"),
            Self::NoRequestSeen => ("no-request-seen", "no request was seen since the start"),
            Self::Subagent => ("subagent", "warming a subagent never pays"),
            Self::PriceUnknown => ("price-unknown", "the model has no known price"),
            Self::BelowMinimum => ("below-minimum", "the prompt is too short to be cached"),
            Self::Uncacheable => ("uncacheable", "the provider cached nothing"),
            Self::LifetimeTooShort => ("lifetime-too-short", "no ping can be in time"),
            Self::Cold => ("cold", "the entry has expired"),
            Self::CrowdedOut => {
                ("crowded-out", "the entry has expired while too many other pings were under way")
            }
            Self::PingsSpent => ("pings-spent", "more pings would not pay"),
            Self::IdleTooLong => ("idle-too-long", "the conversation was idle for too long"),
            Self::ConversationBudget => {
                ("conversation-budget", "the budget of the conversation is exhausted")
            }
            Self::DayBudget => ("day-budget", "the budget of the day is exhausted"),
            Self::TotalBudget => ("total-budget", "the whole budget is exhausted"),
            Self::BreakerOpen => ("breaker-open", "too many pings in a row did no good"),
            Self::Refused => ("refused", "the provider refused the ping"),
            Self::Unauthorized => ("unauthorized", "the provider refused the credentials"),
            Self::PrefixChanged => ("prefix-changed", "the captured request is another one"),
            Self::RetriesSpent => ("retries-spent", "every retry failed"),
            Self::StateUnwritable => ("state-unwritable", "nothing can be written down"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reason_has_a_name_and_a_sentence_of_its_own() {
        let names: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.name()).collect();
        let sentences: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.explain()).collect();
        assert_eq!((names.len(), sentences.len()), (Reason::ALL.len(), Reason::ALL.len()));
        for reason in Reason::ALL {
            let name = format!("\"{}\"", reason.name());
            assert_eq!(serde_json::to_string(&reason).unwrap(), name);
            assert_eq!(serde_json::from_str::<Reason>(&name).unwrap(), reason);
        }
    }
}
