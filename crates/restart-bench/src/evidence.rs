//! What shows that a server was restarted.

use serde::{Deserialize, Serialize};

use crate::{
    Micros, Probe,
    record::{Observation, ProcessIdentity, Seen, Serving},
};

/// Something that only a new generation of a server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// When it was seen.
    pub at_us: Micros,
    /// What it was.
    pub kind: EvidenceKind,
}

/// A kind of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvidenceKind {
    /// It says that it is up for less time than before.
    UptimeFell,
    /// Another process serves, and none that did is left but the main one.
    ProcessChanged,
    /// Another socket listens on its port.
    ListenerChanged,
    /// It says that it is ready, once more.
    ReadyLine,
}

impl EvidenceKind {
    /// What it is called in reports, as in results.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UptimeFell => "uptime-fell",
            Self::ProcessChanged => "process-changed",
            Self::ListenerChanged => "listener-changed",
            Self::ReadyLine => "ready-line",
        }
    }
}

/// The first evidence of each kind after a restart was triggered, the earliest first.
pub fn evidence(seen: &Observation, trigger_us: Micros) -> Vec<Evidence> {
    let after = |at: Micros| trigger_us <= at;
    let uptime = [&seen.ready, &seen.health]
        .into_iter()
        .flatten()
        .find_map(|endpoint| uptime_fell(&endpoint.probes, trigger_us));
    let process = first_new(&seen.serving, trigger_us, is_another_process);
    // That a listener is closed is no sign of a new one.
    let listener = first_new(&seen.listeners, trigger_us, |before, now| {
        !before.is_empty() && now.iter().any(|inode| !before.contains(inode))
    });
    let line = seen.lines.iter().find(|line| line.what.is_ready && after(line.at_us));
    let found = [
        (EvidenceKind::UptimeFell, uptime),
        (EvidenceKind::ProcessChanged, process),
        (EvidenceKind::ListenerChanged, listener),
        (EvidenceKind::ReadyLine, line.map(|line| line.at_us)),
    ];
    let mut found: Vec<Evidence> =
        found.into_iter().filter_map(|(kind, at)| Some(Evidence { at_us: at?, kind })).collect();
    found.sort_by_key(|evidence| (evidence.at_us, evidence.kind));
    found
}

/// When the server first said that it was up for less than before the trigger.
fn uptime_fell(probes: &[Probe], trigger: Micros) -> Option<Micros> {
    let said = |probe: &Probe| Some((probe.started_us, probe.finished_us, probe.uptime_ms?));
    let before = probes
        .iter()
        .filter_map(said)
        .filter(|(_, finished, _)| *finished <= trigger)
        .map(|(_, _, uptime)| uptime)
        .max()?;
    probes
        .iter()
        .filter_map(said)
        .filter(|(started, _, uptime)| trigger <= *started && *uptime < before)
        .map(|(_, finished, _)| finished)
        .min()
}

/// When something was first new, compared with the last before the trigger.
fn first_new<T>(
    seen: &[Seen<T>],
    trigger: Micros,
    is_new: impl Fn(&T, &T) -> bool,
) -> Option<Micros> {
    let before = seen.iter().rev().find(|seen| seen.at_us <= trigger)?;
    seen.iter()
        .find(|seen| trigger < seen.at_us && is_new(&before.what, &seen.what))
        .map(|seen| seen.at_us)
}

/// A server may have a process that starts others and lives on. What helps it and serves nobody is no
/// sign of anything.
fn is_another_process(before: &Serving, now: &Serving) -> bool {
    if let (Some(before), Some(now)) = (before.main, now.main)
        && before != now
    {
        return true;
    }
    let is_left = |old: &ProcessIdentity| now.main != Some(*old) && now.listening.contains(old);
    let is_new = |new: &ProcessIdentity| !before.listening.contains(new);
    !before.listening.is_empty()
        && now.listening.iter().any(is_new)
        && !before.listening.iter().any(is_left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Outcome,
        record::{Endpoint, Line},
    };

    const TRIGGER: u64 = 1_000;

    fn up(at: u64, uptime_ms: u64) -> Probe {
        let (started_us, finished_us) = (Micros(at), Micros(at + 1));
        let uptime_ms = Some(uptime_ms);
        Probe { intended_us: started_us, started_us, finished_us, outcome: Outcome::Ok, uptime_ms }
    }

    fn kinds(observation: &Observation) -> Vec<(EvidenceKind, u64)> {
        evidence(observation, Micros(TRIGGER))
            .iter()
            .map(|found| (found.kind, found.at_us.0))
            .collect()
    }

    fn with_uptimes(probes: Vec<Probe>) -> Observation {
        let ready = Some(Endpoint { probes, ..Endpoint::default() });
        Observation { ready, ..Observation::default() }
    }

    #[test]
    fn an_uptime_that_falls_is_evidence() {
        let fell =
            with_uptimes(vec![up(0, 7_379), up(990, 7_380), up(1_100, 7_381), up(2_000, 659)]);
        assert_eq!(kinds(&fell), [(EvidenceKind::UptimeFell, 2_001)]);
        for probes in [
            vec![up(0, 7_379), up(1_100, 7_380)],
            // Nobody knows what it was before.
            vec![up(1_100, 659)],
            vec![],
        ] {
            assert_eq!(kinds(&with_uptimes(probes)), []);
        }
    }

    #[test]
    fn another_process_or_socket_is_evidence_and_a_closed_one_is_none() {
        let is = |pid| ProcessIdentity { pid, start_ticks: 5 };
        let serve = |at: u64, main: u32, listening: &[u32]| Seen {
            at_us: Micros(at),
            what: Serving {
                main: Some(is(main)),
                listening: listening.iter().map(|pid| is(*pid)).collect(),
            },
        };
        let serving =
            |serving: Vec<Seen<Serving>>| kinds(&Observation { serving, ..Observation::default() });
        let changed = [(EvidenceKind::ProcessChanged, 1_500)];
        // The main one is another; workers are replaced; one of them is not yet.
        assert_eq!(serving(vec![serve(0, 1, &[1]), serve(1_500, 2, &[2])]), changed);
        let old = serve(0, 1, &[1, 2, 3]);
        assert_eq!(
            serving(vec![old.clone(), serve(1_200, 1, &[1, 3, 4]), serve(1_500, 1, &[1, 4, 5])]),
            changed
        );
        for now in [&[1, 2, 3][..], &[1], &[], &[1, 2, 3, 4]] {
            assert_eq!(serving(vec![old.clone(), serve(1_500, 1, now)]), [], "{now:?}");
        }
        // It was not there before.
        assert_eq!(serving(vec![serve(0, 1, &[]), serve(1_500, 1, &[1])]), []);
        let on = |at: u64, inodes: &[u64]| Seen { at_us: Micros(at), what: inodes.to_vec() };
        let listeners = vec![on(0, &[7]), on(1_200, &[]), on(1_400, &[7])];
        let closed = Observation { listeners, ..Observation::default() };
        assert_eq!(kinds(&closed), []);
        let listeners = vec![on(0, &[7]), on(1_200, &[]), on(1_400, &[8])];
        let new = Observation { listeners, ..Observation::default() };
        assert_eq!(kinds(&new), [(EvidenceKind::ListenerChanged, 1_400)]);
    }

    #[test]
    fn a_ready_line_counts_after_the_trigger() {
        let line = |at: u64, is_ready| Seen {
            at_us: Micros(at),
            what: Line { text: "ready".to_owned(), is_ready, span: None },
        };
        let lines = vec![line(10, true), line(1_100, false), line(1_200, true), line(1_300, true)];
        let seen = Observation { lines, ..Observation::default() };
        assert_eq!(kinds(&seen), [(EvidenceKind::ReadyLine, 1_200)]);
    }
}
