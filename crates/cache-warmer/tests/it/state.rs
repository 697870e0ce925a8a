//! What outlives the program.

use std::{path::Path, sync::Arc};

use cache_warmer::{Interval, Ledger, NanoDollars, Settings, StateDir, StateError, StoredSettings};
use common_fs::{Host, observe::ObservedFs, sim::Faults, sim::Sim};
use proptest::prelude::*;

const DIR: &str = "/state/cache-warmer";

pub(crate) fn state(host: Host<'_>) -> StateDir<'_> {
    StateDir::open(host, Path::new(DIR)).unwrap()
}

pub(crate) const ON: Settings = Settings { enabled: true, interval: None };

fn ledger(nanos: i64) -> Ledger {
    Ledger { spent: NanoDollars(nanos), ..Ledger::default() }
}

#[test]
fn what_was_saved_is_there_again() {
    let sim = Sim::new();
    assert!(StateDir::existing(sim.host(), Path::new(DIR)).unwrap().is_none());
    let dir = state(sim.host());
    assert_eq!(dir.settings().unwrap(), StoredSettings::default());
    assert_eq!(dir.ledger().unwrap(), Ledger::default());
    let interval = Interval::from_millis(30_000.0);
    let mut settings = StoredSettings::default();
    dir.persist(&mut settings, "a", ON).unwrap();
    dir.persist(&mut settings, "b \"\n", Settings { enabled: false, interval }).unwrap();
    dir.persist(&mut settings, "c", Settings::OFF).unwrap();
    dir.save_ledger(&ledger(7)).unwrap();
    let dir = StateDir::existing(sim.host(), Path::new(DIR)).unwrap().unwrap();
    assert_eq!(dir.settings().unwrap(), settings);
    assert_eq!(settings.iter().count(), 2);
    assert_eq!(dir.ledger().unwrap(), ledger(7));
    for name in ["settings.json", "ledger.json"] {
        assert_eq!(sim.fs.stat(Path::new(DIR).join(name)).unwrap().mode, 0o600);
    }
}

/// W2: a disk that is full at any step leaves the old settings, on disk and in memory.
#[test]
fn w2_a_full_disk_leaves_the_old_settings() {
    for nth in 0.. {
        let sim = Sim::new();
        let mut settings = StoredSettings::default();
        state(sim.host()).persist(&mut settings, "a", ON).unwrap();
        let dir = state(sim.host());
        drop(dir);
        let faults = Arc::new(Faults::none().fail(nth, common_fs::observe::Errno::NOSPC));
        let fs = ObservedFs::new(sim.fs.clone(), faults.clone());
        let host = Host { fs: &fs, ..sim.host() };
        let Ok(dir) = StateDir::open(host, Path::new(DIR)) else { continue };
        let saved = dir.persist(&mut settings, "a", Settings::OFF);
        if faults.count() <= nth {
            break;
        }
        if let Err(error) = saved {
            assert_eq!(settings.get("a"), ON, "{nth}");
            assert!(error.to_string().contains("settings.json"), "{error}");
        }
    }
}

/// W8: whenever the program is killed or the power is cut, the old or the new settings are there,
/// and what was acknowledged is not lost.
#[test]
fn w8_an_acknowledged_opt_out_is_never_lost() {
    let mut steps = 0;
    for nth in 0.. {
        let sim = Sim::new();
        let faults = Arc::new(Faults::none().die(nth));
        let fs = ObservedFs::new(sim.fs.clone(), faults.clone());
        let host = Host { fs: &fs, ..sim.host() };
        // Not killed so far: on, and acknowledged.
        let mut settings = StoredSettings::default();
        state(sim.host()).persist(&mut settings, "a", ON).unwrap();
        let mut acknowledged_off = false;
        if let Ok(dir) = StateDir::open(host, Path::new(DIR)) {
            let off = dir.persist(&mut settings, "a", Settings::OFF);
            // Who was killed acknowledges nothing.
            acknowledged_off = off.is_ok() && faults.count() <= nth;
            dir.persist(&mut settings, "b", ON).ok();
        }
        for after in sim.fs.power_loss_states().iter().chain([&sim.fs]) {
            let host = Host { fs: after, ..sim.host() };
            let found = state(host).settings().unwrap();
            assert!(!found.damaged, "{nth}");
            assert!(!acknowledged_off || found.get("a") == Settings::OFF, "{nth}");
        }
        if faults.count() <= nth {
            break;
        }
        steps += 1;
    }
    assert!(15 < steps, "{steps}");
}

#[test]
fn a_damaged_file_is_off_and_kept_aside() {
    let sim = Sim::new();
    let dir = state(sim.host());
    let path = Path::new(DIR).join("settings.json");
    for damaged in [
        &b"{\"format\":"[..],
        b"[]",
        b"",
        b"\xff",
        b"{\"conversations\":{\"a\":{\"enabled\":true}}}",
    ] {
        sim.fs.put(&path, damaged);
        let mut settings = dir.settings().unwrap();
        assert!(settings.damaged && settings.iter().count() == 0, "{damaged:?}");
        dir.persist(&mut settings, "b", ON).unwrap();
        assert!(!dir.settings().unwrap().damaged);
        let aside = sim.fs.content(Path::new(DIR).join("settings.json.damaged"));
        assert_eq!(aside.as_deref(), Some(damaged));
    }
}

#[test]
fn what_a_newer_program_wrote_is_left_alone() {
    let sim = Sim::new();
    let dir = state(sim.host());
    for (name, format) in [("settings.json", "settings"), ("ledger.json", "ledger")] {
        let text = format!(r#"{{"format":"upkeep-cache-warmer-{format}","version":2,"more":1}}"#);
        sim.fs.put(Path::new(DIR).join(name), text.as_bytes());
    }
    assert!(matches!(dir.settings(), Err(StateError::TooNew { version: 2, .. })));
    let message = dir.ledger().unwrap_err().to_string();
    assert_eq!(message, "`/state/cache-warmer/ledger.json` has version 2, newest known is 1");
}

#[test]
fn a_damaged_ledger_is_no_empty_one() {
    let sim = Sim::new();
    let dir = state(sim.host());
    for damaged in ["{}", "", r#"{"format":"x","version":1,"ledger":{}}"#] {
        sim.fs.put(Path::new(DIR).join("ledger.json"), damaged.as_bytes());
        let message = dir.ledger().unwrap_err().to_string();
        assert!(message.ends_with("is damaged; move it away to begin a new ledger"), "{message}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    /// W3: no damage to a file in which nothing is on switches anything on, or ends the program.
    #[test]
    fn w3_no_damage_switches_anything_on(
        changes in proptest::collection::vec((0..120_usize, any::<u8>()), 0..4),
        cut in proptest::option::of(0..120_usize),
    ) {
        let sim = Sim::new();
        let dir = state(sim.host());
        let mut settings = StoredSettings::default();
        let interval = Interval::from_millis(30_000.0);
        dir.persist(&mut settings, "a", Settings { enabled: false, interval }).unwrap();
        let path = Path::new(DIR).join("settings.json");
        let mut text = sim.fs.content(&path).unwrap();
        for (at, byte) in changes {
            if let Some(place) = text.get_mut(at) {
                *place = byte;
            }
        }
        text.truncate(cut.unwrap_or(text.len()));
        sim.fs.put(&path, &text);
        match dir.settings() {
            Ok(found) => prop_assert!(found.iter().all(|(_, settings)| !settings.enabled)),
            Err(error) => prop_assert!(matches!(error, StateError::TooNew { .. }), "{error}"),
        }
    }
}
