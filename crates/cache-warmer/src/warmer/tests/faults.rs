//! Rows W1 to W6 of the catalogue of faults.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Racing {
    Close,
    Disable,
    Settle,
    Complete,
    Start,
    Enable,
    Write,
}

/// W1: three events that race with a ping under way, in every order.
#[test]
fn w1_every_order_of_three_events() {
    use Racing::{Close, Complete, Disable, Enable, Settle, Start, Write};
    let all = [Close, Disable, Settle, Complete, Start, Enable, Write];
    let mut orders = 0;
    for first in all {
        for second in all {
            for third in all {
                w1([first, second, third]);
                orders += 1;
            }
        }
    }
    assert_eq!(orders, 343);
}

fn w1(order: [Racing; 3]) {
    let mut world = World::new(plain());
    world.enable("a");
    world.turn("a");
    world.pass(270_000);
    assert_eq!(world.sent.len(), 1);
    world.writes_at_once = false;
    let mut wanted = true;
    let mut active = false;
    for event in order {
        match event {
            Racing::Close => {
                (wanted, active) = (false, false);
                world.event("a", Happened::Closed);
            }
            Racing::Disable => {
                wanted = false;
                world.disable("a");
            }
            Racing::Settle => {
                active = false;
                world.settle("a");
            }
            Racing::Complete => world.complete(read()),
            Racing::Start => {
                active = true;
                world.start("a");
            }
            Racing::Enable => {
                wanted = true;
                world.enable("a");
            }
            Racing::Write => world.write_next(),
        }
        let status = world.status("a");
        assert!(wanted || !status.enabled, "{order:?}: {status:?}");
        let is_idle = wanted && !active;
        assert!(is_idle || status.next_warm_at.is_none(), "{order:?}: {status:?}");
        assert!(is_idle || status.reason != Reason::InFlight, "{order:?}: {status:?}");
        let is_alone = world.warmer.load().in_flight <= 1;
        assert!(is_alone, "{order:?}");
    }
    while !world.writing.is_empty() {
        world.write_next();
    }
    let stored = world.disk.get("a").is_some_and(|settings| settings.enabled);
    assert_eq!((world.status("a").enabled, stored), (wanted, wanted), "{order:?}");
}

/// W2: the settings cannot be written.
#[test]
fn w2_what_cannot_be_written_down_is_off_and_told() {
    let mut world = World::new(plain());
    world.disk_is_full = true;
    world.turn("a");
    world.enable("a");
    let told = world.last_told();
    assert!(!told.enabled && told.unsaved, "{told:?}");
    world.pass(86_400_000);
    assert_eq!(world.sent.len(), 0);

    world.disk_is_full = false;
    world.enable("a");
    world.turn("a");
    assert_eq!((world.status("a").unsaved, world.reason("a")), (false, Reason::Scheduled));

    // Off stays off in memory, and it is told that it may be on again after a restart.
    world.disk_is_full = true;
    world.disable("a");
    let told = world.last_told();
    assert!(!told.enabled && told.unsaved && told.next_warm_at.is_none(), "{told:?}");
    world.turn("a");
    world.pass(86_400_000);
    assert_eq!(world.sent.len(), 0);
    world.disk_is_full = false;
    world.disable("a");
    assert_eq!(world.disk.get("a"), Some(&Settings::OFF));
    assert!(!world.status("a").unsaved);
}

/// W2: a close that cannot be written down is remembered until it can.
#[test]
fn w2_a_close_that_cannot_be_written_down_is_final_all_the_same() {
    let mut world = World::new(plain());
    world.enable("a");
    world.turn("a");
    world.disk_is_full = true;
    world.event("a", Happened::Closed);
    assert!(world.status("a").unsaved);
    world.turn("a");
    assert_eq!((world.reason("a"), world.status("a").enabled), (Reason::Closed, false));
    world.event("a", Happened::Closed);
    world.disk_is_full = false;
    let actions = world.warmer.handle(Event::StateWritable(true), world.now);
    world.perform(actions);
    assert_eq!(world.disk.get("a"), Some(&Settings::OFF));
    assert_eq!(world.warmer.load().conversations, 0);
}

impl World {
    fn last_told(&self) -> Status {
        self.told.last().unwrap().1
    }
}

/// W2, of the ledger: what is spent must not be forgotten.
#[test]
fn w2_nothing_is_sent_while_the_ledger_cannot_be_written() {
    let mut world = World::new(plain());
    world.enable("a");
    world.turn("a");
    let actions = world.warmer.handle(Event::StateWritable(false), world.now);
    world.perform(actions);
    world.pass(280_000);
    assert_eq!((world.sent.len(), world.reason("a")), (0, Reason::StateUnwritable));
    let actions = world.warmer.handle(Event::StateWritable(true), world.now);
    world.perform(actions);
    world.turn("a");
    assert_eq!(world.reason("a"), Reason::Scheduled);
}

/// W4: neither a clock that is set nor a sleep makes a burst.
#[test]
fn w4_at_most_one_ping_after_any_jump() {
    let hour = 3_600_000;
    for jump in [-hour, -60_000, 60_000, 100_000, hour, 1000 * hour] {
        let mut world = World::new(plain());
        world.now = Now::virtual_millis(2 * 3_600_000);
        for nth in 0..50 {
            let name = format!("c{nth}");
            world.enable(&name);
            world.turn(&name);
        }
        let wall = world.now.wall.unix_millis() + jump;
        world.now.wall = common_fs::Timestamp::from_unix_millis(wall).unwrap();
        for _ in 0..2000 {
            let step = Millis(1000);
            let Now { monotonic, wall } = world.now;
            world.now = Now { monotonic: monotonic.plus(step), wall: wall.plus(step.into()) };
            let actions = world.warmer.handle(Event::Tick, world.now);
            world.perform(actions);
            let answers = std::mem::take(&mut world.sent);
            for (name, generation) in &answers {
                let (usage, took) = (read(), Millis::ZERO);
                let name = name.clone();
                world
                    .event(&name, Happened::WarmCompleted { generation: *generation, usage, took });
                assert_eq!(world.status(&name).pings, 1, "{jump}");
                world.event(&name, Happened::EnabledSet(false));
            }
        }
        // After a long jump forward the entries have to be taken for expired.
        let pings = world.warmer.ledger().pings.get(&Verdict::Hit).copied().unwrap_or_default();
        assert_eq!(pings, if jump < 285_000 { 50 } else { 0 }, "{jump}");
    }
}

/// W5: nobody answers, for ever.
#[test]
fn w5_a_provider_that_never_answers_gets_few_calls_and_no_more_than_the_budget() {
    let budget = Budget { day: Some(NanoDollars::from_dollars(1)), ..Budget::UNLIMITED };
    let mut world = World::new(Policy { budget, ..plain() });
    for round in 0..50 {
        for nth in 0..20 {
            let name = format!("c{nth}");
            world.enable(&name);
            world.turn(&name);
        }
        for _ in 0..60 {
            world.pass(5000);
            assert!(world.warmer.load().in_flight <= 8, "{round}");
        }
        assert!(world.warmer.ledger().spent <= NanoDollars::from_dollars(1), "{round}");
    }
    // It is what they would have cost, as nobody knows.
    assert_eq!(world.warmer.ledger().unconfirmed, u64::try_from(world.sent.len()).unwrap());
    assert!(world.sent.len() <= 33, "{}", world.sent.len());
}

/// W5: everybody is told to slow down.
#[test]
fn w5_a_storm_of_429_is_not_fed() {
    let mut world = World::new(plain());
    for nth in 0..1000 {
        let name = format!("c{nth}");
        world.enable(&name);
        world.turn(&name);
    }
    for _ in 0..600 {
        world.pass(1000);
        while let Some((name, generation)) = world.sent.pop() {
            let failure = Failure::RateLimited { retry_after: Some(Millis::from_secs(20)) };
            world.event(&name, Happened::WarmFailed { generation, failure });
        }
    }
    let failed = world.warmer.ledger().failed.get("rate-limited").copied();
    // Those that were under way when the first one was answered, and no more: the deadline is over
    // before the wait is.
    assert_eq!(failed, Some(8));
    assert_eq!(world.reason("c500"), Reason::Cold);
    assert_eq!(world.warmer.ledger().spent, NanoDollars::ZERO);
}

/// 401 stops everybody with the same credentials, until a real request shows that they are good.
#[test]
fn w5_refused_credentials_are_not_tried_again_by_everybody() {
    let mut world = World::new(Policy { flights_max: 1, ..plain() });
    for nth in 0..100 {
        let name = format!("c{nth}");
        world.enable(&name);
        world.turn(&name);
    }
    world.pass(270_000);
    world.fail(Failure::Unauthorized);
    world.pass(10_000);
    assert_eq!((world.sent.len(), world.reason("c99")), (1, Reason::Unauthorized));
    world.turn("c99");
    assert_eq!(world.reason("c99"), Reason::Scheduled);
    assert_eq!(world.warmer.load().holds, 0);
}

/// W6: nothing is left of what was closed.
#[test]
fn w6_what_was_closed_is_gone() {
    let mut world = World::new(plain());
    for nth in 0..100_000_u32 {
        let name = nth.to_string();
        let now = world.now;
        let mut event = |happened| {
            let actions = world.warmer.handle(Event::Conversation(&name, happened), now);
            actions.into_iter().find_map(|action| match action {
                Action::Persist { version, settings, .. } => {
                    Some(Happened::Persisted { version, settings })
                }
                _ => None,
            })
        };
        let written = event(Happened::EnabledSet(true));
        written.map(&mut event);
        event(Happened::TurnStarted);
        let written = event(Happened::Closed);
        assert!(written.is_some());
        written.map(&mut event);
    }
    let empty =
        Load { conversations: 0, timers: 0, queued: 0, in_flight: 0, holds: 0, arriving: 0 };
    assert_eq!(world.warmer.load(), empty);
}

/// W6: nor of those that nobody has switched on, or closed.
#[test]
fn w6_what_nobody_switched_on_is_forgotten_when_its_entry_expires() {
    let mut world = World::new(plain());
    for nth in 0..1000 {
        world.turn(&nth.to_string());
    }
    assert_eq!(world.warmer.load().conversations, 1000);
    // Until then it can be switched on.
    world.pass(200_000);
    world.enable("7");
    assert_eq!(world.next("7"), Some(270_000));
    world.pass(100_000);
    assert_eq!(world.warmer.load().conversations, 1);
    world.event("unknown", Happened::Closed);
    world.event("unknown", Happened::TurnSettled);
    assert_eq!(world.warmer.load().conversations, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// W3: settings that were damaged in any way are off, or those of before.
    #[test]
    fn w3_damaged_settings_switch_nothing_on(
        at in 0..40_usize, byte in any::<u8>(), cut in proptest::option::of(0..40_usize),
    ) {
        let mut text = Settings::OFF.to_json().to_string().into_bytes();
        if let Some(place) = text.get_mut(at) {
            *place = byte;
        }
        text.truncate(cut.unwrap_or(text.len()));
        let value = serde_json::from_slice(&text).unwrap_or_default();
        prop_assert!(!Settings::from_json(&value).enabled);
    }
}
