//! The loops that ask a gateway whether it is there.
//!
//! A shell asks [`turn`](RestartProbe::turn) before each request, tells
//! [`answer`](RestartProbe::answer) what came of it, and sleeps for [`PROBE_PAUSE`]. All times that
//! it gives are milliseconds since the sample began.

use std::{io, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    js,
    seed::{Event, EventKind, ProbePath},
};

/// How long the seed sleeps after each request. So two requests lie up to 125 ms apart, and a
/// shorter outage can be missed.
pub const PROBE_PAUSE: Duration = Duration::from_millis(25);

/// How long a connection may be idle. It is no limit to a whole request.
pub const PROBE_TIMEOUT: Duration = Duration::from_millis(100);

const OK: u16 = 200;

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An answer with this status, read to its end.
    Status(u16),
    /// No answer, for the reason that [`classify_error`] or [`error_kind`] give.
    Error(String),
}

impl Outcome {
    const fn status(&self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(*status),
            Self::Error(_) => None,
        }
    }

    /// What reports say of it; nothing of a 200.
    fn error_kind(&self) -> Option<String> {
        match self {
            Self::Status(OK) => None,
            Self::Status(status) => Some(format!("http-{status}")),
            Self::Error(kind) => Some(kind.clone()),
        }
    }
}

/// The kind of an error of Node, in lower case: its code, `timeout` if its message says so, its
/// name, or `error` (seed 003, `classifyProbeErrorKind`).
pub fn classify_error(code: Option<&str>, message: Option<&str>, name: Option<&str>) -> String {
    let word = |text: Option<&str>| {
        text.map(js::trim).filter(|text| !text.is_empty()).map(str::to_lowercase)
    };
    let is_timeout =
        message.is_some_and(|message| message.to_lowercase().contains("probe timeout"));
    word(code)
        .or_else(|| is_timeout.then(|| "timeout".to_owned()))
        .or_else(|| word(name))
        .unwrap_or_else(|| "error".to_owned())
}

/// What [`classify_error`] says in Node of an error of this kind. A connection that ends before
/// the answer does is reset there as well.
pub const fn error_kind(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::ConnectionRefused => "econnrefused",
        io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof => "econnreset",
        io::ErrorKind::ConnectionAborted => "econnaborted",
        io::ErrorKind::BrokenPipe => "epipe",
        io::ErrorKind::AddrNotAvailable => "eaddrnotavail",
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "timeout",
        _ => "error",
    }
}

/// An answer that is another than that before, or the first one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transition {
    /// When the request was over, in milliseconds since the sample began or the signal was sent.
    pub ms: f64,
    /// The status, if there was an answer.
    pub status: Option<u16>,
    /// What was wrong; absent for a 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<String>,
}

/// What a loop found out (seed 003, `ProbeResult`). Times are in milliseconds since the sample began
/// for [`InitialProbe`], and since the signal was sent for [`RestartProbe`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbeResult {
    /// From the end of the first request that failed to the end of the first one after it that did
    /// not. It begins too late by up to 125 ms, and leaves out every later outage.
    pub downtime_ms: Option<f64>,
    /// What was wrong first.
    pub first_error_kind: Option<String>,
    /// When a request succeeded again after one that did not.
    pub first_recovery_ms: Option<f64>,
    /// When the gateway was taken for ready; `None` if it was not.
    pub ms: Option<f64>,
    /// The last status.
    pub status: Option<u16>,
    /// How the answers changed.
    pub transitions: Vec<Transition>,
    /// When the first request failed; always `None` for the initial loop.
    pub unavailable_ms: Option<f64>,
}

impl ProbeResult {
    /// Takes an answer at `ms`, and says whether it is another than that before.
    fn record(&mut self, ms: f64, outcome: &Outcome) -> Option<&Transition> {
        let (status, error_kind) = (outcome.status(), outcome.error_kind());
        self.status = status;
        if self.first_error_kind.is_none() {
            self.first_error_kind.clone_from(&error_kind);
        }
        let last = self.transitions.last();
        if last.is_some_and(|last| last.status == status && last.error_kind == error_kind) {
            return None;
        }
        self.transitions.push(Transition { ms, status, error_kind });
        self.transitions.last()
    }
}

/// The loop after the start (seed 003, `waitForProbeReady`): until the first 200.
#[derive(Clone, Debug)]
pub struct InitialProbe {
    deadline_ms: f64,
    result: ProbeResult,
}

impl InitialProbe {
    /// A loop that gives up at `deadline_ms`.
    pub fn new(deadline_ms: f64) -> Self {
        Self { deadline_ms, result: ProbeResult::default() }
    }

    /// Before each request: the result if it is the end.
    pub fn turn(&self, now_ms: f64, child_exited: bool) -> Option<ProbeResult> {
        let goes_on = now_ms < self.deadline_ms && !child_exited;
        (!goes_on).then(|| self.result.clone())
    }

    /// After each request, which was over at `now_ms`: the result if it is the end.
    pub fn answer(&mut self, now_ms: f64, outcome: &Outcome) -> Option<ProbeResult> {
        let was_unready = self.result.first_error_kind.is_some();
        self.result.record(now_ms, outcome);
        if outcome.status() != Some(OK) {
            return None;
        }
        self.result.ms = Some(now_ms);
        self.result.first_recovery_ms = was_unready.then_some(now_ms);
        Some(self.result.clone())
    }
}

/// What a [`RestartProbe`] has to know of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether the process ended.
    pub child_exited: bool,
    /// Whether it said that it is ready again: [`Iteration::is_ready`](crate::seed::Iteration::is_ready).
    pub is_ready: bool,
}

/// What a request in a [`RestartProbe`] led to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// What is to be recorded.
    pub event: Option<Event>,
    /// The result, if it is the end.
    pub end: Option<ProbeResult>,
}

/// The loop after the signal (seed 003, `waitForRestartProbe`): until a 200 after something else, or
/// until the gateway says that it is ready and no request failed.
///
/// The first recovery ends it. A gateway that answers once more between two outages has a downtime
/// of the first alone, and one that hangs for a moment and does not restart has one too.
#[derive(Clone, Debug)]
pub struct RestartProbe {
    path: ProbePath,
    iteration: u32,
    deadline_ms: f64,
    signal_sent_ms: f64,
    last_success_ms: Option<f64>,
    result: ProbeResult,
}

impl RestartProbe {
    /// A loop on `path` for the restart `iteration`, that gives up at `deadline_ms`.
    pub fn new(path: ProbePath, iteration: u32, signal_sent_ms: f64, deadline_ms: f64) -> Self {
        let result = ProbeResult::default();
        Self { path, iteration, deadline_ms, signal_sent_ms, last_success_ms: None, result }
    }

    /// Before each request: the result if it is the end.
    pub fn turn(&self, now_ms: f64, standing: Standing) -> Option<ProbeResult> {
        let unseen = self.last_success_ms.filter(|_| self.result.unavailable_ms.is_none());
        let gives_up = self.deadline_ms <= now_ms || standing.child_exited;
        if gives_up {
            return Some(ProbeResult { ms: unseen, ..self.result.clone() });
        }
        let ms = unseen.filter(|_| standing.is_ready)?;
        Some(ProbeResult { ms: Some(ms), status: Some(OK), ..self.result.clone() })
    }

    /// After each request, which was over at `now_ms`.
    pub fn answer(&mut self, now_ms: f64, outcome: &Outcome) -> Step {
        let ms = now_ms - self.signal_sent_ms;
        let iteration = self.iteration;
        let path = self.path;
        let event = self.result.record(ms, outcome).map(|transition| {
            let Transition { status, error_kind, .. } = transition.clone();
            let kind = EventKind::Transition { iteration, path, status, error_kind };
            Event { ms: now_ms, kind }
        });
        if outcome.status() != Some(OK) {
            self.result.unavailable_ms.get_or_insert(ms);
            return Step { event, end: None };
        }
        self.last_success_ms = Some(ms);
        let end = self.result.unavailable_ms.map(|unavailable| ProbeResult {
            downtime_ms: Some(ms - unavailable),
            first_recovery_ms: Some(ms),
            ms: Some(ms),
            ..self.result.clone()
        });
        Step { event, end }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOT_YET: Standing = Standing { child_exited: false, is_ready: false };
    const READY: Standing = Standing { child_exited: false, is_ready: true };
    const EXITED: Standing = Standing { child_exited: true, is_ready: true };

    fn error(kind: &str) -> Outcome {
        Outcome::Error(kind.to_owned())
    }

    fn probe() -> RestartProbe {
        RestartProbe::new(ProbePath::Readyz, 2, 1000.0, 5000.0)
    }

    #[test]
    fn kinds_of_errors() {
        let table = [
            (Some(" ECONNREFUSED "), None, None, "econnrefused"),
            (Some(""), Some("Probe timeout"), Some("Error"), "timeout"),
            (None, Some("x"), Some("TypeError"), "typeerror"),
            (None, None, Some(" "), "error"),
            (None, None, None, "error"),
        ];
        for (code, message, name, expected) in table {
            assert_eq!(classify_error(code, message, name), expected);
        }
        assert_eq!(error_kind(io::ErrorKind::WouldBlock), "timeout");
        assert_eq!(error_kind(io::ErrorKind::UnexpectedEof), "econnreset");
        assert_eq!(error_kind(io::ErrorKind::OutOfMemory), "error");
    }

    #[test]
    fn the_start_ends_with_the_first_200() {
        let mut probe = InitialProbe::new(1000.0);
        assert_eq!(probe.turn(0.0, false), None);
        assert_eq!(probe.answer(10.0, &error("econnrefused")), None);
        assert_eq!(probe.answer(40.0, &error("econnrefused")), None);
        assert_eq!(probe.answer(70.0, &Outcome::Status(503)), None);
        let result = probe.answer(99.0, &Outcome::Status(200)).unwrap();
        assert_eq!((result.ms, result.first_recovery_ms), (Some(99.0), Some(99.0)));
        assert_eq!(result.first_error_kind.as_deref(), Some("econnrefused"));
        assert_eq!((result.downtime_ms, result.unavailable_ms), (None, None));
        let transitions: Vec<_> = result
            .transitions
            .iter()
            .map(|transition| (transition.ms, transition.status, transition.error_kind.as_deref()))
            .collect();
        let expected = [
            (10.0, None, Some("econnrefused")),
            (70.0, Some(503), Some("http-503")),
            (99.0, Some(200), None),
        ];
        assert_eq!(transitions, expected);
    }

    #[test]
    fn a_start_that_was_ready_at_once_did_not_recover() {
        let result = InitialProbe::new(9.0).answer(5.0, &Outcome::Status(200)).unwrap();
        assert_eq!((result.ms, result.first_recovery_ms), (Some(5.0), None));
    }

    #[test]
    fn a_start_is_given_up_at_the_deadline_and_at_the_exit() {
        let mut probe = InitialProbe::new(100.0);
        probe.answer(10.0, &Outcome::Status(503));
        for (now, exited) in [(100.0, false), (50.0, true)] {
            let result = probe.turn(now, exited).unwrap();
            assert_eq!((result.ms, result.status), (None, Some(503)));
        }
    }

    #[test]
    fn downtime_is_from_the_first_failure_to_the_first_success_after_it() {
        let mut probe = probe();
        let step = probe.answer(1005.0, &Outcome::Status(200));
        assert_eq!(step.end, None);
        let kind = EventKind::Transition {
            iteration: 2,
            path: ProbePath::Readyz,
            status: Some(200),
            error_kind: None,
        };
        assert_eq!(step.event, Some(Event { ms: 1005.0, kind }));
        assert_eq!(probe.answer(1030.0, &Outcome::Status(200)), Step::default());
        // It goes on after a 503, also when the gateway says that it is ready.
        assert_eq!(probe.answer(1060.0, &Outcome::Status(503)).end, None);
        assert_eq!(probe.turn(1085.0, READY), None);
        let end = probe.answer(1100.0, &Outcome::Status(200)).end.unwrap();
        assert_eq!((end.downtime_ms, end.unavailable_ms), (Some(40.0), Some(60.0)));
        assert_eq!((end.ms, end.first_recovery_ms), (Some(100.0), Some(100.0)));
        assert_eq!(end.first_error_kind.as_deref(), Some("http-503"));
        assert_eq!(end.transitions.len(), 3);
    }

    #[test]
    fn a_restart_that_no_request_noticed_has_no_downtime() {
        let mut probe = probe();
        assert_eq!(probe.turn(1001.0, READY), None);
        probe.answer(1005.0, &Outcome::Status(200));
        assert_eq!(probe.turn(1030.0, NOT_YET), None);
        probe.answer(1035.0, &Outcome::Status(200));
        let end = probe.turn(1060.0, READY).unwrap();
        assert_eq!((end.ms, end.status), (Some(35.0), Some(200)));
        assert_eq!(
            (end.downtime_ms, end.unavailable_ms, end.first_recovery_ms),
            (None, None, None)
        );
    }

    #[test]
    fn a_restart_is_given_up_at_the_deadline_and_at_the_exit() {
        let mut probe = probe();
        assert_eq!(probe.turn(5000.0, READY).unwrap(), ProbeResult::default());
        probe.answer(1005.0, &Outcome::Status(200));
        assert_eq!(probe.turn(5000.0, NOT_YET).unwrap().ms, Some(5.0));
        assert_eq!(probe.turn(1010.0, EXITED).unwrap().ms, Some(5.0));
        probe.answer(1050.0, &error("timeout"));
        let end = probe.turn(5000.0, READY).unwrap();
        assert_eq!((end.ms, end.status, end.unavailable_ms), (None, None, Some(50.0)));
    }

    #[test]
    fn the_first_recovery_hides_a_longer_outage() {
        // As it was seen on OpenClaw 2026.9.6; the listener was closed for seven more seconds.
        let mut probe = RestartProbe::new(ProbePath::Healthz, 1, 0.0, 30_000.0);
        probe.answer(2690.0, &error("timeout"));
        let end = probe.answer(2951.0, &Outcome::Status(200)).end.unwrap();
        assert_eq!(end.downtime_ms, Some(261.0));
    }

    proptest! {
        #[test]
        fn what_ends_a_loop_is_the_first_success_after_a_failure(
            answers in prop::collection::vec((1..200_u16, 0..3_u8), 0..30),
        ) {
            let mut now = 0.0;
            let mut probe = RestartProbe::new(ProbePath::Healthz, 1, 0.0, f64::INFINITY);
            let mut times = Vec::new();
            let mut end = None;
            for (gap, kind) in answers {
                now += f64::from(gap);
                let outcome = match kind {
                    0 => Outcome::Status(200),
                    1 => Outcome::Status(503),
                    _ => error("timeout"),
                };
                times.push((now, kind == 0));
                end = probe.answer(now, &outcome).end;
                if end.is_some() {
                    break;
                }
            }
            let bad = times.iter().position(|(_, ok)| !ok);
            let good = bad.and_then(|bad| Some(bad + times[bad..].iter().position(|(_, ok)| *ok)?));
            let downtime = bad.zip(good).map(|(bad, good)| times[good].0 - times[bad].0);
            prop_assert_eq!(end.and_then(|end| end.downtime_ms), downtime);
        }
    }
}
