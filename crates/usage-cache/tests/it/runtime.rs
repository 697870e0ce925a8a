//! Made-up lines of each runtime, for properties.

use std::path::{Path, PathBuf};

use proptest::{prelude::*, sample::select};
use usage_cache::{Claude, Codex, Place};

use crate::world::{LINE_BYTES_MAX, SESSIONS, World, answer_at, session};

/// Whose transcripts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Runtime {
    OpenClaw,
    Claude,
    Codex,
}

const PROJECT: &str = "/h/.claude/projects/p";
const OTHER_PROJECT: &str = "/h/.claude/projects/q/s/subagents";
const ROLLOUTS: &str = "/h/.codex/sessions/2026/02/05";
const ARCHIVED: &str = "/h/.codex/archived_sessions";
/// Where a database of OpenClaw would be. Nobody reads it here.
pub(crate) const DATABASE: &str = "/h/.openclaw/agents/main/agent/openclaw-agent.sqlite";

impl Runtime {
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        select(vec![Self::OpenClaw, Self::Claude, Self::Codex])
    }

    /// Where the transcripts are, and where they can be moved to.
    pub(crate) fn dir(self) -> &'static str {
        match self {
            Self::OpenClaw => SESSIONS,
            Self::Claude => PROJECT,
            Self::Codex => ROLLOUTS,
        }
    }

    pub(crate) fn path(self, file: usize) -> PathBuf {
        PathBuf::from(self.dir()).join(format!("s{file}.jsonl"))
    }

    pub(crate) fn archive(self, file: usize) -> PathBuf {
        match self {
            Self::OpenClaw => PathBuf::from(SESSIONS)
                .join(format!("s{file}.jsonl.reset.2026-09-01T00-00-00.000Z")),
            Self::Claude => PathBuf::from(OTHER_PROJECT).join(format!("s{file}.jsonl")),
            Self::Codex => PathBuf::from(ARCHIVED).join(format!("s{file}.jsonl")),
        }
    }

    /// The content of a transcript, cut anywhere.
    pub(crate) fn content(self) -> impl Strategy<Value = Vec<u8>> {
        let line = match self {
            Self::OpenClaw => openclaw_line().boxed(),
            Self::Claude => claude_line().boxed(),
            Self::Codex => codex_line().boxed(),
        };
        let line = prop_oneof![9 => line.prop_map(String::into_bytes), 2 => odd_line()];
        let text = prop::collection::vec(line, 0..6).prop_map(|lines| lines.concat());
        (text, any::<prop::sample::Index>(), 0..4).prop_map(|(mut text, cut, whole)| {
            if whole == 0 {
                text.truncate(cut.index(text.len() + 1));
            }
            text
        })
    }
}

/// A world with the transcripts of all runtimes.
pub(crate) fn world() -> World {
    let mut world = World::new();
    let database_dir = Path::new(DATABASE).parent().unwrap();
    world.sim.fs.make_dir(database_dir);
    for dir in [PROJECT, OTHER_PROJECT, ROLLOUTS, ARCHIVED] {
        world.sim.fs.make_dir(dir);
    }
    let places = &mut world.options.locations.places;
    places.extend([Place::new(&Claude, "/h/.claude"), Place::new(&Codex, "/h/.codex")]);
    world
}

fn odd_line() -> impl Strategy<Value = Vec<u8>> {
    let too_long = LINE_BYTES_MAX - 2..LINE_BYTES_MAX + 3;
    prop_oneof![
        Just(b"\n".to_vec()),
        Just(b"{\"usage\": not json, \"assistant\", \"token_count\"}\n".to_vec()),
        Just(b"\r\n\0\0\0\n".to_vec()),
        too_long.prop_map(|len| [vec![b'x'; len], b"\n".to_vec()].concat()),
    ]
}

fn time() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => (0_u32..28, 0_u32..24).prop_map(|(day, hour)| {
            format!("2026-02-{:02}T{hour:02}:14:59Z", day + 1)
        }),
        1 => Just("never".to_owned()),
    ]
}

/// Answers of which some have the same name, which means nothing in files.
fn openclaw_line() -> impl Strategy<Value = String> {
    let id = prop::option::weighted(0.5, 0..4);
    let answer = (time(), 1_u64..1_000, id).prop_map(|(time, tokens, id)| {
        let id = id.map_or_else(|| "{".to_owned(), |id| format!("{{\"id\":\"{id}\","));
        answer_at(&time, tokens).replacen('{', &id, 1)
    });
    prop_oneof![
        7 => answer,
        1 => "[a-z]{0,20}".prop_map(|id| session(&id)),
    ]
}

/// Answers of which some are the same, more or less complete, in this transcript or others.
fn claude_line() -> impl Strategy<Value = String> {
    let id = |kind: &'static str, ids| {
        prop::option::weighted(0.9, 0..ids).prop_map(move |id| {
            id.map_or_else(|| "null".to_owned(), |id| format!("\"{kind}{id}\""))
        })
    };
    let model = select(vec!["claude-opus-4-7", "claude-haiku-4-5", "unheard-of"]);
    let ids = (id("m", 6), id("r", 2), id("s", 2));
    (time(), ids, model, 0_u64..50, 0_u64..200).prop_map(
        |(time, (message, request, session), model, input, output)| {
            format!(
                "{{\"type\":\"assistant\",\"timestamp\":\"{time}\",\"sessionId\":{session},\
                 \"requestId\":{request},\"message\":{{\"id\":{message},\"model\":\"{model}\",\
                 \"usage\":{{\"input_tokens\":{input},\"output_tokens\":{output}}}}}}}\n"
            )
        },
    )
}

/// Sessions that fork from each other, and counters that repeat, fall and jump.
fn codex_line() -> impl Strategy<Value = String> {
    let meta = (time(), 0..4, prop::option::weighted(0.5, 0..4), any::<bool>()).prop_map(
        |(time, id, parent, is_agent)| {
            let parent =
                parent.map_or_else(String::new, |id| format!(",\"forked_from_id\":\"{id}\""));
            let agent = if is_agent { ",\"thread_source\":\"subagent\"" } else { "" };
            format!(
                "{{\"timestamp\":\"{time}\",\"type\":\"session_meta\",\"payload\":{{\"id\":\"{id}\",\
                 \"timestamp\":\"{time}\"{parent}{agent}}}}}\n"
            )
        },
    );
    let context =
        (time(), select(vec!["gpt-5", "gpt-5.2-codex", " "])).prop_map(|(time, model)| {
            format!(
                "{{\"timestamp\":\"{time}\",\"type\":\"turn_context\",\
             \"payload\":{{\"model\":\"{model}\"}}}}\n"
            )
        });
    let marker = Just(
        "{\"type\":\"inter_agent_communication_metadata\",\"payload\":{\"trigger_turn\":true}}\n"
            .to_owned(),
    );
    let usage = || {
        let usage = (0_u64..9, 0_u64..4, 0_u64..5).prop_map(|(input, cached, output)| {
            format!(
                "{{\"input_tokens\":{},\"cached_input_tokens\":{},\"output_tokens\":{}}}",
                input * 100,
                cached * 50,
                output * 10
            )
        });
        prop_oneof![8 => usage, 1 => Just("null".to_owned())]
    };
    let tokens = (time(), usage(), usage()).prop_map(|(time, total, last)| {
        format!(
            "{{\"timestamp\":\"{time}\",\"type\":\"event_msg\",\"payload\":{{\
             \"type\":\"token_count\",\"info\":{{\"total_token_usage\":{total},\
             \"last_token_usage\":{last}}}}}}}\n"
        )
    });
    prop_oneof![2 => meta, 1 => context, 1 => marker, 6 => tokens]
}
