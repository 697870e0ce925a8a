//! What a ping costs and what it can save, in exact integers.
//!
//! With `r` and `w` the prices of reading and of writing a token: a ping costs `r` for each token of
//! the prefix. Without it, the next real request writes the prefix anew instead of reading it, and
//! pays `w - r` more for each token. After `(w - r) / r` pings in vain, more is spent than could
//! have been saved: whoever stops there never pays more than twice what somebody would have paid who
//! knew the future (the ski-rental problem).

use crate::{Millis, NanoDollars, Prices, Terms, WarmMethod};

/// What one ping costs: reading `cached` tokens, and paying for the `uncached` ones after them once
/// more; for an explicit cache, keeping the tokens for another lifetime.
pub fn ping_cost(terms: &Terms, cached: u64, uncached: u64) -> NanoDollars {
    let prices = &terms.prices;
    let replay = prices.read.for_tokens(cached).plus(prices.input.for_tokens(uncached));
    match terms.method {
        WarmMethod::ReplayWithoutAnswer => replay,
        WarmMethod::ReplayForOneToken => replay.plus(prices.output),
        WarmMethod::ExtendTtl => {
            const TOKENS: i128 = 1_000_000;
            let hour = i128::from(Millis::from_hours(1).0);
            let token_millis = i128::from(cached).saturating_mul(i128::from(terms.lifetime.0));
            let cost = token_millis.saturating_mul(i128::from(terms.storage.0));
            // Rounded up: a budget must not be outlived by fractions.
            NanoDollars::clamped(cost.saturating_add(TOKENS * hour - 1) / (TOKENS * hour))
        }
    }
}

/// The longest answer that any replay asks for: of OpenAI's responses, which take no less.
const ANSWER_TOKENS_MAX: u64 = 16;

/// The most that one ping can cost: the cache turns out to be empty, and the provider takes no request
/// for less than some tokens of answer.
///
/// A prompt can have parts that are written for an hour beside others that are written for five
/// minutes, and an answer that has read a part does not tell which it is. So every token counts at
/// the dearest price that it can have.
pub fn ping_cost_max(terms: &Terms, cached: u64, uncached: u64) -> NanoDollars {
    match terms.method {
        WarmMethod::ReplayWithoutAnswer | WarmMethod::ReplayForOneToken => {
            let Prices { input, output, write_5m, write_1h, .. } = terms.prices;
            let dearest = input.max(write_5m).max(write_1h);
            let answer = output.for_tokens(ANSWER_TOKENS_MAX);
            dearest.for_tokens(cached.saturating_add(uncached)).plus(answer)
        }
        WarmMethod::ExtendTtl => ping_cost(terms, cached, uncached),
    }
}

/// What one ping costs that comes when the entry has expired.
pub fn late_ping_cost(terms: &Terms, cached: u64, uncached: u64) -> NanoDollars {
    match terms.method {
        WarmMethod::ReplayWithoutAnswer => whole_write(terms, cached, uncached),
        WarmMethod::ReplayForOneToken => {
            whole_write(terms, cached, uncached).plus(terms.prices.output)
        }
        WarmMethod::ExtendTtl => ping_cost(terms, cached, uncached),
    }
}

fn whole_write(terms: &Terms, cached: u64, uncached: u64) -> NanoDollars {
    let write = terms.prices.write(terms.tier).max(terms.prices.input);
    write.for_tokens(cached.saturating_add(uncached))
}

/// What the next real request pays more if the prefix is not cached any more.
pub fn avoidable_loss(terms: &Terms, cached: u64) -> NanoDollars {
    let loss = terms.prices.write(terms.tier).minus(terms.prices.read);
    loss.max(NanoDollars::ZERO).for_tokens(cached)
}

/// How many pings cost no more than what they can save; `u32::MAX` if they cost nothing.
pub fn break_even_pings(ping: NanoDollars, loss: NanoDollars) -> u32 {
    let pings = loss.0.max(0).checked_div(ping.0.max(0));
    pings.map_or(u32::MAX, |pings| u32::try_from(pings).unwrap_or(u32::MAX))
}

/// From which probability on that the real request comes in the time that a ping adds, given that it
/// did not come before, a ping pays: in millionths. `None` if there is nothing to save.
pub fn break_even_ppm(ping: NanoDollars, loss: NanoDollars) -> Option<u64> {
    let loss = u128::try_from(loss.0).ok().filter(|loss| *loss != 0)?;
    let ping = u128::try_from(ping.0).ok()?;
    u64::try_from((ping * 1_000_000 + loss / 2) / loss).ok()
}

/// How long after the start of a request the next ping is sent: nine tenths of the lifetime, and
/// `guard` before its end at the latest. `None` if that leaves no time at all.
pub fn interval(lifetime: Millis, guard: Millis) -> Option<Millis> {
    let tenths = Millis(lifetime.0 / 10 * 9 + lifetime.0 % 10 * 9 / 10);
    Some(tenths.min(lifetime.minus(guard))).filter(|interval| Millis::ZERO < *interval)
}

/// For how long after the last real request its prefix is cached with so many pings.
pub fn covered(pings: u32, interval: Millis, lifetime: Millis) -> Millis {
    interval.times(u64::from(pings)).plus(lifetime)
}

/// What it costs to keep the prefix for an hour.
pub fn hold_cost_per_hour(ping: NanoDollars, interval: Millis) -> NanoDollars {
    let hour = i128::from(Millis::from_hours(1).0);
    let cost = i128::from(ping.0) * hour;
    NanoDollars::clamped(cost.checked_div(i128::from(interval.0)).unwrap_or(i128::MAX))
}

/// From which idle time on an entry of one hour is cheaper than an entry of five minutes that is
/// kept warm: it costs more to write, and less to hold. `None` if it never is.
pub fn one_hour_pays_after(
    prices: &Prices,
    five_minutes: Millis,
    one_hour: Millis,
) -> Option<Millis> {
    let (short, long) = (i128::from(five_minutes.0), i128::from(one_hour.0));
    let more = i128::from(prices.write_1h.0) - i128::from(prices.write_5m.0);
    let less = i128::from(prices.read.0).checked_mul(long - short)?;
    let span = more.checked_mul(short)?.checked_mul(long)?.checked_div(less)?;
    u64::try_from(span).ok().map(Millis)
}

#[cfg(test)]
mod tests;
