use std::{num::NonZeroUsize, ops::ControlFlow};

use common_fs::sim::Sim;
use demo_corpus::{Corpus, File};

use super::*;
use crate::{By, Claude, Codex, Locations, OpenClaw, Options, Place, Query, Zone, refresh};

/// Answers of a session that began anew, which are the same session before and after.
const RESET: &str = "{\"type\":\"message\",\"timestamp\":\"2026-02-05T12:00:00.000Z\",\"message\":\
    {\"role\":\"assistant\",\"provider\":\"acme\",\"model\":\"x\",\"usage\":{\"input\":5}}}\n";

/// A rollout that was forked from one that nobody knows.
const ORPHAN: &str = "{\"timestamp\":\"2026-02-05T12:00:00.000Z\",\"type\":\"session_meta\",\
    \"payload\":{\"id\":\"11111111-1111-4111-8111-111111111111\",\"forked_from_id\":\
    \"22222222-2222-4222-8222-222222222222\",\"timestamp\":\"2026-02-05T12:00:00.000Z\"}}\n\
    {\"timestamp\":\"2026-02-05T12:00:01.000Z\",\"type\":\"event_msg\",\"payload\":{\"type\":\
    \"token_count\",\"info\":{\"total_token_usage\":{\"input_tokens\":9,\"output_tokens\":1},\
    \"last_token_usage\":{\"input_tokens\":9,\"output_tokens\":1}}}}\n";

/// What is known of a machine with some sessions of each runtime.
fn known() -> UsageCache {
    let sim = Sim::new();
    let put = |root: &str, File { path, content, .. }: File| {
        let path = Path::new(root).join(path);
        sim.fs.make_dir(path.parent().unwrap());
        sim.fs.put(path, &content);
    };
    let corpus = Corpus { sessions: 9, ..Corpus::SMALL };
    corpus.claude().for_each(|file| put("/h/.claude", file));
    corpus.codex().for_each(|file| put("/h/.codex", file));
    corpus.openclaw().for_each(|file| put("/h/.openclaw", file));
    for name in ["a.jsonl", "a.jsonl.reset.2026-02-04T12-00-00.000Z", "b.jsonl"] {
        sim.fs.put(format!("/h/.openclaw/agents/main/sessions/{name}"), RESET.as_bytes());
    }
    let orphan = "rollout-2026-02-05T12-00-00-11111111-1111-4111-8111-111111111111.jsonl";
    sim.fs.make_dir("/h/.codex/sessions/2026/02/05");
    sim.fs.put(format!("/h/.codex/sessions/2026/02/05/{orphan}"), ORPHAN.as_bytes());
    let places = vec![
        Place::new(&Claude, "/h/.claude"),
        Place::new(&Codex, "/h/.codex"),
        Place::new(&OpenClaw, "/h/.openclaw"),
    ];
    let locations = Locations::new(places, "/state".as_ref());
    let options = Options { threads: NonZeroUsize::MIN, ..Options::new(locations) };
    refresh(sim.host(), &options, &mut |_| ControlFlow::Continue(())).usage
}

#[test]
fn facts_are_the_same_in_however_many_parts() {
    let (usage, query) = (known(), Query::all(Zone::utc()));
    let made = |parts| usage.made_in_parts(Gone::Include, &Prices::builtin(), parts);
    let whole = made(1);
    let unresolved = Unresolved { transcripts: 1, events: 1 };
    assert_eq!(whole.summary(&query).unresolved, unresolved);
    assert_eq!(whole.sessions(&query).len(), 29);
    for parts in [0, 2, 3, 7, 100] {
        let facts = made(parts);
        assert_eq!(facts.summary(&query), whole.summary(&query));
        assert!(facts.sessions(&query).iter().eq(whole.sessions(&query).iter()), "{parts}");
        for by in [By::Project, By::Agent, By::Source, By::Model] {
            assert_eq!(facts.groups(&query, by), whole.groups(&query, by), "{parts} {by:?}");
        }
    }
}

#[test]
fn sessions_are_numbered_in_the_order_in_which_they_were_last_used() {
    let facts = known().made_in_parts(Gone::Include, &Prices::builtin(), 3);
    let sessions = facts.sessions(&Query::all(Zone::utc()));
    let last_of = |session| sessions.iter().find(|of| of.session == session).map(|of| of.last);
    let numbered: Vec<_> = facts.sessions.iter(&facts.sources).map(last_of).collect();
    assert!(numbered.is_sorted(), "{numbered:?}");
    // Of one of them nothing counts.
    assert_eq!(numbered.iter().flatten().count(), numbered.len() - 1);
}
