//! The rows of sessions, each a line. There can be very many, and `serde_json` would take three
//! times as long for them; a test holds these lines to what it writes.

use std::{
    io::{self, Write},
    ops::Range,
};

use cli_support::text::IsoTimes;
use usage_cache::{ModelUsage, SessionUsage, Usage};

use super::{priority, rows::models_used};
use crate::text::{all_bytes, model_name};

/// Writes the rows, with what is between them and around them.
pub(super) fn write<'s>(
    sessions: impl Iterator<Item = SessionUsage<'s>>,
    mut to: impl Write,
) -> io::Result<()> {
    let mut times = IsoTimes::default();
    // Each line is made in the memory of the one before.
    let mut line = Vec::new();
    for (number, of) in sessions.enumerate() {
        line.clear();
        line.extend_from_slice(if number == 0 { b"\n    " } else { b",\n    " });
        row(&mut line, &of, &mut times);
        to.write_all(&line)?;
    }
    to.write_all(b"\n  ")
}

/// A key that is not the first one.
macro_rules! key {
    ($name:literal) => {
        concat!(",\"", $name, "\":").as_bytes()
    };
}

fn row(to: &mut Vec<u8>, of: &SessionUsage<'_>, times: &mut IsoTimes) {
    to.extend_from_slice(b"{\"sessionId\":");
    string(to, of.session.id);
    to.extend_from_slice(key!("source"));
    string(to, of.session.source);
    to.extend_from_slice(key!("agent"));
    string_or_null(to, of.session.agent);
    to.extend_from_slice(key!("projectPath"));
    string_or_null(to, of.session.project);
    to.extend_from_slice(key!("firstActivity"));
    quoted(to, &times.text(of.first));
    to.extend_from_slice(key!("lastActivity"));
    quoted(to, &times.text(of.last));
    let usage_text = written(to, |to| usage(to, &of.usage));
    to.extend_from_slice(key!("totalCost"));
    let cost_text = written(to, |to| float(to, of.usage.cost.dollars()));
    to.extend_from_slice(key!("totalCostNanoUsd"));
    number(to, of.usage.cost.0);
    to.extend_from_slice(key!("modelsUsed"));
    list(to, &models_used(&of.models), |to, name| string(to, name));
    to.extend_from_slice(key!("modelBreakdowns"));
    let used = [usage_text, cost_text];
    list(to, &of.models, |to, model| {
        // Most sessions have one model, which used what they used.
        breakdown(to, model, (model.usage == of.usage).then_some(&used));
    });
    to.push(b'}');
}

/// A model. If its usage and cost were written before, they are copied.
fn breakdown(to: &mut Vec<u8>, model: &ModelUsage, same: Option<&[Range<usize>; 2]>) {
    to.extend_from_slice(b"{\"modelName\":");
    string(to, model_name(&model.model));
    to.extend_from_slice(key!("provider"));
    string_or_null(to, model.model.provider.as_deref());
    if let Some([usage_text, cost_text]) = same {
        to.extend_from_within(usage_text.clone());
        to.extend_from_slice(key!("cost"));
        to.extend_from_within(cost_text.clone());
    } else {
        usage(to, &model.usage);
        to.extend_from_slice(key!("cost"));
        float(to, model.usage.cost.dollars());
    }
    to.extend_from_slice(key!("costNanoUsd"));
    number(to, model.usage.cost.0);
    to.push(b'}');
}

/// Where something was written.
fn written(to: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> Range<usize> {
    let start = to.len();
    write(to);
    start..to.len()
}

fn list<T>(to: &mut Vec<u8>, items: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    to.push(b'[');
    for (number, item) in items.iter().enumerate() {
        if 0 < number {
            to.push(b',');
        }
        write(to, item);
    }
    to.push(b']');
}

fn usage(to: &mut Vec<u8>, usage: &Usage) {
    macro_rules! numbers {
        ($($name:literal: $number:expr),* $(,)?) => {
            $(
                to.extend_from_slice(key!($name));
                number(to, $number);
            )*
        };
    }
    numbers! {
        "inputTokens": usage.tokens.input,
        "outputTokens": usage.tokens.output,
        "cacheCreationTokens": usage.tokens.cache_creation,
        "cacheReadTokens": usage.tokens.cache_read,
        "totalTokens": usage.tokens.total,
        "events": usage.events,
        "unpricedEvents": usage.unpriced_events,
        "unpricedTokens": usage.unpriced_tokens,
    }
    if let Some(priority) = priority(usage) {
        let start = to.len();
        serde_json::to_writer(&mut *to, &priority).ok();
        // Its fields stand among the others.
        if let Some(brace) = to.get_mut(start) {
            *brace = b',';
        }
        to.pop();
    }
}

fn number(to: &mut Vec<u8>, number: u64) {
    to.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn float(to: &mut Vec<u8>, float: f64) {
    serde_json::to_writer(to, &float).ok();
}

fn string(to: &mut Vec<u8>, text: &str) {
    if all_bytes(text, |byte| b' ' <= byte && !matches!(byte, b'"' | b'\\')) {
        quoted(to, text.as_bytes());
    } else {
        serde_json::to_writer(to, text).ok();
    }
}

fn quoted(to: &mut Vec<u8>, plain: &[u8]) {
    to.push(b'"');
    to.extend_from_slice(plain);
    to.push(b'"');
}

fn string_or_null(to: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => string(to, text),
        None => to.extend_from_slice(b"null"),
    }
}

#[cfg(test)]
mod tests;
