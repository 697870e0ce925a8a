//! What the gateway is to do, and how it is to misbehave.

use std::{ffi::OsString, num::NonZeroU32, path::PathBuf, time::Duration};

use crate::error::Error;

/// Everything that can be set. [`Settings::USUAL`] restarts at once and misbehaves in nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What this process is; [`Role::Gateway`] unless another gateway started it.
    pub role: Role,
    /// The command line that starts this program as a gateway with the same settings: the program
    /// and its arguments. Other processes are started with it and some hidden arguments of
    /// [`Args`](crate::Args) after it. May be empty if no other processes are needed.
    pub again: Vec<OsString>,
    /// Which port of 127.0.0.1 to listen on; 0 for any that is free.
    pub port: u16,
    /// A file to write the port to, once it is known.
    pub port_file: Option<PathBuf>,
    /// A file to append the [`Truth`](crate::Truth) to.
    pub truth: Option<PathBuf>,
    /// How it restarts.
    pub mode: Mode,
    /// Which signal restarts it.
    pub restart_signal: RestartSignal,
    /// What it does about that signal.
    pub reaction: Reaction,
    /// How long `/readyz` says 503 before anything else happens.
    pub drain: Duration,
    /// How long nobody listens.
    pub close: Duration,
    /// How long connections are taken by the kernel and by nobody else.
    pub block: Duration,
    /// Outages after it was ready again.
    pub flaps: Flaps,
    /// How long the first start takes before anybody listens.
    pub late_start: Duration,
    /// Each so many restarts one never gets ready.
    pub fail_every: Option<NonZeroU32>,
    /// How many bytes of memory each restart leaves behind.
    pub leak_bytes: usize,
    /// Output after the first start.
    pub flood: Flood,
    /// Whether SIGTERM does nothing.
    pub ignore_term: bool,
    /// Whether it starts a process in a session of its own that ignores SIGTERM.
    pub grandchild: bool,
}

/// What a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// What a user starts.
    Gateway,
    /// Started by a supervisor; which one, counted from one.
    Generation(u32),
    /// What `grandchild` is about. It ends by itself after ten minutes.
    Grandchild,
}

/// How it restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The same process closes its listener and listens again.
    InPlace,
    /// A new process listens on the same port (`SO_REUSEPORT`), then the old one closes its
    /// listener, whose queue is reset.
    ReusePort,
    /// A new process gets the listener itself, then the old one accepts no more. Nothing is
    /// refused or reset.
    PassSocket,
}

/// Which signal restarts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartSignal {
    /// SIGHUP, as for many servers.
    Hup,
    /// SIGUSR1, as for OpenClaw until 2026.9.5.
    Usr1,
    /// SIGUSR2, as for OpenClaw from 2026.9.6 on.
    Usr2,
}

/// What it does about the restart signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// It restarts.
    Restart,
    /// It stalls for the time of `block`, and goes on as before.
    Stall,
    /// It exits with this status.
    Exit(u8),
}

/// Outages after it was ready again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flaps {
    /// How many.
    pub count: u32,
    /// How long nobody listens, each time.
    pub close: Duration,
    /// How long it serves before each of them.
    pub gap: Duration,
}

/// Output that is about nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flood {
    /// How many bytes.
    pub bytes: u64,
    /// Whether all of it is one line.
    pub is_one_line: bool,
}

impl Settings {
    /// Any port, SIGHUP, in place, and nothing that takes time.
    pub const USUAL: Self = Self {
        role: Role::Gateway,
        again: Vec::new(),
        port: 0,
        port_file: None,
        truth: None,
        mode: Mode::InPlace,
        restart_signal: RestartSignal::Hup,
        reaction: Reaction::Restart,
        drain: Duration::ZERO,
        close: Duration::ZERO,
        block: Duration::ZERO,
        flaps: Flaps { count: 0, close: Duration::ZERO, gap: Duration::ZERO },
        late_start: Duration::ZERO,
        fail_every: None,
        leak_bytes: 0,
        flood: Flood { bytes: 0, is_one_line: false },
        ignore_term: false,
        grandchild: false,
    };

    /// Refuses what no mode can do, rather than doing something else.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let needs_others = self.mode != Mode::InPlace || self.grandchild;
        let only_in_place = self.reaction == Reaction::Stall || 0 < self.flaps.count;
        if needs_others && self.again.is_empty() {
            return Err(Error::Unsuitable("other processes need the command line to start them"));
        }
        if only_in_place && self.mode != Mode::InPlace {
            return Err(Error::Unsuitable("stalls and flaps are for a restart in place"));
        }
        if !self.close.is_zero() && self.mode == Mode::PassSocket {
            return Err(Error::Unsuitable("a socket that is passed on is never closed"));
        }
        Ok(())
    }

    /// Whether this restart, counted from one, never gets ready.
    pub(crate) fn fails(&self, restart: u32) -> bool {
        self.fail_every.is_some_and(|every| restart.is_multiple_of(every.get()))
    }
}

impl RestartSignal {
    /// `SIGHUP` and its like.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hup => "SIGHUP",
            Self::Usr1 => "SIGUSR1",
            Self::Usr2 => "SIGUSR2",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_mode_can_do_is_refused() {
        let second = Duration::from_secs(1);
        let again = vec![OsString::from("demo-gateway")];
        let flaps = Flaps { count: 1, close: second, gap: second };
        let usual = Settings { again, ..Settings::USUAL };
        for (mode, plain, close, stall, flap) in [
            (Mode::InPlace, true, true, true, true),
            (Mode::ReusePort, true, true, false, false),
            (Mode::PassSocket, true, false, false, false),
        ] {
            let usual = Settings { mode, ..usual.clone() };
            let with = |settings: Settings| settings.check().is_ok();
            assert_eq!(with(usual.clone()), plain, "{mode:?}");
            assert_eq!(with(Settings { close: second, ..usual.clone() }), close, "{mode:?}");
            let reaction = Reaction::Stall;
            assert_eq!(with(Settings { reaction, ..usual.clone() }), stall, "{mode:?}");
            assert_eq!(with(Settings { flaps, ..usual.clone() }), flap, "{mode:?}");
            let alone = Settings { again: Vec::new(), ..usual };
            assert_eq!(with(alone), mode == Mode::InPlace, "{mode:?}");
        }
    }

    #[test]
    fn each_so_many_restarts_one_fails() {
        let settings = Settings { fail_every: NonZeroU32::new(3), ..Settings::USUAL };
        let failed: Vec<_> = (1..=7).filter(|restart| settings.fails(*restart)).collect();
        assert_eq!(failed, [3, 6]);
        assert!(!Settings::USUAL.fails(1));
    }
}
