use std::path::PathBuf;

use crate::{Corpus, File, Truth};

/// Provider, model, and nano-dollars per token: input, output, cache write, cache read.
const MODELS: [(&str, &str, [u64; 4]); 3] = [
    ("openai", "gpt-5.5", [5_000, 30_000, 0, 500]),
    ("openai", "gpt-5.2", [1_750, 14_000, 0, 175]),
    ("anthropic", "claude-opus-4-20250514", [15_000, 75_000, 18_750, 1_500]),
];

const WORDS: [&str; 16] = [
    "the",
    "function",
    "return",
    "cache",
    "session",
    "->",
    "\\n    ",
    "let",
    "error",
    "path",
    "tokens",
    "\\\"usage\\\":",
    "and",
    "naïve",
    "0x7ffe",
    "file",
];

const DAY_MILLIS: i64 = 86_400_000;
const HOUR_MILLIS: i64 = 3_600_000;

/// The longest session, in medians.
const ANSWERS_MAX: f64 = 20.0;

/// Texts have some words of about six bytes, up to these numbers: a prompt, an answer, what a
/// tool prints, and what it prints of a large file.
const PROMPT_WORDS_MAX: usize = 200;
const ANSWER_WORDS_MAX: usize = 300;
const RESULT_WORDS_MAX: usize = 900;
const LISTING_WORDS_MAX: usize = 8_000;

/// From here on a runtime compacts its context.
const CONTEXT_TOKENS_MAX: u64 = 150_000;

pub(super) fn session(corpus: &Corpus, nth: u32) -> File {
    let mut session = Session::new(corpus, nth);
    let answers = session.answers(corpus.answers_median);
    for _ in 0..answers {
        if corpus.latest_millis < session.millis {
            break;
        }
        session.exchange();
    }
    let path = PathBuf::from(format!("agents/main/sessions/{}.jsonl", session.id));
    File { path, content: session.content.into_bytes(), truth: session.truth }
}

struct Session {
    rng: fastrand::Rng,
    id: String,
    millis: i64,
    model: usize,
    context_tokens: u64,
    content: String,
    truth: Truth,
}

impl Session {
    fn new(corpus: &Corpus, nth: u32) -> Self {
        let mut rng = fastrand::Rng::with_seed(corpus.seed.wrapping_mul(1 << 32) + u64::from(nth));
        let span = i64::from(corpus.days) * DAY_MILLIS;
        // The first session is the latest, so that there is always something new.
        let age =
            if nth == 0 { HOUR_MILLIS } else { rng.i64(HOUR_MILLIS..span.max(2 * HOUR_MILLIS)) };
        let id = format!("{:08x}-{:04x}-4000-8000-{nth:012x}", rng.u32(..), rng.u16(..));
        let millis = corpus.latest_millis - age;
        let content = format!(
            "{{\"type\":\"session\",\"version\":3,\"id\":\"{id}\",\"timestamp\":\"{}\"}}\n",
            iso(millis)
        );
        let model = rng.usize(..MODELS.len());
        let context_tokens = rng.u64(6_000..12_000);
        Self { rng, id, millis, model, context_tokens, content, truth: Truth::default() }
    }

    /// Many short sessions and a few long ones.
    fn answers(&mut self, median: u32) -> u32 {
        let factor = (3.0 * (self.rng.f64() - 0.5)).exp2().powi(2).min(ANSWERS_MAX);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small positive number"
        )]
        let answers = (f64::from(median) * factor) as u32;
        answers.max(1)
    }

    /// A prompt or a tool result, and the answer to it.
    fn exchange(&mut self) {
        self.millis += self.rng.i64(1_000..60_000);
        let (role, words_max) = if self.rng.u8(..) < 80 {
            ("user", PROMPT_WORDS_MAX)
        } else if self.rng.u8(..) < 240 {
            ("toolResult", RESULT_WORDS_MAX)
        } else {
            ("toolResult", LISTING_WORDS_MAX)
        };
        let (text, time) = (self.text(words_max), iso(self.millis));
        self.line(&format!(
            "\"timestamp\":\"{time}\",\"message\":{{\"role\":\"{role}\",\"content\":[{{\"type\":\"text\",\"text\":\"{text}\"}}]}}"
        ));
        self.millis += self.rng.i64(800..9_000);
        self.answer();
    }

    fn answer(&mut self) {
        let Some((provider, model, prices)) = MODELS.get(self.model) else { return };
        let written = if prices[2] == 0 { 0 } else { self.rng.u64(200..4_000) };
        let counts =
            [self.rng.u64(3..1_000), self.rng.u64(20..1_500), written, self.context_tokens];
        self.context_tokens += self.rng.u64(200..4_000);
        if CONTEXT_TOKENS_MAX < self.context_tokens {
            self.context_tokens = 8_000;
        }
        let tokens: u64 = counts.iter().sum();
        let nanos: u64 = counts.iter().zip(prices).map(|(count, price)| count * price).sum();
        self.truth.events += 1;
        self.truth.tokens += tokens;
        self.truth.cost_nanos += nanos;
        let [input, output, cache_write, cache_read] = counts;
        let (text, time, millis) = (self.text(ANSWER_WORDS_MAX), iso(self.millis), self.millis);
        let cost = format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000);
        self.line(&format!(
            "\"timestamp\":\"{time}\",\"message\":{{\"role\":\"assistant\",\"content\":[{{\"type\":\"text\",\"text\":\"{text}\"}}],\"provider\":\"{provider}\",\"model\":\"{model}\",\"usage\":{{\"input\":{input},\"output\":{output},\"cacheRead\":{cache_read},\"cacheWrite\":{cache_write},\"totalTokens\":{tokens},\"cost\":{{\"total\":{cost}}}}},\"stopReason\":\"stop\",\"timestamp\":{millis}}}"
        ));
    }

    fn line(&mut self, fields: &str) {
        let id = self.rng.u32(..);
        self.content.push_str(&format!("{{\"type\":\"message\",\"id\":\"{id:08x}\",{fields}}}\n"));
    }

    fn text(&mut self, words_max: usize) -> String {
        let words = self.rng.usize(1..words_max);
        (0..words).map(|_| WORDS[self.rng.usize(..WORDS.len())]).collect::<Vec<_>>().join(" ")
    }
}

fn iso(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map(|time| format!("{time:.3}")).unwrap_or_default()
}
