//! Samples as a shell would have them recorded.

use proptest::prelude::*;
use restart_bench::{
    Stream,
    seed::{
        Event, EventKind, Exit, FailureCode, Outcome, ProbePath, ProbeResult, Recorder,
        ResourceSnapshot, RestartProbe, Sample, SnapshotPhase,
    },
};

const LISTEN: &str = "[gateway] http server listening (6 plugins)\n";
const READY: &str = "[gateway] ready\n";
const RESTARTED: &str = "[gateway] restart trace: restart.ready 9ms total=12.5ms rssMb=640.5\n";

const GONE: Exit = Exit { code: Some(0), signal: None };

fn found(ms: f64) -> ProbeResult {
    ProbeResult { ms: Some(ms), status: Some(200), ..ProbeResult::default() }
}

fn say(recorder: &mut Recorder, text: &str, ms: f64) {
    recorder.output(Stream::Stdout, text.as_bytes(), ms);
}

/// A gateway that has started, at 100.
fn started() -> Recorder {
    let mut recorder = Recorder::new(30_000);
    recorder.spawned(1.0);
    say(&mut recorder, "[gateway] startup trace: a 1ms total=2ms\n", 10.0);
    say(&mut recorder, LISTEN, 50.0);
    say(&mut recorder, READY, 60.0);
    recorder.initial_healthz(found(90.0));
    recorder.initial_readyz(found(95.0));
    recorder.initial_logs();
    assert_eq!(recorder.failure(), None);
    recorder
}

/// The signal at 200, and the gateway back at 300.
fn restarted(recorder: &mut Recorder) {
    assert_eq!(recorder.begin_restart(100.0), Some(1));
    recorder.intent_written(190.0);
    recorder.signal_sent(200.0);
    say(recorder, LISTEN, 280.0);
    say(recorder, READY, 290.0);
    say(recorder, RESTARTED, 300.0);
    assert!(recorder.standing().is_ready);
    recorder.probed(found(100.0), found(101.0));
}

fn codes(sample: &Sample) -> (Option<FailureCode>, Vec<Option<FailureCode>>) {
    let of_restarts = sample.iterations.iter().map(|iteration| iteration.failure_code).collect();
    (sample.failure_code, of_restarts)
}

#[test]
fn a_restart_from_beginning_to_end() {
    let mut recorder = started();
    recorder.rss(Some(600.0));
    recorder.rss(None);
    recorder.rss(Some(500.0));
    assert_eq!(recorder.begin_restart(100.0), Some(1));
    let phase = SnapshotPhase::BeforeSignal;
    recorder.snapshot(ResourceSnapshot::new(phase, 110.0, Some(31), Some(600.0)));
    recorder.intent_written(190.0);
    recorder.signal_sent(200.0);
    let mut probe = RestartProbe::new(ProbePath::Readyz, 1, 200.0, recorder.deadline_ms());
    let refused = Outcome::Error("econnrefused".to_owned());
    recorder.probe_event(probe.answer(210.0, &refused).event.unwrap());
    let back = probe.answer(310.0, &Outcome::Status(200));
    recorder.probe_event(back.event.unwrap());
    recorder.output(Stream::Stderr, RESTARTED.as_bytes(), 300.0);
    assert!(!recorder.standing().is_ready);
    say(&mut recorder, READY, 305.0);
    recorder.probed(found(101.0), back.end.unwrap());
    let iteration = recorder.end_restart([Some(1000.0), Some(1800.0)], 600.0).unwrap();
    assert_eq!((iteration.cpu_ms, iteration.cpu_core_ratio), (Some(800.0), Some(2.0)));
    assert_eq!(iteration.gateway_ready_log_ms, Some(105.0));
    assert_eq!((iteration.downtime_ms(), iteration.rss_mb()), (Some(100.0), Some(640.5)));
    recorder.end_restarts();
    recorder.exited(700.0);
    let sample = recorder.finish(GONE, true, 701.0);
    assert_eq!(codes(&sample), (None, vec![None]));
    assert_eq!((sample.first_output_ms, sample.max_rss_mb), (Some(10.0), Some(600.0)));
    assert_eq!(sample.output_tail.lines().count(), 5);
    let events: Vec<_> = sample.events.iter().map(|event| event.ms).collect();
    assert_eq!(events, [0.0, 1.0, 10.0, 10.0, 190.0, 200.0, 210.0, 310.0, 300.0, 700.0]);
}

#[test]
fn a_start_that_fails() {
    let no = ProbeResult::default;
    let end = |recorder: Recorder| codes(&recorder.finish(GONE, true, 1.0)).0;

    let mut recorder = Recorder::new(200);
    recorder.exited(5.0);
    recorder.initial_healthz(no());
    assert_eq!(end(recorder), Some(FailureCode::InitialHealthzTimeout));

    let mut recorder = Recorder::new(200);
    recorder.initial_healthz(found(1.0));
    recorder.initial_readyz(no());
    assert_eq!(end(recorder), Some(FailureCode::InitialReadyzTimeout));

    for line in [LISTEN, READY] {
        let mut recorder = Recorder::new(200);
        say(&mut recorder, line, 1.0);
        recorder.initial_healthz(found(1.0));
        recorder.initial_readyz(found(1.0));
        assert!(!recorder.has_initial_logs());
        recorder.initial_logs();
        assert_eq!(recorder.begin_restart(2.0), None);
        assert_eq!(end(recorder), Some(FailureCode::InitialReadyLogTimeout));
    }
}

#[test]
fn a_restart_that_cannot_begin_leaves_no_record() {
    let mut late = started();
    assert_eq!(late.begin_restart(30_000.0), None);
    let expected = (Some(FailureCode::RestartDeadlineTimeout), vec![]);
    assert_eq!(codes(&late.finish(GONE, true, 1.0)), expected);
    // The exit is told first, also past the deadline.
    let mut gone = started();
    gone.exited(99.0);
    assert_eq!(gone.begin_restart(30_000.0), None);
    let expected = (Some(FailureCode::RestartChildExited), vec![]);
    assert_eq!(codes(&gone.finish(Exit { code: Some(1), signal: None }, false, 1.0)), expected);
}

#[test]
fn what_fails_in_a_restart_is_told_twice() {
    let mut unsent = started();
    unsent.begin_restart(100.0);
    unsent.signal_failed();
    let code = Some(FailureCode::RestartSignalFailed);
    assert_eq!(codes(&unsent.finish(GONE, true, 1.0)), (code, vec![code]));

    let mut crashed = started();
    restarted(&mut crashed);
    crashed.exited(310.0);
    crashed.end_restart([None, Some(1.0)], 400.0);
    let code = Some(FailureCode::RestartChildExited);
    assert_eq!(crashed.begin_restart(500.0), None);
    let sample = crashed.finish(GONE, true, 1.0);
    assert_eq!(codes(&sample), (code, vec![code]));
    assert_eq!((sample.iterations[0].cpu_ms, sample.iterations[0].cpu_core_ratio), (None, None));
}

#[test]
fn what_fails_at_the_end() {
    let table = [
        (Exit { code: Some(3), signal: None }, false, Some(FailureCode::ChildNonzeroExit)),
        (Exit { code: None, signal: Some("SIGKILL".to_owned()) }, true, None),
        (GONE, false, Some(FailureCode::CleanupFailed)),
        (GONE, true, None),
    ];
    for (exit, is_removed, expected) in table {
        let mut recorder = started();
        restarted(&mut recorder);
        recorder.end_restart([Some(5.0), Some(4.0)], 400.0);
        let sample = recorder.finish(exit, is_removed, 500.0);
        assert_eq!(codes(&sample), (expected, vec![None]));
        assert_eq!(sample.iterations[0].cpu_ms, Some(0.0));
    }
}

#[test]
fn a_line_belongs_to_the_restart_before_until_the_next_begins() {
    let mut recorder = started();
    restarted(&mut recorder);
    recorder.end_restart([None; 2], 400.0);
    say(&mut recorder, "startup trace: late 1ms total=2ms\n", 410.0);
    assert_eq!(recorder.begin_restart(420.0), Some(2));
    // What the seed does with a line between that and the signal.
    say(&mut recorder, READY, 430.0);
    recorder.signal_sent(440.0);
    say(&mut recorder, READY, 500.0);
    recorder.end_restarts();
    say(&mut recorder, "startup trace: last 1ms total=2ms\n", 510.0);
    say(&mut recorder, "restart trace: last 1ms total=2ms\n", 520.0);
    let sample = recorder.finish(GONE, true, 600.0);
    assert_eq!(sample.iterations[0].startup_trace.get("late"), Some(&1.0));
    assert_eq!(sample.iterations[1].gateway_ready_log_ms, Some(0.0));
    assert_eq!(sample.initial_startup_trace.get("last"), Some(&1.0));
    let last = sample.events.last().unwrap();
    assert!(matches!(last.kind, EventKind::StartupTrace { iteration: None, .. }));
}

#[test]
fn what_has_no_end_counts_when_all_is_over() {
    let mut recorder = started();
    restarted(&mut recorder);
    recorder.end_restart([None; 2], 400.0);
    say(&mut recorder, "startup trace: partial 1ms total=2ms", 410.0);
    recorder.end_restarts();
    let sample = recorder.finish(GONE, true, 600.0);
    assert_eq!(sample.initial_startup_trace.get("partial"), Some(&1.0));
    assert_eq!(sample.events.last().map(|event| event.ms), Some(600.0));
}

#[test]
fn the_delay_ends_at_the_deadline() {
    let recorder = Recorder::new(1000);
    let delays = [(250, 311.0), (250, 900.0), (250, 1200.0), (0, 10.0)]
        .map(|(wanted, now)| recorder.delay_ms(wanted, now).to_string());
    assert_eq!(delays, ["250", "100", "0", "0"]);
}

#[test]
fn the_tail_is_of_few_lines_and_few_chunks() {
    let mut recorder = Recorder::new(1);
    for number in 0..40 {
        say(&mut recorder, &format!("{number}\r\n"), 1.0);
    }
    let tail = recorder.clone().finish(GONE, true, 1.0).output_tail;
    assert!(tail.starts_with("11\n12\n") && tail.ends_with("\n39\n"), "{tail}");
    say(&mut recorder, &"x\n".repeat(50), 1.0);
    let tail = recorder.finish(GONE, true, 1.0).output_tail;
    assert_eq!(tail, "x\n".repeat(29));
}

proptest! {
    #[test]
    fn nothing_that_happens_panics(
        steps in prop::collection::vec((0..12_u8, -1e6..1e6, any::<u64>()), 0..30),
    ) {
        let mut recorder = Recorder::new(1000);
        let lines = [LISTEN, READY, RESTARTED, "startup trace: a 1ms total=2ms\n", "x", "\r"];
        for (step, ms, number) in steps {
            match step {
                0 => recorder.spawned(ms),
                1 => recorder.exited(ms),
                2 => recorder.rss(Some(ms)),
                3 => recorder.initial_healthz(found(ms)),
                4 => recorder.initial_readyz(ProbeResult::default()),
                5 => recorder.initial_logs(),
                6 => drop(recorder.begin_restart(ms)),
                7 => recorder.signal_sent(ms),
                8 => recorder.signal_failed(),
                9 => drop(recorder.end_restart([Some(ms), Some(1.0)], ms).cloned()),
                10 => recorder.probe_event(Event { ms, kind: EventKind::Exit }),
                _ => {
                    let line = lines[usize::try_from(number % 6).unwrap()];
                    say(&mut recorder, line, ms);
                }
            }
        }
        let sample = recorder.finish(Exit::default(), true, 0.0);
        let text = serde_json::to_string(&sample).unwrap();
        prop_assert_eq!(serde_json::from_str::<Sample>(&text).unwrap(), sample);
    }
}
