//! The tests of the warmer upstream, by their numbers (23 of 56), and those of its service that are
//! about what this crate decides (of 8).
//!
//! Where upstream counts from the end of a turn, a turn here ends when its request starts; where it
//! warms every four minutes unless told otherwise, that interval is asked for.

use super::*;

/// A conversation that is warmed every four minutes.
fn world(name: &str) -> World {
    let mut world = World::new(plain());
    world.interval(name, 240_000.0);
    world.enable(name);
    world.told.clear();
    world
}

fn usage(prompt: u64, read: u64, write_5m: u64) -> RequestUsage {
    RequestUsage { uncached: prompt - read - write_5m, read, write_5m, ..RequestUsage::default() }
}

#[test]
fn no_1_enabled_and_settled_is_warmed() {
    let mut world = world("a");
    world.turn("a");
    world.pass(240_000);
    assert_eq!(world.sent.len(), 1);
}

#[test]
fn no_2_settled_without_being_enabled_is_not() {
    let mut world = World::new(plain());
    world.turn("a");
    assert_eq!((world.next("a"), world.reason("a")), (None, Reason::Disabled));
    world.pass(86_400_000);
    assert_eq!(world.sent.len(), 0);
}

/// Upstream this one was never enabled, so it could not fail.
#[test]
fn no_3_a_turn_that_starts_takes_the_timer_away() {
    let mut world = world("a");
    world.turn("a");
    assert_eq!(world.next("a"), Some(240_000));
    world.pass(1000);
    world.start("a");
    assert_eq!((world.next("a"), world.reason("a")), (None, Reason::TurnRunning));
    world.pass(86_400_000);
    assert_eq!(world.sent.len(), 0);
}

#[test]
fn no_4_disabled_is_not_warmed() {
    let mut world = world("a");
    world.disable("a");
    world.turn("a");
    world.pass(86_400_000);
    assert_eq!(world.sent.len(), 0);
}

#[test]
fn no_5_to_7_the_interval_is_set_and_cut() {
    let mut world = world("a");
    world.turn("a");
    world.interval("a", 30_000.0);
    assert_eq!(world.next("a"), Some(30_000));
    world.pass(30_000);
    assert_eq!(world.sent.len(), 1);
    world.interval("a", 500.0);
    assert_eq!(world.status("a").interval.map(Interval::millis), Some(Interval::MIN));
    // What is no interval asks for none: upstream, it became the shortest.
    for none in [f64::NAN, -5000.0, 0.0] {
        world.interval("a", none);
        assert_eq!(world.status("a").interval, None);
    }
}

#[test]
fn no_8_and_10_each_change_is_told_once() {
    let mut world = World::new(plain());
    for (nth, enabled) in [true, false, true].into_iter().enumerate() {
        world.event("a", Happened::EnabledSet(enabled));
        assert_eq!((world.status("a").enabled, world.told.len()), (enabled, nth + 1));
    }
    world.interval("a", 30_000.0);
    assert_eq!(world.told.len(), 4);
}

#[test]
fn no_9_settings_are_there_after_a_restart() {
    let mut world = World::new(plain());
    world.enable("a");
    world.interval("a", 30_000.0);
    world.disable("a");
    world.restart();
    let status = world.status("a");
    assert_eq!(
        (status.enabled, status.interval.map(Interval::millis)),
        (false, Some(Millis(30_000)))
    );
    world.enable("a");
    assert_eq!(world.status("a").interval.map(Interval::millis), Some(Millis(30_000)));
}

#[test]
fn no_11_12_and_20_a_completed_ping_is_told_once_with_its_next_time() {
    let mut world = world("a");
    world.turn("a");
    world.until(240_000);
    world.told.clear();
    world.until(246_000);
    world.complete(usage(1000, 700, 300));
    let told: Vec<Status> = world.told.iter().map(|(_, status)| *status).collect();
    let [status] = told.as_slice() else { panic!("{told:?}") };
    assert_eq!(status.last_cache_percent, Some(70));
    assert_eq!(status.last_retention_percent, Some(70));
    assert_eq!(status.last_warm_at.map(common_fs::Timestamp::unix_millis), Some(246_000));
    assert_eq!(status.next_warm_at.map(common_fs::Timestamp::unix_millis), Some(486_000));
}

#[test]
fn no_13_disabled_while_a_ping_is_under_way() {
    let mut world = world("a");
    world.turn("a");
    world.pass(240_000);
    world.disable("a");
    world.told.clear();
    world.complete(read());
    assert_eq!((world.next("a"), world.told.len()), (None, 0));
    assert_eq!(world.cancelled, world.sent);
}

#[test]
fn no_14_and_16_a_turn_is_told_with_the_new_time() {
    let mut world = world("a");
    world.until(2000);
    world.turn("a");
    assert_eq!(world.next("a"), Some(242_000));
    world.start("a");
    assert_eq!(world.next("a"), None);
    world.until(12_000);
    world.answer("a", wrote(), 0);
    world.told.clear();
    world.settle("a");
    let times: Vec<_> = world.told.iter().map(|(_, status)| status.next_warm_at).collect();
    assert_eq!(times.len(), 1);
    assert_eq!(times[0].map(common_fs::Timestamp::unix_millis), Some(252_000));
    world.disable("a");
    assert_eq!(world.next("a"), None);
}

#[test]
fn no_15_a_ping_that_is_answered_during_a_turn_changes_nothing() {
    let mut world = world("a");
    world.turn("a");
    world.pass(240_000);
    world.start("a");
    let before = world.status("a");
    world.told.clear();
    world.complete(usage(1000, 700, 300));
    assert_eq!((world.status("a"), world.told.len()), (before, 0));
}

#[test]
fn no_17_a_ping_by_hand_begins_the_cycle_anew() {
    let mut world = world("a");
    world.turn("a");
    world.until(8000);
    world.told.clear();
    let by_hand = Happened::WarmedByHand { usage: usage(1000, 900, 100), took: Millis::ZERO };
    world.event("a", by_hand);
    let status = world.status("a");
    assert_eq!((status.last_cache_percent, status.last_retention_percent), (Some(90), Some(90)));
    assert_eq!(status.last_warm_at.map(common_fs::Timestamp::unix_millis), Some(8000));
    assert_eq!((world.next("a"), world.told.len()), (Some(248_000), 1));
}

#[test]
fn no_18_19_and_23_a_ping_by_hand_is_shown_where_warming_is_off() {
    let mut world = World::new(plain());
    world.turn("a");
    let table =
        [((1000, 800, 200), (80, 80)), ((1000, 700, 300), (70, 70)), ((1000, 900, 100), (90, 90))];
    for ((prompt, read, write), shown) in table {
        let by_hand =
            Happened::WarmedByHand { usage: usage(prompt, read, write), took: Millis::ZERO };
        world.event("a", by_hand);
        let status = world.status("a");
        let found = (status.last_cache_percent, status.last_retention_percent);
        assert_eq!(found, (Some(shown.0), Some(shown.1)));
        assert_eq!((status.next_warm_at, status.enabled), (None, false));
    }
}

#[test]
fn no_21_a_closed_conversation_is_off_and_stays_off() {
    let mut world = world("a");
    world.turn("a");
    world.told.clear();
    world.event("a", Happened::Closed);
    let told: Vec<_> =
        world.told.iter().map(|(_, status)| (status.reason, status.next_warm_at)).collect();
    assert_eq!(told, [(Reason::Closed, None)]);
    assert_eq!(world.disk.get("a").map(|settings| settings.enabled), Some(false));
    world.pass(86_400_000);
    assert_eq!(world.sent.len(), 0);
    world.restart();
    world.turn("a");
    assert_eq!(world.reason("a"), Reason::Disabled);
}

#[test]
fn no_22_a_close_that_is_not_waited_for_wins_over_a_turn_that_settles() {
    let mut world = world("a");
    world.writes_at_once = false;
    world.start("a");
    world.answer("a", wrote(), 0);
    world.event("a", Happened::Closed);
    world.settle("a");
    assert_eq!((world.status("a").enabled, world.next("a")), (false, None));
    world.write_next();
    world.settle("a");
    assert_eq!((world.status("a").enabled, world.next("a")), (false, None));
}

/// Of the service: nothing is sent while a turn runs, and nothing without a request to replay.
#[test]
fn service_refusals() {
    let mut world = world("a");
    world.start("a");
    world.answer("a", wrote(), 0);
    world.pass(86_400_000);
    world.settle("b");
    world.enable("b");
    world.pass(86_400_000);
    assert_eq!((world.sent.len(), world.reason("b")), (0, Reason::NoRequestSeen));
}

/// Of the service: what a ping has used is reported as it is, once, and what is sent is what was
/// captured.
#[test]
fn service_replays_what_was_captured_and_books_what_was_used() {
    let mut world = world("a");
    world.turn("a");
    world.now = Now::virtual_millis(240_000);
    let actions = world.warmer.handle(Event::Tick, world.now);
    let sends = actions.iter().filter_map(|action| match action {
        Action::Send { conversation, prefix, method, .. } => {
            Some((&**conversation, *prefix, *method))
        }
        _ => None,
    });
    let expected = ("a", Fingerprint(1), WarmMethod::ReplayWithoutAnswer);
    assert_eq!(sends.collect::<Vec<_>>(), [expected]);
    world.perform(actions);
    let usage = RequestUsage { uncached: 0, read: 400, write_5m: 100, write_1h: 0, output: 3 };
    world.complete(usage);
    world.complete(usage);
    assert_eq!(world.warmer.ledger().tokens, usage);
    let pings: u64 = world.warmer.ledger().pings.values().sum();
    assert_eq!(pings, 1);
}
