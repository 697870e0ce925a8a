//! How a gateway is started, and told to restart.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
    time::Duration,
};

use common_fs::Timestamp;

use crate::{js, seed::Case};

/// The name of the file in the state directory that announces a restart. OpenClaw up to 2026.6.8
/// reads it; later versions keep it in SQLite.
pub const INTENT_FILE: &str = "gateway-restart-intent.json";

/// The permissions of that file.
pub const INTENT_MODE: u32 = 0o600;

/// The reason that the seed gives.
pub const INTENT_REASON: &str = "gateway-restart-bench";

/// How long a gateway may take from `SIGTERM` to its end, before its group gets `SIGKILL`. OpenClaw
/// 2026.9.6 takes up to seven seconds, so the seed can kill one that would have ended well.
pub const TERM_GRACE: Duration = Duration::from_secs(2);

/// What is in [`INTENT_FILE`]: that the process `pid` is to restart, since `created_at`. The gateway
/// takes it for up to a minute.
pub fn intent_line(pid: u32, created_at: Timestamp, reason: &str) -> String {
    format!(
        "{{\"kind\":\"gateway-restart\",\"pid\":{pid},\"createdAt\":{},\"reason\":{}}}\n",
        created_at.unix_millis(),
        js::quoted(reason)
    )
}

/// The arguments of the child behind the program, which is Node; `entry` is the script.
pub fn child_arguments(entry: &str, port: u16) -> Vec<String> {
    let port = port.to_string();
    [
        entry,
        "gateway",
        "run",
        "--port",
        &port,
        "--bind",
        "loopback",
        "--auth",
        "none",
        "--tailscale",
        "off",
        "--allow-unconfigured",
    ]
    .map(str::to_owned)
    .into()
}

/// The whole environment of the child (seed 003, `sanitizedEnv`): nothing but what is listed here is
/// inherited. `inherited` gives variables of the parent, `root` is the directory of the sample.
pub fn child_environment(
    inherited: impl Fn(&str) -> Option<OsString>,
    root: &Path,
    config: &Path,
    case: &Case,
) -> Vec<(&'static str, OsString)> {
    let or = |name, fallback: &str| Some(inherited(name).unwrap_or_else(|| fallback.into()));
    let path = |path: &Path| Some(path.as_os_str().to_owned());
    let text = |text: &str| Some(OsStr::new(text).to_owned());
    let all = [
        ("CI", or("CI", "1")),
        ("HOME", path(root)),
        ("LANG", or("LANG", "en_US.UTF-8")),
        ("LOGNAME", or("LOGNAME", "openclaw-bench")),
        ("NO_COLOR", text("1")),
        ("PATH", inherited("PATH")),
        ("SHELL", inherited("SHELL")),
        ("TMPDIR", inherited("TMPDIR")),
        ("USER", or("USER", "openclaw-bench")),
        ("npm_config_update_notifier", text("false")),
        ("OPENCLAW_CONFIG", path(config)),
        ("OPENCLAW_CONFIG_PATH", path(config)),
        ("OPENCLAW_GATEWAY_RESTART_TRACE", text("1")),
        ("OPENCLAW_GATEWAY_STARTUP_TRACE", text("1")),
        ("OPENCLAW_HOME", path(root)),
        ("OPENCLAW_NO_RESPAWN", text("1")),
        ("OPENCLAW_STATE_DIR", path(&root.join("state"))),
        ("OPENCLAW_TEST_DISABLE_UPDATE_CHECK", text("1")),
    ];
    let of_the_case = case.env.iter().map(|(name, value)| (*name, text(value)));
    let both = all.into_iter().chain(of_the_case);
    both.filter_map(|(name, value)| Some((name, value?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::CASES;

    #[test]
    fn an_intent_is_one_line() {
        let at = Timestamp::from_unix_millis(1_763_650_000_123).unwrap();
        assert_eq!(
            intent_line(4242, at, INTENT_REASON),
            "{\"kind\":\"gateway-restart\",\"pid\":4242,\"createdAt\":1763650000123,\
             \"reason\":\"gateway-restart-bench\"}\n"
        );
    }

    #[test]
    fn the_gateway_is_run_on_loopback() {
        assert_eq!(
            child_arguments("dist/entry.js", 18_789).join(" "),
            "dist/entry.js gateway run --port 18789 --bind loopback --auth none --tailscale off \
             --allow-unconfigured"
        );
    }

    fn environment(inherited: &[(&str, &str)], case: &Case) -> Vec<String> {
        let lookup = |name: &str| {
            inherited.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into())
        };
        child_environment(lookup, Path::new("/r"), Path::new("/r/openclaw.json"), case)
            .iter()
            .map(|(name, value)| format!("{name}={}", value.to_str().unwrap()))
            .collect()
    }

    #[test]
    fn nothing_else_is_inherited() {
        assert_eq!(
            environment(&[("PATH", "/bin"), ("SECRET", "x"), ("CI", ""), ("USER", "u")], &CASES[1]),
            [
                "CI=",
                "HOME=/r",
                "LANG=en_US.UTF-8",
                "LOGNAME=openclaw-bench",
                "NO_COLOR=1",
                "PATH=/bin",
                "USER=u",
                "npm_config_update_notifier=false",
                "OPENCLAW_CONFIG=/r/openclaw.json",
                "OPENCLAW_CONFIG_PATH=/r/openclaw.json",
                "OPENCLAW_GATEWAY_RESTART_TRACE=1",
                "OPENCLAW_GATEWAY_STARTUP_TRACE=1",
                "OPENCLAW_HOME=/r",
                "OPENCLAW_NO_RESPAWN=1",
                "OPENCLAW_STATE_DIR=/r/state",
                "OPENCLAW_TEST_DISABLE_UPDATE_CHECK=1",
                "OPENCLAW_ACPX_RUNTIME_STARTUP_PROBE=1",
                "OPENCLAW_SKIP_CHANNELS=1",
            ]
        );
    }

    #[test]
    fn the_probe_of_acpx_is_pinned_by_its_cases_alone() {
        let probe = |case| {
            let all = environment(&[("OPENCLAW_ACPX_RUNTIME_STARTUP_PROBE", "9")], case);
            all.into_iter().find(|entry| entry.contains("ACPX"))
        };
        let expected = [None, Some("1"), Some("0"), None, None];
        for (case, expected) in CASES.iter().zip(expected) {
            let expected =
                expected.map(|value| format!("OPENCLAW_ACPX_RUNTIME_STARTUP_PROBE={value}"));
            assert_eq!(probe(case), expected, "{}", case.id);
        }
    }
}
