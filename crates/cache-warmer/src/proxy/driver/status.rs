use common_fs::Timestamp;
use serde::Serialize;

use super::{Known, Switch, Warming};
use crate::{Ledger, NanoDollars, proxy::body::Ended};

/// How many turns there were.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counts {
    /// Turns that were answered well.
    pub(crate) turns: u64,
    /// Turns that failed, or were given up.
    pub(crate) turns_failed: u64,
    /// Turns that were answered well, but told no usage in a form that is known.
    pub(crate) usage_unknown: u64,
    /// Requests that were too long to be kept.
    pub(crate) passed_too_long: u64,
    /// Requests that came while others held as much as they may.
    pub(crate) passed_without_room: u64,
    /// Requests whose body was compressed.
    pub(crate) passed_compressed: u64,
    /// Requests that did not tell their conversation.
    pub(crate) passed_unidentified: u64,
    /// Turns that cannot be replayed.
    pub(crate) not_replayable: u64,
}

/// The state of a proxy.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    pub(crate) counts: Counts,
    pub(crate) held: Held,
    pub(crate) warming: WarmingStatus,
    pub(crate) ledger: Ledger,
    /// What was proven to be saved, without what was spent.
    pub(crate) net: NanoDollars,
    pub(crate) conversations: Vec<ConversationStatus>,
}

/// What is held in memory.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Held {
    /// Last requests of conversations.
    pub(crate) requests: usize,
    /// Their bytes.
    pub(crate) bytes: usize,
}

/// Whether anything is sent.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WarmingStatus {
    /// `on`, `off`, `dry-run` or `unavailable`.
    pub(crate) state: &'static str,
    /// Why it is unavailable.
    pub(crate) why: Option<String>,
    /// What may be spent in a day (UTC).
    pub(crate) budget_day: Option<NanoDollars>,
    /// What pings under way may cost at most.
    pub(crate) reserved: NanoDollars,
    /// Pings under way.
    pub(crate) in_flight: usize,
    /// Accounts for which nothing is sent for some time, as the provider has asked to wait or has
    /// refused their credentials.
    pub(crate) holds: usize,
    /// Accounts with requests on their way of which nobody can tell yet whose turn they are.
    pub(crate) arriving: usize,
}

/// How a conversation stands.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConversationStatus {
    pub(crate) id: String,
    /// Why it is, or is not, kept warm.
    pub(crate) reason: &'static str,
    /// When the next ping is due, in milliseconds since 1970 (UTC).
    pub(crate) next_warm_at: Option<i64>,
    /// When the last ping was answered, likewise.
    pub(crate) last_warm_at: Option<i64>,
    pub(crate) pings: u32,
    pub(crate) spent: NanoDollars,
}

impl Counts {
    pub(crate) fn ended(&mut self, answer: Option<&Ended>) {
        match answer {
            Some(answer) if answer.is_success() => {
                self.turns += 1;
                self.usage_unknown += u64::from(answer.told.usage.is_none());
            }
            _ => self.turns_failed += 1,
        }
    }

    pub(crate) fn status(&self, known: &Known, warming: &Warming) -> Status {
        let warmer = warming.warmer();
        let (state, why) = match warming.state() {
            Switch::On(_) => ("on", None),
            Switch::Off(_) => ("off", None),
            Switch::DryRun => ("dry-run", None),
            Switch::Unavailable(why) => ("unavailable", Some(why.clone())),
        };
        let (requests, bytes) = known.held();
        let mut ids: Vec<_> = known.ids().collect();
        ids.sort_unstable();
        let conversations = ids.into_iter().map(|id| {
            let id = id.to_string();
            let status = warmer.status(&id);
            ConversationStatus {
                id,
                reason: status.reason.name(),
                next_warm_at: status.next_warm_at.map(Timestamp::unix_millis),
                last_warm_at: status.last_warm_at.map(Timestamp::unix_millis),
                pings: status.pings,
                spent: status.spent,
            }
        });
        Status {
            counts: self.clone(),
            held: Held { requests, bytes },
            warming: WarmingStatus {
                state,
                why,
                budget_day: warmer.policy().budget.day,
                reserved: warmer.reserved(),
                in_flight: warmer.load().in_flight,
                holds: warmer.load().holds,
                arriving: warmer.load().arriving,
            },
            ledger: warmer.ledger().clone(),
            net: warmer.ledger().net(),
            conversations: conversations.collect(),
        }
    }
}
