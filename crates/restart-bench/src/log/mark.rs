use crate::js;

/// What a line says about how far a gateway is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The HTTP server listens: `[gateway] http server listening (…`.
    HttpListen,
    /// The gateway is ready: `[gateway] ready` at the end, or with `(` behind it.
    GatewayReady,
}

/// The mark in `line`; the rules are those of seed 003. `[gateway] ready to …` is none, and neither
/// is `[gateway] spawn broker ready …`.
pub fn mark(line: &str) -> Option<Mark> {
    if line.contains("[gateway] http server listening (") {
        return Some(Mark::HttpListen);
    }
    let mut behind = line.match_indices(READY).filter_map(|(at, _)| line.get(at + READY.len()..));
    let is_ready = behind.any(|rest| {
        let rest = rest.trim_start_matches(js::is_space);
        rest.is_empty() || rest.starts_with('(')
    });
    is_ready.then_some(Mark::GatewayReady)
}

const READY: &str = "[gateway] ready";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_that_are_marks() {
        let table = [
            ("[gateway] http server listening (6 plugins; 4.7s)", Some(Mark::HttpListen)),
            ("t [gateway] http server listening (", Some(Mark::HttpListen)),
            ("[gateway] http server listening", None),
            ("2026-11-20T14:54:00.073+00:00 [gateway] ready", Some(Mark::GatewayReady)),
            ("[gateway] ready \t", Some(Mark::GatewayReady)),
            ("[gateway] ready (1.2s)", Some(Mark::GatewayReady)),
            ("[gateway] ready(", Some(Mark::GatewayReady)),
            ("[gateway] ready to serve [gateway] ready", Some(Mark::GatewayReady)),
            ("[gateway] ready to serve", None),
            ("[gateway] readying", None),
            ("[gateway] spawn broker ready pid=7", None),
            ("", None),
        ];
        for (line, expected) in table {
            assert_eq!(mark(line), expected, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_judged(line in "(\\[gateway\\] ready|[ (]|\\PC){0,6}") {
            mark(&line);
        }
    }
}
