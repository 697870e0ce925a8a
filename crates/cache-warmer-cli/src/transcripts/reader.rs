//! Reads one transcript.

use std::collections::HashMap;

use cache_warmer::{RequestUsage, simulate::Request};
use common_fs::{
    Access, Fs, FsError, RealFs, Timestamp,
    lines::{Buffer, Limits, Line, LineReader},
};
use usage_cache::{Beginning, Event, Key, Outcome, Parser};

use super::{
    Counts, Runtime,
    find::Transcript,
    skim::{Skim, skim},
};

/// Room for messages with several large images; answers of models are thousands of times shorter.
const LIMITS: Limits = Limits { line_bytes_max: 16 * 1024 * 1024, lookback_bytes: 0 };

/// What a transcript holds.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The conversations in it.
    pub(super) threads: Vec<Thread>,
    pub(super) counts: Counts,
    /// Whether it says of itself that it is that of a sub-agent.
    pub(super) is_subagent: bool,
}

/// The requests of one agent to one model.
#[derive(Debug)]
pub(super) struct Thread {
    /// The sub-agent, if it is not the agent of the transcript.
    pub(super) agent: Option<String>,
    pub(super) provider: String,
    pub(super) model: String,
    /// In the order of the transcript; each with what tells it from all others.
    pub(super) requests: Vec<(Option<Key>, Request)>,
}

/// Reads a transcript.
pub(super) fn read(transcript: &Transcript, buffer: &mut Buffer) -> Result<Reading, FsError> {
    let file = RealFs.open_dir(&transcript.dir)?.open(&transcript.name, Access::Read)?;
    let size_bytes = file.stat()?.size_bytes;
    let mut lines = LineReader::new(file.as_ref(), 0, size_bytes, LIMITS, buffer)?;
    let mut parser = transcript.runtime.source().parser(None);
    let mut builder = Builder::new(transcript.runtime);
    builder.reading.counts.files = 1;
    builder.reading.counts.bytes = size_bytes;
    while let Some(line) = lines.next_line()? {
        match line {
            Line::Whole(line) => {
                builder.line(parser.as_mut(), line, &skim(transcript.runtime, line));
            }
            Line::TooLong { .. } => builder.reading.counts.too_long_lines += 1,
        }
    }
    lines.finish(buffer);
    let last = Skim::default();
    parser.finish(&mut |event| builder.event(event, &last));
    Ok(builder.finish(parser.lineage().beginning))
}

/// Makes conversations of lines.
pub(super) struct Builder {
    runtime: Runtime,
    reading: Reading,
    /// Where an answer is: the number of its thread, and of the request in that.
    known: HashMap<Key, (usize, usize)>,
    /// When something was last said to an agent.
    asked: HashMap<Option<String>, Timestamp>,
}

impl Builder {
    pub(super) fn new(runtime: Runtime) -> Self {
        let (reading, known, asked) = (Reading::default(), HashMap::new(), HashMap::new());
        Self { runtime, reading, known, asked }
    }

    /// Counts a line that cannot be read.
    pub(super) fn count_damaged(&mut self) {
        self.reading.counts.malformed_lines += 1;
    }

    /// Takes a line, and what the parser says of it.
    pub(super) fn line(&mut self, parser: &mut dyn Parser, line: &[u8], skim: &Skim<'_>) {
        self.reading.is_subagent |= skim.marks_subagent;
        if skim.is_input
            && let Some(at) = time(skim)
        {
            self.asked.insert(skim.agent.as_deref().map(str::to_owned), at);
        }
        match parser.line(line, &mut |event| self.event(event, skim)) {
            Outcome::Fine => (),
            Outcome::Unresolved => self.reading.counts.unresolved += 1,
            Outcome::Malformed => self.reading.counts.malformed_lines += 1,
        }
    }

    /// Takes an answer, or what has become of one that is known.
    pub(super) fn event(&mut self, event: &Event<'_>, skim: &Skim<'_>) {
        let Some(ended) = event.at.max(time(skim)) else {
            self.reading.counts.untimed += 1;
            return;
        };
        let known = event.identity.and_then(|identity| self.known.get(&identity).copied());
        if let Some((thread, nth)) = known {
            let thread = self.reading.threads.get_mut(thread);
            if let Some((_, request)) = thread.and_then(|thread| thread.requests.get_mut(nth)) {
                request.ended = request.ended.max(ended);
                request.usage = usage(event);
            }
            return;
        }
        let agent = skim.agent.as_deref().map(str::to_owned);
        let asked = self.asked.get(&agent).copied().filter(|asked| *asked <= ended);
        let request = Request { started: asked.unwrap_or(ended), ended, usage: usage(event) };
        let thread = self.thread(agent, event);
        if let Some(Thread { requests, .. }) = self.reading.threads.get_mut(thread) {
            if let Some(identity) = event.identity {
                self.known.insert(identity, (thread, requests.len()));
            }
            requests.push((event.identity, request));
        }
    }

    /// The number of the thread that an answer belongs to.
    fn thread(&mut self, agent: Option<String>, event: &Event<'_>) -> usize {
        let model = event.model.as_deref().unwrap_or_default();
        let provider = provider(self.runtime, event.provider.as_deref());
        let threads = &mut self.reading.threads;
        let is_it = |thread: &Thread| {
            thread.agent == agent && thread.model == model && thread.provider == provider
        };
        // There are few, and the last one is the most likely.
        threads.iter().rposition(is_it).unwrap_or_else(|| {
            let (provider, model) = (provider.to_owned(), model.to_owned());
            threads.push(Thread { agent, provider, model, requests: Vec::new() });
            threads.len() - 1
        })
    }

    /// Leaves out what is another session's.
    pub(super) fn finish(self, beginning: Beginning) -> Reading {
        let Self { mut reading, .. } = self;
        let mut left_out = 0;
        match beginning {
            Beginning::Own => (),
            Beginning::Copy { events: None } => {
                left_out = reading.threads.iter().map(|thread| thread.requests.len()).sum();
                reading.threads.clear();
            }
            Beginning::Copy { events: Some(events) } => {
                let mut to_leave_out = usize::try_from(events).unwrap_or(usize::MAX);
                for thread in &mut reading.threads {
                    let here = to_leave_out.min(thread.requests.len());
                    thread.requests.drain(..here);
                    to_leave_out -= here;
                    left_out += here;
                }
            }
            Beginning::Fork { at, .. } => {
                for thread in &mut reading.threads {
                    // Counters that go on from those of another session: the first answer of its
                    // own may hold all that that has used.
                    let before = |(_, request): &(_, Request)| request.ended < at;
                    let here = thread.requests.iter().take_while(|request| before(request)).count();
                    let here = (here + 1).min(thread.requests.len());
                    thread.requests.drain(..here);
                    left_out += here;
                }
            }
        }
        reading.counts.unresolved += u64::try_from(left_out).unwrap_or(u64::MAX);
        reading
    }
}

/// Who was asked. Codex asks the backend of its own, which keeps entries for another time than the
/// interface that it is named after.
fn provider(runtime: Runtime, recorded: Option<&str>) -> &str {
    match (runtime, recorded) {
        (Runtime::Codex, None | Some("openai")) => "openai-codex",
        (Runtime::Claude, None) => "anthropic",
        (_, recorded) => recorded.unwrap_or_default(),
    }
}

fn time(skim: &Skim<'_>) -> Option<Timestamp> {
    skim.at.as_deref().and_then(usage_cache::parse_time)
}

fn usage(event: &Event<'_>) -> RequestUsage {
    let tokens = &event.tokens;
    let write_1h = event.cache_creation_1h.min(tokens.cache_creation);
    RequestUsage {
        uncached: tokens.input,
        read: tokens.cache_read,
        write_5m: tokens.cache_creation - write_1h,
        write_1h,
        output: tokens.output,
    }
}
