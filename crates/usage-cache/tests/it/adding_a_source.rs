//! What `docs/adding-a-source.md` says, done.

use usage_cache::{Place, Prices, Query, Zone};

use crate::world::{World, all, tokens};

/// The code of the page, which is not formatted like ours: it has to be short.
#[rustfmt::skip]
mod acme;

const LOG: &str = "/h/.acme/logs/2026-02-05/a.log";
const LINE: &str = "{\"id\":\"1\",\"at\":\"2026-02-05T12:00:00Z\",\"in\":10,\"out\":5}\n";

fn world() -> World {
    let mut world = World::new();
    world.sim.fs.make_dir("/h/.acme/logs/2026-02-05");
    world.options.locations.places.push(Place::new(&acme::Acme, "/h/.acme"));
    world
}

#[test]
fn the_page_says_what_is_tested() {
    let page = include_str!("../../../../docs/adding-a-source.md");
    let code = include_str!("adding_a_source/acme.rs").replace("pub(super) struct", "struct");
    assert!(page.contains(code.as_str()));
    assert!(page.lines().count() <= 40);
}

#[test]
fn a_source_of_an_embedder_counts_like_the_others() {
    let world = world();
    world.sim.fs.put(LOG, LINE.as_bytes());
    world.put("a.jsonl", crate::world::answer(100));
    world.wait();
    assert_eq!(tokens(&world.refreshed().usage), 115);
    // Logged twice, also elsewhere, and with something new.
    world.sim.fs.append(LOG, LINE.as_bytes());
    let two = LINE.replace("\"1\"", "\"2\"")
        + LINE
        + "no json\n{\"id\":\"3\"}\n{\"id\":\"4\",\"in\":18446744073709551615,\"out\":5}\n";
    world.sim.fs.put("/h/.acme/logs/2026-02-05/b.log", two.as_bytes());
    world.wait();
    let refreshed = world.refreshed();
    assert_eq!((tokens(&refreshed.usage), refreshed.work.scanned_files), (130, 2));
    assert_eq!(refreshed.usage.status().malformed_lines, 1);
    let acme = Query { source: Some("acme".to_owned()), ..Query::all(Zone::utc()) };
    assert_eq!(refreshed.usage.summary(&acme, &Prices::none()).totals.events, 2);
    assert_eq!(all(&world.open()), all(&world.cold()));
}

#[test]
fn a_program_that_does_not_know_a_source_keeps_what_is_known_of_it() {
    let world = world();
    world.sim.fs.put(LOG, LINE.as_bytes());
    world.wait();
    world.refreshed();
    let mut other = World { sim: world.sim.clone(), options: world.options.clone() };
    other.options.locations.places.pop();
    other.put("a.jsonl", crate::world::answer(100));
    other.wait();
    assert_eq!(tokens(&other.refreshed().usage), 100);
    let again = world.refreshed();
    assert_eq!((tokens(&again.usage), again.work.scanned_files), (115, 0));
}
