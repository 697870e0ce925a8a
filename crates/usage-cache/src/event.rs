use std::borrow::Cow;

use common_fs::Timestamp;

use crate::{NanoUsd, TokenCounts};

/// One answer of a model, as a transcript records it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event<'a> {
    /// When; `None` if the transcript does not say, or not in a way that can be read.
    pub(crate) at: Option<Timestamp>,
    pub(crate) provider: Option<Cow<'a, str>>,
    pub(crate) model: Option<Cow<'a, str>>,
    pub(crate) tokens: TokenCounts,
    /// The part of [`TokenCounts::cache_creation`] that is kept for an hour, at a higher price.
    pub(crate) cache_creation_1h: u64,
    /// What it cost, if the transcript says so and can be believed; else it has to be priced.
    pub(crate) cost: Option<NanoUsd>,
}
