use crate::seed::Exit;

/// The signals that end processes, on Linux.
const SIGNALS: [(i32, &str); 18] = [
    (1, "SIGHUP"),
    (2, "SIGINT"),
    (3, "SIGQUIT"),
    (4, "SIGILL"),
    (5, "SIGTRAP"),
    (6, "SIGABRT"),
    (7, "SIGBUS"),
    (8, "SIGFPE"),
    (9, "SIGKILL"),
    (10, "SIGUSR1"),
    (11, "SIGSEGV"),
    (12, "SIGUSR2"),
    (13, "SIGPIPE"),
    (14, "SIGALRM"),
    (15, "SIGTERM"),
    (24, "SIGXCPU"),
    (25, "SIGXFSZ"),
    (31, "SIGSYS"),
];

/// What a guard says of how a server has ended. Of what it cannot tell, there is neither a code nor a
/// signal.
pub(super) fn exit(status: &str) -> Exit {
    let code = status.strip_prefix("with exit status ").and_then(|code| code.parse().ok());
    let signal = status.strip_prefix("by signal ").map(name);
    Exit { code, signal }
}

fn name(number: &str) -> String {
    let known = SIGNALS.iter().find(|(known, _)| number.parse() == Ok(*known));
    known.map_or_else(|| format!("SIG{number}"), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_guard_says() {
        let signal = |name: &str| Exit { code: None, signal: Some(name.to_owned()) };
        assert_eq!(exit("with exit status 3"), Exit { code: Some(3), signal: None });
        assert_eq!(exit("by signal 9"), signal("SIGKILL"));
        assert_eq!(exit("by signal 34"), signal("SIG34"));
        assert_eq!(exit("in an unknown way"), Exit::default());
    }
}
