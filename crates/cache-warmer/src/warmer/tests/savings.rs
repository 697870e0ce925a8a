//! What is called saved.

use super::*;

fn warmed() -> World {
    let mut world = World::new(plain());
    world.enable("a");
    world.turn("a");
    world.pass(270_000);
    world.complete(read());
    world
}

/// A real request that starts now.
fn back(world: &mut World, usage: RequestUsage) -> Ledger {
    world.answer("a", usage, 0);
    world.warmer.ledger().clone()
}

#[test]
fn a_saving_counts_when_a_real_request_reads_what_was_kept_after_it_would_have_expired() {
    let mut world = warmed();
    world.pass(60_000);
    let more = RequestUsage { read: PREFIX, write_5m: 5000, ..RequestUsage::default() };
    let ledger = back(&mut world, more);
    assert_eq!(ledger.spells, crate::Spells { saved: 1, ..Default::default() });
    assert_eq!((ledger.saved_tokens, ledger.saved), (PREFIX, NanoDollars(345_000_000)));
    assert_eq!(ledger.net(), NanoDollars(315_000_000));
    // Only once.
    let ledger = back(&mut world, read());
    assert_eq!(ledger.saved, NanoDollars(345_000_000));
}

#[test]
fn only_what_was_kept_counts_of_what_was_read() {
    let mut world = warmed();
    world.pass(60_000);
    let other = RequestUsage { read: 3_000_000, ..RequestUsage::default() };
    assert_eq!(back(&mut world, other).saved_tokens, PREFIX);
    let mut world = warmed();
    world.pass(60_000);
    let less = RequestUsage { read: 10_000, write_5m: 90_000, ..RequestUsage::default() };
    assert_eq!(back(&mut world, less).saved_tokens, 10_000);
}

#[test]
fn only_what_a_ping_has_read_was_kept() {
    let mut world = World::new(plain());
    world.enable("a");
    world.turn("a");
    world.pass(270_000);
    world.complete(RequestUsage { read: 40_000, ..RequestUsage::default() });
    world.pass(60_000);
    assert_eq!(back(&mut world, read()).saved_tokens, 40_000);
}

#[test]
fn a_request_that_would_have_been_in_time_saves_nothing() {
    let mut world = warmed();
    world.pass(29_000);
    let ledger = back(&mut world, read());
    assert_eq!(ledger.spells, crate::Spells { needless: 1, ..Default::default() });
    assert_eq!((ledger.saved, ledger.net()), (NanoDollars::ZERO, NanoDollars(-30_000_000)));
}

#[test]
fn a_request_that_reads_nothing_saves_nothing() {
    let mut world = warmed();
    world.pass(60_000);
    let ledger = back(&mut world, wrote());
    assert_eq!(ledger.spells, crate::Spells { lost: 1, ..Default::default() });
    assert_eq!(ledger.saved, NanoDollars::ZERO);
}

#[test]
fn a_conversation_that_is_closed_saves_nothing() {
    let mut world = warmed();
    world.event("a", Happened::Closed);
    assert_eq!(world.warmer.ledger().spells, crate::Spells { closed: 1, ..Default::default() });
}

#[test]
fn the_tier_is_that_of_the_usage_and_stays_while_nothing_is_written() {
    let mut world = World::new(plain());
    world.enable("a");
    let hour = RequestUsage { write_1h: PREFIX, ..RequestUsage::default() };
    world.answer("a", hour, 0);
    assert_eq!(world.next("a"), Some(54 * 60_000));
    world.answer("a", read(), 0);
    assert_eq!(world.next("a"), Some(54 * 60_000));
    world.answer("a", wrote(), 0);
    assert_eq!(world.next("a"), Some(270_000));
}

#[test]
fn what_has_no_price_is_told() {
    let mut world = World::new(plain());
    world.model = None;
    world.enable("a");
    world.turn("a");
    assert_eq!(world.reason("a"), Reason::PriceUnknown);
}

#[test]
fn an_explicit_cache_is_extended_and_booked_by_its_storage() {
    let mut world = World::new(plain());
    let gemini = Providers::builtin();
    let gemini = Model::clone(gemini.model("google", "gemini-2.5-flash").unwrap());
    // A minute at a time: an hour costs more than it can save.
    world.model = Some(Arc::new(gemini.with_lifetime(Tier::OneHour, Millis::from_mins(1))));
    world.enable("a");
    world.turn("a");
    world.now = Now::virtual_millis(50_000);
    let actions = world.warmer.handle(Event::Tick, world.now);
    let sent = actions.iter().find_map(|action| match action {
        Action::Send { generation, method, .. } => Some((*generation, *method)),
        _ => None,
    });
    let (generation, method) = sent.unwrap();
    assert_eq!(method, WarmMethod::ExtendTtl);
    world.event("a", Happened::Extended { generation, took: Millis::ZERO });
    let ledger = world.warmer.ledger();
    // A dollar for a million tokens and an hour.
    assert_eq!((ledger.extended, ledger.spent), (1, NanoDollars(1_666_667)));
    assert_eq!(world.next("a"), Some(100_000));
}

#[test]
fn pings_that_keep_what_no_real_request_reads_end() {
    let mut world = World::new(plain());
    world.enable("a");
    world.turn("a");
    for _ in 0..3 {
        assert_eq!(world.reason("a"), Reason::Scheduled);
        world.pass(270_000);
        // A chain of its own: pings read what pings have written.
        world.complete(read());
        world.pass(60_000);
        world.turn("a");
    }
    assert_eq!(world.reason("a"), Reason::BreakerOpen);
    // After six hours a pause is a trial, and one that saves something ends it.
    world.pass(6 * 3_600_000);
    world.turn("a");
    world.pass(270_000);
    world.complete(read());
    world.pass(60_000);
    world.start("a");
    world.answer("a", read(), 0);
    world.settle("a");
    assert_eq!(world.reason("a"), Reason::Scheduled);
}

#[test]
fn a_ping_that_was_cancelled_counts_with_the_most_until_its_answer_says_otherwise() {
    let mut world = World::new(plain());
    world.enable("a");
    world.turn("a");
    world.pass(270_000);
    world.start("a");
    let ledger = world.warmer.ledger();
    // A whole write, for an hour at worst, and 16 tokens of answer.
    assert_eq!((ledger.spent, ledger.unconfirmed), (NanoDollars(600_240_000), 1));
    world.complete(read());
    let ledger = world.warmer.ledger();
    assert_eq!((ledger.spent, ledger.unconfirmed), (NanoDollars(30_000_000), 0));
}

#[test]
fn the_hour_is_not_forgotten_by_a_longer_prompt_that_was_only_read() {
    let mut world = World::new(plain());
    world.enable("a");
    let hour = RequestUsage { write_1h: PREFIX, ..RequestUsage::default() };
    world.answer("a", hour, 0);
    let longer = Answered {
        usage: read(),
        took: Millis::ZERO,
        model: world.model.clone(),
        tier: None,
        prefix: Fingerprint(2),
        account: Account(1),
        subagent: false,
    };
    world.event("a", Happened::Answered(longer));
    assert_eq!(world.next("a"), Some(54 * 60_000));
}
