//! Lines in OpenClaw's grammar: how long each phase of a start or restart took, and the time since
//! the beginning of it.

use crate::settings::RestartSignal;

/// The phases of one start or restart.
pub(crate) struct Trace {
    kind: &'static str,
    origin_us: u64,
    last_us: u64,
}

impl Trace {
    /// Of a start that began at `origin_us`.
    pub(crate) fn startup(origin_us: u64) -> Self {
        Self { kind: "startup", origin_us, last_us: origin_us }
    }

    /// Of a restart that was asked for at `origin_us`.
    pub(crate) fn restart(origin_us: u64) -> Self {
        Self { kind: "restart", origin_us, last_us: origin_us }
    }

    /// The line of a phase that ends now and began where the last one ended.
    pub(crate) fn phase(&mut self, name: &str, now_us: u64) -> String {
        let took = Tenths(now_us.saturating_sub(self.last_us) / 100);
        let total = Tenths(now_us.saturating_sub(self.origin_us) / 100);
        self.last_us = now_us;
        format!("{} trace: {name} {took}ms total={total}ms", self.kind)
    }

    /// The first line of a restart.
    pub(crate) fn received(&mut self, signal: RestartSignal) -> String {
        let phase = self.phase("restart.signal.received", self.origin_us);
        format!("{phase} signal={} reason=demo", signal.name())
    }
}

/// The line that says on which port there is a listener.
pub(crate) fn listening(port: u16) -> String {
    format!("http server listening (1 plugin: demo; 0.0s) on http://127.0.0.1:{port}")
}

/// A number of mebibytes with one digit after the point, as OpenClaw has it.
pub(crate) fn mebibytes(bytes: u64) -> String {
    Tenths(u64::try_from(u128::from(bytes) * 10 / (1 << 20)).unwrap_or(u64::MAX)).to_string()
}

/// Tenths of something.
struct Tenths(u64);

impl std::fmt::Display for Tenths {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_follow_each_other() {
        let mut trace = Trace::restart(1_000);
        let first = trace.received(RestartSignal::Usr1);
        let expected = "restart trace: restart.signal.received 0.0ms total=0.0ms signal=SIGUSR1";
        assert_eq!(first, format!("{expected} reason=demo"));
        for (name, now_us, line) in [
            ("restart.drain", 21_099, "restart trace: restart.drain 20.0ms total=20.0ms"),
            ("restart.ready", 21_299, "restart trace: restart.ready 0.2ms total=20.2ms"),
            // A clock that goes back reads as no time.
            ("late", 500, "restart trace: late 0.0ms total=0.0ms"),
        ] {
            assert_eq!(trace.phase(name, now_us), line);
        }
    }

    #[test]
    fn sizes_have_one_digit_after_the_point() {
        assert_eq!(mebibytes(0), "0.0");
        assert_eq!(mebibytes((3 << 20) + (1 << 19)), "3.5");
        assert_eq!(mebibytes(u64::MAX), "17592186044415.9");
    }
}
