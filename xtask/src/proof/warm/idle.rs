//! Scenarios a and b: a day without anybody, and an answer that takes long.

use anyhow::ensure;
use cache_warmer::{Millis, Policy, Reason, economics};
use serde::Serialize;

use super::{
    provider::Provider,
    world::{World, model},
};

const TOKENS: u64 = 100_000;
const LIFETIME: Millis = Millis::from_mins(5);
/// That of the seed, from when an answer ended.
const SEED_INTERVAL: Millis = Millis::from_secs(240);
const DAY: Millis = Millis::from_hours(24);

/// A day without anybody.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Idle {
    seed_pings: u64,
    seed_nano_dollars: i64,
    pings: u64,
    nano_dollars: i64,
    /// As many as can pay for themselves.
    break_even_pings: u32,
    /// Why it has stopped.
    reason: Reason,
    /// Of these, how many were whole writes.
    writes: u64,
}

pub(super) fn idle() -> anyhow::Result<Idle> {
    let model = model()?;
    let terms = model.terms(model.default_tier(), TOKENS);
    let ping = economics::ping_cost(&terms, TOKENS, 0);
    let break_even_pings =
        economics::break_even_pings(ping, economics::avoidable_loss(&terms, TOKENS));

    let (mut seed_pings, mut seed_nano_dollars) = (0, 0);
    let mut provider = Provider::new(LIFETIME, TOKENS);
    provider.request("a", Millis::ZERO);
    let mut at = SEED_INTERVAL;
    while at <= DAY {
        seed_pings += 1;
        seed_nano_dollars += terms.prices.cost(&provider.request("a", at)).0;
        at = at.plus(SEED_INTERVAL);
    }

    let mut provider = Provider::new(LIFETIME, TOKENS);
    let first = provider.request("a", Millis::ZERO);
    let mut answer = |name: &str, at| Ok(provider.request(name, at));
    let mut world = World::new(Policy::SKI_RENTAL)?;
    world.enable("a", &mut answer);
    world.turn("a", first, Millis::ZERO, &mut answer);
    world.until(DAY, &mut answer);

    let (pings, reason) = (world.pings.len() as u64, world.warmer.status("a").reason);
    let nano_dollars = world.warmer.ledger().spent.0;
    let writes = provider.writes - 1;
    ensure!(seed_pings == 360, "the seed sends {seed_pings} pings a day");
    ensure!(pings == u64::from(break_even_pings), "{pings} pings, not {break_even_pings}");
    ensure!(break_even_pings == 11, "{break_even_pings} pings can pay");
    ensure!(reason == Reason::PingsSpent, "it has stopped: {}", reason.name());
    ensure!(writes == 0, "{writes} pings were whole writes");
    Ok(Idle {
        seed_pings,
        seed_nano_dollars,
        pings,
        nano_dollars,
        break_even_pings,
        reason,
        writes,
    })
}

/// An answer that takes so long that an interval that counts from its end is too long.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Anchor {
    answer_ms: u64,
    seed_first_ping_ms: u64,
    /// Whether the entry was gone by then.
    seed_misses: bool,
    first_ping_ms: u64,
    hits: bool,
}

pub(super) fn anchor() -> anyhow::Result<Anchor> {
    let took = Millis::from_secs(90);
    let mut provider = Provider::new(LIFETIME, TOKENS);
    provider.request("a", Millis::ZERO);
    let seed_first = took.plus(SEED_INTERVAL);
    let seed_misses = provider.request("a", seed_first).read == 0;

    let mut provider = Provider::new(LIFETIME, TOKENS);
    let first = provider.request("a", Millis::ZERO);
    let mut answer = |name: &str, at| Ok(provider.request(name, at));
    let mut world = World::new(Policy::SKI_RENTAL)?;
    world.enable("a", &mut answer);
    world.until(took, &mut answer);
    world.turn("a", first, took, &mut answer);
    world.until(LIFETIME.times(2), &mut answer);
    let Some(ping) = world.pings.first().copied() else { anyhow::bail!("no ping was sent") };
    let hits = provider.writes == 1;
    ensure!(seed_misses, "the interval of the seed was short enough");
    ensure!(hits, "a ping {} ms after the request was a whole write", ping.0);
    Ok(Anchor {
        answer_ms: took.0,
        seed_first_ping_ms: seed_first.0,
        seed_misses,
        first_ping_ms: ping.0,
        hits,
    })
}
