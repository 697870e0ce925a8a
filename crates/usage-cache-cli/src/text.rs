//! How numbers, amounts, times and names look.

use std::{
    error::Error,
    time::{Duration, SystemTime},
};

use common_fs::Timestamp;
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

/// `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    HumanCount(number).to_string()
}

/// `1 transcript`, `2 transcripts`.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", HumanCount(number))
}

/// The name of a model, or a word for one without.
pub(crate) fn model_name(model: &Model) -> String {
    model.name.clone().unwrap_or_else(|| "unknown".to_owned())
}

/// Text from data as one line that can do nothing to a terminal.
pub(crate) fn plain(text: &str) -> String {
    let escape = |char: char| char.escape_default().to_string();
    text.chars().map(|char| if char.is_control() { escape(char) } else { char.into() }).collect()
}

/// An error with its causes, on one line.
pub(crate) fn in_full(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    plain(&text)
}

/// `2026-09-01T12:00:00Z`.
pub(crate) fn iso(time: Timestamp) -> String {
    let since_epoch = time.since(Timestamp::UNIX_EPOCH);
    humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + since_epoch).to_string()
}

/// `3m 20s`, in whole seconds.
pub(crate) fn span(span: Duration) -> String {
    humantime::format_duration(Duration::from_secs(span.as_secs())).to_string()
}
