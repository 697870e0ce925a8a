//! One gateway from its start to its end (seed 003, `runGatewaySample`).

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use common_fs::{Clock as _, SystemClock};
use rustix::process::Signal;

use super::{
    SeedError, SeedSetup,
    ask::ask,
    resources::{snapshot, tree_cpu_ms},
    scene::Scene,
};
use crate::{
    Server, StartOrders,
    clock::now,
    intent::announce,
    preset::{Place, Protocol, free_port, plan},
    proc, root_path,
    seed::{
        Case, INTENT_FILE, InitialProbe, PROBE_PAUSE, ProbePath, ProbeResult, Recorder,
        RestartProbe, Sample, SeedOptions, SnapshotPhase, TERM_GRACE, restart_progress,
    },
    signal::send_handled,
};

/// How the directories of samples are called.
const ROOT_PREFIX: &str = "openclaw-gateway-restart-bench-";

/// How often the seed looks whether something has happened that it waits for.
const LOOK: Duration = Duration::from_millis(25);

/// For how long the last of the output may take after all who could write have ended.
const LAST_OUTPUT: Duration = Duration::from_secs(1);

/// A sample that is to be taken.
#[derive(Clone, Copy)]
pub(super) struct Sampling<'s> {
    pub(super) case: &'s Case,
    pub(super) options: &'s SeedOptions,
    pub(super) setup: &'s SeedSetup,
    pub(super) is_interrupted: &'s dyn Fn() -> bool,
}

impl Sampling<'_> {
    pub(super) fn run(self, on_line: &mut dyn FnMut(&str)) -> Result<Sample, SeedError> {
        let Self { case, options, setup, .. } = self;
        let root = root_path(&setup.temp_dir, ROOT_PREFIX)?;
        let port = free_port()?;
        let inherited = |name: &str| setup.inherited.get(std::ffi::OsStr::new(name)).cloned();
        let (node, entry) = (&setup.node, &options.entry);
        let place = Place { root: &root, port, node, entry };
        let plan = plan(Protocol::JsonIntent, case, &place, inherited);
        let orders = StartOrders {
            guard: setup.guard.clone(),
            command: plan.command,
            environment: plan.environment,
            dir: None,
            root: Some(plan.root),
            grace: TERM_GRACE,
        };
        let (recorder, began) = (Recorder::new(options.timeout_ms), now());
        let (server, output) = Server::start(&orders)?;
        let scene = Arc::new(Scene::new(recorder, began, server.main(), server.ending()));
        let spawned_ms = scene.now_ms();
        scene.with(|recorder| recorder.spawned(spawned_ms));
        let output = scene.read(output)?;
        let watching = scene.watch()?;
        Playing { sampling: self, scene: &scene, root: root.as_ref(), port }.play(on_line)?;
        scene.with(Recorder::end_restarts);
        let stopped = server.stop();
        drop(watching);
        // Both readers hang up; nothing is ever sent.
        output.recv_timeout(LAST_OUTPUT).ok();
        scene.look();
        let Some(exit) = scene.exit() else {
            // Somebody has killed the guard, which alone knew.
            stopped?;
            return Err(io::Error::other("nobody knows how the gateway ended").into());
        };
        let is_removed = stopped.is_ok();
        let ms = scene.now_ms();
        Ok(scene.with(|recorder| recorder.clone()).finish(exit, is_removed, ms))
    }
}

/// A sample while its gateway runs.
struct Playing<'p> {
    sampling: Sampling<'p>,
    scene: &'p Scene,
    root: &'p Path,
    port: u16,
}

impl Playing<'_> {
    fn play(&self, on_line: &mut dyn FnMut(&str)) -> Result<(), SeedError> {
        self.start()?;
        let options = self.sampling.options;
        for _ in 0..options.restarts {
            if self.scene.with(|recorder| recorder.failure()).is_some() {
                break;
            }
            self.restart(on_line)?;
        }
        Ok(())
    }

    /// Waits until the gateway is ready for the first time.
    fn start(&self) -> Result<(), SeedError> {
        let healthz = self.initial(ProbePath::Healthz)?;
        self.check_listener()?;
        self.scene.with(|recorder| recorder.initial_healthz(healthz));
        if self.has_failed() {
            return Ok(());
        }
        let readyz = self.initial(ProbePath::Readyz)?;
        self.scene.with(|recorder| recorder.initial_readyz(readyz));
        if self.has_failed() {
            return Ok(());
        }
        self.until_said(Recorder::has_initial_logs)?;
        self.scene.with(Recorder::initial_logs);
        Ok(())
    }

    /// Seed 003, `waitForProbeReady`.
    fn initial(&self, path: ProbePath) -> Result<ProbeResult, SeedError> {
        let Self { scene, port, .. } = *self;
        let is_interrupted = self.sampling.is_interrupted;
        let mut probe = InitialProbe::new(self.deadline_ms());
        loop {
            self.check_interrupt()?;
            let child_exited = scene.with(|recorder| recorder.standing()).child_exited;
            if let Some(end) = probe.turn(scene.now_ms(), child_exited) {
                return Ok(end);
            }
            let outcome = ask(port, path, is_interrupted);
            if let Some(end) = probe.answer(scene.now_ms(), &outcome) {
                return Ok(end);
            }
            SystemClock.sleep(PROBE_PAUSE);
        }
    }

    /// The port was free a moment ago. If somebody else has taken it, that is who answers.
    fn check_listener(&self) -> Result<(), SeedError> {
        let listeners = proc::listeners(self.port);
        let is_ours = || !proc::owners(&proc::tree(self.scene.main().pid), &listeners).is_empty();
        // It may have been closed since, or the gateway have ended.
        if listeners.is_empty() || is_ours() || proc::listeners(self.port) != listeners {
            return Ok(());
        }
        Err(SeedError::PortTaken { port: self.port })
    }

    fn restart(&self, on_line: &mut dyn FnMut(&str)) -> Result<(), SeedError> {
        let Self { scene, sampling, .. } = *self;
        let now_ms = scene.now_ms();
        let Some(iteration) = scene.with(|recorder| recorder.begin_restart(now_ms)) else {
            return Ok(());
        };
        let cpu_before_ms = tree_cpu_ms(scene.main());
        self.snapshot(SnapshotPhase::BeforeSignal);
        let Some(signal_sent_ms) = self.trigger() else {
            scene.with(Recorder::signal_failed);
            return Ok(());
        };
        let [healthz, readyz] = self.probes(iteration, signal_sent_ms)?;
        scene.with(|recorder| recorder.probed(healthz, readyz));
        self.snapshot(SnapshotPhase::AfterNextReady);
        self.until_said(|recorder| recorder.standing().is_ready)?;
        let now_ms = scene.now_ms();
        let delay_ms =
            scene.with(|recorder| recorder.delay_ms(sampling.options.post_ready_delay_ms, now_ms));
        self.until(now_ms + delay_ms, |_| false)?;
        self.snapshot(SnapshotPhase::AfterPostReadyDelay);
        let cpu_ms = [cpu_before_ms, tree_cpu_ms(scene.main())];
        let now_ms = scene.now_ms();
        let line = scene.with(|recorder| {
            let ended = recorder.end_restart(cpu_ms, now_ms)?;
            Some(restart_progress(sampling.case, ended, sampling.options.restarts))
        });
        if let Some(line) = line {
            on_line(&line);
        }
        Ok(())
    }

    /// Announces a restart and sends the signal; when that was, in milliseconds since the sample
    /// began, or nothing if it could not be done.
    fn trigger(&self) -> Option<f64> {
        let main = self.scene.main();
        announce(&self.root.join("state").join(INTENT_FILE), main.pid).ok()?;
        let written_ms = self.scene.now_ms();
        self.scene.with(|recorder| recorder.intent_written(written_ms));
        send_handled(main, Signal::USR1).ok()?;
        let sent_ms = self.scene.now_ms();
        self.scene.with(|recorder| recorder.signal_sent(sent_ms));
        Some(sent_ms)
    }

    /// Probes both paths at once.
    fn probes(&self, iteration: u32, signal_sent_ms: f64) -> Result<[ProbeResult; 2], SeedError> {
        let Self { scene, port, .. } = *self;
        let (deadline_ms, stop) = (self.deadline_ms(), AtomicBool::new(false));
        let of = |path| {
            let probe = RestartProbe::new(path, iteration, signal_sent_ms, deadline_ms);
            restarting(scene, port, path, probe, &stop)
        };
        let (healthz, readyz) = thread::scope(|scope| {
            let (running, ended) = mpsc::channel::<()>();
            let begin = |path| {
                let running = running.clone();
                thread::Builder::new().name("probe".to_owned()).spawn_scoped(scope, move || {
                    let result = of(path);
                    drop(running);
                    result
                })
            };
            let healthz = begin(ProbePath::Healthz);
            let readyz = begin(ProbePath::Readyz);
            drop(running);
            loop {
                let is_over = healthz.is_err() || readyz.is_err();
                if is_over || (self.sampling.is_interrupted)() {
                    stop.store(true, Ordering::Relaxed);
                }
                if ended.recv_timeout(LOOK) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
            (
                healthz.map(thread::ScopedJoinHandle::join),
                readyz.map(thread::ScopedJoinHandle::join),
            )
        });
        let result = |joined: thread::Result<Option<ProbeResult>>| {
            let panicked = |_| SeedError::Io(io::Error::other("a probe has panicked"));
            joined.map_err(panicked)?.ok_or(SeedError::Interrupted)
        };
        Ok([result(healthz?)?, result(readyz?)?])
    }

    fn snapshot(&self, phase: SnapshotPhase) {
        let taken = snapshot(self.scene.main(), phase, || self.scene.now_ms());
        self.scene.with(|recorder| recorder.snapshot(taken));
    }

    /// Waits until the gateway has said something. The seed waits until the deadline for one that has
    /// ended as well; that changes nothing but takes the time of `--timeout-ms`.
    fn until_said(&self, holds: impl Fn(&Recorder) -> bool) -> Result<(), SeedError> {
        let deadline_ms = self.deadline_ms();
        self.until(deadline_ms, |recorder| holds(recorder) || recorder.standing().child_exited)?;
        if self.scene.with(|recorder| recorder.standing()).child_exited {
            let last_ms = self.scene.now_ms() + LAST_OUTPUT.as_secs_f64() * 1_000.0;
            self.until(deadline_ms.min(last_ms), holds)?;
        }
        Ok(())
    }

    /// Waits until something holds, but not beyond `until_ms`.
    fn until(&self, until_ms: f64, holds: impl Fn(&Recorder) -> bool) -> Result<(), SeedError> {
        loop {
            self.check_interrupt()?;
            let left_ms = until_ms - self.scene.now_ms();
            let left = Duration::try_from_secs_f64(left_ms / 1_000.0).unwrap_or_default();
            if left.is_zero() || self.scene.with(|recorder| holds(recorder)) {
                return Ok(());
            }
            SystemClock.sleep(left.min(LOOK));
        }
    }

    fn check_interrupt(&self) -> Result<(), SeedError> {
        if (self.sampling.is_interrupted)() { Err(SeedError::Interrupted) } else { Ok(()) }
    }

    fn has_failed(&self) -> bool {
        self.scene.with(|recorder| recorder.failure()).is_some()
    }

    fn deadline_ms(&self) -> f64 {
        self.scene.with(|recorder| recorder.deadline_ms())
    }
}

/// Seed 003, `waitForRestartProbe`; nothing if it was stopped.
fn restarting(
    scene: &Scene,
    port: u16,
    path: ProbePath,
    mut probe: RestartProbe,
    stop: &AtomicBool,
) -> Option<ProbeResult> {
    let is_stopped = || stop.load(Ordering::Relaxed);
    while !is_stopped() {
        let standing = scene.with(|recorder| recorder.standing());
        if let Some(end) = probe.turn(scene.now_ms(), standing) {
            return Some(end);
        }
        let outcome = ask(port, path, &is_stopped);
        let step = probe.answer(scene.now_ms(), &outcome);
        if let Some(event) = step.event {
            scene.with(|recorder| recorder.probe_event(event));
        }
        if step.end.is_some() {
            return step.end;
        }
        SystemClock.sleep(PROBE_PAUSE);
    }
    None
}
