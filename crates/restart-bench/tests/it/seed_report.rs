//! A report that the seed wrote, made again from its parts.

use std::mem;

use restart_bench::{
    Object, Stream, TraceKind, parse_trace,
    seed::{
        CASES, CaseResult, Event, EventKind, Exit, InitialProbe, Iteration, Outcome, Payload,
        ProbePath, ProbeResult, Recorder, ResourceSlope, RestartProbe, Sample, Stats, Transition,
        report, restart_progress, sample_progress,
    },
};

/// What the seed printed for three restarts of openclaw@2026.5.20.
const REPORT: &str = include_str!("../fixtures/seed-output-3-restarts.json");

fn payload() -> Payload {
    serde_json::from_str(REPORT).unwrap()
}

fn result() -> CaseResult {
    payload().results.remove(0)
}

fn sample() -> Sample {
    result().samples.remove(0)
}

#[test]
fn it_is_written_again_to_the_byte() {
    let mut written = Vec::new();
    payload().write_json(&mut written).unwrap();
    written.push(b'\n');
    assert!(written == REPORT.as_bytes());
}

#[test]
fn its_summary_is_that_of_its_samples() {
    let CaseResult { samples, summary, .. } = result();
    let again = CaseResult::new(&CASES[0], samples);
    assert_eq!(again.summary, summary);
    assert_eq!((again.id.as_str(), again.name.as_str()), (CASES[0].id, CASES[0].name));
    let p50 = |stats: Option<Stats>| stats.map(|stats| stats.p50);
    assert_eq!(p50(summary.downtime_ms), Some(887.774_267_999_999_2));
    assert_eq!(summary.restart_trace.iter().count(), 245);
}

#[test]
fn its_slopes_and_failures_are_those_of_its_restarts() {
    let sample = sample();
    assert_eq!(ResourceSlope::of(&sample.iterations), sample.resource_slope);
    for iteration in &sample.iterations {
        assert!(iteration.is_ready());
        assert_eq!(iteration.failure(false), iteration.failure_code);
    }
}

/// The value under each name that `kind` writes to restart `iteration`.
fn trace(sample: &Sample, kind: TraceKind, iteration: Option<u32>) -> Object<f64> {
    let mut object = Object::new();
    for event in &sample.events {
        let (line, of) = match &event.kind {
            EventKind::StartupTrace { iteration, line } if kind == TraceKind::Startup => {
                (line, *iteration)
            }
            EventKind::RestartTrace { iteration, line } if kind == TraceKind::Restart => {
                (line, Some(*iteration))
            }
            _ => continue,
        };
        if of == iteration {
            parse_trace(kind, line).unwrap().record(&mut object);
        }
    }
    object
}

#[test]
fn its_traces_are_those_of_its_lines() {
    let sample = sample();
    assert_eq!(trace(&sample, TraceKind::Startup, None), sample.initial_startup_trace);
    assert_eq!(sample.initial_startup_trace.len(), 242);
    for iteration in &sample.iterations {
        let index = Some(iteration.index);
        assert_eq!(trace(&sample, TraceKind::Startup, index), iteration.startup_trace);
        assert_eq!(trace(&sample, TraceKind::Restart, index), iteration.restart_trace);
    }
}

/// What the probe was told when it recorded this.
fn outcome(transition: &Transition) -> Outcome {
    match (transition.status, &transition.error_kind) {
        (Some(status), _) => Outcome::Status(status),
        (None, kind) => Outcome::Error(kind.clone().unwrap()),
    }
}

#[test]
fn its_initial_probes_find_the_same() {
    let sample = sample();
    for expected in [&sample.initial_healthz, &sample.initial_readyz] {
        let mut probe = InitialProbe::new(30_000.0);
        let mut ends = expected
            .transitions
            .iter()
            .filter_map(|transition| probe.answer(transition.ms, &outcome(transition)));
        assert_eq!(ends.next().as_ref(), Some(expected));
    }
}

/// The probe of a restart, fed with what its answers changed to. The signal is at zero, as the times
/// of the seed have been rounded once already.
fn replayed(path: ProbePath, iteration: &Iteration, expected: &ProbeResult) -> Vec<Event> {
    let mut probe = RestartProbe::new(path, iteration.index, 0.0, 30_000.0);
    let mut events = Vec::new();
    let mut end = None;
    for transition in &expected.transitions {
        assert_eq!(end, None);
        let step = probe.answer(transition.ms, &outcome(transition));
        events.extend(step.event);
        end = step.end;
    }
    assert_eq!(end.as_ref(), Some(expected));
    events
}

#[test]
fn its_probes_find_the_same_downtime() {
    let sample = sample();
    for iteration in &sample.iterations {
        for (path, expected) in
            [(ProbePath::Healthz, &iteration.healthz), (ProbePath::Readyz, &iteration.readyz)]
        {
            let events = replayed(path, iteration, expected);
            let of_the_probe = |event: &&Event| match event.kind {
                EventKind::Transition { iteration: index, path: of, .. } => {
                    (index, of) == (iteration.index, path)
                }
                _ => false,
            };
            let recorded: Vec<_> = sample.events.iter().filter(of_the_probe).collect();
            assert_eq!(recorded.len(), events.len());
            for (recorded, event) in recorded.iter().zip(&events) {
                assert_eq!(recorded.kind, event.kind);
                let at = recorded.ms - iteration.signal_sent_ms.unwrap();
                assert!((at - event.ms).abs() < 1e-6);
            }
        }
    }
}

/// Feeds `recorder` with what led to the events of `sample`.
fn replay(recorder: &mut Recorder, sample: &Sample) {
    let say = |recorder: &mut Recorder, line: &str, ms| {
        recorder.output(Stream::Stdout, format!("{line}\n").as_bytes(), ms);
    };
    let (mut is_started, mut is_over) = (false, false);
    for event in &sample.events {
        let ms = event.ms;
        let of_none =
            matches!(event.kind, EventKind::StartupTrace { iteration: None, .. } | EventKind::Exit);
        if is_started && of_none && !mem::replace(&mut is_over, true) {
            end_restart(recorder, sample, 3, ms);
            recorder.end_restarts();
        }
        match &event.kind {
            EventKind::SpawnStart => (),
            EventKind::Spawned => recorder.spawned(ms),
            EventKind::FirstOutput => recorder.output(Stream::Stdout, b"", ms),
            EventKind::StartupTrace { line, .. } | EventKind::RestartTrace { line, .. } => {
                say(recorder, line, ms);
            }
            EventKind::IntentWritten { iteration } => {
                if mem::replace(&mut is_started, true) {
                    end_restart(recorder, sample, *iteration - 1, ms);
                } else {
                    say(recorder, sample.initial_http_listen_log_line.as_deref().unwrap(), ms);
                    say(recorder, sample.initial_gateway_ready_log_line.as_deref().unwrap(), ms);
                    recorder.initial_healthz(sample.initial_healthz.clone());
                    recorder.initial_readyz(sample.initial_readyz.clone());
                    recorder.initial_logs();
                }
                assert_eq!(recorder.begin_restart(ms), Some(*iteration));
                recorder.intent_written(ms);
            }
            EventKind::SignalSent { .. } => recorder.signal_sent(ms),
            EventKind::Transition { .. } => recorder.probe_event(event.clone()),
            EventKind::Exit => recorder.exited(ms),
        }
    }
}

fn end_restart(recorder: &mut Recorder, sample: &Sample, index: u32, ms: f64) {
    let restart = sample.iterations.iter().find(|restart| restart.index == index).unwrap();
    let line = restart.gateway_ready_log_line.as_deref().unwrap();
    recorder.output(Stream::Stderr, format!("{line}\n").as_bytes(), ms);
    for snapshot in &restart.resource_snapshots {
        recorder.snapshot(snapshot.clone());
    }
    recorder.probed(restart.healthz.clone(), restart.readyz.clone());
    recorder.end_restart([Some(0.0), restart.cpu_ms], ms);
}

#[test]
fn its_events_make_the_same_sample() {
    let expected = sample();
    let mut recorder = Recorder::new(30_000);
    replay(&mut recorder, &expected);
    recorder.rss(expected.max_rss_mb);
    let exit = Exit { code: expected.child_exit_code, signal: expected.child_signal.clone() };
    let mut sample = recorder.finish(exit, true, 20_000.0);
    // When lines came that are in no event, and the time up to which the processor was measured,
    // are not in the report to the last digit.
    sample.output_tail.clone_from(&expected.output_tail);
    sample.initial_http_listen_log_ms = expected.initial_http_listen_log_ms;
    sample.initial_gateway_ready_log_ms = expected.initial_gateway_ready_log_ms;
    for (restart, expected) in sample.iterations.iter_mut().zip(&expected.iterations) {
        restart.http_listen_log_line.clone_from(&expected.http_listen_log_line);
        restart.http_listen_log_ms = expected.http_listen_log_ms;
        restart.gateway_ready_log_ms = expected.gateway_ready_log_ms;
        restart.cpu_core_ratio = expected.cpu_core_ratio;
    }
    assert!(sample == expected);
}

#[test]
fn what_the_seed_prints_of_it() {
    let result = result();
    let sample = &result.samples[0];
    assert_eq!(
        restart_progress(&CASES[0], &sample.iterations[1], 3),
        "[gateway-restart-bench] skipChannels restart 2/3: readyz=925.1ms downtime=786.3ms \
         restartReady=778.4ms cpu=0.0ms rss=668.8MB failure=none"
    );
    assert_eq!(
        sample_progress(&CASES[0], sample, 1, 1),
        "[gateway-restart-bench] skipChannels sample 1/1: iterations=3 failure=none rssSlope=3.7MB \
         heapSlope=0.7MB fdSlope=0"
    );
    let report = report(&result);
    let (head, top) = report.split_once("  trace top:\n").unwrap();
    assert_eq!(
        head,
        "\ngateway restart, skip channels (skipChannels)\n\
         \x20 failure rate: 0.0%\n\
         \x20 first failure: none\n\
         \x20 downtime:      p50=887.8ms avg=926.8ms min=786.3ms max=1106.4ms\n\
         \x20 /healthz next: p50=947.3ms avg=1036.1ms min=924.1ms max=1236.8ms\n\
         \x20 /readyz next:  p50=947.0ms avg=1036.4ms min=925.1ms max=1236.9ms\n\
         \x20 restart.ready: p50=913.3ms avg=942.9ms min=778.4ms max=1137.1ms\n\
         \x20 resource slope: rss=3.7MB/restart heap=0.7MB/restart fd=0.00/restart\n"
    );
    assert_eq!(top, TRACE_TOP);
}

/// What the code of the seed printed for the same report.
const TRACE_TOP: &str = "    \
    restart.ready: p50=844.4ms avg=850.0ms min=736.0ms max=969.7ms
    restart.ready.runtime.post-attach: p50=280.7ms avg=282.6ms min=261.5ms max=305.5ms
    restart.ready.config.snapshot: p50=150.8ms avg=197.8ms min=145.9ms max=296.7ms
    restart.ready.config.snapshot.read: p50=105.6ms avg=129.0ms min=90.5ms max=191.0ms
    restart.ready.post-attach.log: p50=115.6ms avg=119.9ms min=106.7ms max=137.5ms
    restart.ready.plugins.bootstrap: p50=112.2ms avg=119.5ms min=79.8ms max=166.4ms
    restart.ready.config.snapshot.read.validate: p50=69.1ms avg=78.0ms min=62.5ms max=102.3ms
    restart.ready.plugins.runtime-post-bind: p50=71.0ms avg=68.3ms min=61.4ms max=72.4ms
    restart.ready.config.snapshot.auto-enable: p50=46.5ms avg=58.0ms min=34.9ms max=92.6ms
    restart.ready.runtime.early: p50=54.2ms avg=46.5ms min=27.8ms max=57.4ms";
