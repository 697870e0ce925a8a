use common_fs::sim::{Sim, SimFs};

use super::*;
use crate::NanoDollars;

const DIR: &str = "/state/cache-warmer";

fn machine() -> &'static Sim {
    Box::leak(Box::new(Sim::new()))
}

fn restarted(after: SimFs) -> &'static Sim {
    let Sim { clock, processes, .. } = Sim::new();
    Box::leak(Box::new(Sim { fs: after, clock, processes }))
}

fn open(sim: &'static Sim) -> Result<Found, OpenError> {
    State::open(sim.host(), Path::new(DIR))
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_any_power_cut() {
    let sim = machine();
    let found = open(sim).unwrap();
    assert_eq!((found.wish, found.ledger.spent), (None, NanoDollars::ZERO));
    let ledger = Ledger { spent: NanoDollars(7), ..Ledger::default() };
    found.state.write_ledger(ledger).await.unwrap();
    for wish in [true, false] {
        found.state.write_wish(wish).await.unwrap();
        let states = sim.fs.power_loss_states();
        assert!(!states.is_empty());
        for after in states {
            let found = open(restarted(after)).unwrap();
            assert_eq!((found.wish, found.ledger.spent), (Some(wish), NanoDollars(7)));
        }
    }
}

#[tokio::test]
async fn one_has_it_at_a_time() {
    let sim = machine();
    let first = open(sim).unwrap();
    let Err(OpenError::Held { path }) = open(sim) else { panic!("two have it") };
    assert_eq!(path, Path::new(DIR));
    first.state.close().await;
    open(sim).unwrap();
}

#[test]
fn what_is_damaged_is_refused_and_stays() {
    for (name, content) in [
        ("ledger.json", "{"),
        ("ledger.json", ""),
        ("proxy.json", "{\"enabled\":true}"),
        ("proxy.json", "{\"format\":\"upkeep-cache-warmer-proxy\",\"version\":2,\"enabled\":true}"),
    ] {
        let sim = machine();
        drop(create_dir_all(&sim.fs, Path::new(DIR)).unwrap());
        let path = format!("{DIR}/{name}");
        sim.fs.put(&path, content.as_bytes());
        let error = open(sim).map(|_| ()).unwrap_err();
        let told = crate::proxy::driver::in_full(&error);
        assert!(told.contains(&path), "{told}");
        assert_eq!(sim.fs.content(&path).unwrap(), content.as_bytes());
    }
}

#[tokio::test]
async fn what_cannot_be_written_is_told() {
    let sim = machine();
    let state = open(sim).unwrap().state;
    sim.fs.make_dir(format!("{DIR}/proxy.json"));
    let error = state.write_wish(false).await.unwrap_err();
    assert!(crate::proxy::driver::in_full(&error).contains("proxy.json"));
    state.write_ledger(Ledger::default()).await.unwrap();
}
