//! From the bytes of a line to its events, whatever the bytes are.

use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::de::IgnoredAny;

use super::line::Line;
use crate::event::Event;

/// Lines without this cannot record an event. Writers of JSON do not escape letters.
static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"usage\""));

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Outcome {
    /// It is well-formed as far as it was looked at, or blank.
    Fine,
    /// It is not a JSON object, or part of it is not.
    Malformed,
}

/// Reads a line and hands on the events that it records: one, or none.
///
/// A line that is no JSON object is malformed, but not necessarily lost. A writer that died in
/// the middle of a line leaves no line end, and the next one appends its first record to the
/// fragment; a power cut leaves zeros in front of it. So the records that are complete up to the
/// end of the line are taken, and the fragment before them makes the line malformed.
///
/// Lines without the text `"usage"` are not looked into. They are malformed unless they begin
/// and end like an object.
pub(crate) fn read_line(line: &[u8], hand_on: &mut dyn FnMut(&Event<'_>)) -> Outcome {
    let line = trim(line);
    let Some((first, last)) = line.first().zip(line.last()) else { return Outcome::Fine };
    if USAGE.find(line).is_none() {
        return if (first, last) == (&b'{', &b'}') { Outcome::Fine } else { Outcome::Malformed };
    }
    match parse(line, hand_on) {
        Ok(()) => Outcome::Fine,
        Err(_) => read_glued(line, hand_on),
    }
}

fn parse(record: &[u8], hand_on: &mut dyn FnMut(&Event<'_>)) -> serde_json::Result<()> {
    let line: Line<'_> = serde_json::from_slice(record)?;
    if let Some(event) = line.event() {
        hand_on(&event);
    }
    Ok(())
}

/// Space and line ends as JSON has them, and the byte order mark that JavaScript also trims.
fn trim(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii();
    line.strip_prefix(b"\xEF\xBB\xBF").map_or(line, <[u8]>::trim_ascii_start)
}

/// Takes complete records off the end of a line, as long as there are any.
fn read_glued(line: &[u8], hand_on: &mut dyn FnMut(&Event<'_>)) -> Outcome {
    // Text that is not UTF-8 may stand in a field that matters.
    if let Err(error) = std::str::from_utf8(line)
        && error.valid_up_to() < line.len()
        && parse(String::from_utf8_lossy(line).as_bytes(), hand_on).is_ok()
    {
        return Outcome::Fine;
    }
    let mut budget = line.len().saturating_mul(SEARCH_PER_BYTE);
    let mut rest = line;
    while let Some(at) = last_record(rest, &mut budget) {
        let (head, record) = rest.split_at(at);
        if parse(record, hand_on).is_err() {
            return Outcome::Malformed;
        }
        rest = head.trim_ascii_end();
        if parse(rest, hand_on).is_ok() {
            // Nothing but complete records, only the line ends between them are missing.
            return Outcome::Fine;
        }
    }
    Outcome::Malformed
}

/// How many bytes may be parsed per byte of a line, to find the records in it: enough for any
/// that a crash leaves, and a bound for what malice can build.
const SEARCH_PER_BYTE: usize = 8;

/// Where the object begins that reaches to the end of the line, other than at its beginning.
fn last_record(line: &[u8], budget: &mut usize) -> Option<usize> {
    let candidates = memchr::memmem::find_iter(line, b"{\"").filter(|&at| 0 < at);
    for at in candidates {
        let candidate = line.get(at..)?;
        match serde_json::from_slice::<IgnoredAny>(candidate) {
            Ok(IgnoredAny) => return Some(at),
            // In a single line, the column is how far the parser came.
            Err(error) => *budget = budget.checked_sub(error.column())?,
        }
    }
    None
}

#[cfg(test)]
mod tests;
