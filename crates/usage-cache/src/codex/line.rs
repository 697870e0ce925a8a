//! One line of a rollout: `{"timestamp", "type", "payload"}`, of which a few fields matter.
//!
//! The fields that matter are kept as slices of the line, the rest is skipped without being
//! built. A value of a wrong type counts as missing.

use std::borrow::Cow;

use common_fs::Timestamp;

use super::counts::Counts;
use crate::json::{
    Cursor, Fields, Malformed, Raw, name, read_object, read_object_into, time, tokens,
};

/// The fields of a line that matter.
#[derive(Default)]
pub(super) struct Line<'a> {
    kind: Option<Raw<'a>>,
    timestamp: Option<Raw<'a>>,
    ordinal: Option<Raw<'a>>,
    model: Option<Raw<'a>>,
    ids: [Option<Raw<'a>>; 3],
    payload: Option<Payload<'a>>,
}

/// What a line says.
pub(super) enum Record<'a> {
    /// What the session is: the first line, and again when it is resumed. In a fork also that of
    /// the session that it was forked from.
    Session(Meta<'a>),
    /// With which model and turn it goes on; `None` if the line does not say.
    Context { model: Option<Cow<'a, str>>, turn: Option<Cow<'a, str>> },
    /// A turn begins; without a name if that is not known.
    Turn(Option<Cow<'a, str>>),
    /// The counters.
    Tokens(Tokens<'a>),
    /// What another agent has sent; whether it begins a turn.
    FromAgent(bool),
    /// What does not matter.
    Other,
}

/// What a session is. Texts are trimmed and not empty.
pub(super) struct Meta<'a> {
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) parent: Option<Cow<'a, str>>,
    pub(super) at: Option<Timestamp>,
    pub(super) provider: Option<Cow<'a, str>>,
    /// The directory that the session was started in.
    pub(super) cwd: Option<Cow<'a, str>>,
    pub(super) is_sub_agent: bool,
    /// The ordinal of the first line that is not a copy of its parent's.
    pub(super) first_ordinal: Option<u64>,
}

/// What the counters say.
pub(super) struct Tokens<'a> {
    pub(super) at: Option<Timestamp>,
    pub(super) ordinal: Option<u64>,
    pub(super) model: Option<Cow<'a, str>>,
    /// The turn, if the line itself says.
    pub(super) turn: Option<Cow<'a, str>>,
    pub(super) last: Option<Counts>,
    pub(super) total: Option<Counts>,
}

impl<'a> Line<'a> {
    /// Reads an object into its place; `None` if it is something else.
    pub(super) fn read_into(line: &mut Option<Self>, object: &'a [u8]) -> serde_json::Result<()> {
        Ok(read_object_into(line, object)?)
    }

    pub(super) fn record(&self) -> Record<'a> {
        let none = Payload::default();
        let payload = self.payload.as_ref().unwrap_or(&none);
        match self.kind.map(Raw::get) {
            Some(b"\"session_meta\"") => Record::Session(self.meta(payload)),
            Some(b"\"turn_context\"") => {
                Record::Context { model: payload.model(), turn: first(&payload.turns) }
            }
            Some(b"\"inter_agent_communication_metadata\"") => {
                Record::FromAgent(payload.trigger_turn.is_some_and(|raw| raw.get() == b"true"))
            }
            Some(b"\"event_msg\"") => match (payload.kind.map(Raw::get), &payload.info) {
                (Some(b"\"token_count\""), Some(info)) => {
                    Record::Tokens(self.tokens(payload, info))
                }
                (Some(b"\"task_started\""), _) => Record::Turn(payload.turn()),
                _ => Record::Other,
            },
            _ => Record::Other,
        }
    }

    fn meta(&self, payload: &Payload<'a>) -> Meta<'a> {
        let source = payload.source.is_some_and(is_thread_spawn);
        let thread = payload.thread_source.is_some_and(|raw| raw.get() == b"\"subagent\"");
        Meta {
            id: first(&payload.ids).or_else(|| first(&self.ids)),
            parent: first(&payload.parents),
            at: payload.timestamp.and_then(time).or_else(|| self.at()),
            provider: payload.model_provider.and_then(trimmed),
            cwd: payload.cwd.and_then(trimmed),
            is_sub_agent: source || thread,
            first_ordinal: payload.first_ordinal.and_then(tokens),
        }
    }

    fn tokens(&self, payload: &Payload<'a>, info: &Info<'a>) -> Tokens<'a> {
        let [model, _] = payload.models;
        let models = info.models.into_iter().chain([model, self.model]);
        Tokens {
            at: self.at(),
            ordinal: self.ordinal.and_then(tokens),
            model: models.flatten().filter_map(name).find(|name| !is_blank(name)),
            turn: payload.turn().or_else(|| first(&info.turns)),
            last: info.last.as_ref().and_then(Usage::counts),
            total: info.total.as_ref().and_then(Usage::counts),
        }
    }

    fn at(&self) -> Option<Timestamp> {
        self.timestamp.and_then(time)
    }
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

fn trimmed(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    let text = match name(raw)? {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    };
    Some(text).filter(|text| !text.is_empty())
}

fn first<'a>(raws: &[Option<Raw<'a>>]) -> Option<Cow<'a, str>> {
    raws.iter().copied().flatten().find_map(trimmed)
}

/// Whether `source` is `{"subagent": {"thread_spawn": …}}`.
fn is_thread_spawn(source: Raw<'_>) -> bool {
    let source: Result<Option<Source>, _> = read_object(source.get());
    let sub_agent = source.ok().flatten().and_then(|source| source.sub_agent);
    sub_agent.is_some_and(|sub_agent| sub_agent.thread_spawn)
}

impl<'a> Fields<'a> for Line<'a> {
    fn read(&mut self, key: &[u8], value: &mut Cursor<'a>) -> Result<(), Malformed> {
        let [id, session_id, session_id_camel] = &mut self.ids;
        let field = match key {
            b"type" => &mut self.kind,
            b"timestamp" => &mut self.timestamp,
            b"ordinal" => &mut self.ordinal,
            b"model" => &mut self.model,
            b"id" => id,
            b"session_id" => session_id,
            b"sessionId" => session_id_camel,
            b"payload" => {
                value.object(&mut self.payload)?;
                return Ok(());
            }
            _ => return value.skip(),
        };
        *field = Some(value.raw()?);
        Ok(())
    }
}

/// The fields of a payload, whatever the type of the line.
#[derive(Default)]
struct Payload<'a> {
    kind: Option<Raw<'a>>,
    timestamp: Option<Raw<'a>>,
    /// The thread's own id comes first: `session_id` can be that of the thread it was started
    /// by.
    ids: [Option<Raw<'a>>; 3],
    parents: [Option<Raw<'a>>; 4],
    models: [Option<Raw<'a>>; 2],
    turns: [Option<Raw<'a>>; 2],
    model_provider: Option<Raw<'a>>,
    cwd: Option<Raw<'a>>,
    thread_source: Option<Raw<'a>>,
    source: Option<Raw<'a>>,
    first_ordinal: Option<Raw<'a>>,
    trigger_turn: Option<Raw<'a>>,
    info: Option<Info<'a>>,
}

impl<'a> Payload<'a> {
    /// The name of the turn.
    fn turn(&self) -> Option<Cow<'a, str>> {
        let [id, _, _] = self.ids;
        first(&self.turns).or_else(|| id.and_then(trimmed))
    }

    /// A name, or nothing but space if that is all that the line says.
    fn model(&self) -> Option<Cow<'a, str>> {
        let info = self.info.as_ref().map(|info| info.models).unwrap_or_default();
        let mut names = self.models.into_iter().chain(info).flatten().filter_map(name);
        let first = names.next()?;
        if is_blank(&first) {
            names.find(|name| !is_blank(name)).or(Some(first))
        } else {
            Some(first)
        }
    }
}

impl<'a> Fields<'a> for Payload<'a> {
    fn read(&mut self, key: &[u8], value: &mut Cursor<'a>) -> Result<(), Malformed> {
        let [id, session_id, session_id_camel] = &mut self.ids;
        let [forked, forked_camel, parent, parent_camel] = &mut self.parents;
        let [model, model_name] = &mut self.models;
        let [turn, turn_camel] = &mut self.turns;
        let field = match key {
            b"type" => &mut self.kind,
            b"timestamp" => &mut self.timestamp,
            b"turn_id" => turn,
            b"turnId" => turn_camel,
            b"id" => id,
            b"session_id" => session_id,
            b"sessionId" => session_id_camel,
            b"forked_from_id" => forked,
            b"forkedFromId" => forked_camel,
            b"parent_session_id" => parent,
            b"parentSessionId" => parent_camel,
            b"model" => model,
            b"model_name" => model_name,
            b"model_provider" => &mut self.model_provider,
            b"cwd" => &mut self.cwd,
            b"thread_source" => &mut self.thread_source,
            b"source" => &mut self.source,
            b"subagent_history_start_ordinal" => &mut self.first_ordinal,
            b"trigger_turn" => &mut self.trigger_turn,
            b"info" => {
                value.object(&mut self.info)?;
                return Ok(());
            }
            _ => return value.skip(),
        };
        *field = Some(value.raw()?);
        Ok(())
    }
}

#[derive(Default)]
struct Info<'a> {
    models: [Option<Raw<'a>>; 2],
    turns: [Option<Raw<'a>>; 3],
    last: Option<Usage<'a>>,
    total: Option<Usage<'a>>,
}

impl<'a> Fields<'a> for Info<'a> {
    fn read(&mut self, key: &[u8], value: &mut Cursor<'a>) -> Result<(), Malformed> {
        let [model, model_name] = &mut self.models;
        let [turn, turn_camel, id] = &mut self.turns;
        match key {
            b"turn_id" => *turn = Some(value.raw()?),
            b"turnId" => *turn_camel = Some(value.raw()?),
            b"id" => *id = Some(value.raw()?),
            b"model" => *model = Some(value.raw()?),
            b"model_name" => *model_name = Some(value.raw()?),
            b"last_token_usage" => value.object(&mut self.last)?,
            b"total_token_usage" => value.object(&mut self.total)?,
            _ => value.skip()?,
        }
        Ok(())
    }
}

#[derive(Default)]
struct Usage<'a> {
    input: Option<Raw<'a>>,
    output: Option<Raw<'a>>,
    cache_read: [Option<Raw<'a>>; 2],
    cache_write: [Option<Raw<'a>>; 2],
}

impl Usage<'_> {
    /// The counts; `None` if there are none.
    fn counts(&self) -> Option<Counts> {
        let first = |raws: &[Option<Raw<'_>>]| raws.iter().copied().flatten().find_map(tokens);
        let (input, output) = (first(&[self.input]), first(&[self.output]));
        let (cache_read, cache_write) = (first(&self.cache_read), first(&self.cache_write));
        let known = [input, output, cache_read, cache_write].iter().any(Option::is_some);
        let counts = Counts {
            input: input.unwrap_or(0),
            cache_read: cache_read.unwrap_or(0),
            cache_write: cache_write.unwrap_or(0),
            output: output.unwrap_or(0),
        };
        known.then(|| counts.consistent())
    }
}

impl<'a> Fields<'a> for Usage<'a> {
    fn read(&mut self, key: &[u8], value: &mut Cursor<'a>) -> Result<(), Malformed> {
        let [cached, cache_read] = &mut self.cache_read;
        let [cache_write, cache_creation] = &mut self.cache_write;
        let field = match key {
            b"input_tokens" => &mut self.input,
            b"output_tokens" => &mut self.output,
            b"cached_input_tokens" => cached,
            b"cache_read_input_tokens" => cache_read,
            b"cache_write_input_tokens" => cache_write,
            b"cache_creation_input_tokens" => cache_creation,
            _ => return value.skip(),
        };
        *field = Some(value.raw()?);
        Ok(())
    }
}

/// The fields of `source`.
#[derive(Default)]
struct Source {
    sub_agent: Option<SubAgent>,
}

impl<'a> Fields<'a> for Source {
    fn read(&mut self, key: &[u8], value: &mut Cursor<'a>) -> Result<(), Malformed> {
        if key != b"subagent" {
            return value.skip();
        }
        value.object(&mut self.sub_agent)?;
        Ok(())
    }
}

#[derive(Default)]
struct SubAgent {
    thread_spawn: bool,
}

impl<'a> Fields<'a> for SubAgent {
    fn read(&mut self, key: &[u8], value: &mut Cursor<'a>) -> Result<(), Malformed> {
        self.thread_spawn |= key == b"thread_spawn";
        value.skip()
    }
}
