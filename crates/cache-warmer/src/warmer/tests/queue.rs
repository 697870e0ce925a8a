//! Pings that wait for their turn.

use super::*;

fn world(policy: Policy, names: &[&str]) -> World {
    let mut world = World::new(policy);
    for name in names {
        world.enable(name);
        world.turn(name);
    }
    world
}

fn names(world: &World) -> Vec<&str> {
    world.sent.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn what_expires_first_goes_first() {
    let mut world = World::new(Policy { flights_max: 1, ..plain() });
    for (name, minutes) in [("long", 60), ("short", 5), ("middle", 30)] {
        let lifetime = Millis::from_mins(minutes);
        let other = Model::clone(&model()).with_lifetime(Tier::FiveMinutes, lifetime);
        world.model = Some(Arc::new(other));
        world.interval(name, 240_000.0);
        world.enable(name);
        world.turn(name);
    }
    world.until(240_000);
    for _ in 0..2 {
        world.complete(read());
    }
    assert_eq!(names(&world), ["short", "middle", "long"]);
    assert_eq!(world.warmer.load().in_flight, 1);
}

#[test]
fn what_waits_for_too_long_is_cold_and_told() {
    let policy = Policy { flights_max: 1, timeout: Millis::from_mins(1), ..plain() };
    let mut world = world(policy, &["a", "b"]);
    world.until(270_000);
    assert_eq!((names(&world), world.reason("b")), (vec!["a"], Reason::Queued));
    assert_eq!(world.warmer.next_due(), Some(Millis(285_001)));
    world.told.clear();
    world.until(285_001);
    let told: Vec<_> =
        world.told.iter().map(|(name, status)| (name.as_str(), status.reason)).collect();
    assert_eq!(told, [("b", Reason::CrowdedOut)]);
    // Whatever happens to it then, that is why.
    world.enable("b");
    assert_eq!(world.reason("b"), Reason::CrowdedOut);
    assert_eq!(world.warmer.ledger().stops.get(&Reason::CrowdedOut), Some(&1));
    assert_eq!(world.warmer.load().queued, 0);
}

/// A write costs 60 cents at worst, so there is room for two in 1.3 dollars, and for as many reads as
/// fit.
#[test]
fn what_pings_under_way_may_cost_is_kept_free_without_stopping_the_others() {
    let budget = Budget { day: Some(NanoDollars(1_300_000_000)), ..Budget::UNLIMITED };
    let mut world = world(Policy { budget, ..plain() }, &["a", "b", "c", "d"]);
    world.until(270_000);
    assert_eq!((names(&world), world.reason("c")), (vec!["a", "b"], Reason::Queued));
    world.complete(read());
    assert_eq!(names(&world), ["a", "b", "c"]);
    world.complete(wrote());
    // 40.5 cents are spent and 60 may be: there is no room for another write any more.
    assert_eq!((names(&world).len(), world.reason("d")), (3, Reason::Queued));
    let (name, generation) = world.sent[0].clone();
    let took = Millis::ZERO;
    world.event(&name, Happened::WarmCompleted { generation, usage: read(), took });
    assert_eq!(names(&world), ["a", "b", "c", "d"]);
}

#[test]
fn a_herd_is_let_through_a_few_at_a_time() {
    let mut world = World::new(Policy { jitter_percent: 5, ..plain() });
    for nth in 0..10_000 {
        let name = nth.to_string();
        world.enable(&name);
        world.turn(&name);
    }
    // Answers take a tenth of a second.
    let mut under_way: Vec<(u64, String, Generation)> = Vec::new();
    for millis in (250_000..300_000).step_by(50) {
        world.until(millis);
        for (name, generation) in world.sent.drain(..) {
            under_way.push((millis, name, generation));
        }
        assert!(under_way.len() <= 8);
        let (answered, rest) =
            std::mem::take(&mut under_way).into_iter().partition(|(sent, ..)| sent + 100 <= millis);
        under_way = rest;
        for (_, name, generation) in answered {
            let took = Millis(100);
            world.event(&name, Happened::WarmCompleted { generation, usage: read(), took });
        }
    }
    let hits = world.warmer.ledger().pings.get(&Verdict::Hit).copied().unwrap_or_default();
    // As many as there was time for; the others are cold for that reason, and none was sent too late.
    assert!((1000..3000).contains(&hits), "{hits}");
    let stopped = world.warmer.ledger().stops.get(&Reason::CrowdedOut).copied().unwrap_or_default();
    assert_eq!(hits + stopped, 10_000);
}

/// Tells the warmer what happens to an account.
fn tell(world: &mut World, event: Event<'_>) {
    let actions = world.warmer.handle(event, world.now);
    world.perform(actions);
}

#[test]
fn no_ping_goes_out_while_a_request_comes_that_may_be_the_next_turn() {
    let mut world = world(plain(), &["a", "b"]);
    // Two requests of the account, one after the other.
    tell(&mut world, Event::Arriving(Account(1)));
    tell(&mut world, Event::Arriving(Account(1)));
    world.until(270_000);
    assert_eq!((names(&world).len(), world.reason("a")), (0, Reason::RequestArriving));
    world.start("a");
    tell(&mut world, Event::Arrived(Account(1)));
    assert_eq!((names(&world).len(), world.reason("b")), (0, Reason::RequestArriving));
    // The other one is somebody else's: the ping is sent at once.
    tell(&mut world, Event::Arrived(Account(1)));
    assert_eq!((names(&world), world.reason("a")), (vec!["b"], Reason::TurnRunning));
    assert_eq!(world.warmer.load().arriving, 0);
    // One too many changes nothing.
    tell(&mut world, Event::Arrived(Account(1)));
    tell(&mut world, Event::Arriving(Account(2)));
    world.settle("a");
    assert_eq!(names(&world), ["b", "a"]);
}

#[test]
fn a_ping_that_waits_for_a_request_is_not_sent_too_late() {
    let mut world = world(plain(), &["a"]);
    world.until(200_000);
    tell(&mut world, Event::Arriving(Account(1)));
    world.until(285_000);
    assert_eq!(world.reason("a"), Reason::RequestArriving);
    assert_eq!(world.warmer.next_due(), Some(Millis(285_001)));
    world.until(285_001);
    tell(&mut world, Event::Arrived(Account(1)));
    assert_eq!((names(&world).len(), world.reason("a")), (0, Reason::Cold));
    assert_eq!(world.warmer.next_due(), None);
}

#[test]
fn a_ping_that_waits_for_its_turn_waits_for_a_request_too() {
    let mut world = world(Policy { flights_max: 1, ..plain() }, &["a", "b"]);
    world.until(270_000);
    assert_eq!((names(&world), world.reason("b")), (vec!["a"], Reason::Queued));
    tell(&mut world, Event::Arriving(Account(1)));
    world.complete(read());
    assert_eq!((names(&world).len(), world.reason("b")), (1, Reason::RequestArriving));
    tell(&mut world, Event::Arrived(Account(1)));
    assert_eq!(names(&world), ["a", "b"]);
}

/// How long a client was told to wait, or not for how long, and when the ping is sent then; it is due
/// after 270 s, and makes sense until 285.
#[test]
fn a_client_that_was_told_to_slow_down_speaks_for_its_account() {
    for (retry_after, expected) in [
        (Some(10), Some(279_000)),
        (None, Some(274_000)),
        (Some(60), None),
        (Some(0), Some(270_000)),
    ] {
        let mut world = world(plain(), &["a"]);
        world.until(269_000);
        let retry_after = retry_after.map(Millis::from_secs);
        tell(&mut world, Event::RateLimited { account: Account(1), retry_after });
        tell(&mut world, Event::RateLimited { account: Account(2), retry_after: None });
        let mut sent = None;
        while let Some(due) = world.warmer.next_due()
            && sent.is_none()
        {
            world.until(due.0);
            sent = (!world.sent.is_empty()).then_some(due.0);
        }
        assert_eq!(sent, expected, "{retry_after:?}");
        let is_cold = world.reason("a") == Reason::Cold;
        assert_eq!(is_cold, expected.is_none(), "{retry_after:?}");
    }
}

#[test]
fn nobody_waits_for_longer_than_an_hour() {
    let mut world = World::new(plain());
    let retry_after = Some(Millis::from_secs(u64::MAX));
    tell(&mut world, Event::RateLimited { account: Account(1), retry_after });
    world.until(3_599_999);
    assert_eq!(world.warmer.load().holds, 1);
    world.pass(1);
    assert_eq!(world.warmer.load().holds, 0);
}
