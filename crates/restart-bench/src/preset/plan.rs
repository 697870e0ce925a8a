use std::{
    collections::BTreeMap,
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use crate::{
    Endpoints, LogRules, ProbeTarget, Root, Trigger,
    preset::Protocol,
    seed::{Case, INTENT_FILE, ProbePath, child_arguments, child_environment, config_files},
};

/// Where a gateway lives, and what runs it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'p> {
    /// Its directory: that of its configuration and state, and its home. An absolute path without `/`
    /// at its end; see [`root_path`](crate::root_path()).
    pub root: &'p str,
    /// The port of 127.0.0.1 that it listens on.
    pub port: u16,
    /// The program that runs its script, Node, with arguments before the script.
    pub node: &'p [OsString],
    /// Its script.
    pub entry: &'p str,
}

/// All that is to be known of a gateway to measure it.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its directory, with what has to be there before it starts.
    pub root: Root,
    /// What starts it.
    pub command: Vec<OsString>,
    /// All of its environment.
    pub environment: BTreeMap<OsString, OsString>,
    /// Where it answers.
    pub endpoints: Endpoints,
    /// What its log says.
    pub log: LogRules,
    /// What makes it restart.
    pub trigger: Trigger,
    /// How far apart two restarts have to be.
    pub spacing: Duration,
}

/// How a gateway is measured that is restarted by `protocol` and configured as in `case`.
///
/// `inherited` gives variables of the environment; the gateway gets few of them, see
/// [`child_environment`]. Whatever it writes by itself is below [`Place::root`].
pub fn plan(
    protocol: Protocol,
    case: &Case,
    place: &Place<'_>,
    inherited: impl Fn(&str) -> Option<OsString>,
) -> Plan {
    let root = Path::new(place.root);
    let config = root.join("openclaw.json");
    let arguments = child_arguments(place.entry, place.port).into_iter().map(OsString::from);
    let environment = child_environment(inherited, root, &config, case);
    let signal = protocol.signal();
    Plan {
        root: Root { path: root.to_owned(), files: config_files(case, place.root) },
        command: place.node.iter().cloned().chain(arguments).collect(),
        environment: environment.into_iter().map(|(name, value)| (name.into(), value)).collect(),
        endpoints: Endpoints {
            health: Some(endpoint(ProbePath::Healthz, place.port)),
            ready: Some(endpoint(ProbePath::Readyz, place.port)),
        },
        log: LogRules { ready: None, is_openclaw: true },
        trigger: match protocol {
            Protocol::JsonIntent => {
                Trigger::Intent { file: root.join("state").join(INTENT_FILE), signal }
            }
            Protocol::Usr1 | Protocol::Usr2 => Trigger::Signal(signal),
        },
        spacing: protocol.spacing(),
    }
}

/// Both are asked for the uptime; only `/readyz` has it.
fn endpoint(path: ProbePath, port: u16) -> ProbeTarget {
    ProbeTarget {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        path: path.path().to_owned(),
        expected_status: 200,
        uptime_key: Some("uptimeMs".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::Signal;

    use super::*;
    use crate::seed::CASES;

    fn of(protocol: Protocol) -> Plan {
        let node = ["node".into(), "--no-warnings".into()];
        let place = Place { root: "/r", port: 80, node: &node, entry: "/o/entry.js" };
        plan(protocol, &CASES[0], &place, |name| (name == "PATH").then(|| "/bin".into()))
    }

    #[test]
    fn a_gateway_lives_below_its_root() {
        let plan = of(Protocol::Usr2);
        let command: Vec<_> = plan.command.iter().map(|word| word.to_str().unwrap()).collect();
        assert!(
            command.join(" ").starts_with("node --no-warnings /o/entry.js gateway run --port 80 ")
        );
        let value = |name: &str| &plan.environment[std::ffi::OsStr::new(name)];
        for (name, expected) in [
            ("HOME", "/r"),
            ("OPENCLAW_CONFIG_PATH", "/r/openclaw.json"),
            ("OPENCLAW_STATE_DIR", "/r/state"),
            ("PATH", "/bin"),
        ] {
            assert_eq!(value(name), expected);
        }
        assert_eq!(plan.root.files.last().unwrap().path, "openclaw.json");
        assert_eq!(plan.endpoints.main().unwrap().path, "/readyz");
        assert!(plan.log.is_openclaw);
    }

    #[test]
    fn protocols_have_triggers() {
        let intent = of(Protocol::JsonIntent).trigger;
        let Trigger::Intent { file, signal: Signal::USR1 } = intent else { panic!("{intent:?}") };
        assert_eq!(file, Path::new("/r/state/gateway-restart-intent.json"));
        for (protocol, expected) in [(Protocol::Usr1, Signal::USR1), (Protocol::Usr2, Signal::USR2)]
        {
            let plan = of(protocol);
            let Trigger::Signal(signal) = plan.trigger else { panic!("{:?}", plan.trigger) };
            assert_eq!((signal, plan.spacing), (expected, protocol.spacing()));
        }
    }
}
