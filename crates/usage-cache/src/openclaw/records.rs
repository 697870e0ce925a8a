//! From the bytes of a line to its events, whatever the bytes are.

use std::{ops::Range, sync::LazyLock};

use memchr::memmem::{Finder, find_iter};
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
/// the middle of a line leaves no line end, and the next one appends its records to the
/// fragment; a power cut leaves zeros in front of them. So the records are taken that are
/// complete from the beginning of the line, and those that are complete up to its end.
///
/// Lines without the text `"usage"` are not looked into. They are malformed unless they begin
/// and end like an object.
pub(crate) fn read_line(line: &[u8], hand_on: &mut dyn FnMut(&Event<'_>)) -> Outcome {
    let line = trim(line);
    let Some((first, last)) = line.first().zip(line.last()) else { return Outcome::Fine };
    if USAGE.find(line).is_none() {
        return if (first, last) == (&b'{', &b'}') { Outcome::Fine } else { Outcome::Malformed };
    }
    if parse(line, hand_on).is_ok() {
        return Outcome::Fine;
    }
    // Text that is not UTF-8 may stand in a field that matters.
    if std::str::from_utf8(line).is_err()
        && parse(String::from_utf8_lossy(line).as_bytes(), hand_on).is_ok()
    {
        return Outcome::Fine;
    }
    read_glued(line, hand_on)
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

/// Takes the records at both ends of a line that is not one record.
fn read_glued(line: &[u8], hand_on: &mut dyn FnMut(&Event<'_>)) -> Outcome {
    let head = Objects::at_start(line);
    let rest = line.get(head.len..).unwrap_or_default();
    let tail = Objects::at_end(rest).unwrap_or_default();
    let mut readable = rest.is_empty();
    for range in head.ranges {
        readable &= parse(line.get(range).unwrap_or_default(), hand_on).is_ok();
    }
    for range in tail.ranges {
        readable &= parse(rest.get(range).unwrap_or_default(), hand_on).is_ok();
    }
    if readable { Outcome::Fine } else { Outcome::Malformed }
}

/// How many bytes may be parsed per byte of a line, to find the records in it. Each level of
/// nesting in a fragment costs about one; this is more than any message has, and a bound for
/// what malice can build.
const SEARCH_PER_BYTE: usize = 64;

/// Complete JSON objects, one after the other.
#[derive(Default)]
struct Objects {
    ranges: Vec<Range<usize>>,
    /// Where the last one ends.
    len: usize,
    /// How far the text was parsed.
    parsed: usize,
}

impl Objects {
    /// Those with which a text begins.
    fn at_start(text: &[u8]) -> Self {
        let mut objects = Self::default();
        loop {
            let rest = text.get(objects.len..).unwrap_or_default();
            let start = text.len() - rest.trim_ascii_start().len();
            objects.parsed = objects.parsed.max(start);
            let object = text.get(start..).filter(|object| object.starts_with(b"{"));
            let Some(object) = object else { return objects };
            let mut values = serde_json::Deserializer::from_slice(object).into_iter();
            match values.next() {
                Some(Ok(IgnoredAny)) => {
                    objects.len = start + values.byte_offset();
                    objects.ranges.push(start..objects.len);
                }
                // In a single line, the column is how far the parser came.
                Some(Err(error)) => {
                    objects.parsed = start + error.column();
                    return objects;
                }
                None => return objects,
            }
        }
    }

    /// Those with which a text ends, as many as there are.
    fn at_end(text: &[u8]) -> Option<Self> {
        let mut budget = text.len().saturating_mul(SEARCH_PER_BYTE);
        for at in find_iter(text, b"{\"") {
            let mut objects = Self::at_start(text.get(at..)?);
            if at + objects.len == text.len() {
                for range in &mut objects.ranges {
                    *range = at + range.start..at + range.end;
                }
                return Some(objects);
            }
            budget = budget.checked_sub(objects.parsed)?;
        }
        None
    }
}

#[cfg(test)]
mod tests;
