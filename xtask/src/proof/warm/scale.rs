//! Scenario e: conversations that settle in the same second, for a day.

use anyhow::ensure;
use cache_warmer::{Event, Failure, Happened, Millis, Now, Policy, Reason};
use serde::Serialize;

use super::{provider::Provider, world::World};
use crate::proof::process::{millis, processor_time, resident_bytes, thousandths};

const TOKENS: u64 = 20_000;
const LIFETIME: Millis = Millis::from_mins(5);
const DAY: Millis = Millis::from_hours(24);
/// So many pings under way at once are enough for 100,000 conversations.
const FLIGHTS_MANY: u32 = 20_000;
/// How often each turn is begun and ended.
const ROUNDS: u64 = 10;
/// Why the entry of a conversation is left to expire.
const EXPIRED: [Reason; 2] = [Reason::Cold, Reason::CrowdedOut];

/// What came of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Scale {
    conversations: u64,
    /// As many pings at once as usual: most entries expire before it is their turn.
    usual: Day,
    /// Enough pings at once for all of them.
    pub(super) wide: Day,
    /// Of a conversation that waits for its ping.
    pub(super) bytes_per_conversation: f64,
    /// Turns that begin and end, each of which takes a timer away or sets one, in a second of
    /// processor time.
    pub(super) timer_operations_per_second: f64,
}

/// A day.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Day {
    pings: u64,
    in_flight_max: usize,
    /// Pings that came too late.
    whole_writes: u64,
    /// Conversations whose entry was left to expire.
    cold: u64,
    events: u64,
    pub(super) cpu_ms: f64,
}

pub(super) fn prove(conversations: u64) -> anyhow::Result<Scale> {
    let names: Vec<String> =
        (0..conversations).map(|nth| format!("00000000-0000-4000-8000-{nth:012}")).collect();
    let (bytes_per_conversation, timer_operations_per_second) = timers(&names)?;
    let usual = day(&names, Policy::SKI_RENTAL.flights_max)?;
    let wide = day(&names, FLIGHTS_MANY)?;
    ensure!(wide.cold == 0, "{} conversations were left to expire", wide.cold);
    ensure!(wide.pings == 11 * conversations, "{} pings", wide.pings);
    Ok(Scale {
        conversations,
        usual,
        wide,
        bytes_per_conversation: thousandths(bytes_per_conversation),
        timer_operations_per_second: timer_operations_per_second.round(),
    })
}

fn day(names: &[String], flights_max: u32) -> anyhow::Result<Day> {
    let mut provider = Provider::new(LIFETIME, TOKENS);
    let policy = Policy { flights_max, ..Policy::SKI_RENTAL };
    let mut world = World::new(policy)?;
    for name in names {
        let usage = provider.request(name, Millis::ZERO);
        let mut nothing = |_: &str, _| Ok(usage);
        world.enable(name, &mut nothing);
        world.turn(name, usage, Millis::ZERO, &mut nothing);
    }
    ensure!(world.pings.is_empty(), "a ping at once");
    let begun = processor_time()?;
    let mut answer = |name: &str, at| Ok(provider.request(name, at));
    world.until(DAY, &mut answer);
    let cpu_ms = millis(processor_time()?.saturating_sub(begun));
    let reasons = world.warmer.conversations().map(|(_, status)| status.reason);
    let cold = reasons.filter(|reason| EXPIRED.contains(reason)).count() as u64;
    let whole_writes = provider.writes - names.len() as u64;
    ensure!(whole_writes == 0, "{whole_writes} pings came too late");
    let in_flight_max = world.in_flight_max;
    ensure!(in_flight_max <= flights_max as usize, "{in_flight_max} pings at once");
    let (pings, events) = (world.pings.len() as u64, world.events);

    let mut nobody = |_: &str, _| Err(Failure::Connection);
    for name in names {
        world.close(name, &mut nobody);
    }
    world.until(DAY.times(2), &mut nobody);
    let load = world.warmer.load();
    let left = load.conversations + load.timers + load.queued + load.in_flight;
    ensure!(left == 0, "after all were closed: {load:?}");
    Ok(Day { pings, in_flight_max, whole_writes, cold, events, cpu_ms })
}

/// Bytes of a conversation, and operations in a second.
fn timers(names: &[String]) -> anyhow::Result<(f64, f64)> {
    let before = resident_bytes()?;
    let mut world = World::new(Policy::SKI_RENTAL)?;
    let mut provider = Provider::new(LIFETIME, TOKENS);
    let usage = provider.request("any", Millis::ZERO);
    let mut nothing = |_: &str, _| Ok(usage);
    for name in names {
        world.enable(name, &mut nothing);
        world.turn(name, usage, Millis::ZERO, &mut nothing);
    }
    #[expect(clippy::cast_precision_loss, reason = "to be read by people")]
    let each = resident_bytes()?.saturating_sub(before) as f64 / names.len() as f64;
    ensure!(world.warmer.load().timers == names.len(), "{:?}", world.warmer.load());

    let begun = processor_time()?;
    for round in 1..=ROUNDS {
        let now = Now::virtual_millis(round);
        for name in names {
            for happened in [Happened::TurnStarted, Happened::TurnSettled] {
                world.warmer.handle(Event::Conversation(name, happened), now);
            }
        }
    }
    let took = processor_time()?.saturating_sub(begun);
    #[expect(clippy::cast_precision_loss, reason = "to be read by people")]
    let operations = (2 * ROUNDS * names.len() as u64) as f64 / took.as_secs_f64();
    Ok((each, operations))
}
