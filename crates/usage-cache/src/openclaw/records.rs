use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::line::Line;
use crate::{Event, Outcome, read_objects, skim_object};

/// Lines without this cannot record an event. Writers of JSON do not escape letters.
static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"usage\""));

/// Whether a line can record an event.
pub(super) fn may_record_usage(line: &[u8]) -> bool {
    USAGE.find(line).is_some()
}

/// Reads a line and hands on the events that it records: one, or none; more if several records
/// share the line.
pub(super) fn read_line(line: &[u8], hand_on: &mut dyn FnMut(&Event<'_>)) -> Outcome {
    if !may_record_usage(line) {
        return skim_object(line);
    }
    read_objects(line, &mut |object| {
        let Some(line) = Line::read(object)? else { return Ok(Outcome::Malformed) };
        if let Some(event) = line.event() {
            hand_on(&event);
        }
        Ok(Outcome::Fine)
    })
}

#[cfg(test)]
mod tests;
