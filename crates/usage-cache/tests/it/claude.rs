//! Answers of Claude Code that are recorded more than once, and what they add up to.

use usage_cache::{Claude, Place, TokenCounts};

use crate::world::{World, all, present};

const PROJECT: &str = "/h/.claude/projects/p";

fn world() -> World {
    let mut world = World::new();
    world.sim.fs.make_dir(PROJECT);
    world.options.locations.places.push(Place::new(&Claude, "/h/.claude"));
    world
}

/// An answer with its message and request, and its tokens: input, cache write and read, output.
fn answer(id: &str, tokens: [u64; 4]) -> String {
    let ids = format!("\"id\":\"msg_{id}\"");
    line(&format!(",\"requestId\":\"req_{id}\""), &ids, tokens)
}

fn line(fields: &str, message: &str, [input, write, read, output]: [u64; 4]) -> String {
    format!(
        "{{\"type\":\"assistant\",\"timestamp\":\"2026-05-10T12:00:00.123Z\",\"sessionId\":\"s\"\
         {fields},\"message\":{{\"model\":\"claude-opus-4-7\",{message},\"usage\":{{\
         \"input_tokens\":{input},\"cache_creation_input_tokens\":{write},\
         \"cache_read_input_tokens\":{read},\"output_tokens\":{output}}}}}}}\n"
    )
}

fn put(world: &World, name: &str, content: &str) {
    world.sim.fs.put(format!("{PROJECT}/{name}"), content.as_bytes());
}

fn append(world: &World, name: &str, content: &str) {
    world.sim.fs.append(format!("{PROJECT}/{name}"), content.as_bytes());
}

fn counts(world: &World) -> [u64; 5] {
    world.wait();
    let usage = world.refreshed().usage;
    let TokenCounts { input, output, cache_creation, cache_read, total } =
        all(&usage).totals.tokens;
    assert_eq!(all(&world.cold()).totals, present(&usage).totals);
    [input, cache_creation, cache_read, output, total]
}

#[test]
fn of_the_chunks_of_an_answer_the_last_counts() {
    let world = world();
    let chunk = |output| answer("1", [120, 10, 5, output]);
    put(&world, "a.jsonl", &(chunk(12) + &chunk(48)));
    assert_eq!(counts(&world), [120, 10, 5, 48, 183]);
    append(&world, "a.jsonl", &chunk(90));
    assert_eq!(counts(&world), [120, 10, 5, 90, 225]);
    assert_eq!(all(&world.open()).totals.events, 1);
}

#[test]
fn answers_without_an_identity_all_count() {
    let world = world();
    let nameless = |output| line("", "\"id\":\"\"", [0, 0, 0, output]);
    put(&world, "a.jsonl", &(nameless(11) + &nameless(13)));
    put(&world, "b.jsonl", &nameless(1));
    assert_eq!(counts(&world), [0, 0, 0, 25, 25]);
}

#[test]
fn what_sub_agents_and_forks_repeat_counts_once_whoever_goes() {
    let parent = answer("1", [100, 20, 5, 30]);
    let unique = answer("2", [70, 5, 5, 20]);
    let order = ["a.jsonl", "s/subagents/agent-1.jsonl", "s/subagents/agent-2.jsonl", "z.jsonl"];
    for rotation in 0..order.len() {
        let world = world();
        world.sim.fs.make_dir(format!("{PROJECT}/s/subagents"));
        let contents = [parent.clone(), parent.clone(), parent.clone(), unique.clone()];
        for nth in 0..order.len() {
            let nth = (nth + rotation) % order.len();
            put(&world, order[nth], &contents[nth]);
            counts(&world);
        }
        assert_eq!(counts(&world), [170, 25, 10, 50, 255]);
        // As long as one of them is there, it is that one that counts it.
        for gone in &order[..2] {
            world.sim.fs.remove(format!("{PROJECT}/{gone}"));
            assert_eq!(counts(&world), [170, 25, 10, 50, 255], "{gone}");
            assert_eq!(all(&world.open()).gone.events, 0);
        }
        world.sim.fs.remove(format!("{PROJECT}/{}", order[2]));
        world.wait();
        let usage = world.refreshed().usage;
        assert_eq!(all(&usage).totals.tokens.total, 255);
        assert_eq!((all(&usage).gone.events, present(&usage).totals.tokens.total), (1, 100));
    }
}

#[test]
fn an_answer_that_was_copied_while_it_was_streamed_is_taken_from_who_has_all_of_it() {
    for (copy, original) in [("a.jsonl", "b.jsonl"), ("b.jsonl", "a.jsonl")] {
        let world = world();
        put(&world, original, &answer("1", [1, 0, 0, 7]));
        put(&world, copy, &(answer("1", [1, 0, 0, 7]) + &answer("2", [3, 0, 0, 1])));
        assert_eq!(counts(&world), [4, 0, 0, 8, 12]);
        append(&world, original, &answer("1", [1, 0, 0, 90]));
        assert_eq!(counts(&world), [4, 0, 0, 91, 95]);
        // Of what exists and what is gone, what exists counts, even if it is less.
        world.sim.fs.remove(format!("{PROJECT}/{original}"));
        assert_eq!(counts(&world), [4, 0, 0, 8, 12]);
    }
}

#[test]
fn a_long_session_is_saved_by_what_is_new() {
    let mut world = world();
    world.options.progress_bytes = 1 << 30;
    let content: String = (0..2_000).map(|nth| answer(&nth.to_string(), [1, 2, 3, 4])).collect();
    put(&world, "a.jsonl", &content);
    counts(&world);
    append(&world, "a.jsonl", &(answer("7", [1, 2, 3, 5]) + &answer("new", [1, 2, 3, 4])));
    world.wait();
    let refreshed = world.refreshed();
    assert!(refreshed.work.written_bytes < 1_000, "{}", refreshed.work.written_bytes);
    assert_eq!(all(&refreshed.usage).totals.tokens.total, 2_001 * 10 + 1);
    assert_eq!(all(&world.open()), all(&world.cold()));
}

#[test]
fn sources_are_told_apart() {
    let world = world();
    put(&world, "a.jsonl", &answer("1", [1, 2, 3, 4]));
    world.put("a.jsonl", crate::world::answer(5));
    world.wait();
    let usage = world.refreshed().usage;
    let sources = all(&usage).sources;
    let sources: Vec<_> =
        sources.iter().map(|of| (of.source.as_str(), of.usage.tokens.total)).collect();
    assert_eq!(sources, [("claude", 10), ("openclaw", 5)]);
    let query = usage_cache::Query {
        source: Some("claude".to_owned()),
        ..usage_cache::Query::all(usage_cache::Zone::utc())
    };
    let of_claude = usage.summary(&query, &usage_cache::Prices::none());
    assert_eq!((of_claude.totals.tokens.total, of_claude.sources.len()), (10, 1));
}
