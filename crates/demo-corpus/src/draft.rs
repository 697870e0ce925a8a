//! What all runtimes have in common: a session with prompts, answers, and numbers for them.

use fastrand::Rng;

use crate::{Corpus, Counts, Recorded, Truth};

/// A model: its provider and name, and nano-dollars per token of input, output, cache write and
/// cache read.
pub(super) struct Model {
    pub(super) provider: &'static str,
    pub(super) name: &'static str,
    prices: [u64; 4],
}

impl Model {
    pub(super) const fn new(provider: &'static str, name: &'static str, prices: [u64; 4]) -> Self {
        Self { provider, name, prices }
    }
}

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

/// A session in the making.
#[derive(Clone)]
pub(super) struct Draft {
    pub(super) rng: Rng,
    pub(super) id: String,
    /// The directory that the session is about.
    pub(super) project: String,
    pub(super) millis: i64,
    pub(super) model: &'static Model,
    pub(super) content: String,
    pub(super) truth: Truth,
    pub(super) recorded: Recorded,
    /// How many answers there are to be.
    pub(super) answers: u32,
    latest_millis: i64,
    context_tokens: u64,
}

/// Nobody works on more things at a time.
const PROJECTS: u32 = 7;

/// What an answer uses.
pub(super) struct Used {
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) cache_write: u64,
    pub(super) cache_read: u64,
    pub(super) cost_nanos: u64,
}

impl Used {
    pub(super) fn counts(&self) -> Counts {
        let &Self { input, output, cache_write, cache_read, .. } = self;
        Counts { input, output, cache_write, cache_read }
    }
}

impl Draft {
    pub(super) fn new(corpus: &Corpus, nth: u32, models: &'static [Model]) -> Self {
        let mut rng = Rng::with_seed(corpus.seed.wrapping_mul(1 << 32) + u64::from(nth));
        let span = i64::from(corpus.days) * DAY_MILLIS;
        // The first session is the latest, so that there is always something new.
        let age =
            if nth == 0 { HOUR_MILLIS } else { rng.i64(HOUR_MILLIS..span.max(2 * HOUR_MILLIS)) };
        let id = format!("{:08x}-{:04x}-4000-8000-{nth:012x}", rng.u32(..), rng.u16(..));
        let project = format!("/home/me/project-{}", nth % PROJECTS);
        let millis = corpus.latest_millis - age;
        let model = &models[rng.usize(..models.len())];
        let context_tokens = rng.u64(6_000..12_000);
        let answers = answers(&mut rng, corpus.answers_median);
        Self {
            rng,
            id,
            project,
            millis,
            model,
            content: String::new(),
            truth: Truth::default(),
            recorded: Recorded::default(),
            answers,
            latest_millis: corpus.latest_millis,
            context_tokens,
        }
    }

    /// Whether all that there is to be would come later than the corpus ends.
    pub(super) fn is_over(&self) -> bool {
        self.latest_millis < self.millis
    }

    /// Time goes by until the next line.
    pub(super) fn wait(&mut self, millis: std::ops::Range<i64>) {
        self.millis += self.rng.i64(millis);
    }

    /// The role and the text of what an answer is to.
    pub(super) fn request(&mut self) -> (&'static str, String) {
        let (role, words_max) = if self.rng.u8(..) < 80 {
            ("user", PROMPT_WORDS_MAX)
        } else if self.rng.u8(..) < 240 {
            ("toolResult", RESULT_WORDS_MAX)
        } else {
            ("toolResult", LISTING_WORDS_MAX)
        };
        (role, self.text(words_max))
    }

    pub(super) fn answer_text(&mut self) -> String {
        self.text(ANSWER_WORDS_MAX)
    }

    /// What an answer uses; it is part of the truth from here on.
    pub(super) fn use_tokens(&mut self) -> Used {
        let prices = self.model.prices;
        let cache_write = if prices[2] == 0 { 0 } else { self.rng.u64(200..4_000) };
        let counts =
            [self.rng.u64(3..1_000), self.rng.u64(20..1_500), cache_write, self.context_tokens];
        self.context_tokens += self.rng.u64(200..4_000);
        if CONTEXT_TOKENS_MAX < self.context_tokens {
            self.context_tokens = 8_000;
        }
        let cost_nanos = counts.iter().zip(prices).map(|(count, price)| count * price).sum();
        self.truth.events += 1;
        self.truth.tokens += counts.iter().sum::<u64>();
        self.truth.cost_nanos += cost_nanos;
        let [input, output, cache_write, cache_read] = counts;
        let used = Used { input, output, cache_write, cache_read, cost_nanos };
        self.recorded.own += used.counts();
        used
    }

    fn text(&mut self, words_max: usize) -> String {
        let words = self.rng.usize(1..words_max);
        (0..words).map(|_| WORDS[self.rng.usize(..WORDS.len())]).collect::<Vec<_>>().join(" ")
    }
}

/// Many short sessions and a few long ones.
fn answers(rng: &mut Rng, median: u32) -> u32 {
    let factor = (3.0 * (rng.f64() - 0.5)).exp2().powi(2).min(ANSWERS_MAX);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small positive number"
    )]
    let answers = (f64::from(median) * factor) as u32;
    answers.max(1)
}

pub(super) fn iso(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map(|time| format!("{time:.3}")).unwrap_or_default()
}
