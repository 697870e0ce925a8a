use proptest::prelude::*;

use super::*;

const LIFETIME: Duration = Duration::from_mins(30);

/// Of what a prompt is made in these tests.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A block of so many tokens.
    Block(&'static str, u64),
    /// A breakpoint of the client.
    Mark,
    /// The end of a message.
    End,
    /// The end of the developer's first messages.
    Developer,
}

use Step::{Block, Developer, End, Mark};

fn prompt(mode: PointMode, steps: &[Step]) -> PointPrompt {
    let mut prompt = PointPrompt::new("account", "gpt-5.6", "", mode);
    for step in steps {
        match step {
            Block(text, tokens) => prompt.push(text, *tokens),
            Mark => prompt.mark(),
            End => prompt.end_message(),
            Developer => prompt.end_developer(),
        }
    }
    prompt
}

/// What is read, written, and neither.
type Counts = (u64, u64, u64);

fn ask(cache: &mut PointCache, prompt: &PointPrompt, started: Duration) -> Counts {
    let (usage, writes) = cache.begin(prompt, LIFETIME, started);
    cache.commit(writes);
    assert_eq!(usage.prompt(), prompt.tokens());
    (usage.read, usage.write_30m, usage.uncached)
}

/// Asks for one prompt after the other, at the same time.
fn ask_all(mode: PointMode, prompts: &[&[Step]]) -> Vec<Counts> {
    let mut cache = PointCache::default();
    prompts.iter().map(|steps| ask(&mut cache, &prompt(mode, steps), Duration::ZERO)).collect()
}

const INSTRUCTIONS: [Step; 3] = [Block("tools", 2_000), Block("developer", 8_000), Developer];

fn after(start: &[Step], more: &[Step]) -> Vec<Step> {
    [start, more].concat()
}

#[test]
fn the_example_of_the_guide_counts_as_it_says() {
    let first = after(&INSTRUCTIONS, &[Block("user", 2_000), End]);
    let second = after(&first, &[Block("more", 3_000), End]);
    let found = ask_all(PointMode::Implicit, &[&first, &second]);
    assert_eq!(found, [(0, 12_000, 0), (12_000, 3_000, 0)]);
}

#[test]
fn an_entry_is_gone_after_exactly_its_lifetime_since_its_last_use() {
    let prompt = prompt(PointMode::Implicit, &INSTRUCTIONS);
    let mut cache = PointCache::default();
    let almost = LIFETIME.saturating_sub(Duration::from_nanos(1));
    let asked = [Duration::ZERO, almost, 2 * almost, 2 * almost + LIFETIME]
        .map(|at| ask(&mut cache, &prompt, at).0);
    assert_eq!(asked, [0, 10_000, 10_000, 0]);
}

#[test]
fn nothing_is_readable_before_the_answer_starts() {
    let prompt = prompt(PointMode::Implicit, &INSTRUCTIONS);
    let mut cache = PointCache::default();
    let (_, failed) = cache.begin(&prompt, LIFETIME, Duration::ZERO);
    drop(failed);
    let (_, writes) = cache.begin(&prompt, LIFETIME, Duration::ZERO);
    assert_eq!(ask(&mut cache, &prompt, Duration::ZERO).0, 0);
    cache.clear();
    cache.commit(writes);
    assert_eq!(ask(&mut cache, &prompt, Duration::ZERO).0, 10_000);
}

#[test]
fn a_prefix_is_read_to_a_breakpoint_or_not_at_all() {
    let first = after(&INSTRUCTIONS, &[Block("user", 2_000), End]);
    let shorter = after(&INSTRUCTIONS, &[Block("other", 10), End]);
    let instead = [Block("tools", 2_000), Block("developer", 8_000), Block("user", 2_000), End];
    let table: [(&[Step], Counts); 3] = [
        // The first one wrote no prefix that ends with the instructions.
        (&shorter, (0, 10_010, 0)),
        // The same blocks, and the end of the message again.
        (&instead, (12_000, 0, 0)),
        (&after(&first, &[Block("answer", 5)]), (12_000, 0, 5)),
    ];
    for (second, expected) in table {
        assert_eq!(ask_all(PointMode::Implicit, &[&first, second])[1], expected, "{second:?}");
    }
}

#[test]
fn a_prefix_below_the_minimum_is_not_cached() {
    let of = |tokens| [Block("user", tokens), End];
    for (tokens, expected) in [(1_023, [(0, 0, 1_023); 2]), (1_024, [(0, 1_024, 0), (1_024, 0, 0)])]
    {
        assert_eq!(ask_all(PointMode::Implicit, &[&of(tokens), &of(tokens)]), expected);
    }
}

#[test]
fn in_explicit_mode_only_breakpoints_of_the_client_count() {
    let none = after(&INSTRUCTIONS, &[Block("user", 10), End]);
    assert_eq!(ask_all(PointMode::Explicit, &[&none, &none]), [(0, 0, 10_010); 2]);
    let marked = after(&INSTRUCTIONS, &[Mark, Block("user", 10), End]);
    let other = after(&INSTRUCTIONS, &[Mark, Block("other", 20), End]);
    let found = ask_all(PointMode::Explicit, &[&marked, &other]);
    assert_eq!(found, [(0, 10_000, 10), (10_000, 0, 20)]);
}

/// The instructions, and then so many small blocks, each with what comes after it.
fn with_blocks(count: usize, each: Step) -> Vec<Step> {
    let blocks = (0..count).flat_map(|_| [Block("small", 1), each]);
    INSTRUCTIONS.into_iter().chain(blocks).collect()
}

#[test]
fn four_prefixes_are_written_at_most() {
    let five = with_blocks(5, Mark);
    let end = after(&five, &[Block("user", 1), End]);
    for (mode, prompt, oldest) in [(PointMode::Explicit, &five, 2), (PointMode::Implicit, &end, 3)]
    {
        let read = |blocks: usize| ask_all(mode, &[prompt, &with_blocks(blocks, Mark)])[1].0;
        let (oldest_tokens, before) = (10_000 + u64::try_from(oldest).unwrap(), oldest - 1);
        assert_eq!((read(oldest), read(before)), (oldest_tokens, 0), "{mode:?}");
    }
}

#[test]
fn some_of_the_breakpoints_are_looked_up() {
    let instructions = after(&INSTRUCTIONS, &[Mark]);
    // The first two, and the latest fifty.
    let marks = |count| after(&instructions, &with_blocks(count, Mark)[3..]);
    for (written, count, read) in [(0, 60, 10_000), (1, 60, 10_001), (2, 51, 10_002), (2, 52, 0)] {
        // What was written last is the only one that is of use.
        let mut cache = PointCache::default();
        let mut only = marks(written);
        only.retain(|step| !matches!(step, Mark));
        only.push(Mark);
        ask(&mut cache, &prompt(PointMode::Explicit, &only), Duration::ZERO);
        let found = ask(&mut cache, &prompt(PointMode::Explicit, &marks(count)), Duration::ZERO);
        assert_eq!(found.0, read, "{written} of {count}");
    }
    // Twenty ends of messages before the last one, and that of the instructions.
    for (written, count, read) in [(1, 21, 10_001), (1, 22, 0), (0, 22, 10_000)] {
        let first = with_blocks(written, End);
        let found = ask_all(PointMode::Implicit, &[&first, &with_blocks(count, End)])[1];
        assert_eq!(found.0, read, "{written} of {count}");
    }
}

#[test]
fn accounts_models_keys_and_settings_have_nothing_in_common() {
    let with = |account, model, key, setting| {
        let mut prompt = PointPrompt::new(account, model, key, PointMode::Implicit);
        prompt.depend_on(setting);
        prompt.push("developer", 2_000);
        prompt.end_developer();
        prompt
    };
    let mut cache = PointCache::default();
    ask(&mut cache, &with("a", "m", "k", "s"), Duration::ZERO);
    for other in [
        with("b", "m", "k", "s"),
        with("a", "n", "k", "s"),
        with("a", "m", "", "s"),
        with("a", "m", "k", ""),
        with("am", "", "k", "s"),
    ] {
        assert_eq!(ask(&mut cache, &other, Duration::ZERO).0, 0);
    }
    assert_eq!(ask(&mut cache, &with("a", "m", "k", "s"), Duration::ZERO).0, 2_000);
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Block("same", 300)),
        1 => Just(Block("else", 200)),
        1 => Just(Mark),
        2 => Just(End),
    ]
}

proptest! {
    #[test]
    fn what_is_read_is_a_prefix_that_was_written(
        prompts in prop::collection::vec(prop::collection::vec(any_step(), 1..60), 1..12),
        is_implicit in any::<bool>(),
    ) {
        let mode = if is_implicit { PointMode::Implicit } else { PointMode::Explicit };
        let mut cache = PointCache::default();
        // Of each prompt so far, the texts of the prefix that was written at most.
        let mut before: Vec<Vec<(&str, u64)>> = Vec::new();
        for steps in prompts {
            let blocks: Vec<_> = steps
                .iter()
                .filter_map(|step| match step {
                    Block(text, tokens) => Some((*text, *tokens)),
                    _ => None,
                })
                .collect();
            let (read, written, uncached) =
                ask(&mut cache, &prompt(mode, &steps), Duration::ZERO);
            let total: u64 = blocks.iter().map(|(_, tokens)| tokens).sum();
            prop_assert_eq!(read + written + uncached, total);
            prop_assert!(read == 0 || MINIMUM_TOKENS <= read);
            let tokens = |end: usize| blocks[..end].iter().map(|(_, tokens)| tokens).sum::<u64>();
            let in_common = before.iter().map(|other| {
                let same = other.iter().zip(&blocks).take_while(|(a, b)| a == b).count();
                tokens(same)
            });
            prop_assert!(read <= in_common.max().unwrap_or(0));
            let end = (0..=blocks.len()).find(|end| tokens(*end) == read + written);
            before.push(blocks[..end.unwrap_or(0)].to_vec());
        }
    }
}
