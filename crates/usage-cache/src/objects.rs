//! The JSON objects in a line, whatever the bytes are.

use std::ops::Range;

use memchr::memmem::find_iter;
use serde::de::IgnoredAny;

use crate::Outcome;

/// Judges a line that need not be looked into: it is fine if it begins and ends like an object,
/// or is blank.
pub fn skim_object(line: &[u8]) -> Outcome {
    let line = trim(line);
    match (line.first(), line.last()) {
        (None, _) | (Some(b'{'), Some(b'}')) => Outcome::Fine,
        _ => Outcome::Malformed,
    }
}

/// Hands the JSON object of a line to `read`; an error of it means that the bytes are no object.
///
/// A line that is no JSON object is malformed, but not necessarily lost. A writer that died in
/// the middle of a line leaves no line end, and the next one appends its records to the
/// fragment; a power cut leaves zeros in front of them. So the objects are taken that are
/// complete from the beginning of the line, and those that are complete up to its end. Bytes
/// that are no UTF-8 are replaced by U+FFFD.
pub fn read_objects(
    line: &[u8],
    read: &mut dyn FnMut(&[u8]) -> serde_json::Result<Outcome>,
) -> Outcome {
    let line = trim(line);
    if line.is_empty() {
        return Outcome::Fine;
    }
    if let Ok(outcome) = read(line) {
        return outcome;
    }
    // Text that is not UTF-8 may stand in a field that matters.
    if std::str::from_utf8(line).is_err()
        && let Ok(outcome) = read(String::from_utf8_lossy(line).as_bytes())
    {
        return outcome;
    }
    read_glued(line, read)
}

/// Space and line ends as JSON has them, and the byte order mark that JavaScript also trims.
pub(crate) fn trim(line: &[u8]) -> &[u8] {
    let line = line.trim_ascii();
    line.strip_prefix(b"\xEF\xBB\xBF").map_or(line, <[u8]>::trim_ascii_start)
}

/// Takes the objects at both ends of a line that is not one object.
fn read_glued(line: &[u8], read: &mut dyn FnMut(&[u8]) -> serde_json::Result<Outcome>) -> Outcome {
    let head = Objects::at_start(line);
    let rest = line.get(head.len..).unwrap_or_default();
    let tail = Objects::at_end(rest).unwrap_or_default();
    let mut worst = if rest.is_empty() { Outcome::Fine } else { Outcome::Malformed };
    let heads = head.ranges.into_iter().filter_map(|range| line.get(range));
    let tails = tail.ranges.into_iter().filter_map(|range| rest.get(range));
    for object in heads.chain(tails) {
        worst = worst.max(read(object).unwrap_or(Outcome::Malformed));
    }
    worst
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
