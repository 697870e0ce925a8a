//! From the command line to what is measured.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    net::{SocketAddr, ToSocketAddrs as _},
};

use anyhow::{Context as _, bail, ensure};
use cli_support::{env, text::iso};
use common_fs::{Clock as _, SystemClock};
use restart_bench::{
    Endpoints, LogRules, MainProcess, ProbeTarget, ServerKind, StartOrders, Task, Trigger,
    host_facts, parse_signal, record::Settings,
};

use crate::args::{How, Run};

/// What a server gets of the environment, unless it is named.
const PASSED: [&str; 12] = [
    "CI",
    "HOME",
    "LANG",
    "LC_ALL",
    "LOGNAME",
    "NO_COLOR",
    "PATH",
    "SHELL",
    "TMPDIR",
    "TZ",
    "USER",
    "XDG_RUNTIME_DIR",
];

/// What is to be measured.
pub(crate) fn task(run: &Run) -> anyhow::Result<Task> {
    let address =
        |url: &Option<String>| url.as_deref().map(|url| probe_target(url, run)).transpose();
    let endpoints =
        Endpoints { ready: address(&run.ready_url)?, health: address(&run.health_url)? };
    let server = server(run)?;
    let name = run.name.clone().or_else(|| run.systemd_unit.clone());
    let name = name.or_else(|| {
        let command = run.command.as_deref()?;
        Some(command.split_whitespace().next()?.rsplit('/').next()?.to_owned())
    });
    let log = LogRules { ready: run.ready_log.clone(), is_openclaw: false };
    let name = name.unwrap_or_else(|| "server".to_owned());
    Ok(task_of(name, server, trigger(run)?, endpoints, log, &run.how))
}

pub(crate) fn task_of(
    name: String,
    server: ServerKind,
    trigger: Trigger,
    endpoints: Endpoints,
    log: LogRules,
    how: &How,
) -> Task {
    Task {
        name,
        version: None,
        server,
        trigger,
        endpoints,
        log,
        settings: Settings {
            every_us: how.every.into(),
            timeout_us: how.timeout.into(),
            stable_for_us: how.stable_for.into(),
            merge_gap_us: how.merge_gap.into(),
            in_flight_max: how.in_flight,
        },
        restarts: how.restarts,
        warmup_restarts: how.warmup,
        start_timeout: how.start_timeout,
        restart_timeout: how.restart_timeout,
        calibrate: how.calibrate,
        margin: how.margin,
        spacing: std::time::Duration::ZERO,
        measured_at: iso(SystemClock.now()),
        host: host_facts(),
    }
}

fn server(run: &Run) -> anyhow::Result<ServerKind> {
    if let Some(command) = &run.command {
        return Ok(ServerKind::Started(StartOrders {
            guard: guard()?,
            command: words(command)?,
            environment: environment(&run.env)?,
            dir: None,
            root: None,
            grace: run.how.grace,
        }));
    }
    Ok(ServerKind::Running(match (run.pid, &run.pid_file, &run.systemd_unit) {
        (Some(pid), _, _) => MainProcess::Pid(pid),
        (_, Some(path), _) => MainProcess::PidFile(path.clone()),
        (_, _, Some(unit)) => {
            let command = ["systemctl", "show", "--property", "MainPID", "--value", "--", unit];
            MainProcess::Command(command.map(OsString::from).to_vec())
        }
        // The command line needs one of them.
        (None, None, None) => bail!("there is no server to measure"),
    }))
}

fn trigger(run: &Run) -> anyhow::Result<Trigger> {
    match (&run.restart_command, &run.signal, &run.systemd_unit) {
        (Some(command), _, _) => Ok(Trigger::Command(words(command)?)),
        (None, None, Some(unit)) => {
            Ok(Trigger::Command(["systemctl", "restart", "--", unit].map(OsString::from).to_vec()))
        }
        (None, signal, _) => {
            let name = signal.as_deref().unwrap_or("HUP");
            let signal = parse_signal(name).with_context(|| {
                format!("`{name}` restarts nothing; there are HUP, USR1, USR2, TERM, INT and WINCH")
            })?;
            Ok(Trigger::Signal(signal))
        }
    }
}

/// This program, as the guard of a server.
pub(crate) fn guard() -> anyhow::Result<(std::path::PathBuf, Vec<OsString>)> {
    let me = std::env::current_exe().context("this program cannot find itself")?;
    Ok((me, vec!["guard".into()]))
}

/// What a server gets of the environment, and what is set for it.
pub(crate) fn environment(named: &[String]) -> anyhow::Result<BTreeMap<OsString, OsString>> {
    let passed = PASSED.into_iter().filter_map(|name| Some((name.into(), env(name)?)));
    let mut environment: BTreeMap<OsString, OsString> = passed.collect();
    for entry in named {
        if let Some((name, value)) = entry.split_once('=') {
            ensure!(!name.is_empty(), "`--env {entry}` has no name");
            environment.insert(name.into(), value.into());
        } else {
            let value = env(entry)
                .with_context(|| format!("`--env {entry}`: there is no such variable here"))?;
            environment.insert(entry.into(), value);
        }
    }
    Ok(environment)
}

fn words(command: &str) -> anyhow::Result<Vec<OsString>> {
    let words = shlex::split(command)
        .with_context(|| format!("the quotes in `{command}` are not closed"))?;
    ensure!(!words.is_empty(), "the command is empty");
    Ok(words.into_iter().map(OsString::from).collect())
}

fn probe_target(url: &str, run: &Run) -> anyhow::Result<ProbeTarget> {
    let (address, path) = parse_url(url)?;
    Ok(ProbeTarget {
        address,
        path,
        expected_status: run.expect_status,
        uptime_key: Some(run.uptime_key.clone()),
    })
}

/// The address and the path of `http://HOST:PORT/PATH`.
fn parse_url(url: &str) -> anyhow::Result<(SocketAddr, String)> {
    let rest = url
        .strip_prefix("http://")
        .with_context(|| format!("`{url}` is not an address like http://127.0.0.1:8080/ready"))?;
    let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(at);
    let path = path.split('#').next().unwrap_or_default();
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    ensure!(
        !path.contains([' ', '\r', '\n']),
        "`{url}` has a space or a line break in it; write it as %20"
    );
    let host = if host.contains(':') && !host.ends_with(']') {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    let mut addresses =
        host.to_socket_addrs().with_context(|| format!("`{host}` in `{url}` is no address"))?;
    let address = addresses.next().with_context(|| format!("`{host}` has no address"))?;
    Ok((address, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_to_probe() {
        let table = [
            ("http://127.0.0.1:8080/ready", "127.0.0.1:8080", "/ready"),
            ("http://127.0.0.1", "127.0.0.1:80", "/"),
            ("http://127.0.0.1:1?x=1#y", "127.0.0.1:1", "/?x=1"),
            ("http://[::1]:8080/", "[::1]:8080", "/"),
            ("http://[::1]/", "[::1]:80", "/"),
        ];
        for (url, address, path) in table {
            let expected = (address.parse().unwrap(), path.to_owned());
            assert_eq!(parse_url(url).unwrap(), expected, "{url}");
        }
        for url in [
            "https://127.0.0.1/",
            "127.0.0.1:80",
            "http://",
            "http://127.0.0.1:x/",
            "http://127.0.0.1/a b",
        ] {
            assert!(parse_url(url).is_err(), "{url}");
        }
    }

    #[test]
    fn commands_are_split_like_a_shell_does() {
        let split = words("server --name 'a b' \"c\"").unwrap();
        assert_eq!(split, ["server", "--name", "a b", "c"].map(OsString::from));
        assert!(words("server 'a").is_err() && words(" ").is_err());
    }
}
