//! Reads the lines of a rollout, in order.

use std::{borrow::Cow, mem, sync::LazyLock};

use aho_corasick::packed::Searcher;
use memchr::memmem::{self, Finder};
use serde::{Deserialize, Serialize};

use super::{
    counters::{Counters, Growth, Prefer, is_default},
    line::{Line, Meta, Record, Tokens},
    session::Session,
};
use crate::{
    Event, Key, Lineage, Outcome, Parser, TokenCounts,
    objects::{read_objects, skim_object, trim},
    trace::turn_key,
};

/// Lines without any of these do not matter. They are values, so that spaces and the order of
/// keys make no difference; with their quotes, as inside of a text the quotes would be escaped.
/// Writers of JSON do not escape letters.
const NEEDLES: [&str; 4] =
    ["\"token_count\"", "\"turn_context\"", "\"task_started\"", "\"session_meta\""];

/// Searches a line for all of them at once; `None` on processors without the means.
static SEARCHER: LazyLock<Option<Searcher>> = LazyLock::new(|| Searcher::new(NEEDLES));

fn has_needle(line: &[u8]) -> bool {
    match &*SEARCHER {
        Some(searcher) => searcher.find(line).is_some(),
        None => NEEDLES.iter().any(|needle| memmem::find(line, needle.as_bytes()).is_some()),
    }
}

/// Matters only directly after a `turn_context`.
static FROM_AGENT: LazyLock<Finder<'static>> =
    LazyLock::new(|| Finder::new("\"inter_agent_communication_metadata\""));

/// Who is asked if the session does not say.
const PROVIDER: &str = "openai";

/// What is known after some lines of a rollout. Nothing of what was said is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Reader {
    #[serde(rename = "s", default, skip_serializing_if = "is_default")]
    session: Option<Session>,
    /// Of the current turn.
    #[serde(rename = "m", default, skip_serializing_if = "is_default")]
    model: Option<String>,
    /// The current turn.
    #[serde(rename = "u", default, skip_serializing_if = "is_default")]
    turn: Option<u64>,
    /// Whether the line before was a `turn_context`.
    #[serde(rename = "x", default, skip_serializing_if = "is_default")]
    after_context: bool,
    #[serde(rename = "n", default, skip_serializing_if = "is_default")]
    counters: Counters,
    /// Who reads on knows it from elsewhere.
    #[serde(skip)]
    project: Option<String>,
}

impl Reader {
    /// The reader that gave this state.
    pub(super) fn resume(state: &str) -> Option<Self> {
        serde_json::from_str(state).ok()
    }

    fn take(
        &mut self,
        record: Record<'_>,
        after_context: bool,
        hand_on: &mut dyn FnMut(&Event<'_>),
    ) -> Outcome {
        match record {
            Record::Session(meta) => self.take_session(meta),
            Record::Turn(turn) => self.turn = turn.map(|turn| turn_key(&turn).0),
            Record::Context { model, turn } => {
                self.after_context = true;
                if let Some(turn) = turn {
                    self.turn = Some(turn_key(&turn).0);
                }
                if let Some(model) = model {
                    self.model = Some(model.into_owned()).filter(|model| !model.trim().is_empty());
                }
            }
            Record::FromAgent(triggers_turn) => {
                let marks = after_context && triggers_turn;
                if marks && self.session.as_mut().is_some_and(Session::meet_marker) {
                    self.counters.begin_anew();
                }
            }
            Record::Tokens(tokens) => return self.take_tokens(tokens, hand_on),
            Record::Other => (),
        }
        Outcome::Fine
    }

    fn take_session(&mut self, meta: Meta<'_>) {
        if self.project.is_none() {
            self.project = meta.cwd.as_deref().map(str::to_owned);
        }
        match &mut self.session {
            Some(session) => session.meet(meta),
            None => self.session = Some(Session::new(meta)),
        }
    }

    fn take_tokens(&mut self, tokens: Tokens<'_>, hand_on: &mut dyn FnMut(&Event<'_>)) -> Outcome {
        let mut session = self.session.as_mut();
        if session.as_mut().is_some_and(|session| session.meet_ordinal(tokens.ordinal)) {
            self.counters.begin_anew();
        }
        let fork = session.as_ref().is_some_and(|session| session.is_fork());
        let prefer = if fork { Prefer::Total } else { Prefer::Last };
        let growth = match self.counters.observe(tokens.last, tokens.total, prefer) {
            Growth::By(growth) => TokenCounts::from(growth),
            Growth::Unknown => return Outcome::Unresolved,
        };
        if growth == TokenCounts::default() {
            return Outcome::Fine;
        }
        if session.as_ref().is_some_and(|session| session.is_nameless_copy()) {
            return Outcome::Unresolved;
        }
        let counted = self.counters.counted().to_le_bytes();
        let turn = tokens.turn.map(|turn| turn_key(&turn)).or(self.turn.map(Key));
        let identity = session.as_mut().and_then(|session| session.identify(tokens.at, &counted));
        let provider = session.and_then(|session| session.provider.as_deref());
        hand_on(&Event {
            identity,
            at: tokens.at,
            provider: Some(Cow::Borrowed(provider.unwrap_or(PROVIDER))),
            model: self.model.as_deref().map(Cow::Borrowed).or(tokens.model),
            turn: turn.filter(|_| identity.is_some()),
            tokens: growth,
            ..Event::default()
        });
        Outcome::Fine
    }
}

impl Parser for Reader {
    fn line(&mut self, line: &[u8], hand_on: &mut dyn FnMut(&Event<'_>)) -> Outcome {
        let matters = has_needle(line) || self.after_context && FROM_AGENT.find(line).is_some();
        if !matters {
            self.after_context &= trim(line).is_empty();
            return skim_object(line);
        }
        let mut after_context = mem::take(&mut self.after_context);
        read_objects(line, &mut |object| {
            let mut read = None;
            Line::read_into(&mut read, object)?;
            let Some(line) = &read else { return Ok(Outcome::Malformed) };
            self.after_context = false;
            Ok(self.take(line.record(), mem::take(&mut after_context), hand_on))
        })
    }

    /// Before anything was met there is nothing to know.
    fn state(&self) -> Option<String> {
        if is_default(self) { None } else { serde_json::to_string(self).ok() }
    }

    fn project(&self) -> Option<&str> {
        self.project.as_deref()
    }

    fn lineage(&self) -> Lineage {
        let is_plain = self.counters.is_plain();
        self.session.as_ref().map(|session| session.lineage(is_plain)).unwrap_or_default()
    }
}
