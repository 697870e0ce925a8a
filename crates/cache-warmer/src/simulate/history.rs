use common_fs::Timestamp;

use crate::RequestUsage;

/// The requests of a conversation to one model, which share a prompt cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// What it is called in reports, and what tells it from others.
    pub id: String,
    /// Who was asked, as [`Providers`](crate::Providers) knows them.
    pub provider: String,
    /// The model that was asked.
    pub model: String,
    /// Whether an agent that another one has started talks here, and no person.
    pub is_subagent: bool,
    /// What was asked, in the order of time.
    pub requests: Vec<Request>,
}

/// A request that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// When it was sent: the lifetime of a cache entry begins here.
    pub started: Timestamp,
    /// When its answer was complete; not before it was sent.
    pub ended: Timestamp,
    /// What it used.
    pub usage: RequestUsage,
}
