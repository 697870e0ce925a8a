//! What went wrong in the seed, each as a test that shows what happens now.

use super::*;

fn enabled(policy: Policy) -> World {
    let mut world = World::new(policy);
    world.enable("a");
    world.turn("a");
    world
}

fn on() -> Settings {
    Settings { enabled: true, interval: None }
}

/// 3.1: a service that refuses left the conversation in limbo; one that threw killed the process;
/// an error was taken for a success; a hanging stream hung for ever.
#[test]
fn no_failure_is_silent() {
    let table = [
        (Failure::RateLimited { retry_after: None }, Reason::BackingOff, Some(275_000)),
        (
            Failure::RateLimited { retry_after: Some(Millis(9000)) },
            Reason::BackingOff,
            Some(279_000),
        ),
        (Failure::RateLimited { retry_after: Some(Millis(60_000)) }, Reason::Cold, None),
        (Failure::Server, Reason::BackingOff, Some(275_000)),
        (Failure::Connection, Reason::BackingOff, Some(275_000)),
        (Failure::Timeout, Reason::BackingOff, Some(275_000)),
        (Failure::Interrupted, Reason::BackingOff, Some(275_000)),
        (Failure::Refused, Reason::Refused, None),
        (Failure::Unauthorized, Reason::Unauthorized, None),
        (Failure::PrefixChanged, Reason::PrefixChanged, None),
    ];
    for (failure, reason, next) in table {
        let mut world = enabled(plain());
        world.pass(270_000);
        world.told.clear();
        world.fail(failure);
        assert_eq!((world.reason("a"), world.next("a")), (reason, next), "{failure:?}");
        assert_eq!(world.told.len(), 1, "{failure:?}");
        let status = world.status("a");
        assert_eq!((status.last_warm_at, status.last_cache_percent), (None, None));
        assert_eq!(world.warmer.ledger().failed.get(failure.name()), Some(&1));
    }
}

#[test]
fn a_ping_that_hangs_is_given_up_and_tried_again_in_time() {
    // A lifetime that leaves time for it.
    let mut world = World::new(plain());
    world.model = Some(Arc::new(
        Model::clone(&model()).with_lifetime(Tier::FiveMinutes, Millis::from_hours(1)),
    ));
    world.enable("a");
    world.turn("a");
    world.pass(54 * 60_000);
    assert_eq!(world.sent.len(), 1);
    world.pass(30_000);
    assert_eq!(world.cancelled, world.sent);
    assert_eq!((world.reason("a"), world.status("a").pings), (Reason::BackingOff, 1));
    // 5 s, 15 s, 30 s after a failure, 30 s until the next; but the deadline is 3 minutes away.
    world.pass(5000);
    assert_eq!(world.sent.len(), 2);
    world.pass(30_000 + 15_000 + 30_000 + 30_000 + 30_000);
    assert_eq!((world.sent.len(), world.reason("a")), (4, Reason::RetriesSpent));
    world.pass(86_400_000);
    assert_eq!(world.sent.len(), 4);
    assert_eq!(world.warmer.ledger().unconfirmed, 4);
    // A real request gives it another chance.
    world.turn("a");
    assert_eq!(world.reason("a"), Reason::Scheduled);
}

/// 3.2, 1 and 2: a ping is judged by what the real request left, so a chain of its own is found out.
#[test]
fn a_ping_that_warms_a_chain_of_its_own_is_found_out() {
    let mut world = enabled(plain());
    let chain = RequestUsage { read: 40_000, ..RequestUsage::default() };
    for nth in 1..=3 {
        world.pass(270_000);
        assert_eq!(world.sent.len(), nth);
        world.complete(chain);
    }
    assert_eq!(world.status("a").last_retention_percent, Some(100));
    assert_eq!(world.reason("a"), Reason::BreakerOpen);
    assert_eq!(world.warmer.ledger().pings.get(&Verdict::Partial), Some(&3));
    // Other turns do not change that, but after six hours one ping is a trial.
    world.turn("a");
    assert_eq!(world.reason("a"), Reason::BreakerOpen);
    world.pass(6 * 3_600_000);
    world.turn("a");
    world.pass(270_000);
    assert_eq!(world.sent.len(), 4);
    world.complete(chain);
    assert_eq!(world.reason("a"), Reason::BreakerOpen);
    world.pass(6 * 3_600_000);
    world.turn("a");
    world.pass(270_000);
    world.complete(read());
    assert_eq!(world.reason("a"), Reason::Scheduled);
    world.pass(270_000);
    world.complete(chain);
    assert_eq!(world.reason("a"), Reason::Scheduled);
}

/// 3.2, 3: the lifetime counts from the start of the request.
#[test]
fn a_long_answer_does_not_push_the_ping_past_the_lifetime() {
    let mut world = World::new(plain());
    world.enable("a");
    world.start("a");
    world.until(90_000);
    world.answer("a", wrote(), 90_000);
    world.settle("a");
    assert_eq!(world.next("a"), Some(270_000));
}

/// 3.2, 3: so it does for pings, and slow answers make the next one earlier.
#[test]
fn a_slow_ping_counts_from_its_start_and_makes_the_next_one_earlier() {
    let mut world = enabled(plain());
    for (took, next) in [(2000, 270_000 + 270_000), (25_000, 540_000 + 265_000)] {
        world.until(world.next("a").and_then(|next| u64::try_from(next).ok()).unwrap());
        world.pass(took);
        let (name, generation) = world.sent.last().cloned().unwrap();
        let (usage, took) = (read(), Millis(took));
        world.event(&name, Happened::WarmCompleted { generation, usage, took });
        // Ten seconds and as long as the last answer took before the end, if that is earlier.
        assert_eq!(world.next("a"), Some(next));
    }
}

/// Another account has another cache: what was learned about pings does not hold for it.
#[test]
fn another_account_closes_the_breaker() {
    let mut world = enabled(plain());
    for _ in 0..3 {
        world.pass(270_000);
        world.complete(wrote());
    }
    assert_eq!(world.reason("a"), Reason::BreakerOpen);
    let answered = |account| Answered {
        usage: wrote(),
        took: Millis::ZERO,
        model: Some(model()),
        tier: None,
        prefix: Fingerprint(1),
        account: Account(account),
        subagent: false,
    };
    world.event("a", Happened::Answered(answered(1)));
    assert_eq!(world.reason("a"), Reason::BreakerOpen);
    world.event("a", Happened::Answered(answered(2)));
    assert_eq!(world.reason("a"), Reason::Scheduled);
}

/// A request that was refused is not sent again, until it is another one or somebody asks for it.
#[test]
fn what_was_refused_is_not_tried_again() {
    let mut world = enabled(plain());
    world.pass(270_000);
    world.fail(Failure::Refused);
    world.turn("a");
    assert_eq!(world.reason("a"), Reason::Refused);
    world.enable("a");
    assert_eq!(world.reason("a"), Reason::Scheduled);
    world.pass(270_000);
    world.fail(Failure::Refused);
    let answered = Answered {
        usage: wrote(),
        took: Millis::ZERO,
        model: Some(model()),
        tier: None,
        prefix: Fingerprint(2),
        account: Account(1),
        subagent: false,
    };
    world.event("a", Happened::Answered(answered));
    assert_eq!(world.reason("a"), Reason::Scheduled);
}

/// What cost nothing is no ping; what may have cost something is one.
#[test]
fn a_ping_that_cost_nothing_does_not_count() {
    for (failure, pings) in [(Failure::Server, 0), (Failure::Interrupted, 1)] {
        let mut world = enabled(plain());
        world.pass(270_000);
        assert_eq!(world.status("a").pings, 1);
        world.fail(failure);
        assert_eq!(world.status("a").pings, pings, "{failure:?}");
    }
}

/// Whoever is told to wait for an hour is not waited for by another account.
#[test]
fn a_wait_ends_with_its_account() {
    let mut world = enabled(plain());
    world.pass(270_000);
    world.fail(Failure::RateLimited { retry_after: Some(Millis::from_hours(1)) });
    world.turn("a");
    assert_eq!(world.reason("a"), Reason::Cold);
    let answered = Answered {
        usage: wrote(),
        took: Millis::ZERO,
        model: Some(model()),
        tier: None,
        prefix: Fingerprint(1),
        account: Account(2),
        subagent: false,
    };
    world.event("a", Happened::Answered(answered));
    assert_eq!(world.next("a"), Some(540_000));
}

/// Settings that are read late do not undo what the user has done since.
#[test]
fn settings_that_are_loaded_late_do_not_switch_on_again() {
    let mut world = enabled(plain());
    world.disable("a");
    world.event("a", Happened::SettingsLoaded(on()));
    assert_eq!(world.reason("a"), Reason::Disabled);
}

/// 3.2, 4: it stops by itself.
#[test]
fn it_stops_when_more_was_spent_than_can_be_saved() {
    let mut world = enabled(plain());
    // A day; the seed sent 360.
    for _ in 0..8640 {
        world.pass(10_000);
        if world.reason("a") == Reason::InFlight {
            world.complete(read());
        }
    }
    assert_eq!((world.sent.len(), world.reason("a")), (11, Reason::PingsSpent));
    assert_eq!(world.warmer.ledger().spent.to_string(), "$0.3300");
}

/// 3.2, 5: enabling races with closing.
#[test]
fn a_close_is_not_undone_by_an_enable_before_it() {
    let mut world = World::new(plain());
    world.writes_at_once = false;
    world.turn("a");
    world.enable("a");
    world.event("a", Happened::Closed);
    while !world.writing.is_empty() {
        world.write_next();
    }
    assert_eq!((world.status("a").enabled, world.next("a")), (false, None));
    assert_eq!(world.disk.get("a"), Some(&Settings::OFF));
    assert_eq!(world.warmer.load().conversations, 0);
}

/// 3.2, 6: switching off and setting the interval at once.
#[test]
fn no_change_of_settings_is_lost() {
    let mut world = World::new(plain());
    world.enable("a");
    world.writes_at_once = false;
    world.disable("a");
    world.interval("a", 30_000.0);
    while !world.writing.is_empty() {
        world.write_next();
    }
    let expected = Settings { enabled: false, interval: Interval::from_millis(30_000.0) };
    assert_eq!(world.disk.get("a"), Some(&expected));
    let status = world.status("a");
    assert_eq!((status.enabled, status.interval), (expected.enabled, expected.interval));
}

/// 3.2, 7: a restart does not forget, and sends nothing before a real request.
#[test]
fn a_restart_keeps_what_was_set_and_waits_for_a_real_request() {
    let mut world = enabled(plain());
    world.restart();
    assert_eq!((world.status("a").enabled, world.reason("a")), (true, Reason::NoRequestSeen));
    world.pass(86_400_000);
    assert_eq!(world.sent.len(), 0);
    world.turn("a");
    assert_eq!(world.reason("a"), Reason::Scheduled);
}

/// 3.2, 8: what is answered late changes nothing but the books.
#[test]
fn a_late_answer_is_booked_and_changes_nothing() {
    let mut world = enabled(plain());
    world.pass(270_000);
    world.turn("a");
    let before = world.status("a");
    assert_eq!(world.cancelled, world.sent);
    world.pass(10_000);
    world.complete(wrote());
    assert_eq!(world.status("a"), before);
    // The ping was booked as a read of three cents, and turns out to be a write of 37.5 cents.
    assert_eq!(world.warmer.ledger().spent, NanoDollars(375_000_000));
    assert_eq!((world.warmer.ledger().unconfirmed, world.warmer.load().in_flight), (0, 0));
    world.complete(wrote());
    assert_eq!(world.warmer.ledger().spent, NanoDollars(375_000_000));
}

/// 3.2, 9: a huge interval is cut, and never makes a ping late.
#[test]
fn a_huge_interval_is_cut() {
    let mut world = enabled(plain());
    world.interval("a", 3e10);
    assert_eq!(world.status("a").interval.map(Interval::millis), Some(Interval::MAX));
    assert_eq!(world.next("a"), Some(270_000));
}

/// 3.2, 10: the interval is set while a ping is under way.
#[test]
fn an_interval_that_is_set_during_a_ping_holds_afterwards() {
    let mut world = enabled(plain());
    world.pass(270_000);
    world.interval("a", 60_000.0);
    assert_eq!((world.reason("a"), world.warmer.load().timers), (Reason::InFlight, 1));
    world.complete(read());
    assert_eq!(world.next("a"), Some(330_000));
}

/// 3.2, 11: after the end nothing happens any more.
#[test]
fn after_the_end_nothing_is_armed() {
    let mut world = enabled(plain());
    world.pass(270_000);
    let actions = world.warmer.handle(Event::Disposed, world.now);
    assert!(matches!(actions.first(), Some(Action::Cancel { .. })));
    world.turn("a");
    world.pass(86_400_000);
    assert_eq!((world.sent.len(), world.warmer.next_due()), (1, None));
    let load = world.warmer.load();
    assert_eq!((load.timers, load.queued, load.in_flight), (0, 0, 0));
}

/// 3.2, 12: never two at once in a conversation, and none beside a turn.
#[test]
fn a_ping_is_alone() {
    let mut world = enabled(plain());
    world.pass(270_000);
    world.event("a", Happened::WarmedByHand { usage: read(), took: Millis::ZERO });
    assert_eq!((&world.cancelled, world.warmer.load().in_flight), (&world.sent, 0));
    world.pass(270_000);
    assert_eq!(world.sent.len(), 2);
    world.start("a");
    assert_eq!((&world.cancelled, world.warmer.load().in_flight), (&world.sent, 0));
}

/// 3.2, 13: what falls idle together does not come together, and never late.
#[test]
fn pings_are_spread_and_early() {
    let mut world = World::new(Policy { jitter_percent: 5, ..plain() });
    for nth in 0..1000 {
        let name = format!("conversation-{nth}");
        world.enable(&name);
        world.turn(&name);
    }
    let mut times: Vec<i64> =
        (0..1000).filter_map(|nth| world.next(&format!("conversation-{nth}"))).collect();
    times.sort_unstable();
    let (first, last) = (times[0], times[999]);
    assert!(256_500 <= first && last <= 270_000 && 12_000 < last - first, "{first} {last}");
    times.dedup();
    assert!(900 < times.len(), "{}", times.len());
}

/// 3.2, 14: no number of tokens does any harm.
#[test]
fn hostile_usage_is_bounded_by_the_budget() {
    let budget = Budget { day: Some(NanoDollars::from_dollars(5)), ..Budget::UNLIMITED };
    let mut world = World::new(Policy { budget, ..plain() });
    world.enable("a");
    world.start("a");
    let hostile = RequestUsage {
        uncached: u64::MAX,
        read: u64::MAX,
        write_5m: u64::MAX,
        write_1h: u64::MAX,
        output: u64::MAX,
    };
    world.answer("a", hostile, u64::MAX);
    world.settle("a");
    assert_eq!(world.reason("a"), Reason::DayBudget);
    world.turn("a");
    world.pass(270_000);
    world.complete(hostile);
    assert_eq!(
        (world.warmer.ledger().spent, world.reason("a")),
        (NanoDollars::MAX, Reason::DayBudget)
    );
}

/// CR-4b: whatever is told has its time ahead.
#[test]
fn no_time_that_is_told_is_past() {
    let mut world = enabled(plain());
    for _ in 0..5 {
        world.pass(270_000);
        world.complete(read());
        for (_, status) in world.told.drain(..) {
            let next = status.next_warm_at.map(common_fs::Timestamp::unix_millis);
            assert!(next.is_none_or(|next| 0 < next), "{status:?}");
        }
        assert!(world.next("a").is_some_and(|next| world.now.wall.unix_millis() < next));
    }
    assert_eq!(world.disk.get("a"), Some(&on()));
}
