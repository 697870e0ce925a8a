//! The log, written by a thread of its own: a reader that is slow must not make the server slow.

use std::{
    io::{self, Write},
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::Duration,
};

use crate::{host, settings::Flood};

/// How long a reader gets to take the last lines. With everything else, the end has to come
/// within 50 ms.
const LAST_LINES: Duration = Duration::from_millis(20);

const FLOOD_LINE: &[u8] =
    b"nothing nothing nothing nothing nothing nothing nothing nothing nothing nothing nothing ...\n";

pub(crate) struct Log {
    entries: Sender<Entry>,
    /// Hangs up when all is written.
    writer: Receiver<()>,
}

enum Entry {
    Line(String),
    Flood(Flood),
}

impl Log {
    /// A log that goes to `out`.
    pub(crate) fn to(out: impl Write + Send + 'static) -> Self {
        let (entries, receiver) = mpsc::channel();
        let (alive, writer) = mpsc::channel();
        thread::spawn(move || {
            write(out, &receiver);
            drop(alive);
        });
        Self { entries, writer }
    }

    /// Logs a line of the gateway with the time of day.
    pub(crate) fn line(&self, text: &str) {
        self.push(Entry::Line(format!("{} [gateway] {text}\n", host::time_of_day())));
    }

    /// Logs much about nothing, before all lines that come after this.
    pub(crate) fn flood(&self, flood: Flood) {
        self.push(Entry::Flood(flood));
    }

    fn push(&self, entry: Entry) {
        // If the writer is gone, nobody listens any more.
        self.entries.send(entry).ok();
    }

    /// Waits a little until all is written.
    pub(crate) fn finish(self) {
        drop(self.entries);
        // Whether in time or not, this is the end.
        self.writer.recv_timeout(LAST_LINES).ok();
    }
}

/// Ends when nobody listens; that is no reason for the gateway to end.
fn write(mut out: impl Write, entries: &Receiver<Entry>) {
    for entry in entries {
        let written = match entry {
            Entry::Line(line) => out.write_all(line.as_bytes()),
            Entry::Flood(flood) => write_flood(&mut out, flood),
        };
        if written.and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

fn write_flood(out: &mut impl Write, flood: Flood) -> io::Result<()> {
    let mut lines = FLOOD_LINE.repeat(64);
    if flood.is_one_line {
        lines.retain(|byte| *byte != b'\n');
    }
    let mut left = flood.bytes;
    while 0 < left {
        let count = usize::try_from(left).map_or(lines.len(), |left| left.min(lines.len()));
        let chunk = lines.get(..count).unwrap_or(&lines);
        out.write_all(chunk)?;
        left = left.saturating_sub(chunk.len() as u64);
    }
    if flood.is_one_line || flood.bytes == 0 { Ok(()) } else { out.write_all(b"\n") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_has_its_size_and_lines_if_it_is_to() {
        for (bytes, is_one_line, expected) in
            [(0, false, 0), (10, true, 10), (10, false, 11), (1_000_000, true, 1_000_000)]
        {
            let mut out = Vec::new();
            write_flood(&mut out, Flood { bytes, is_one_line }).unwrap();
            assert_eq!(out.len(), expected);
            assert_eq!(out.contains(&b'\n'), !is_one_line && 0 < bytes, "{bytes}");
        }
    }
}
