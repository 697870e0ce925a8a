//! Reads one transcript.

use std::collections::{HashMap, HashSet};

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
    /// All answers, as they came.
    answers: Vec<Answer>,
    /// The number of an answer in `answers`.
    known: HashMap<Key, usize>,
    /// When something was last said to an agent.
    asked: HashMap<Option<String>, Timestamp>,
    /// When the last answer of an agent was complete.
    answered: HashMap<Option<String>, Timestamp>,
}

/// An answer of a transcript, whichever thread it belongs to.
#[derive(Clone, Copy)]
struct Answer {
    has_identity: bool,
    /// `None` as long as it has no time.
    place: Option<Place>,
}

/// Where a request is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    thread: usize,
    /// Which one of that.
    nth: usize,
}

impl Builder {
    pub(super) fn new(runtime: Runtime) -> Self {
        Self {
            runtime,
            reading: Reading::default(),
            answers: Vec::new(),
            known: HashMap::new(),
            asked: HashMap::new(),
            answered: HashMap::new(),
        }
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
        let number = self.number(event.identity);
        let Some(ended) = event.at.max(time(skim)) else {
            self.reading.counts.untimed += 1;
            return;
        };
        let agent = skim.agent.as_deref().map(str::to_owned);
        let answered = self.answered.get(&agent).copied();
        // What was said before the answer before was said to that one.
        let asked = self.asked.get(&agent).copied();
        let asked = asked.filter(|asked| *asked <= ended && answered < Some(*asked));
        self.answered.insert(agent.clone(), answered.unwrap_or(ended).max(ended));
        let place = self.answers.get(number).and_then(|answer| answer.place);
        if let Some(request) = place.and_then(|place| self.request(place)) {
            request.ended = request.ended.max(ended);
            request.usage = usage(event);
            return;
        }
        let request = Request { started: asked.unwrap_or(ended), ended, usage: usage(event) };
        let thread = self.thread(agent, event);
        if let Some(Thread { requests, .. }) = self.reading.threads.get_mut(thread)
            && let Some(answer) = self.answers.get_mut(number)
        {
            answer.place = Some(Place { thread, nth: requests.len() });
            requests.push((event.identity, request));
        }
    }

    /// The number of an answer: a new one, unless it is known.
    fn number(&mut self, identity: Option<Key>) -> usize {
        let new = self.answers.len();
        let number = identity.map_or(new, |identity| *self.known.entry(identity).or_insert(new));
        if number == new {
            self.answers.push(Answer { has_identity: identity.is_some(), place: None });
        }
        number
    }

    fn request(&mut self, place: Place) -> Option<&mut Request> {
        let thread = self.reading.threads.get_mut(place.thread)?;
        thread.requests.get_mut(place.nth).map(|(_, request)| request)
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
    pub(super) fn finish(mut self, beginning: Beginning) -> Reading {
        let answers = std::mem::take(&mut self.answers);
        let copied: HashSet<Place> = match beginning {
            Beginning::Own => return self.reading,
            Beginning::Copy { events } => {
                let events = events.and_then(|events| usize::try_from(events).ok());
                let identified = answers.iter().filter(|answer| answer.has_identity);
                match events {
                    Some(events) => {
                        identified.take(events).filter_map(|answer| answer.place).collect()
                    }
                    None => answers.iter().filter_map(|answer| answer.place).collect(),
                }
            }
            Beginning::Fork { at, .. } => {
                let places: Vec<_> = answers.iter().filter_map(|answer| answer.place).collect();
                let is_before = |place: &&Place| {
                    self.request(**place).is_some_and(|request| request.ended < at)
                };
                let before = places.iter().take_while(is_before).count();
                // Counters that go on from those of another session: the first answer of its
                // own may hold all that that has used.
                places.into_iter().take(before + 1).collect()
            }
        };
        for (thread, Thread { requests, .. }) in self.reading.threads.iter_mut().enumerate() {
            let mut places = (0..).map(|nth| Place { thread, nth });
            requests.retain(|_| places.next().is_none_or(|place| !copied.contains(&place)));
        }
        self.reading.counts.unresolved += u64::try_from(copied.len()).unwrap_or(u64::MAX);
        self.reading
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

#[cfg(test)]
mod tests;
