//! A server that knows when it was away, and its measurement.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    net::TcpListener,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use demo_gateway::{Truth, read_truth};
use restart_bench::{
    Endpoints, LogRules, Micros, ProbeTarget, Run, ServerKind, StartOrders, Summary, Task, Trigger,
    host_facts, parse_signal, record::Settings, summary,
};

/// A measurement that is about to be made.
pub(super) struct Gateway {
    pub(super) task: Task,
    truth: PathBuf,
    // Removed with this.
    _dir: Option<tempfile::TempDir>,
}

/// What came of it.
pub(super) struct Measured {
    pub(super) run: Run,
    pub(super) summary: Summary,
    pub(super) truth: Vec<Truth>,
}

impl Gateway {
    /// A server that behaves so, and is restarted so often.
    pub(super) fn new(behaviour: &[&str], restarts: u32) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let gateway = Self::in_dir(dir.path(), behaviour, restarts)?;
        Ok(Self { _dir: Some(dir), ..gateway })
    }

    /// The same, with all its files in a directory.
    pub(super) fn in_dir(dir: &Path, behaviour: &[&str], restarts: u32) -> anyhow::Result<Self> {
        let truth = dir.join("truth");
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let me = std::env::current_exe()?;
        let words = ["demo-gateway", "--port"].map(OsString::from);
        let mut command = vec![me.clone().into_os_string()];
        command.extend(words.into_iter().chain([port.to_string().into(), "--truth".into()]));
        command.push(truth.clone().into());
        command.extend(behaviour.iter().map(OsString::from));
        let at = |path: &str| {
            Some(ProbeTarget {
                address: ([127, 0, 0, 1], port).into(),
                path: path.to_owned(),
                expected_status: 200,
                uptime_key: Some("uptimeMs".to_owned()),
            })
        };
        let task = Task {
            name: "demo gateway".to_owned(),
            version: None,
            server: ServerKind::Started(StartOrders {
                guard: (me, vec!["guard".into()]),
                command,
                environment: BTreeMap::new(),
                dir: None,
                root: None,
                grace: Duration::from_millis(500),
            }),
            trigger: Trigger::Signal(parse_signal("HUP").context("there is no SIGHUP")?),
            endpoints: Endpoints { health: at("/healthz"), ready: at("/readyz") },
            log: LogRules { ready: None, is_openclaw: true },
            settings: Settings {
                every_us: Micros::from_millis(10),
                timeout_us: Micros::from_millis(1_000),
                stable_for_us: Micros::from_millis(300),
                merge_gap_us: Micros::ZERO,
                in_flight_max: 64,
            },
            restarts,
            warmup_restarts: 0,
            start_timeout: Duration::from_secs(30),
            restart_timeout: Duration::from_secs(30),
            calibrate: Duration::from_millis(300),
            margin: Duration::from_millis(200),
            spacing: Duration::ZERO,
            measured_at: String::new(),
            host: host_facts(),
        };
        Ok(Self { task, truth, _dir: None })
    }

    pub(super) fn measure(&self) -> anyhow::Result<Measured> {
        let run = restart_bench::run(&self.task, &mut |_| (), &|| false)?;
        let text = fs_err::read_to_string(&self.truth).unwrap_or_default();
        Ok(Measured { summary: summary(&run.record), truth: read_truth(&text)?, run })
    }
}
