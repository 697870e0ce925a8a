//! What is asked of the operating system, apart from sockets and processes.

#![expect(clippy::disallowed_methods, reason = "this program is about real time and real files")]

use std::{
    env,
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::Path,
    time::{Duration, SystemTime},
};

use rustix::{
    event::{PollFd, poll},
    io::Errno,
    time::{ClockId, Timespec, clock_gettime},
};

use crate::error::{Error, cannot};

/// The command line of this process, for [`Args::settings`](crate::Args::settings); the program by
/// a path that leads to it from everywhere.
pub fn command_line() -> Vec<OsString> {
    let mut line: Vec<_> = env::args_os().collect();
    if let (Ok(program), Some(first)) = (env::current_exe(), line.first_mut()) {
        *first = program.into();
    }
    line
}

/// Microseconds of `CLOCK_MONOTONIC`.
pub(crate) fn now_us() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(now.tv_nsec).unwrap_or_default();
    seconds.saturating_mul(1_000_000).saturating_add(nanos / 1_000)
}

/// So many microseconds, of any span.
pub(crate) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// The time of day as OpenClaw logs it: `2026-11-20T14:54:00.073+00:00`.
pub(crate) fn time_of_day() -> String {
    let text = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
    text.trim_end_matches('Z').to_owned() + "+00:00"
}

/// Waits until one of them is ready, or until the given time. It may return without either.
pub(crate) fn wait(fds: &mut [PollFd<'_>], until_us: Option<u64>) -> Result<(), Error> {
    let span = until_us.map(|until_us| Duration::from_micros(until_us.saturating_sub(now_us())));
    // A time that no clock will ever show is none.
    let span = span.and_then(|span| Timespec::try_from(span).ok());
    match poll(fds, span.as_ref()) {
        // A signal came in between.
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(error) => Err(cannot("wait")(error)),
    }
}

/// Opens a file to append to.
pub(crate) fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// Replaces the content of a file at once, so that nobody reads half of it.
pub(crate) fn replace(path: &Path, content: &str) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    File::create(&new)?.write_all(content.as_bytes())?;
    fs::rename(&new, path)
}

/// The memory that a process has, in bytes; `None` if it is gone.
pub(crate) fn rss_bytes(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages.saturating_mul(u64::try_from(rustix::param::page_size()).ok()?))
}
