use std::{io, process::ExitCode, time::Duration};

use demo_gateway::{Reaction, RestartSignal, Role, Settings};

/// A gateway that is started as OpenClaw's is, of one of these kinds:
///
/// * `good` restarts by `SIGUSR1`,
/// * `deaf` has no handler for that,
/// * `fragile` exits with status 3 by it,
/// * `stubborn` restarts by it, ignores `SIGTERM`, and has a child in a session of its own that does
///   as well,
/// * `mute` never listens.
pub(crate) fn run(kind: &str, words: &[&str]) -> ExitCode {
    let ["dist/entry.js", "gateway", "run", "--port", port, "--bind", "loopback", ..] = words
    else {
        panic!("{words:?}")
    };
    // Its configuration and its home are there.
    let config = std::env::var_os("OPENCLAW_CONFIG_PATH").unwrap();
    assert!(std::fs::read_to_string(config).unwrap().contains("\"gateway\""));
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_none(), "it is not to inherit that");
    let usual = Settings {
        port: port.parse().unwrap(),
        restart_signal: RestartSignal::Usr1,
        close: Duration::from_millis(60),
        again: demo_gateway::command_line(),
        ..Settings::USUAL
    };
    let is_grandchild = words.last() == Some(&"--as-grandchild");
    let settings = match kind {
        "good" => usual,
        "deaf" => Settings { restart_signal: RestartSignal::Hup, ..usual },
        "fragile" => Settings { reaction: Reaction::Exit(3), ..usual },
        "stubborn" if is_grandchild => Settings { role: Role::Grandchild, ..usual },
        "stubborn" => Settings { ignore_term: true, grandchild: true, ..usual },
        "mute" => Settings { late_start: Duration::from_hours(1), ..usual },
        other => panic!("{other}"),
    };
    demo_gateway::run(&settings, io::stdout()).unwrap().into()
}
