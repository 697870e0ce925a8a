//! A process between a measurement and the server that it has started: whatever becomes of the
//! measurement, it ends the server, all that the server has started, and the directory they worked in.
//!
//! It is the program itself, started with other arguments. Both talk over a socket, which is the
//! standard input of the guard; when that is closed, the measurement is gone.

mod orders;

use std::{
    io::{self, Read as _, Write as _},
    os::{
        fd::AsFd as _,
        unix::{net::UnixStream, process::CommandExt as _},
    },
    process::{Command, Stdio},
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{Pid, Signal, WaitOptions, WaitStatus, getpid, set_child_subreaper, wait},
};

pub use orders::GuardOrders;

use crate::{Micros, clock::now, proc, root, signal::send};

/// From one look to the next.
const LOOK: Duration = Duration::from_millis(20);

/// After this, whatever is still there cannot be ended.
const KILLING_MAX: Micros = Micros::from_millis(10_000);

/// The guard: starts a server, waits until its standard input is closed, and ends all.
///
/// A program that becomes one ignores SIGINT, SIGTERM and SIGHUP first: who interrupts a measurement does
/// not mean its guard.
///
/// On its standard input, which is a socket, it says:
///
/// * `rooted`, if it has made a directory: it waits for a byte then, while somebody fills it;
/// * `started PID`, or `failed WHY`, also if the directory could not be made;
/// * `ended STATUS` when the server ends, and `done` in the end.
pub fn guard(orders: &GuardOrders) -> io::Result<()> {
    let control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    // All that its children start and leave alone becomes its own.
    set_child_subreaper(Some(getpid()))?;
    let mut guarding = Guarding { control, main: None };
    let Some(root) = &orders.root else { return guarding.run(orders) };
    if let Err(error) = root::make(root) {
        // It is somebody else's, so it stays.
        guarding.say(&format!("failed {}: {error}", root.display()));
        return Ok(());
    }
    let ended = if guarding.is_filled() { guarding.run(orders) } else { Ok(()) };
    root::remove(root)?;
    ended
}

struct Guarding {
    control: UnixStream,
    main: Option<Pid>,
}

impl Guarding {
    /// Tells of the directory, and waits until what belongs into it is there.
    fn is_filled(&mut self) -> bool {
        self.say("rooted");
        self.control.read_exact(&mut [0]).is_ok()
    }

    fn run(&mut self, orders: &GuardOrders) -> io::Result<()> {
        let Some((program, arguments)) = orders.command.split_first() else { return Ok(()) };
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).process_group(0);
        if let Some(dir) = &orders.dir {
            command.current_dir(dir);
        }
        match command.spawn() {
            Ok(child) => {
                self.main = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
                self.say(&format!("started {}", child.id()));
            }
            Err(error) => self.say(&format!("failed {error}")),
        }
        while !self.is_over()? {
            while self.reap()?.is_some() {}
        }
        self.end(orders.grace)?;
        self.say("done");
        Ok(())
    }

    /// Nobody may listen any more.
    fn say(&mut self, text: &str) {
        writeln!(self.control, "{text}").ok();
    }

    /// Waits a little for the other side to hang up.
    fn is_over(&mut self) -> io::Result<bool> {
        let span = Timespec { tv_sec: 0, tv_nsec: i64::from(LOOK.subsec_nanos()) };
        let mut fds = [PollFd::new(&self.control, PollFlags::IN)];
        match poll(&mut fds, Some(&span)) {
            Ok(0) | Err(Errno::INTR) => Ok(false),
            // Whatever is said, it is over; and so if the other side does not exist any more.
            Ok(_) => Ok(self.control.read(&mut [0; 64]).is_ok()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Takes notice of a child that has ended, if there is one; what children are there at all is in
    /// the error.
    fn reap(&mut self) -> rustix::io::Result<Option<Pid>> {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => {
                if self.main == Some(pid) {
                    self.main = None;
                    self.say(&format!("ended {}", describe(status)));
                }
                Ok(Some(pid))
            }
            Ok(None) | Err(Errno::CHILD) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Ends everything: first asks, then kills.
    fn end(&mut self, grace: Duration) -> io::Result<()> {
        let started = now();
        if let Some(main) = self.main {
            // It leads a group. Once: many servers take a second one for "at once".
            rustix::process::kill_process_group(main, Signal::TERM).ok();
        }
        while self.main.is_some() && now().since(started) < grace.into() {
            while self.reap()?.is_some() {}
            pause();
        }
        let killing = now();
        while self.kill()? && now().since(killing) < KILLING_MAX {
            pause();
        }
        Ok(())
    }

    /// Kills what is left below this process, and says whether there was anything.
    fn kill(&mut self) -> io::Result<bool> {
        while self.reap()?.is_some() {}
        let me = std::process::id();
        let left: Vec<_> = proc::tree(me)
            .into_iter()
            .filter(|pid| *pid != me)
            .filter_map(proc::identity)
            .collect();
        for process in &left {
            // It may have ended meanwhile.
            send(*process, Signal::KILL).ok();
        }
        // What has ended but was not taken notice of is not told of yet.
        Ok(!left.is_empty() || self.main.is_some())
    }
}

fn pause() {
    let span = Timespec { tv_sec: 0, tv_nsec: 2_000_000 };
    poll(&mut [], Some(&span)).ok();
}

fn describe(status: WaitStatus) -> String {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => format!("with exit status {code}"),
        (None, Some(signal)) => format!("by signal {signal}"),
        (None, None) => "in an unknown way".to_owned(),
    }
}
