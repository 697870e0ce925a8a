//! Signals that reach the process that is meant, or nobody.

use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};

use crate::{proc, record::ProcessIdentity};

/// Why a signal was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignalError {
    /// The process has ended, or its number belongs to another one now.
    #[error("process {pid} has ended")]
    Ended {
        /// Its number.
        pid: u32,
    },
    /// It would end by it.
    #[error("process {pid} does not handle {name}, and would end by it")]
    NotHandled {
        /// Its number.
        pid: u32,
        /// The name of the signal.
        name: &'static str,
    },
    /// The system does not allow it.
    #[error("process {pid} cannot be signalled: {errno}")]
    Refused {
        /// Its number.
        pid: u32,
        /// Why.
        errno: Errno,
    },
}

/// The signals that servers are restarted by.
const NAMES: [(&str, Signal); 6] = [
    ("SIGHUP", Signal::HUP),
    ("SIGUSR1", Signal::USR1),
    ("SIGUSR2", Signal::USR2),
    ("SIGTERM", Signal::TERM),
    ("SIGINT", Signal::INT),
    ("SIGWINCH", Signal::WINCH),
];

/// `HUP`, `sighup`, or `1`.
pub fn parse_signal(text: &str) -> Option<Signal> {
    let upper = text.to_ascii_uppercase();
    let full = if upper.starts_with("SIG") { upper.clone() } else { format!("SIG{upper}") };
    let is_it =
        |(name, signal): &(&str, Signal)| *name == full || upper.parse() == Ok(signal.as_raw());
    NAMES.into_iter().find(is_it).map(|(_, signal)| signal)
}

/// `SIGHUP`.
pub fn signal_name(signal: Signal) -> &'static str {
    NAMES.into_iter().find(|(_, other)| *other == signal).map_or("a signal", |(name, _)| name)
}

/// Sends a signal that restarts a process, if it has a handler for it.
pub fn send_handled(to: ProcessIdentity, signal: Signal) -> Result<(), SignalError> {
    if proc::handles_signal(to.pid, signal.as_raw()) == Some(false) {
        return Err(SignalError::NotHandled { pid: to.pid, name: signal_name(signal) });
    }
    send(to, signal)
}

/// Sends a signal to this process and no other that may have its number by now.
pub(crate) fn send(to: ProcessIdentity, signal: Signal) -> Result<(), SignalError> {
    let ended = SignalError::Ended { pid: to.pid };
    let pid = i32::try_from(to.pid).ok().and_then(Pid::from_raw).ok_or(ended)?;
    let failed = |errno| match errno {
        Errno::SRCH => ended,
        errno => SignalError::Refused { pid: to.pid, errno },
    };
    let handle = pidfd_open(pid, PidfdFlags::empty()).map_err(failed)?;
    // The handle keeps the number from being given away, so what is seen now holds.
    if proc::identity(to.pid) != Some(to) {
        return Err(ended);
    }
    pidfd_send_signal(handle, signal).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        for text in ["HUP", "sighup", "SIGHUP", "1"] {
            assert_eq!(parse_signal(text), Some(Signal::HUP), "{text}");
        }
        for text in ["", "KILL", "9", "nonsense", "SIG"] {
            assert_eq!(parse_signal(text), None, "{text}");
        }
        assert_eq!(signal_name(Signal::USR2), "SIGUSR2");
    }

    #[test]
    fn only_the_process_that_is_meant_is_signalled() {
        let me = proc::identity(std::process::id()).unwrap();
        let other = ProcessIdentity { start_ticks: me.start_ticks + 1, ..me };
        // That would end this process.
        assert_eq!(send(other, Signal::TERM), Err(SignalError::Ended { pid: me.pid }));
        let name = "SIGUSR1";
        let not_handled = SignalError::NotHandled { pid: me.pid, name };
        assert_eq!(send_handled(me, Signal::USR1), Err(not_handled));
        let nobody = ProcessIdentity { pid: u32::MAX, start_ticks: 0 };
        assert_eq!(send(nobody, Signal::TERM), Err(SignalError::Ended { pid: u32::MAX }));
    }
}
