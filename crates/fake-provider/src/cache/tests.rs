use std::time::Duration;

use proptest::prelude::*;

use super::{BlockCache, Prompt, StepCache, StepPrompt};
use crate::{
    lifetime::{
        Lifetimes,
        Tier::{self, FiveMinutes, OneHour},
    },
    usage::Usage,
};

const MINIMUM: u64 = 1_000;

const SECOND: Duration = Duration::from_secs(1);

/// A block of some text, with its tokens.
type Block = (&'static str, u64, Option<Tier>);

const SYSTEM: Block = ("system", 2_000, Some(FiveMinutes));
const QUESTION: Block = ("question", 10, None);

fn prompt(blocks: &[Block]) -> Prompt {
    let mut prompt = Prompt::new("account", "model");
    for (text, tokens, breakpoint) in blocks {
        prompt.push(text, *tokens, *breakpoint);
    }
    prompt
}

/// What a prompt reads, and what it writes for five minutes and for one hour.
type Counts = (u64, u64, u64);

fn counts(usage: Usage) -> Counts {
    (usage.read, usage.write_5m, usage.write_1h)
}

/// A request that is answered at once.
fn ask(cache: &mut BlockCache, prompt: &Prompt, started: Duration) -> Counts {
    let (usage, writes) = cache.begin(prompt, MINIMUM, &Lifetimes::DOCUMENTED, started);
    cache.commit(writes);
    assert_eq!(usage.prompt(), prompt.tokens());
    counts(usage)
}

/// Asks for one prompt, and right after that for another.
fn ask_in_turn(first: &[Block], second: &[Block]) -> (Counts, Counts) {
    let mut cache = BlockCache::default();
    (ask(&mut cache, &prompt(first), SECOND), ask(&mut cache, &prompt(second), SECOND))
}

#[test]
fn an_entry_is_gone_after_exactly_its_lifetime() {
    for (tier, lifetime) in [(FiveMinutes, 300 * SECOND), (OneHour, 3_600 * SECOND)] {
        let prompt = prompt(&[("system", 2_000, Some(tier))]);
        let almost = lifetime.saturating_sub(Duration::from_nanos(1));
        for (age, is_live) in [(almost, true), (lifetime, false), (2 * lifetime, false)] {
            let mut cache = BlockCache::default();
            ask(&mut cache, &prompt, SECOND);
            let (read, write_5m, write_1h) = ask(&mut cache, &prompt, SECOND + age);
            assert_eq!(read == 2_000, is_live, "{tier:?} after {age:?}");
            assert_eq!(read + write_5m + write_1h, 2_000);
        }
    }
}

#[test]
fn each_hit_starts_the_lifetime_anew() {
    let prompt = prompt(&[SYSTEM, QUESTION]);
    let mut cache = BlockCache::default();
    let asked = [0, 299, 598, 897, 1_197].map(|at| ask(&mut cache, &prompt, at * SECOND));
    let (hit, miss) = ((2_000, 0, 0), (0, 2_000, 0));
    assert_eq!(asked, [miss, hit, hit, hit, miss]);
}

#[test]
fn the_clock_starts_when_the_request_does_and_not_when_it_is_answered() {
    let prompt = prompt(&[SYSTEM]);
    let mut cache = BlockCache::default();
    let (_, writes) = cache.begin(&prompt, MINIMUM, &Lifetimes::DOCUMENTED, Duration::ZERO);
    // The answer takes until here; by then, time was running for 90 s.
    assert_eq!(ask(&mut cache, &prompt, 89 * SECOND), (0, 2_000, 0));
    cache.clear();
    cache.commit(writes);
    assert_eq!(ask(&mut cache, &prompt, 300 * SECOND), (0, 2_000, 0));
}

#[test]
fn what_is_written_can_be_read_only_once_the_answer_starts() {
    let prompt = prompt(&[SYSTEM]);
    let mut cache = BlockCache::default();
    let begin = |cache: &mut BlockCache| {
        cache.begin(&prompt, MINIMUM, &Lifetimes::DOCUMENTED, Duration::ZERO)
    };
    let (first, first_writes) = begin(&mut cache);
    let (second, failed) = begin(&mut cache);
    drop(failed);
    assert_eq!([counts(first), counts(second)], [(0, 2_000, 0); 2]);
    assert_eq!(counts(begin(&mut cache).0), (0, 2_000, 0));
    cache.commit(first_writes);
    assert_eq!(counts(begin(&mut cache).0), (2_000, 0, 0));
}

#[test]
fn a_request_that_is_answered_late_does_not_shorten_what_another_one_wrote() {
    let prompt = prompt(&[SYSTEM]);
    let mut cache = BlockCache::default();
    let (_, late) = cache.begin(&prompt, MINIMUM, &Lifetimes::DOCUMENTED, Duration::ZERO);
    ask(&mut cache, &prompt, 100 * SECOND);
    cache.commit(late);
    assert_eq!(ask(&mut cache, &prompt, 399 * SECOND), (2_000, 0, 0));
}

#[test]
fn a_prefix_is_read_as_far_as_it_is_the_same() {
    let answer = ("answer", 30, None);
    let next = ("next", 20, Some(FiveMinutes));
    let marked = |(text, tokens, _): Block| (text, tokens, Some(FiveMinutes));
    let table: [(&str, Vec<Block>, Counts); 7] = [
        ("the same", vec![SYSTEM, marked(QUESTION)], (2_010, 0, 0)),
        ("one turn later", vec![SYSTEM, QUESTION, answer, next], (2_010, 50, 0)),
        ("another question", vec![SYSTEM, ("other", 10, Some(FiveMinutes))], (2_000, 10, 0)),
        ("nothing after the system prompt is marked", vec![SYSTEM, QUESTION], (2_000, 0, 0)),
        ("another system prompt", vec![marked(("other", 2_000, None)), QUESTION], (0, 2_000, 0)),
        ("something before", vec![("tool", 5, None), SYSTEM, marked(QUESTION)], (0, 2_015, 0)),
        ("no breakpoint", vec![("system", 2_000, None), QUESTION], (0, 0, 0)),
    ];
    for (what, blocks, expected) in table {
        let (_, second) = ask_in_turn(&[SYSTEM, marked(QUESTION)], &blocks);
        assert_eq!(second, expected, "{what}");
    }
}

#[test]
fn accounts_models_and_settings_have_nothing_in_common() {
    let with = |account, model, setting| {
        let mut prompt = Prompt::new(account, model);
        prompt.depend_on(setting);
        prompt.push("system", 2_000, Some(FiveMinutes));
        prompt
    };
    for other in
        [with("b", "m", "s"), with("a", "n", "s"), with("a", "m", "t"), with("am", "", "s")]
    {
        let mut cache = BlockCache::default();
        ask(&mut cache, &with("a", "m", "s"), SECOND);
        assert_eq!(ask(&mut cache, &other, SECOND), (0, 2_000, 0));
        assert_eq!(ask(&mut cache, &with("a", "m", "s"), SECOND), (2_000, 0, 0));
    }
}

#[test]
fn twenty_blocks_are_looked_up_for_each_breakpoint() {
    let small: Block = ("small", 1, None);
    let after = |count: usize, marked: &[usize]| {
        let mut blocks = vec![("system", 2_000, None)];
        blocks.extend(vec![small; count]);
        for at in marked {
            blocks[*at].2 = Some(FiveMinutes);
        }
        blocks
    };
    // What is written first is the entry after the system prompt.
    let table = [
        (after(19, &[19]), (2_000, 19, 0)),
        (after(20, &[20]), (0, 2_020, 0)),
        (after(40, &[20, 40]), (0, 2_040, 0)),
        (after(40, &[19, 40]), (2_000, 40, 0)),
        (after(40, &[0, 40]), (2_000, 40, 0)),
    ];
    for (blocks, expected) in table {
        let (_, second) = ask_in_turn(&[("system", 2_000, Some(FiveMinutes))], &blocks);
        assert_eq!(second, expected, "{} blocks", blocks.len());
    }
}

#[test]
fn a_prefix_below_the_minimum_is_not_cached_and_nothing_says_so() {
    let of = |tokens| vec![("system", tokens, Some(FiveMinutes)), QUESTION];
    let table = [(999, [(0, 0, 0); 2]), (1_000, [(0, 1_000, 0), (1_000, 0, 0)])];
    for (tokens, expected) in table {
        assert_eq!(<[_; 2]>::from(ask_in_turn(&of(tokens), &of(tokens))), expected, "{tokens}");
    }
    // The first of two breakpoints is not met, the second is.
    let both: [Block; 2] = [("a", 600, Some(FiveMinutes)), ("b", 600, Some(FiveMinutes))];
    let first = [both[0], ("other", 600, Some(FiveMinutes))];
    assert_eq!(ask_in_turn(&both, &first), ((0, 1_200, 0), (0, 1_200, 0)));
}

#[test]
fn tokens_count_as_the_tier_of_the_breakpoint_that_they_come_before() {
    let tools = ("tools", 1_500, Some(OneHour));
    let blocks: [Block; 4] =
        [tools, ("system", 500, None), ("turn", 100, Some(FiveMinutes)), QUESTION];
    let (first, second) = ask_in_turn(&blocks, &blocks);
    assert_eq!((first, second), ((0, 600, 1_500), (2_100, 0, 0)));
    // After ten minutes, only the hour is still there.
    let mut cache = BlockCache::default();
    ask(&mut cache, &prompt(&blocks), Duration::ZERO);
    assert_eq!(ask(&mut cache, &prompt(&blocks), 600 * SECOND), (1_500, 600, 0));
}

#[test]
fn a_hit_refreshes_the_prefixes_of_what_it_reads_for_their_own_lifetimes() {
    let long = prompt(&[SYSTEM, ("turn", 100, Some(FiveMinutes))]);
    let short = prompt(&[SYSTEM]);
    let hourly = prompt(&[("system", 2_000, Some(OneHour))]);
    let mut cache = BlockCache::default();
    ask(&mut cache, &long, Duration::ZERO);
    assert_eq!(ask(&mut cache, &long, 200 * SECOND), (2_100, 0, 0));
    assert_eq!(ask(&mut cache, &short, 499 * SECOND), (2_000, 0, 0));
    assert_eq!(ask(&mut cache, &long, 500 * SECOND), (2_000, 100, 0));
    // An entry of five minutes stays one, whoever reads it.
    assert_eq!(ask(&mut cache, &hourly, 600 * SECOND), (2_000, 0, 0));
    assert_eq!(ask(&mut cache, &hourly, 900 * SECOND), (0, 0, 2_000));
}

#[test]
fn a_hit_does_not_bring_back_what_has_expired() {
    let short = prompt(&[SYSTEM]);
    let long = prompt(&[("system", 2_000, None), ("turn", 100, Some(OneHour))]);
    let mut cache = BlockCache::default();
    ask(&mut cache, &short, Duration::ZERO);
    cache.commit(written_to_an_empty_cache(&long));
    assert_eq!(ask(&mut cache, &long, 400 * SECOND), (2_100, 0, 0));
    assert_eq!(ask(&mut cache, &short, 401 * SECOND), (0, 2_000, 0));
}

/// What a prompt writes where nothing is cached.
fn written_to_an_empty_cache(prompt: &Prompt) -> super::Writes {
    let lifetimes = &Lifetimes::DOCUMENTED;
    BlockCache::default().begin(prompt, MINIMUM, lifetimes, Duration::ZERO).1
}

#[test]
fn what_was_evicted_is_written_again() {
    let prompt = prompt(&[SYSTEM]);
    let mut cache = BlockCache::default();
    ask(&mut cache, &prompt, SECOND);
    cache.clear();
    assert_eq!(ask(&mut cache, &prompt, SECOND), (0, 2_000, 0));
}

#[test]
fn expired_entries_do_not_pile_up() {
    let mut cache = BlockCache::default();
    for at in 0..20_000_u32 {
        let mut prompt = Prompt::new("account", "model");
        prompt.push(&at.to_string(), 2_000, Some(FiveMinutes));
        ask(&mut cache, &prompt, at * SECOND);
    }
    // 300 of them live at any time.
    assert!(cache.len() <= 2_048, "{}", cache.len());
}

/// `tokens` of text in which the tokens from `change` on are other ones.
fn text(tokens: usize, change: usize) -> StepPrompt {
    let mut prompt = StepPrompt::new("account", "gpt", "");
    let text: String = (0..tokens).map(|at| if at < change { "same" } else { "else" }).collect();
    prompt.push(&text);
    prompt
}

fn ask_text(cache: &mut StepCache, prompt: &StepPrompt, started: Duration) -> u64 {
    let (usage, writes) = cache.begin(prompt, 300 * SECOND, started);
    cache.commit(writes);
    assert_eq!((usage.prompt(), usage.write()), (prompt.tokens(), 0));
    usage.read
}

#[test]
fn text_is_cached_in_steps() {
    let same = usize::MAX;
    let table = [
        (1_023, same, 0),
        (1_024, same, 1_024),
        (1_151, same, 1_024),
        (1_152, same, 1_152),
        (5_000, same, 4_992),
        (5_000, 4_000, 3_968),
        (5_000, 1_024, 1_024),
        (5_000, 1_023, 0),
        (5_000, 0, 0),
    ];
    for (tokens, change, expected) in table {
        let mut cache = StepCache::default();
        assert_eq!(ask_text(&mut cache, &text(tokens, same), SECOND), 0);
        let read = ask_text(&mut cache, &text(tokens, change), SECOND);
        assert_eq!(read, expected, "{tokens} tokens, other ones from {change} on");
    }
}

#[test]
fn text_is_the_same_in_whatever_pieces_it_comes() {
    let mut pieces = StepPrompt::new("account", "gpt", "");
    for _ in 0..1_000 {
        pieces.push("samesam");
        pieces.push("e");
    }
    let mut cache = StepCache::default();
    ask_text(&mut cache, &text(2_000, usize::MAX), SECOND);
    assert_eq!(ask_text(&mut cache, &pieces, SECOND), 1_920);
}

#[test]
fn text_expires_after_exactly_its_lifetime_since_it_was_last_read() {
    let mut cache = StepCache::default();
    let mut ask = |at| ask_text(&mut cache, &text(1_024, usize::MAX), at * SECOND);
    assert_eq!([0, 299, 598, 898].map(&mut ask), [0, 1_024, 1_024, 0]);
}

#[test]
fn text_of_another_account_model_or_cache_key_is_not_read() {
    let with = |account, model, key| {
        let mut prompt = StepPrompt::new(account, model, key);
        prompt.push(&"same".repeat(2_000));
        prompt
    };
    let mut cache = StepCache::default();
    ask_text(&mut cache, &with("a", "m", "k"), SECOND);
    for other in [with("b", "m", "k"), with("a", "n", "k"), with("a", "m", ""), with("am", "", "k")]
    {
        assert_eq!(ask_text(&mut cache, &other, SECOND), 0);
    }
    assert_eq!(ask_text(&mut cache, &with("a", "m", "k"), SECOND), 1_920);
}

/// What is known of an entry by somebody who keeps whole prefixes and looks at all of them.
#[derive(Clone, Debug)]
struct Known {
    prefix: Vec<u8>,
    lifetime: u64,
    expires: u64,
}

/// A block is a number, and has a hundred tokens for each up to it.
fn block_tokens(block: u8) -> u64 {
    100 * (u64::from(block) + 1)
}

/// Blocks, at which of them there are breakpoints and whether of one hour, and how many seconds it
/// comes after the last one.
type AnyRequest = (Vec<u8>, Vec<(prop::sample::Index, bool)>, u64);

fn requests() -> impl Strategy<Value = Vec<AnyRequest>> {
    // Mostly one of few blocks, so that prefixes are shared.
    let blocks = prop::collection::vec(prop_oneof![9 => Just(0_u8), 1 => 1_u8..3], 1..45);
    let breakpoints = prop::collection::vec(any::<(prop::sample::Index, bool)>(), 0..4);
    let pause = prop_oneof![0_u64..400, Just(300_u64), Just(3_600)];
    prop::collection::vec((blocks, breakpoints, pause), 1..30)
}

proptest! {
    #[test]
    fn the_cache_is_what_whole_prefixes_say(requests in requests()) {
        let mut cache = BlockCache::default();
        let mut known: Vec<Known> = Vec::new();
        let mut now = 0;
        for (blocks, marks, pause) in requests {
            now += pause;
            let mut tiers = vec![None; blocks.len()];
            for (at, is_hour) in marks {
                *at.get_mut(&mut tiers) = Some(if is_hour { OneHour } else { FiveMinutes });
            }
            let mut prompt = Prompt::new("account", "model");
            for (block, tier) in blocks.iter().zip(&tiers) {
                prompt.push(&block.to_string(), block_tokens(*block), *tier);
            }
            let started = Duration::from_secs(now);
            let (usage, writes) = cache.begin(&prompt, MINIMUM, &Lifetimes::DOCUMENTED, started);
            cache.commit(writes);

            let tokens = |end: usize| blocks[..end].iter().copied().map(block_tokens).sum::<u64>();
            prop_assert_eq!(usage.prompt(), tokens(blocks.len()));
            let is_near_mark = |end: usize| {
                (end..(end + 20).min(blocks.len() + 1)).any(|mark| tiers[mark - 1].is_some())
            };
            let live = |end: usize| {
                known.iter().any(|known| known.prefix == blocks[..end] && now < known.expires)
            };
            let hit = (1..=blocks.len()).rev().find(|end| is_near_mark(*end) && live(*end));
            let hit = hit.unwrap_or(0);
            prop_assert_eq!(usage.read, tokens(hit));
            let in_common = known.iter().map(|known| {
                known.prefix.iter().zip(&blocks).take_while(|(a, b)| a == b).count()
            });
            prop_assert!(usage.read <= tokens(in_common.max().unwrap_or(0)));

            for known in &mut known {
                if now < known.expires && blocks[..hit].starts_with(&known.prefix) {
                    known.expires = now + known.lifetime;
                }
            }
            let marks: Vec<_> = (hit + 1..=blocks.len())
                .filter(|end| MINIMUM <= tokens(*end))
                .filter_map(|end| tiers[end - 1].map(|tier| (end, tier)))
                .collect();
            let last = marks.last().map_or(hit, |(end, _)| *end);
            let hours = marks.iter().filter(|(_, tier)| *tier == OneHour);
            let last_hour = hours.map(|(end, _)| *end).next_back().unwrap_or(hit);
            prop_assert_eq!(usage.write_1h, tokens(last_hour) - tokens(hit));
            prop_assert_eq!(usage.write_5m, tokens(last) - tokens(last_hour));
            for (end, tier) in marks {
                let lifetime = if tier == OneHour { 3_600 } else { 300 };
                known.retain(|known| known.prefix != blocks[..end] || now < known.expires);
                if !known.iter().any(|known| known.prefix == blocks[..end]) {
                    let prefix = blocks[..end].to_vec();
                    known.push(Known { prefix, lifetime, expires: now + lifetime });
                } else if let Some(known) =
                    known.iter_mut().find(|known| known.prefix == blocks[..end])
                    && known.expires < now + lifetime
                {
                    *known = Known { lifetime, expires: now + lifetime, ..known.clone() };
                }
            }
        }
    }

    #[test]
    fn text_is_read_up_to_the_last_step_that_is_the_same(
        texts in prop::collection::vec((0_usize..3_000, 0_usize..3_000), 1..6),
    ) {
        let mut cache = StepCache::default();
        let mut before: Vec<(usize, usize)> = Vec::new();
        for (tokens, change) in texts {
            let read = ask_text(&mut cache, &text(tokens, change), SECOND);
            let in_common = before.iter().map(|(other, other_change)| {
                let end = tokens.min(*other);
                if change.min(end) == (*other_change).min(end) {
                    end
                } else {
                    change.min(*other_change)
                }
            });
            let in_common = in_common.max().unwrap_or(0);
            let expected =
                if in_common < 1_024 { 0 } else { 1_024 + (in_common - 1_024) / 128 * 128 };
            prop_assert_eq!(read, u64::try_from(expected).unwrap());
            before.push((tokens, change));
        }
    }
}
