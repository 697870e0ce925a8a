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
    assert_eq!(told, [("b", Reason::Cold)]);
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
    // As many as there was time for; the others are cold, and none of them was sent too late.
    assert!((1000..3000).contains(&hits), "{hits}");
    let stopped = world.warmer.ledger().stops.get(&Reason::Cold).copied().unwrap_or_default();
    assert_eq!(hits + stopped, 10_000);
}
