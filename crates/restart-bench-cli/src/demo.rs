//! `restart-bench demo`: a server that comes with this program is measured.

use std::{ffi::OsString, net::TcpListener, process::ExitCode};

use anyhow::Context as _;
use cli_support::message;
use restart_bench::{
    Endpoints, LogRules, ProbeTarget, ServerKind, StartOrders, Trigger, parse_signal,
};

use crate::{
    NAME,
    args::{Demo, Mode},
    measure,
    target::{environment, guard, task_of},
};

pub(crate) fn run(demo: &Demo) -> anyhow::Result<ExitCode> {
    let port = free_port()?;
    let (program, _) = guard()?;
    let mut command: Vec<OsString> =
        vec![program.into(), "demo-gateway".into(), "--port".into(), port.to_string().into()];
    command.extend(behaviour(demo.mode).iter().map(OsString::from));
    let at = |path: &str| {
        Some(ProbeTarget {
            address: ([127, 0, 0, 1], port).into(),
            path: path.to_owned(),
            expected_status: 200,
            uptime_key: Some("uptimeMs".to_owned()),
        })
    };
    let server = ServerKind::Started(StartOrders {
        guard: guard()?,
        command,
        environment: environment(&[])?,
        dir: None,
        root: None,
        grace: demo.how.grace,
    });
    let signal = parse_signal("HUP").context("there is no SIGHUP")?;
    let endpoints = Endpoints { health: at("/healthz"), ready: at("/readyz") };
    let log = LogRules { ready: None, is_openclaw: true };
    let task = task_of(
        "demo gateway".to_owned(),
        server,
        Trigger::Signal(signal),
        endpoints,
        log,
        &demo.how,
    );
    message(NAME, &format!("a small server is measured that {}", described(demo.mode)));
    measure::measure(&task, &demo.out)
}

/// The server of the demo.
pub(crate) fn gateway(args: demo_gateway::Args) -> anyhow::Result<ExitCode> {
    let settings = args.settings(demo_gateway::command_line());
    Ok(ExitCode::from(demo_gateway::run(&settings, std::io::stdout())?))
}

fn behaviour(mode: Mode) -> &'static [&'static str] {
    match mode {
        Mode::InPlace => {
            &["--mode", "in-place", "--drain", "120ms", "--close", "250ms", "--block", "60ms"]
        }
        Mode::Reuseport => &["--mode", "reuseport", "--drain", "120ms"],
        Mode::PassSocket => &["--mode", "pass-socket"],
    }
}

fn described(mode: Mode) -> &'static str {
    match mode {
        Mode::InPlace => {
            "says for 120 ms that it is not ready, closes its listener for 250 ms, and lets connections wait for 60 ms, at each restart"
        }
        Mode::Reuseport => {
            "says for 120 ms that it is not ready, and hands over to a process on the same port"
        }
        Mode::PassSocket => "hands its listener over to a new process",
    }
}

/// A port that is free now.
fn free_port() -> anyhow::Result<u16> {
    let socket = TcpListener::bind(("127.0.0.1", 0)).context("there is no free port")?;
    Ok(socket.local_addr()?.port())
}
