use std::sync::Arc;

use super::*;
use crate::{Budget, Model, Providers, Tier};

const START: Millis = Millis::from_hours(1);
const NO_GUARD_PER_TOKEN: crate::Guard =
    crate::Guard { base: Millis::from_secs(10), per_kilotoken: Millis::ZERO };

fn terms(tier: Tier) -> Terms {
    let model = Providers::builtin();
    model.model("anthropic", "claude-sonnet-4-5").unwrap().terms(tier, 100_000)
}

fn policy() -> Policy {
    Policy { guard: NO_GUARD_PER_TOKEN, ..Policy::SKI_RENTAL }
}

/// A hundred thousand tokens at three dollars for a million: a ping is three cents.
fn idle() -> Situation {
    Situation {
        now: START,
        enabled: true,
        active: false,
        subagent: false,
        anchor: Some(START),
        idle_since: START,
        terms: Some(terms(Tier::FiveMinutes)),
        cached: 100_000,
        uncached: 0,
        pings: 0,
        interval: None,
        latency: Millis::ZERO,
        early_ppm: 0,
        spent: Spent::default(),
        breaker_open: false,
    }
}

fn after(seconds: u64) -> Millis {
    START.plus(Millis::from_secs(seconds))
}

fn cents(cents: i64) -> NanoDollars {
    NanoDollars(cents * 10_000_000)
}

#[test]
fn a_ping_is_due_after_nine_tenths_and_late_after_half_the_rest() {
    let table = [
        (0, Decided::Wait { until: after(270) }, Reason::Scheduled),
        (269, Decided::Wait { until: after(270) }, Reason::Scheduled),
        (270, Decided::Send, Reason::Due),
        (285, Decided::Send, Reason::Due),
        (286, Decided::Stop, Reason::Cold),
        (86_400, Decided::Stop, Reason::Cold),
    ];
    for (seconds, action, reason) in table {
        let decision = decide(&Situation { now: after(seconds), ..idle() }, &policy());
        assert_eq!((decision.action, decision.reason), (action, reason), "{seconds}");
    }
}

#[test]
fn the_numbers_are_those_of_the_economics() {
    let numbers = decide(&idle(), &policy()).numbers.unwrap();
    let expected = Numbers {
        ping_cost: cents(3),
        ping_cost_max: NanoDollars(600_240_000),
        avoidable_loss: NanoDollars(345_000_000),
        pings_max: 11,
        break_even_ppm: Some(86_957),
        interval: Millis::from_secs(270),
        due: after(270),
        deadline: after(285),
    };
    assert_eq!(numbers, expected);
    let hour = Situation { terms: Some(terms(Tier::OneHour)), ..idle() };
    let numbers = decide(&hour, &policy()).numbers.unwrap();
    assert_eq!((numbers.pings_max, numbers.interval), (19, Millis::from_mins(54)));
    // An avoided cold start that is worth five cents pays for one more ping, and a bit.
    let patient = Policy { latency_value: cents(5), ..policy() };
    assert_eq!(decide(&idle(), &patient).numbers.unwrap().pings_max, 13);
}

/// What is changed, and why it stops.
type Row = (fn(&mut Situation, &mut Policy), Reason);

#[test]
fn every_rule_that_stops_has_its_reason() {
    let table: [Row; 20] = [
        (|s, _| s.enabled = false, Reason::Disabled),
        (|s, _| s.active = true, Reason::TurnRunning),
        (|s, _| s.anchor = None, Reason::NoRequestSeen),
        (|s, _| s.subagent = true, Reason::Subagent),
        (|s, _| s.terms = None, Reason::PriceUnknown),
        (|s, _| s.breaker_open = true, Reason::BreakerOpen),
        (|s, _| (s.cached, s.uncached) = (0, 1023), Reason::BelowMinimum),
        (|s, _| (s.cached, s.uncached) = (0, 0), Reason::BelowMinimum),
        (|s, _| (s.cached, s.uncached) = (0, 1024), Reason::Uncacheable),
        (|_, p| p.guard.base = Millis::from_mins(5), Reason::LifetimeTooShort),
        (|s, _| s.latency = Millis::from_mins(5), Reason::LifetimeTooShort),
        (|s, _| s.pings = 11, Reason::PingsSpent),
        (|_, p| p.pings = PingLimit::Fixed(0), Reason::PingsSpent),
        (|s, p| (s.pings, p.pings_max) = (2, 2), Reason::PingsSpent),
        // Nothing was read that would have to be written: it is all paid for anyway.
        (|s, _| (s.cached, s.uncached) = (1, 100_000), Reason::PingsSpent),
        (|_, p| p.idle_max = Some(Millis::from_secs(270)), Reason::IdleTooLong),
        (
            |s, p| (s.spent.conversation, p.budget.conversation) = (cents(63), Some(cents(100))),
            Reason::ConversationBudget,
        ),
        (|s, p| (s.spent.day, p.budget.day) = (cents(63), Some(cents(100))), Reason::DayBudget),
        (
            |s, p| (s.spent.total, p.budget.total) = (cents(63), Some(cents(100))),
            Reason::TotalBudget,
        ),
        (|s, p| (s.cached, p.budget.day) = (u64::MAX, Some(cents(1))), Reason::DayBudget),
    ];
    for (nth, (change, reason)) in table.into_iter().enumerate() {
        let mut situation = Situation { now: after(270), ..idle() };
        let mut policy = policy();
        assert_eq!(decide(&situation, &policy).action, Decided::Send);
        change(&mut situation, &mut policy);
        let decision = decide(&situation, &policy);
        assert_eq!((decision.action, decision.reason), (Decided::Stop, reason), "row {nth}");
    }
}

#[test]
fn a_budget_lasts_while_there_is_room_for_a_whole_write() {
    let budget = Budget { day: Some(cents(100)), ..Budget::UNLIMITED };
    let policy = Policy { budget, ..policy() };
    // 100 - 60 cents, as all may have to be written for an hour, and 16 tokens of answer.
    for (nanos, action) in [(399_760_000, Decided::Send), (399_760_001, Decided::Stop)] {
        let spent = Spent { day: NanoDollars(nanos), ..Spent::default() };
        let situation = Situation { now: after(270), spent, ..idle() };
        assert_eq!(decide(&situation, &policy).action, action, "{nanos}");
    }
}

#[test]
fn the_interval_of_the_user_can_only_make_pings_more_frequent() {
    for (wanted, seconds) in [(240, 240), (600, 270), (u64::MAX / 1000, 270)] {
        let situation = Situation { interval: Some(Millis::from_secs(wanted)), ..idle() };
        let numbers = decide(&situation, &policy()).numbers.unwrap();
        assert_eq!(numbers.due, after(seconds), "{wanted}");
        assert_eq!(numbers.deadline, after(285), "{wanted}");
    }
}

#[test]
fn jitter_is_early() {
    let situation = Situation { early_ppm: 50_000, ..idle() };
    let numbers = decide(&situation, &policy()).numbers.unwrap();
    assert_eq!(numbers.due, START.plus(Millis(270_000 - 13_500)));
}

#[test]
fn the_guard_grows_with_the_prompt_and_with_latency() {
    let policy = Policy::SKI_RENTAL;
    // 10 s and a second for every ten thousand tokens before the end, if that is more than a tenth.
    for (latency, tokens, seconds) in [(0, 100_000, 270), (12, 100_000, 268), (0, 300_000, 260)] {
        let latency = Millis::from_secs(latency);
        let situation = Situation { latency, cached: tokens, ..idle() };
        assert_eq!(decide(&situation, &policy).numbers.unwrap().due, after(seconds));
    }
}

#[test]
fn an_explicit_cache_is_extended() {
    let providers = Providers::builtin();
    let model = Model::clone(providers.model("google", "gemini-2.5-flash").unwrap());
    // An hour of storage costs more than writing anew; a minute does not.
    let terms = model.terms(Tier::OneHour, 100_000);
    let now = Situation { now: after(3300), terms: Some(terms), ..idle() };
    assert_eq!(decide(&now, &policy()).reason, Reason::PingsSpent);
    let terms =
        model.with_lifetime(Tier::OneHour, Millis::from_mins(1)).terms(Tier::OneHour, 100_000);
    let now = Situation { now: after(54), terms: Some(terms), ..idle() };
    let decision = decide(&now, &policy());
    assert_eq!((decision.action, decision.reason), (Decided::ExtendTtl, Reason::Due));
}

#[test]
fn a_histogram_decides_once_it_knows_enough() {
    let mut gaps = GapHistogram::new();
    let pings_max = |gaps: &GapHistogram| {
        let policy = Policy { pings: PingLimit::Histogram(Arc::new(gaps.clone())), ..policy() };
        decide(&idle(), &policy).numbers.unwrap().pings_max
    };
    for _ in 1..GAPS_MIN {
        gaps.add(Millis::from_mins(11));
    }
    assert_eq!(pings_max(&gaps), 11);
    gaps.add(Millis::from_mins(11));
    assert_eq!(pings_max(&gaps), 2);
}
