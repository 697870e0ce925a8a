use crate::{
    Corpus, Counts, File, Recorded,
    draft::{Draft, Model, Used, iso},
};

/// At list prices, as Claude Code records no costs.
const MODELS: [Model; 2] = [
    Model::new("anthropic", "claude-opus-4-20250514", [15_000, 75_000, 18_750, 1_500]),
    Model::new("anthropic", "claude-sonnet-4-20250514", [3_000, 15_000, 3_750, 300]),
];

/// Each so many sessions one goes on with another, and begins with a copy of it.
const SESSIONS_PER_RESUMED: u32 = 20;

/// A session, and what each of its lines says of tokens.
struct Session {
    draft: Draft,
    lines: Vec<Option<Counts>>,
}

pub(super) fn session(corpus: &Corpus, nth: u32) -> File {
    let Session { mut draft, lines } = Session::new(corpus, nth);
    growing(&lines, &mut draft.recorded);
    draft.recorded.first_lines_lack = first_lines_lack(&lines);
    if nth % SESSIONS_PER_RESUMED == SESSIONS_PER_RESUMED - 1 {
        let earlier = Session::new(corpus, nth - 1);
        let copied = &earlier.lines[..earlier.lines.len().div_ceil(2)];
        draft.recorded.copied = growing(copied, &mut draft.recorded);
        let content: String =
            earlier.draft.content.split_inclusive('\n').take(copied.len()).collect();
        draft.content.insert_str(0, &content);
    }
    let directory = draft.project.replace('/', "-");
    let path = format!("projects/{directory}/{}.jsonl", draft.id).into();
    let Draft { content, truth, recorded, .. } = draft;
    File { path, content: content.into_bytes(), truth, recorded }
}

/// Adds the lines that another of the same answer follows. Returns what the others add up to.
fn growing(lines: &[Option<Counts>], recorded: &mut Recorded) -> Counts {
    let mut last = Counts::default();
    for (nth, line) in lines.iter().enumerate() {
        let Some(counts) = *line else { continue };
        match lines.get(nth + 1) {
            Some(Some(_)) => recorded.growing += counts,
            _ => last += counts,
        }
    }
    last
}

/// By how many output tokens the first lines of answers are below the last ones.
fn first_lines_lack(lines: &[Option<Counts>]) -> u64 {
    // Between two answers there is always a line of the user.
    let answers = lines.split(Option::is_none);
    let lacks = answers.filter_map(|lines| match (lines.first(), lines.last()) {
        (Some(Some(first)), Some(Some(last))) => Some(last.output - first.output),
        _ => None,
    });
    lacks.sum()
}

impl Session {
    fn new(corpus: &Corpus, nth: u32) -> Self {
        let mut session = Self { draft: Draft::new(corpus, nth, &MODELS), lines: Vec::new() };
        for _ in 0..session.draft.answers {
            if session.draft.is_over() {
                break;
            }
            exchange(&mut session);
        }
        session
    }
}

/// A prompt or a tool result, and the answer to it, which is recorded as it grows.
fn exchange(Session { draft, lines }: &mut Session) {
    draft.wait(1_000..60_000);
    let (_, text) = draft.request();
    line(
        draft,
        &format!("\"type\":\"user\",\"message\":{{\"role\":\"user\",\"content\":\"{text}\"}}"),
    );
    lines.push(None);
    draft.wait(800..9_000);
    let Used { input, output, cache_write, cache_read, .. } = draft.use_tokens();
    let (name, message, request) = (draft.model.name, draft.rng.u64(..), draft.rng.u64(..));
    let chunks = draft.rng.u64(1..4);
    for chunk in 1..=chunks {
        let (text, so_far) = (draft.answer_text(), output * chunk / chunks);
        line(
            draft,
            &format!(
                "\"type\":\"assistant\",\"requestId\":\"req_{request:016x}\",\"message\":{{\"model\":\"{name}\",\"id\":\"msg_{message:016x}\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[{{\"type\":\"text\",\"text\":\"{text}\"}}],\"usage\":{{\"input_tokens\":{input},\"cache_creation_input_tokens\":{cache_write},\"cache_read_input_tokens\":{cache_read},\"cache_creation\":{{\"ephemeral_5m_input_tokens\":{cache_write},\"ephemeral_1h_input_tokens\":0}},\"output_tokens\":{so_far},\"service_tier\":\"standard\"}}}}"
            ),
        );
        lines.push(Some(Counts { input, output: so_far, cache_write, cache_read }));
    }
}

fn line(draft: &mut Draft, fields: &str) {
    let (id, session, time) = (draft.rng.u64(..), &draft.id, iso(draft.millis));
    let cwd = &draft.project;
    let line = format!(
        "{{\"parentUuid\":null,\"isSidechain\":false,\"cwd\":\"{cwd}\",\"sessionId\":\"{session}\",{fields},\"uuid\":\"{id:016x}\",\"timestamp\":\"{time}\"}}\n"
    );
    draft.content.push_str(&line);
}
