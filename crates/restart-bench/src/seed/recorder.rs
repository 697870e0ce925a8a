use std::collections::VecDeque;

use crate::{
    Lines, Mark, Stream, TraceKind, js, mark, parse_trace,
    seed::{
        Event, EventKind, FailureCode, Iteration, ProbeResult, ResourceSlope, ResourceSnapshot,
        Sample, Standing,
    },
};

/// How a process ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// The code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// The signal, such as `SIGTERM`.
    pub signal: Option<String>,
}

/// Puts a [`Sample`] together from what its shell sees (seed 003, `runGatewaySample`).
///
/// The shell calls, in this order: [`new`](Self::new), [`spawned`](Self::spawned),
/// [`initial_healthz`](Self::initial_healthz), [`initial_readyz`](Self::initial_readyz) and
/// [`initial_logs`](Self::initial_logs), as long as there is no [`failure`](Self::failure);
/// for each restart [`begin_restart`](Self::begin_restart) to [`end_restart`](Self::end_restart);
/// then [`end_restarts`](Self::end_restarts), and [`finish`](Self::finish) when the process is gone.
/// Output, memory and the exit come in between when they come. All times are milliseconds since the
/// sample began, just before the process was started.
#[derive(Clone, Debug)]
pub struct Recorder {
    deadline_ms: f64,
    lines: Lines,
    chunks: VecDeque<String>,
    story: Story,
    child_exited: bool,
}

/// What the lines of the output write to.
#[derive(Clone, Debug)]
struct Story {
    sample: Sample,
    /// Whether the last of the restarts is the one that lines belong to.
    in_restart: bool,
}

/// How many chunks and how many lines of the output are kept.
const TAIL: usize = 30;

impl Recorder {
    /// A sample that may take `timeout_ms`, with all its restarts.
    pub fn new(timeout_ms: u64) -> Self {
        let sample = Sample {
            events: vec![Event { ms: 0.0, kind: EventKind::SpawnStart }],
            ..Sample::default()
        };
        Self {
            deadline_ms: js::float(timeout_ms),
            lines: Lines::new(),
            chunks: VecDeque::new(),
            story: Story { sample, in_restart: false },
            child_exited: false,
        }
    }

    /// When the sample gives up.
    pub fn deadline_ms(&self) -> f64 {
        self.deadline_ms
    }

    /// What was wrong first; nothing else is measured then.
    pub fn failure(&self) -> Option<FailureCode> {
        self.story.sample.failure_code
    }

    /// What the probes of the current restart have to know.
    pub fn standing(&self) -> Standing {
        let is_ready = self.story.restart().is_some_and(Iteration::is_ready);
        Standing { child_exited: self.child_exited, is_ready }
    }

    /// The process was started.
    pub fn spawned(&mut self, ms: f64) {
        self.event(ms, EventKind::Spawned);
    }

    /// A chunk of output came.
    pub fn output(&mut self, stream: Stream, chunk: &[u8], ms: f64) {
        if self.story.sample.first_output_ms.is_none() {
            self.story.sample.first_output_ms = Some(ms);
            self.event(ms, EventKind::FirstOutput);
        }
        if self.chunks.len() == TAIL {
            self.chunks.pop_front();
        }
        self.chunks.push_back(String::from_utf8_lossy(chunk).into_owned());
        self.lines.push(stream, chunk, |line| self.story.line(line, ms));
    }

    /// The process ended.
    pub fn exited(&mut self, ms: f64) {
        self.child_exited = true;
        self.event(ms, EventKind::Exit);
    }

    /// The resident memory of the process in MiB, as far as it could be seen.
    pub fn rss(&mut self, rss_mb: Option<f64>) {
        let max = &mut self.story.sample.max_rss_mb;
        *max = max.map_or(rss_mb, |max| Some(max.max(rss_mb.unwrap_or(max))));
    }

    /// The probes of `/healthz` after the start ended.
    pub fn initial_healthz(&mut self, result: ProbeResult) {
        if result.ms.is_none() {
            self.fail(FailureCode::InitialHealthzTimeout);
        }
        self.story.sample.initial_healthz = result;
    }

    /// The probes of `/readyz` after the start ended.
    pub fn initial_readyz(&mut self, result: ProbeResult) {
        if result.ms.is_none() {
            self.fail(FailureCode::InitialReadyzTimeout);
        }
        self.story.sample.initial_readyz = result;
    }

    /// Whether the gateway said that it listens and that it is ready, for which the seed waits until
    /// the deadline, also when the process has ended.
    pub fn has_initial_logs(&self) -> bool {
        let sample = &self.story.sample;
        sample.initial_http_listen_log_ms.is_some() && sample.initial_gateway_ready_log_ms.is_some()
    }

    /// That wait is over.
    pub fn initial_logs(&mut self) {
        if !self.has_initial_logs() {
            self.fail(FailureCode::InitialReadyLogTimeout);
        }
    }

    /// Begins the next restart and gives its number, from 1, if there is no failure and still time.
    /// To be called only if one is still wanted: that there is no time for it is a failure.
    pub fn begin_restart(&mut self, now_ms: f64) -> Option<u32> {
        if self.child_exited {
            self.fail(FailureCode::RestartChildExited);
        } else if self.deadline_ms <= now_ms {
            self.fail(FailureCode::RestartDeadlineTimeout);
        }
        if self.failure().is_some() {
            return None;
        }
        let iterations = &mut self.story.sample.iterations;
        let index = u32::try_from(iterations.len()).ok()?.checked_add(1)?;
        iterations.push(Iteration::new(index));
        self.story.in_restart = true;
        Some(index)
    }

    /// A snapshot was taken.
    pub fn snapshot(&mut self, snapshot: ResourceSnapshot) {
        if let Some(restart) = self.story.restart_mut() {
            restart.resource_snapshots.push(snapshot);
        }
    }

    /// The intent was written.
    pub fn intent_written(&mut self, ms: f64) {
        if let Some(iteration) = self.story.restart().map(|restart| restart.index) {
            self.event(ms, EventKind::IntentWritten { iteration });
        }
    }

    /// The signal was sent, just before `ms`.
    pub fn signal_sent(&mut self, ms: f64) {
        if let Some(restart) = self.story.restart_mut() {
            restart.signal_sent_ms = Some(ms);
            let iteration = restart.index;
            self.event(ms, EventKind::SignalSent { iteration });
        }
    }

    /// The intent could not be written, or the signal not be sent.
    pub fn signal_failed(&mut self) {
        let code = FailureCode::RestartSignalFailed;
        if let Some(restart) = self.story.restart_mut() {
            restart.failure_code = Some(code);
        }
        self.fail(code);
    }

    /// A probe gave this in [`Step::event`](crate::seed::Step::event).
    pub fn probe_event(&mut self, event: Event) {
        self.story.sample.events.push(event);
    }

    /// Both probes of the current restart ended. The seed takes a snapshot now, and then waits for
    /// [`Standing::is_ready`] until the deadline.
    pub fn probed(&mut self, healthz: ProbeResult, readyz: ProbeResult) {
        if let Some(restart) = self.story.restart_mut() {
            restart.healthz = healthz;
            restart.readyz = readyz;
        }
    }

    /// How long to wait before the last snapshot, in milliseconds, if the options say
    /// `post_ready_delay_ms`: not beyond the deadline.
    pub fn delay_ms(&self, post_ready_delay_ms: u64, now_ms: f64) -> f64 {
        js::float(post_ready_delay_ms).min(self.deadline_ms - now_ms).max(0.0)
    }

    /// The current restart is over. `cpu_ms` is the processor time of the processes before the
    /// signal and now. What came after the last `\n` of the output does not count yet.
    pub fn end_restart(&mut self, cpu_ms: [Option<f64>; 2], now_ms: f64) -> Option<&Iteration> {
        let child_exited = self.child_exited;
        let restart = self.story.restart_mut()?;
        let [before, after] = cpu_ms;
        restart.cpu_ms = before.zip(after).map(|(before, after)| (after - before).max(0.0));
        let passed = now_ms - restart.signal_sent_ms.unwrap_or(now_ms);
        restart.cpu_core_ratio = restart.cpu_ms.map(|cpu| cpu / passed.max(1.0));
        restart.failure_code = restart.failure(child_exited);
        if let Some(code) = restart.failure_code {
            self.fail(code);
        }
        self.story.restart()
    }

    /// No restart follows. Lines that come from now on, when the process is stopped, count for the
    /// start again, as those before the first restart did.
    pub fn end_restarts(&mut self) {
        self.story.in_restart = false;
    }

    /// The sample, when the process has ended and its output with it; `is_removed` says whether its
    /// files could be removed.
    pub fn finish(mut self, exit: Exit, is_removed: bool, now_ms: f64) -> Sample {
        self.lines.flush(|line| self.story.line(line, now_ms));
        if exit.code.is_some_and(|code| code != 0) {
            self.fail(FailureCode::ChildNonzeroExit);
        }
        if !is_removed {
            self.fail(FailureCode::CleanupFailed);
        }
        let output_tail = tail(&self.chunks.into_iter().collect::<String>());
        let sample = self.story.sample;
        let resource_slope = ResourceSlope::of(&sample.iterations);
        Sample {
            child_exit_code: exit.code,
            child_signal: exit.signal,
            output_tail,
            resource_slope,
            ..sample
        }
    }

    fn event(&mut self, ms: f64, kind: EventKind) {
        self.story.sample.events.push(Event { ms, kind });
    }

    fn fail(&mut self, code: FailureCode) {
        self.story.sample.failure_code.get_or_insert(code);
    }
}

impl Story {
    fn restart(&self) -> Option<&Iteration> {
        self.sample.iterations.last().filter(|_| self.in_restart)
    }

    fn restart_mut(&mut self) -> Option<&mut Iteration> {
        self.sample.iterations.last_mut().filter(|_| self.in_restart)
    }

    fn line(&mut self, line: &str, ms: f64) {
        if line.is_empty() {
            return;
        }
        if let Some(mark) = mark(line) {
            self.mark(mark, line, ms);
        }
        let current = self.in_restart.then(|| self.sample.iterations.last_mut()).flatten();
        let iteration = current.as_ref().map(|restart| restart.index);
        let (startup, restart) = match current {
            Some(current) => (&mut current.startup_trace, Some(&mut current.restart_trace)),
            None => (&mut self.sample.initial_startup_trace, None),
        };
        if let Some(trace) = parse_trace(TraceKind::Startup, line) {
            trace.record(startup);
            let kind = EventKind::StartupTrace { iteration, line: line.to_owned() };
            self.sample.events.push(Event { ms, kind });
        }
        if let Some((into, iteration)) = restart.zip(iteration)
            && let Some(trace) = parse_trace(TraceKind::Restart, line)
        {
            trace.record(into);
            let kind = EventKind::RestartTrace { iteration, line: line.to_owned() };
            self.sample.events.push(Event { ms, kind });
        }
    }

    /// Only the first line of a kind counts.
    fn mark(&mut self, mark: Mark, line: &str, ms: f64) {
        let (first_line, first_ms, ms) = match (mark, self.restart_mut()) {
            (Mark::HttpListen, Some(restart)) => {
                let since = ms - restart.signal_sent_ms.unwrap_or(ms);
                (&mut restart.http_listen_log_line, &mut restart.http_listen_log_ms, since)
            }
            (Mark::GatewayReady, Some(restart)) => {
                let since = ms - restart.signal_sent_ms.unwrap_or(ms);
                (&mut restart.gateway_ready_log_line, &mut restart.gateway_ready_log_ms, since)
            }
            (Mark::HttpListen, None) => {
                let sample = &mut self.sample;
                let line = &mut sample.initial_http_listen_log_line;
                (line, &mut sample.initial_http_listen_log_ms, ms)
            }
            (Mark::GatewayReady, None) => {
                let sample = &mut self.sample;
                let line = &mut sample.initial_gateway_ready_log_line;
                (line, &mut sample.initial_gateway_ready_log_ms, ms)
            }
        };
        first_line.get_or_insert_with(|| line.to_owned());
        first_ms.get_or_insert(ms);
    }
}

/// The last lines of `output`, joined by `\n`.
fn tail(output: &str) -> String {
    let lines: Vec<_> = output.split('\n').collect();
    let (last, ended) = lines.split_last().unwrap_or((&"", &[]));
    let ended = ended.iter().map(|line| line.strip_suffix('\r').unwrap_or(line));
    let lines: Vec<_> = ended.chain([*last]).collect();
    lines.get(lines.len().saturating_sub(TAIL)..).unwrap_or_default().join("\n")
}
