//! Reading what a server writes, however much that is.

use std::{
    collections::VecDeque,
    io::{self, Read},
    sync::{Arc, Mutex, PoisonError},
};

use regex::Regex;

use crate::{
    Lines, Mark, Stream, TraceKind,
    clock::now,
    mark, parse_trace,
    record::{Line, Seen, Span},
    server::Output,
};

/// So many lines are kept for whoever looks for a reason.
const TAIL_LINES: usize = 30;

/// A line is shown up to here.
const SHOWN_BYTES: usize = 400;

/// What lines of a log mean.
#[derive(Clone, Debug, Default)]
pub struct LogRules {
    /// The server says that it is ready.
    pub ready: Option<Regex>,
    /// It is a gateway of OpenClaw: its marks and traces mean something.
    pub is_openclaw: bool,
}

impl LogRules {
    /// What a line means, if it means anything.
    pub fn read(&self, line: &str) -> Option<Line> {
        let is_ready = self.ready.as_ref().is_some_and(|ready| ready.is_match(line))
            || (self.is_openclaw && mark(line) == Some(Mark::GatewayReady));
        let trace = self.is_openclaw.then(|| parse_trace(TraceKind::Restart, line)).flatten();
        let span = trace.and_then(|trace| {
            Some(Span {
                name: trace.phase.to_owned(),
                duration_ms: trace.duration_ms?,
                total_ms: trace.total_ms?,
            })
        });
        let is_mark = self.is_openclaw && mark(line).is_some();
        (is_ready || is_mark || span.is_some()).then(|| Line {
            text: shown(line).to_owned(),
            is_ready,
            span,
        })
    }
}

/// The beginning of a line.
fn shown(line: &str) -> &str {
    let end = (0..=SHOWN_BYTES.min(line.len())).rev().find(|end| line.is_char_boundary(*end));
    line.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// The end of all that a server has written, and how much that was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tail(Arc<Mutex<Written>>);

#[derive(Debug, Default)]
struct Written {
    lines: VecDeque<String>,
    bytes: u64,
    long_lines: u64,
}

impl Tail {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.with(|written| written.lines.iter().cloned().collect())
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.with(|written| written.bytes)
    }

    pub(crate) fn long_lines(&self) -> u64 {
        self.with(|written| written.long_lines)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Written) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Reads both outputs of a server, in threads that end when all who could write to them have ended.
pub(crate) fn read(
    output: Output,
    rules: &LogRules,
    tail: &Tail,
    told: impl Fn(Seen<Line>) + Clone + Send + 'static,
) -> io::Result<()> {
    let Output { stdout, stderr } = output;
    let outputs: [Box<dyn Read + Send>; 2] = [Box::new(stdout), Box::new(stderr)];
    for source in outputs {
        let (rules, tail, told) = (rules.clone(), tail.clone(), told.clone());
        std::thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || read_one(source, &rules, &tail, told))?;
    }
    Ok(())
}

fn read_one(mut source: impl Read, rules: &LogRules, tail: &Tail, told: impl Fn(Seen<Line>)) {
    let mut buffer = vec![0; 64 * 1024];
    let mut lines = Lines::new();
    loop {
        let read = match source.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let at_us = now();
        let mut last = VecDeque::new();
        let on_line = |line: &str| {
            if let Some(what) = rules.read(line) {
                told(Seen { at_us, what });
            }
            if TAIL_LINES <= last.len() {
                last.pop_front();
            }
            last.push_back(shown(line).to_owned());
        };
        lines.push(Stream::Stdout, buffer.get(..read).unwrap_or_default(), on_line);
        tail.with(|written| {
            written.bytes += read as u64;
            written.long_lines = written.long_lines.max(lines.cut());
            written.lines.append(&mut last);
            let too_many = written.lines.len().saturating_sub(TAIL_LINES);
            written.lines.drain(..too_many);
        });
    }
    lines.flush(|line| tail.with(|written| written.lines.push_back(shown(line).to_owned())));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, rules: &LogRules) -> (Vec<String>, Tail) {
        let tail = Tail::default();
        let found = Mutex::new(Vec::new());
        read_one(text.as_bytes(), rules, &tail, |line| found.lock().unwrap().push(line.what.text));
        (found.into_inner().unwrap(), tail)
    }

    #[test]
    fn lines_that_mean_something_are_told() {
        let text = "one\n2026 [gateway] ready\n[gateway] restart trace: restart.drain 0.3ms total=16.7ms x=1\n[gateway] ready to go\nlast";
        let openclaw = LogRules { ready: None, is_openclaw: true };
        let (found, tail) = read(text, &openclaw);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].ends_with("ready") && found[1].contains("restart.drain"));
        assert_eq!(
            (tail.bytes(), tail.lines().last().unwrap().as_str()),
            (text.len() as u64, "last")
        );
        let span = openclaw
            .read("[gateway] restart trace: restart.drain 0.3ms total=16.7ms")
            .unwrap()
            .span
            .unwrap();
        assert_eq!(
            (span.name.as_str(), span.duration_ms.to_string().as_str()),
            ("restart.drain", "0.3")
        );
        let rules =
            LogRules { ready: Some(Regex::new("^listening on").unwrap()), is_openclaw: false };
        let (found, _) = read("x\nlistening on 80\nnot listening on\n[gateway] ready\n", &rules);
        assert_eq!(found, ["listening on 80"]);
    }

    #[test]
    fn of_much_output_only_the_end_is_kept() {
        let text = "noise\n".repeat(100_000) + &"x".repeat(1 << 20) + "\nend\n";
        let (found, tail) = read(&text, &LogRules::default());
        assert!(found.is_empty());
        assert_eq!(
            (tail.lines().len(), tail.lines().last().unwrap().as_str()),
            (TAIL_LINES, "end")
        );
        assert!(tail.lines().iter().all(|line| line.len() <= SHOWN_BYTES));
        assert_eq!((tail.bytes(), tail.long_lines()), (text.len() as u64, 1));
    }
}
