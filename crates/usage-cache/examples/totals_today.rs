//! What was used today: tokens, dollars, and what is not known.
//!
//! `cargo run --example totals_today` reads what is new in the transcripts of this machine, and
//! keeps what it has found in the cache that `usage-cache` has too.
#![expect(clippy::disallowed_methods, reason = "a program reads its environment")]
#![expect(clippy::print_stdout, reason = "a program says what it has found")]

use std::{error::Error, ops::ControlFlow};

use usage_cache::{
    Locations, Options, Query, Summary, Zone, common_fs::Host, configured_prices, refresh,
};

fn main() -> Result<(), Box<dyn Error>> {
    let host = Host::real();
    let locations = Locations::from_env(host.fs, |name| std::env::var_os(name));
    let today = totals_today(host, locations.ok_or("set HOME")?, Zone::local()?);
    println!("{} tokens, ${:.2}", today.totals.tokens.total, today.totals.cost.dollars());
    println!("{} answers of unknown price", today.totals.unpriced_events);
    Ok(())
}

pub(crate) fn totals_today(host: Host<'_>, locations: Locations, zone: Zone) -> Summary {
    let (prices, _unreadable) = configured_prices(host.fs, &locations);
    let refreshed = refresh(host, &Options::new(locations), &mut |_| ControlFlow::Continue(()));
    let today = zone.day(host.clock.now());
    let query = Query { since: Some(today), until: Some(today), ..Query::all(zone) };
    refreshed.usage.summary(&query, &prices.with_builtin())
}
