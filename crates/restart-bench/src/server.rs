//! A server that was started for a measurement, with a guard that ends it.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::{self, BufRead as _, BufReader, Write as _},
    net::Shutdown,
    os::{fd::OwnedFd, unix::net::UnixStream, unix::process::CommandExt as _},
    path::PathBuf,
    process::{Child, ChildStderr, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use common_fs::FsError;
use rustix::process::{Signal, getpid, set_child_subreaper};

use crate::{GuardOrders, Root, proc, record::ProcessIdentity, root, signal::send};

/// What is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartOrders {
    /// The program that becomes the guard, and the arguments before those for the guard.
    pub guard: (PathBuf, Vec<OsString>),
    /// The server, with its arguments.
    pub command: Vec<OsString>,
    /// All of its environment.
    pub environment: BTreeMap<OsString, OsString>,
    /// Where it works; where this process does if there is none.
    pub dir: Option<PathBuf>,
    /// A directory that is made for it.
    pub root: Option<Root>,
    /// For how long it may take to end by itself.
    pub grace: Duration,
}

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// Its guard could not be started.
    #[error("the guard of the server could not be started")]
    Guard(#[source] io::Error),
    /// A file that it needs could not be written.
    #[error("a file of the server could not be written")]
    Fill(#[from] FsError),
    /// It could not be started itself.
    #[error("`{program}` could not be started: {why}")]
    Server {
        /// The program.
        program: String,
        /// What the system says.
        why: String,
    },
}

/// A server. When it is dropped, it ends, with all that it has started.
#[must_use = "it ends when it is dropped"]
pub struct Server {
    guard: Child,
    /// Closed when it is to end.
    control: Option<UnixStream>,
    /// What the guard removes, if nobody kills it.
    root: Option<PathBuf>,
    main: ProcessIdentity,
    ending: Ending,
    /// Hears what the guard says, until that has ended.
    hearing: Option<JoinHandle<()>>,
}

/// How a server has ended, if it has; also known when the server itself is dropped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ending(Arc<Mutex<Option<String>>>);

impl Ending {
    pub(crate) fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, status: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(status.to_owned());
    }
}

/// What a server writes.
pub struct Output {
    /// To its standard output.
    pub stdout: ChildStdout,
    /// To its standard error.
    pub stderr: ChildStderr,
}

impl Server {
    /// Starts a server.
    pub fn start(orders: &StartOrders) -> Result<(Self, Output), StartError> {
        // If the guard is killed, its children become ours.
        set_child_subreaper(Some(getpid())).map_err(|errno| StartError::Guard(errno.into()))?;
        let (control, of_guard) = UnixStream::pair().map_err(StartError::Guard)?;
        let mut guard = command(orders, of_guard).spawn().map_err(StartError::Guard)?;
        let started = begin(orders, &mut guard, &control);
        if started.is_err() {
            // It has nothing to wait for, and nothing is left when it has ended.
            control.shutdown(Shutdown::Both).ok();
            guard.wait().ok();
        }
        let Started { output, says, pid } = started?;
        // It may have ended by now; then no process is the one that is meant.
        let main = proc::identity(pid).unwrap_or(ProcessIdentity { pid, start_ticks: u64::MAX });
        let ending = Ending::default();
        let told = ending.clone();
        // It ends when the guard does.
        let hearing = std::thread::Builder::new()
            .name("guard".to_owned())
            .spawn(move || {
                for line in says.map_while(Result::ok) {
                    if let Some(status) = line.strip_prefix("ended ") {
                        told.set(status);
                    }
                }
            })
            .map_err(StartError::Guard)?;
        let hearing = Some(hearing);
        let root = orders.root.as_ref().map(|root| root.path.clone());
        let server = Self { guard, control: Some(control), root, main, ending, hearing };
        Ok((server, output))
    }

    /// The process that was started.
    pub fn main(&self) -> ProcessIdentity {
        self.main
    }

    /// The process below which everything is that the server has started.
    pub(crate) fn guard_pid(&self) -> u32 {
        self.guard.id()
    }

    /// How that process has ended, if it has.
    pub fn ended(&self) -> Option<String> {
        self.ending.get()
    }

    /// The same, for whoever asks when it is stopped.
    pub(crate) fn ending(&self) -> Ending {
        self.ending.clone()
    }

    /// Ends it, with all that it has started, and returns when nothing of it is left.
    ///
    /// If somebody has killed its guard, nobody can tell any more what it has started: then every
    /// process that has become a child of this one since is killed.
    pub fn stop(mut self) -> io::Result<()> {
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        let Some(control) = self.control.take() else { return Ok(()) };
        // The guard may still tell how the server ended.
        control.shutdown(Shutdown::Write).ok();
        let status = self.guard.wait()?;
        if let Some(hearing) = self.hearing.take() {
            hearing.join().ok();
        }
        drop(control);
        if status.success() {
            return Ok(());
        }
        // Somebody has killed it: what it had to end is below this process now.
        let below = proc::tree(std::process::id()).into_iter().skip(1).filter_map(proc::identity);
        for process in below.filter(|process| self.main.start_ticks <= process.start_ticks) {
            send(process, Signal::KILL).ok();
        }
        if let Some(root) = &self.root {
            root::remove(root)?;
        }
        Err(io::Error::other(format!("the guard of the server ended with {status}")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end().ok();
    }
}

/// What a guard has started.
struct Started {
    output: Output,
    /// What the guard says from now on.
    says: io::Lines<BufReader<UnixStream>>,
    pid: u32,
}

/// Goes with a guard to where the server runs.
fn begin(
    orders: &StartOrders,
    guard: &mut Child,
    mut control: &UnixStream,
) -> Result<Started, StartError> {
    let output = guard.stdout.take().zip(guard.stderr.take());
    let missing = || StartError::Guard(io::Error::other("it has no output"));
    let (stdout, stderr) = output.ok_or_else(missing)?;
    let heard = control.try_clone().map_err(StartError::Guard)?;
    let mut says = BufReader::new(heard).lines();
    let mut line = says.next().and_then(Result::ok).unwrap_or_default();
    if let Some(root) = orders.root.as_ref().filter(|_| line == "rooted") {
        root.fill()?;
        control.write_all(b"\n").map_err(StartError::Guard)?;
        line = says.next().and_then(Result::ok).unwrap_or_default();
    }
    let silent = || StartError::Guard(io::Error::other("it does not say what it has started"));
    match line.split_once(' ') {
        Some(("started", pid)) => {
            let pid = pid.parse().map_err(|_| silent())?;
            Ok(Started { output: Output { stdout, stderr }, says, pid })
        }
        Some(("failed", why)) => {
            let program = orders.command.first().map(|program| program.display().to_string());
            Err(StartError::Server { program: program.unwrap_or_default(), why: why.to_owned() })
        }
        _ => Err(silent()),
    }
}

fn command(orders: &StartOrders, control: UnixStream) -> Command {
    let mut command = Command::new(&orders.guard.0);
    let of_guard = GuardOrders {
        command: orders.command.clone(),
        dir: orders.dir.clone(),
        root: orders.root.as_ref().map(|root| root.path.clone()),
        grace: orders.grace,
    };
    command.args(&orders.guard.1).args(of_guard.to_arguments());
    command.env_clear().envs(&orders.environment);
    // What is typed in a terminal is not for the guard.
    command.process_group(0);
    command.stdin(Stdio::from(OwnedFd::from(control)));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}
