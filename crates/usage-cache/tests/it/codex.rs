//! Rollouts of Codex that go on with each other, and what they add up to.

use usage_cache::{Codex, Gone, Place, Prices, Query, Summary, UsageCache, Zone};

use crate::world::{World, all};

const DAY: &str = "/h/.codex/sessions/2026/02/05";
const ARCHIVED: &str = "/h/.codex/archived_sessions";

fn world() -> World {
    let mut world = World::new();
    world.sim.fs.make_dir(DAY);
    world.sim.fs.make_dir(ARCHIVED);
    world.options.locations.places.push(Place::new(&Codex, "/h/.codex"));
    world
}

fn line(minute: u32, kind: &str, payload: &str) -> String {
    format!(
        "{{\"timestamp\":\"2026-02-05T12:{minute:02}:00Z\",\"type\":\"{kind}\",\
         \"payload\":{{{payload}}}}}\n"
    )
}

fn meta(minute: u32, id: &str, parent: &str) -> String {
    let forked = format!(",\"forked_from_id\":\"{parent}\"");
    let forked = if parent.is_empty() { "" } else { &forked };
    line(minute, "session_meta", &format!("\"id\":\"{id}\"{forked}"))
}

/// A counter: input with what was cached of it, and output.
fn total(minute: u32, [input, cached, output]: [u64; 3]) -> String {
    let usage = format!(
        "{{\"input_tokens\":{input},\"cached_input_tokens\":{cached},\"output_tokens\":{output}}}"
    );
    let info = format!("\"type\":\"token_count\",\"info\":{{\"total_token_usage\":{usage}}}");
    line(minute, "event_msg", &info)
}

/// The same, and by how much it has grown.
fn grown(minute: u32, total: u64, last: u64) -> String {
    let usage = |input| format!("{{\"input_tokens\":{input},\"output_tokens\":0}}");
    let (total, last) = (usage(total), usage(last));
    let info = format!("{{\"total_token_usage\":{total},\"last_token_usage\":{last}}}");
    line(minute, "event_msg", &format!("\"type\":\"token_count\",\"info\":{info}"))
}

fn put(world: &World, dir: &str, name: &str, content: &str) {
    world.sim.fs.put(format!("{dir}/{name}.jsonl"), content.as_bytes());
}

fn refreshed(world: &World) -> UsageCache {
    world.wait();
    let usage = world.refreshed().usage;
    assert_eq!(all(&world.cold()), present(&usage), "what exists counts as from nothing");
    usage
}

fn present(usage: &UsageCache) -> Summary {
    let query = Query { gone: Gone::Exclude, ..Query::all(Zone::utc()) };
    usage.summary(&query, &Prices::none())
}

fn tokens(summary: &Summary) -> (u64, u64) {
    (summary.totals.tokens.total, summary.unresolved.transcripts)
}

fn parent() -> String {
    meta(0, "p", "") + &total(1, [10, 0, 0]) + &total(2, [20, 0, 0]) + &total(9, [30, 0, 0])
}

#[test]
fn a_fork_counts_what_exceeds_its_parent_whoever_is_found_first() {
    let fork = meta(5, "f", "p") + &total(6, [20, 0, 0]) + &total(7, [27, 2, 2]);
    // Repeating all that the parent had recorded makes no difference.
    let repeating =
        meta(5, "f", "p") + &total(6, [10, 0, 0]) + &total(6, [20, 0, 0]) + &total(7, [27, 2, 2]);
    for fork in [fork, repeating] {
        for names in [["a", "b"], ["b", "a"]] {
            let world = world();
            put(&world, DAY, names[0], &fork);
            let alone = refreshed(&world);
            assert_eq!(tokens(&all(&alone)), (0, 1), "nobody knows what is its own");
            put(&world, DAY, names[1], &parent());
            let both = all(&refreshed(&world));
            assert_eq!(tokens(&both), (30 + 9, 0));
            let counted = both.totals.tokens;
            assert_eq!((counted.input, counted.cache_read, counted.output), (35, 2, 2));
        }
    }
}

#[test]
fn a_fork_of_a_fork_goes_on_with_the_same_counter() {
    let world = world();
    put(&world, DAY, "p", &parent());
    put(&world, DAY, "f", &(meta(5, "f", "p") + &total(6, [27, 0, 0])));
    put(&world, DAY, "g", &(meta(8, "g", "f") + &total(9, [40, 0, 0])));
    assert_eq!(tokens(&all(&refreshed(&world))), (30 + 7 + 13, 0));
}

#[test]
fn a_parent_that_is_gone_still_tells_what_its_forks_began_with() {
    let world = world();
    put(&world, DAY, "p", &parent());
    put(&world, DAY, "f", &(meta(5, "f", "p") + &total(6, [27, 0, 0])));
    assert_eq!(tokens(&all(&refreshed(&world))), (37, 0));
    world.sim.fs.remove(format!("{DAY}/p.jsonl"));
    let usage = refreshed(&world);
    assert_eq!(tokens(&all(&usage)), (37, 0));
    assert_eq!(tokens(&present(&usage)), (0, 1));
}

#[test]
fn a_rollout_that_is_archived_or_copied_counts_once() {
    let world = world();
    put(&world, DAY, "p", &parent());
    put(&world, ARCHIVED, "copy", &parent());
    assert_eq!(tokens(&all(&refreshed(&world))), (30, 0));
    world.sim.fs.rename(format!("{DAY}/p.jsonl"), format!("{ARCHIVED}/p.jsonl"));
    let usage = refreshed(&world);
    assert_eq!((tokens(&all(&usage)), usage.status().gone_files), ((30, 0), 0));
    world.sim.fs.append(format!("{ARCHIVED}/p.jsonl"), total(11, [36, 0, 0]).as_bytes());
    assert_eq!(tokens(&all(&refreshed(&world))), (36, 0));
}

#[test]
fn counters_go_on_where_reading_ended() {
    let world = world();
    put(&world, DAY, "p", &meta(0, "p", ""));
    let mut counted = 0;
    for minute in 1..50 {
        let content = total(minute, [u64::from(minute) * 10, 0, 0]);
        world.sim.fs.append(format!("{DAY}/p.jsonl"), content.as_bytes());
        if minute % 3 == 0 {
            // Recorded again, as when the rate limits change.
            world.sim.fs.append(format!("{DAY}/p.jsonl"), content.as_bytes());
        }
        counted += 10;
        assert_eq!(tokens(&all(&refreshed(&world))), (counted, 0));
    }
}

#[test]
fn a_fork_of_a_counter_that_jumped_or_fell_is_unresolved() {
    let jumped = grown(2, 100, 100) + &grown(3, 1000, 40);
    let fell = grown(2, 900, 900) + &grown(3, 0, 0) + &grown(4, 40, 40);
    for (lines, counted, next) in [(jumped, 140, grown(6, 1050, 50)), (fell, 940, grown(6, 60, 20))]
    {
        for copied in [String::new(), lines.clone()] {
            let world = world();
            put(&world, DAY, "p", &(meta(0, "p", "") + &lines));
            put(&world, DAY, "f", &(meta(5, "f", "p") + &copied + &next));
            assert_eq!(tokens(&all(&refreshed(&world))), (counted, 1));
        }
    }
}

#[test]
fn a_fork_may_have_left_its_parent_at_an_earlier_turn() {
    let world = world();
    put(
        &world,
        DAY,
        "p",
        &(meta(0, "p", "") + &grown(1, 10, 10) + &grown(2, 20, 10) + &grown(3, 30, 10)),
    );
    put(
        &world,
        DAY,
        "f",
        &(meta(5, "f", "p") + &grown(5, 10, 10) + &grown(6, 17, 7) + &grown(7, 40, 23)),
    );
    assert_eq!(tokens(&all(&refreshed(&world))), (30 + 30, 0));
    // One that neither repeats its parent nor goes beyond it is none that we understand.
    put(&world, DAY, "g", &(meta(5, "g", "p") + &grown(6, 11, 11)));
    assert_eq!(tokens(&all(&refreshed(&world))), (60, 1));
}

#[test]
fn a_parent_may_have_used_nothing() {
    let world = world();
    put(&world, DAY, "p", &meta(0, "p", ""));
    put(&world, DAY, "f", &(meta(5, "f", "p") + &grown(6, 7, 7)));
    assert_eq!(tokens(&all(&refreshed(&world))), (7, 0));
}

#[test]
fn a_sub_agent_begins_at_zero_whatever_was_copied_before() {
    let agent = |fields: &str| {
        line(5, "session_meta", &format!("\"id\":\"c\",\"thread_source\":\"subagent\"{fields}"))
    };
    let ordinal =
        |ordinal: u64, line: String| line.replacen('{', &format!("{{\"ordinal\":{ordinal},"), 1);
    for copied in [30_000, 20_000] {
        let marker = line(6, "turn_context", "\"model\":\"m\"")
            + &line(6, "inter_agent_communication_metadata", "\"trigger_turn\":true");
        let own = grown(7, 25_000, 25_000) + &grown(8, 51_000, 26_000);
        let marked = agent("") + &meta(0, "p", "") + &grown(5, copied, copied) + &marker + &own;
        let numbered = agent(",\"subagent_history_start_ordinal\":3")
            + &ordinal(1, grown(5, copied, copied))
            + &ordinal(3, grown(7, 25_000, 25_000))
            + &ordinal(4, grown(8, 51_000, 26_000));
        for content in [marked, numbered] {
            let world = world();
            put(&world, DAY, "c", &content);
            assert_eq!(tokens(&all(&refreshed(&world))), (51_000, 0), "{copied}");
        }
    }
}

#[test]
fn what_a_rollout_repeats_of_itself_counts_once_however_long_it_is() {
    let world = world();
    let lines: String = (1..=70).map(|nth| grown(2, nth * 1_000, 1_000)).collect();
    put(&world, DAY, "p", &(meta(0, "p", "") + &lines));
    assert_eq!(tokens(&all(&refreshed(&world))), (70_000, 0));
    let again = meta(0, "p", "") + &lines + &grown(3, 71_000, 1_000);
    world.sim.fs.append(format!("{DAY}/p.jsonl"), again.as_bytes());
    assert_eq!(tokens(&all(&refreshed(&world))), (71_000, 0));
}

#[test]
fn a_fork_without_a_name_counts_nothing_and_says_so() {
    let world = world();
    put(&world, DAY, "p", &(meta(0, "p", "") + &grown(2, 1_000, 1_000)));
    let nameless = line(5, "session_meta", "\"forked_from_id\":\"p\"") + &grown(6, 1_007, 7);
    put(&world, DAY, "f", &nameless);
    let usage = refreshed(&world);
    assert_eq!((tokens(&all(&usage)), usage.status().unresolved_lines), ((1_000, 0), 1));
}

#[test]
fn of_two_rollouts_of_a_parent_the_longer_one_tells_what_its_forks_began_with() {
    for names in [["a", "b"], ["b", "a"]] {
        let world = world();
        put(&world, DAY, names[0], &parent());
        put(&world, DAY, names[1], &(meta(0, "p", "") + &total(1, [10, 0, 0])));
        put(&world, DAY, "f", &(meta(5, "f", "p") + &total(6, [27, 0, 0])));
        assert_eq!(tokens(&all(&refreshed(&world))), (37, 0));
    }
}
