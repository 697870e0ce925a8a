use super::*;
use crate::{
    Class, EvidenceKind, Outcome, Probe, Trend,
    record::{
        HostFacts, Line, Observation, Observer, ProcessIdentity, SCHEMA_VERSION, Serving, Settings,
        TargetFacts,
    },
};

const EVERY: Micros = Micros::from_millis(10);
const TRIGGER: Micros = Micros::from_millis(100);

/// One probe every 10 ms from 0 on that takes 1 ms; `.` is well, `d` draining, `x` refused.
pub(crate) fn endpoint(outcomes: &str) -> Endpoint {
    let probe = |(slot, letter): (u64, char)| {
        let outcome = match letter {
            '.' => Outcome::Ok,
            'd' => Outcome::NotReady { status: 503 },
            _ => Outcome::Refused,
        };
        let started_us = EVERY.times(slot);
        Probe {
            intended_us: started_us,
            started_us,
            finished_us: started_us.plus(Micros::from_millis(1)),
            outcome,
            uptime_ms: None,
        }
    };
    let probes = (0..).zip(outcomes.chars()).map(probe).collect();
    Endpoint { url: "http://127.0.0.1:1/readyz".to_owned(), probes, dropped_us: Vec::new() }
}

/// Another process is seen 200 ms after the trigger.
pub(crate) fn restart(index: u32, ready: &str) -> Restart {
    let process = |at: u64, pid| Seen {
        at_us: Micros::from_millis(at),
        what: Serving {
            main: Some(ProcessIdentity { pid, start_ticks: 1 }),
            listening: Vec::new(),
        },
    };
    let observation = Observation {
        ready: Some(endpoint(ready)),
        serving: vec![process(0, 1), process(300, 2)],
        ..Observation::default()
    };
    Restart { index, trigger_us: TRIGGER, observation, ..Restart::default() }
}

pub(crate) fn record(restarts: Vec<Restart>) -> Record {
    Record {
        schema_version: SCHEMA_VERSION,
        tool: "restart-bench 0".to_owned(),
        measured_at: "2026-09-01T00:00:00Z".to_owned(),
        host: HostFacts {
            system: "Linux".to_owned(),
            architecture: "x86_64".to_owned(),
            processors: 2,
            load: None,
        },
        target: TargetFacts {
            name: "demo".to_owned(),
            version: None,
            command: None,
            trigger: "SIGHUP".to_owned(),
            config_hash: "0".to_owned(),
        },
        settings: Settings {
            every_us: EVERY,
            timeout_us: Micros::from_millis(1_000),
            stable_for_us: Micros::from_millis(100),
            merge_gap_us: Micros::ZERO,
            in_flight_max: 64,
        },
        calibration: None,
        restarts,
        failure: None,
        observer: Observer::default(),
    }
}

fn one(restart: Restart) -> RestartSummary {
    summary(&record(vec![restart])).restarts.remove(0)
}

#[test]
fn a_second_stall_counts() {
    // Ready again at 150 ms, then away for 50 ms more, and well from 250 ms on.
    let text = format!("{}xxxxx.....xxxxx{}", ".".repeat(10), ".".repeat(40));
    let found = one(restart(1, &text));
    let ready = found.ready.clone().unwrap();
    assert_eq!(ready.outages.len(), 2);
    assert_eq!(found.downtime_us, Some(Micros::from_millis(100)));
    assert_eq!((ready.failed, ready.longest_us), (10, Micros::from_millis(50)));
    assert_eq!(ready.first_ok_us, Some(Micros::from_millis(51)));
    // Only then is it known that it was restarted.
    assert_eq!(ready.stable_us, Some(Micros::from_millis(200)));
    assert_eq!(ready.total_lower_us, Micros::from_millis(82));
    assert_eq!(ready.total_upper_us, Some(Micros::from_millis(120)));
}

#[test]
fn without_evidence_there_is_no_downtime() {
    let mut stalled = restart(1, "..........xxxxxxxxxxxxxxx....................");
    stalled.observation.serving.clear();
    let found = one(stalled);
    assert_eq!(found.failure, Some(Failure::RestartNotObserved));
    assert_eq!((found.downtime_us, found.evidence.len()), (None, 0));
    // What was seen is told all the same.
    assert_eq!(found.ready.unwrap().failed, 15);
}

#[test]
fn a_restart_that_nobody_notices_costs_nothing() {
    let found = one(restart(1, &".".repeat(60)));
    assert_eq!(found.downtime_us, Some(Micros::ZERO));
    assert_eq!(found.evidence[0].kind, EvidenceKind::ProcessChanged);
    let ready = found.ready.unwrap();
    assert_eq!((ready.first_ok_us, ready.stable_us), (None, Some(Micros::from_millis(200))));
}

#[test]
fn a_server_that_drains_and_is_closed_then() {
    let found = one(restart(1, "..........dddddxxx............................"));
    let ready = found.ready.unwrap();
    let expected =
        [(Class::Draining, Micros::from_millis(50)), (Class::Closed, Micros::from_millis(30))];
    assert_eq!(ready.by_class, BTreeMap::from(expected));
    assert_eq!(ready.outages.len(), 1);
}

#[test]
fn what_was_before_the_trigger_is_not_of_the_restart() {
    let found = one(restart(1, "..xx......xx.................................."));
    assert_eq!(found.ready.unwrap().outages.len(), 1);
}

#[test]
fn growth_is_seen_without_the_warm_up() {
    let with_rss = |index: u32| {
        let mut restart = restart(index, &".".repeat(60));
        restart.is_warmup = index <= 2;
        let rss_bytes = if index <= 2 { 1 } else { 600_000_000 + 1_700_000 * u64::from(index) };
        let what = Resources { rss_bytes, ..Resources::default() };
        restart.observation.resources = vec![Seen { at_us: Micros::from_millis(500), what }];
        restart
    };
    let found = summary(&record((1..=12).map(with_rss).collect()));
    let rss = found.slopes[&Resource::Rss];
    assert_eq!((rss.points, rss.verdict), (10, Trend::Grows));
    assert!((rss.per_restart - 1_700_000.0).abs() < 1.0);
    assert_eq!(found.counted().count(), 10);
}

#[test]
fn processor_time_is_that_since_the_last_look_before_the_trigger() {
    let cpu = |at: u64, cpu: u64| Seen {
        at_us: Micros::from_millis(at),
        what: Resources { cpu_us: Micros::from_millis(cpu), ..Resources::default() },
    };
    let seen = [cpu(0, 500), cpu(90, 510), cpu(200, 540), cpu(300, 560), cpu(400, 590)];
    assert_eq!(super::cpu(&seen, TRIGGER), Some(Micros::from_millis(80)));
    assert_eq!(super::cpu(&seen[2..], TRIGGER), None);
}

#[test]
fn an_observer_that_is_late_says_nothing() {
    let mut late = restart(1, &".".repeat(60));
    for probe in &mut late.observation.ready.as_mut().unwrap().probes {
        probe.started_us = probe.started_us.plus(Micros::from_millis(51));
        probe.finished_us = probe.finished_us.plus(Micros::from_millis(51));
    }
    let found = summary(&record(vec![late]));
    assert!(found.observer.is_unfit);
    assert_eq!(found.failure(), Some(Failure::ObserverUnfit));
    assert!(!summary(&record(vec![restart(1, "....")])).observer.is_unfit);
}

#[test]
fn outages_without_a_restart_are_told() {
    let mut record = record(vec![restart(1, &".".repeat(60))]);
    record.calibration =
        Some(Observation { ready: Some(endpoint("....x....")), ..Observation::default() });
    assert_eq!(summary(&record).observer.idle_outages.len(), 1);
}

#[test]
fn a_record_is_the_same_after_it_was_written() {
    let mut restart = restart(1, "...dx..");
    let line = Line { text: "[gateway] ready".to_owned(), is_ready: true, span: None };
    restart.observation.lines.push(Seen { at_us: Micros(5), what: line });
    let record = record(vec![restart]);
    let text = serde_json::to_vec(&record).unwrap();
    assert_eq!(Record::parse(&text).unwrap(), record);
    let newer = br#"{"schemaVersion": 99, "anything": true}"#;
    assert!(Record::parse(newer).unwrap_err().to_string().contains("version 99"));
    assert!(Record::parse(b"{}").is_err());
}
