//! Scenarios c and d: a provider that has too much to do, and pings that keep the wrong thing warm.

use std::collections::BTreeMap;

use anyhow::ensure;
use cache_warmer::{Budget, Failure, Millis, NanoDollars, Policy, Reason, RequestUsage};
use serde::Serialize;

use super::{
    provider::Provider,
    world::{LATENCY, World, model},
};

const TOKENS: u64 = 100_000;
const LIFETIME: Millis = Millis::from_mins(5);
const CONVERSATIONS: u64 = 500;
/// For how long the provider asks to wait.
const RETRY_AFTER: Millis = Millis::from_secs(7);

/// In what is left of a lifetime when pings are due, at most 43 s, with a wait before each but the
/// first.
const ROUNDS_MAX: u64 = 6;

const PAUSE: Millis = Millis::from_mins(20);
const PAUSES: u64 = 8;
const PINGS_IN_A_PAUSE: u64 = 4;

/// Every ping is turned away while others wait.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Storm {
    conversations: u64,
    /// Requests that were turned away.
    turned_away: u64,
    nano_dollars: i64,
    /// How the conversations stand afterwards.
    reasons: BTreeMap<&'static str, u64>,
}

pub(super) fn storm() -> anyhow::Result<Storm> {
    let mut provider = Provider::new(LIFETIME, TOKENS);
    let mut world = World::new(Policy::SKI_RENTAL)?;
    let mut answer = |_: &str, _| Err(Failure::RateLimited { retry_after: Some(RETRY_AFTER) });
    let names: Vec<String> = (0..CONVERSATIONS).map(|nth| format!("c{nth}")).collect();
    for name in &names {
        let usage = provider.request(name, Millis::ZERO);
        world.enable(name, &mut answer);
        world.turn(name, usage, Millis::ZERO, &mut answer);
    }
    world.until(Millis::from_hours(1), &mut answer);

    let mut reasons = BTreeMap::new();
    for (_, status) in world.warmer.conversations() {
        *reasons.entry(status.reason.name()).or_default() += 1;
    }
    // Whoever is told to wait knows of it when the answer is there.
    let told = |sent: &Millis| sent.plus(LATENCY);
    for (nth, ping) in world.pings.iter().enumerate() {
        let before = world.pings.iter().take(nth).map(told).filter(|told| told <= ping);
        let waited = before.map(|told| ping.since(told)).min();
        let is_soon = waited.is_some_and(|waited| waited < RETRY_AFTER);
        ensure!(!is_soon, "asked again after {waited:?} instead of {RETRY_AFTER:?}");
    }
    let turned_away = world.pings.len() as u64;
    let nano_dollars = world.warmer.ledger().spent.0;
    let most = ROUNDS_MAX * u64::from(Policy::SKI_RENTAL.flights_max);
    ensure!(turned_away <= most, "{turned_away} requests although each asked to wait");
    ensure!(nano_dollars == 0, "{nano_dollars} nano-dollars for nothing");
    let stopped = [Reason::Cold, Reason::CrowdedOut, Reason::RetriesSpent];
    let is_told = |name: &&str| stopped.iter().any(|reason| reason.name() == *name);
    ensure!(reasons.keys().all(is_told), "afterwards: {reasons:?}");
    ensure!(world.warmer.next_due().is_none(), "something is still going to happen");
    Ok(Storm { conversations: CONVERSATIONS, turned_away, nano_dollars, reasons })
}

/// Pings that keep something warm, but not what the conversation reads.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WrongPrefix {
    /// Where each ping is a whole write.
    never_read: Wrong,
    /// Where pings read what pings have written, as those of the seed do, which are without the
    /// system prompt.
    own_chain: Wrong,
    /// The same within a budget that is worth less than one such write.
    within_a_budget: Wrong,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Wrong {
    pings: u64,
    spent_nano_dollars: i64,
    saved_nano_dollars: i64,
    reason: Reason,
}

pub(super) fn wrong_prefix() -> anyhow::Result<WrongPrefix> {
    let wrote = RequestUsage { write_5m: TOKENS, ..RequestUsage::default() };
    let never_read = wrong(Policy::SKI_RENTAL, 1, &mut |_, _| wrote)?;
    ensure!(never_read.reason == Reason::BreakerOpen, "{}", never_read.reason.name());
    let bad_max = u64::from(Policy::SKI_RENTAL.breaker.bad_max);
    ensure!(never_read.pings == bad_max, "{} whole writes", never_read.pings);

    let mut provider = Provider::new(LIFETIME, TOKENS);
    let own_chain = wrong(Policy::SKI_RENTAL, PAUSES, &mut |name, at| {
        provider.request(&format!("ping of {name}"), at)
    })?;
    ensure!(own_chain.reason == Reason::BreakerOpen, "{}", own_chain.reason.name());
    let most = bad_max * PINGS_IN_A_PAUSE;
    ensure!(own_chain.pings == most, "{} pings, not {most}", own_chain.pings);
    for wrong in [&never_read, &own_chain] {
        ensure!(wrong.saved_nano_dollars == 0, "{} saved", wrong.saved_nano_dollars);
    }

    let terms = model()?.terms(model()?.default_tier(), TOKENS);
    let day = NanoDollars(terms.prices.cost(&wrote).0 / 2);
    let budget = Budget { day: Some(day), ..Budget::UNLIMITED };
    let within_a_budget = wrong(Policy { budget, ..Policy::SKI_RENTAL }, 1, &mut |_, _| wrote)?;
    ensure!(within_a_budget.pings == 0, "{} pings", within_a_budget.pings);
    ensure!(within_a_budget.reason == Reason::DayBudget, "{}", within_a_budget.reason.name());
    Ok(WrongPrefix { never_read, own_chain, within_a_budget })
}

/// Somebody comes back after 20 minutes, again and again.
fn wrong(
    policy: Policy,
    pauses: u64,
    ping: &mut dyn FnMut(&str, Millis) -> RequestUsage,
) -> anyhow::Result<Wrong> {
    let mut provider = Provider::new(LIFETIME, TOKENS);
    let mut world = World::new(policy)?;
    let mut answer = |name: &str, at| Ok(ping(name, at));
    world.enable("a", &mut answer);
    world.turn("a", provider.request("a", Millis::ZERO), Millis::ZERO, &mut answer);
    for nth in 1..=pauses {
        let back = PAUSE.times(nth);
        world.until(back, &mut answer);
        if nth < pauses {
            world.turn("a", provider.request("a", back), Millis::ZERO, &mut answer);
        }
    }
    let reason = world.warmer.status("a").reason;
    let back = provider.request("a", PAUSE.times(pauses));
    world.turn("a", back, Millis::ZERO, &mut answer);
    let ledger = world.warmer.ledger();
    Ok(Wrong {
        pings: world.pings.len() as u64,
        spent_nano_dollars: ledger.spent.0,
        saved_nano_dollars: ledger.saved.0,
        reason,
    })
}
