//! How amounts and models look.

use indicatif::HumanCount;
use usage_cache::{Model, NanoUsd};

const NANOS_PER_CENT: u64 = 10_000_000;

/// `$1,234.56`; what is something but less than half a cent is `<$0.01`.
pub(crate) fn dollars(amount: NanoUsd) -> String {
    let cents = amount.0.saturating_add(NANOS_PER_CENT / 2) / NANOS_PER_CENT;
    if cents == 0 && amount != NanoUsd::ZERO {
        return "<$0.01".to_owned();
    }
    format!("${}.{:02}", HumanCount(cents / 100), cents % 100)
}

/// The name of a model, or a word for one without.
pub(crate) fn model_name(model: &Model) -> String {
    model.name.clone().unwrap_or_else(|| "unknown".to_owned())
}
