use crate::{Millis, Model, NanoDollars, PingLimit, Tier, economics};

use super::{gap::Gap, policy::of_limit};

/// From when on pings pay, for an entry of some size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakEven {
    /// Which lifetime it has.
    pub tier: Tier,
    /// How long that is.
    pub lifetime: Millis,
    /// From the start of a request to the next ping.
    pub interval: Millis,
    /// What a ping costs.
    pub ping_cost: NanoDollars,
    /// What the next request pays more if the entry is gone.
    pub avoidable_loss: NanoDollars,
    /// From which probability on that the next request comes in the time that a ping adds, it pays:
    /// in millionths.
    pub probability_ppm: Option<u64>,
    /// How many pings cost no more than what they can save.
    pub pings: u32,
    /// For how long after a request its entry is kept with so many pings.
    pub covered: Millis,
    /// What it costs to keep the entry for an hour.
    pub hold_cost_per_hour: NanoDollars,
}

/// From when on pings pay, for an entry of `tokens`; `None` if the model has no such tier, or keeps
/// entries for too short a time.
pub fn break_even(model: &Model, tier: Tier, tokens: u64) -> Option<BreakEven> {
    let terms = model.terms(tier, tokens);
    if terms.tier != tier {
        return None;
    }
    let gap = Gap {
        started: Millis::ZERO,
        ended: Millis::ZERO,
        before: terms.lifetime,
        terms,
        cached: tokens,
        uncached: 0,
    };
    let policy = of_limit(PingLimit::BreakEven);
    let numbers = gap.decision(Millis::ZERO, Millis::ZERO, 0, &policy).numbers?;
    let pings = numbers.pings_max;
    Some(BreakEven {
        tier,
        lifetime: terms.lifetime,
        interval: numbers.interval,
        ping_cost: numbers.ping_cost,
        avoidable_loss: numbers.avoidable_loss,
        probability_ppm: numbers.break_even_ppm,
        pings,
        covered: economics::covered(pings, numbers.interval, terms.lifetime),
        hold_cost_per_hour: economics::hold_cost_per_hour(numbers.ping_cost, numbers.interval),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Providers;

    /// Spec section 6, in units of the price of the prefix, 50 cents: that a ping is sent after nine
    /// tenths of a lifetime is the row for 270 seconds, and the one for 54 minutes.
    #[test]
    fn the_figures_of_the_specification() {
        let providers = Providers::builtin();
        let model = providers.model("anthropic", "claude-opus-4-5").unwrap();
        let five = break_even(model, Tier::FiveMinutes, 100_000).unwrap();
        assert_eq!((five.interval, five.pings), (Millis::from_secs(270), 11));
        assert_eq!(five.probability_ppm, Some(86_957));
        assert_eq!(five.covered, Millis::from_secs(54 * 60 + 30));
        assert_eq!(five.hold_cost_per_hour.to_string(), "$0.6667");
        let hour = break_even(model, Tier::OneHour, 100_000).unwrap();
        assert_eq!((hour.interval, hour.pings), (Millis::from_mins(54), 19));
        assert_eq!(hour.probability_ppm, Some(52_632));
        assert_eq!(hour.covered, Millis::from_mins(19 * 54 + 60));
        assert_eq!(hour.hold_cost_per_hour.to_string(), "$0.0556");
        assert_eq!(break_even(model, Tier::OneDay, 100_000), None);
    }
}
