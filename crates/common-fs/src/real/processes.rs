#![expect(clippy::disallowed_methods, reason = "the process table of Linux is read as files")]

use std::{ffi::OsStr, fs, io, os::unix::ffi::OsStrExt as _, sync::OnceLock};

use rustix::{io::Errno, process::Pid};

use crate::{Identity, ProcessId, ProcessState, Processes};

/// The process table of the operating system.
#[derive(Clone, Copy, Debug)]
pub struct RealProcesses;

impl Processes for RealProcesses {
    fn identity(&self) -> Identity {
        /// It stays the same for as long as the process lives.
        static IDENTITY: OnceLock<Identity> = OnceLock::new();
        IDENTITY.get_or_init(read_identity).clone()
    }

    fn state(&self, pid: u32) -> ProcessState {
        match read_stat(pid) {
            Ok(Some(line)) if line.ended => ProcessState::Dead,
            Ok(Some(line)) => ProcessState::Running { start_ticks: line.start_ticks },
            // Not there, or not shown to us (`hidepid`), or no Linux: ask the kernel directly.
            Ok(None) | Err(_) => probe(pid),
        }
    }
}

fn read_identity() -> Identity {
    let pid = std::process::id();
    let start_ticks = match read_stat(pid) {
        Ok(Some(line)) => line.start_ticks,
        Ok(None) | Err(_) => None,
    };
    let system = rustix::system::uname();
    Identity {
        process: ProcessId { pid, start_ticks },
        uid: rustix::process::geteuid().as_raw(),
        host: OsStr::from_bytes(system.nodename().to_bytes()).to_string_lossy().into_owned(),
        boot_id: fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .ok()
            .map(|id| id.trim().to_owned()),
        pid_namespace: fs::read_link("/proc/self/ns/pid")
            .ok()
            .map(|id| id.to_string_lossy().into_owned()),
    }
}

/// Whether a signal could be sent.
fn probe(pid: u32) -> ProcessState {
    match i32::try_from(pid).ok().and_then(Pid::from_raw) {
        Some(pid) => probed(rustix::process::test_kill_process(pid)),
        None => ProcessState::Dead,
    }
}

/// Not being permitted to send a signal is proof of life.
fn probed(signalled: rustix::io::Result<()>) -> ProcessState {
    match signalled {
        Err(Errno::SRCH) => ProcessState::Dead,
        Ok(()) | Err(_) => ProcessState::Running { start_ticks: None },
    }
}

struct StatLine {
    ended: bool,
    start_ticks: Option<u64>,
}

/// Reads `/proc/PID/stat`; `None` if there is no such process.
fn read_stat(pid: u32) -> io::Result<Option<StatLine>> {
    match fs::read(format!("/proc/{pid}/stat")) {
        Ok(line) => Ok(parse_stat(&String::from_utf8_lossy(&line))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The command name, in parentheses, may itself contain parentheses and spaces: fields count
/// from the last closing one.
fn parse_stat(line: &str) -> Option<StatLine> {
    let (_, fields) = line.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    // Field 22 of the line; the state is field 3.
    let start_ticks = fields.nth(18).and_then(|field| field.parse().ok());
    Some(StatLine { ended: matches!(state, "Z" | "X" | "x"), start_ticks })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_name_may_contain_anything() {
        let tail = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20 21";
        for name in ["cat", "a b", "x) Z 1 (y", ")"] {
            let line = parse_stat(&format!("7 ({name}) {tail}")).unwrap();
            assert_eq!((line.ended, line.start_ticks), (false, Some(4242)), "{name}");
        }
        assert!(parse_stat("7 (cat) Z 1 2").unwrap().ended);
        assert!(parse_stat("nonsense").is_none());
    }

    #[test]
    fn only_a_process_that_does_not_exist_is_dead() {
        let running = ProcessState::Running { start_ticks: None };
        assert_eq!(probed(Ok(())), running);
        assert_eq!(probed(Err(Errno::PERM)), running);
        assert_eq!(probed(Err(Errno::SRCH)), ProcessState::Dead);
        assert_eq!(probe(std::process::id()), running);
        assert_eq!(probe(i32::MAX.cast_unsigned()), ProcessState::Dead);
    }

    #[test]
    fn this_process_lives_and_numbers_out_of_range_do_not() {
        let me = RealProcesses.identity().process;
        assert!(!me.is_dead(&RealProcesses));
        for pid in [0, u32::MAX, i32::MAX.cast_unsigned()] {
            assert!(ProcessId { pid, start_ticks: None }.is_dead(&RealProcesses), "{pid}");
        }
        let recycled = ProcessId { start_ticks: me.start_ticks.map(|ticks| ticks + 1), ..me };
        assert!(recycled.is_dead(&RealProcesses));
    }
}
