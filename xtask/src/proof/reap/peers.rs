//! Processes that update rows of a store while somebody else works on it.

use std::{
    env,
    io::{self, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use common_fs::{Clock as _, SystemClock};
use serde::{Deserialize, Serialize};

use super::protocol;

/// What a row that is updated counts its updates by.
pub(super) const COUNTER: &str = "\"proofUpdates\": ";

/// The peer that is a program for Node.
const PEER: &str = include_str!("peer.mjs");

/// At most this passes between two updates: nobody has the lock all the time.
const PAUSE_MILLIS_MAX: u64 = 2;

/// What the process is told.
#[derive(Debug, clap::Args)]
pub(crate) struct WriteStore {
    /// A directory of sessions
    dir: PathBuf,
    /// How many updates
    updates: u64,
    /// Of which rows, is up to this
    seed: u64,
}

/// What a peer has done.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Updated {
    pub(super) updates: u64,
    /// How often it found the lock held.
    waits: u64,
}

/// The process that [`Peer::rust`] starts.
pub(crate) fn write(args: &WriteStore) -> anyhow::Result<()> {
    let mut rng = fastrand::Rng::with_seed(args.seed);
    let mut done = Updated { updates: 0, waits: 0 };
    while done.updates < args.updates {
        let nth = rng.usize(..);
        done.waits += protocol::update(&args.dir, |text| count(text, nth))?;
        done.updates += 1;
        SystemClock.sleep(Duration::from_millis(rng.u64(..=PAUSE_MILLIS_MAX)));
    }
    crate::say(&serde_json::to_string(&done)?)
}

/// Adds one to one of the counters in a store, and leaves everything else as it is.
fn count(mut text: String, nth: usize) -> anyhow::Result<String> {
    let counters: Vec<usize> = text.match_indices(COUNTER).map(|(at, _)| at).collect();
    let at = nth.checked_rem(counters.len()).and_then(|nth| counters.get(nth));
    let begin = at.context("no row counts its updates")? + COUNTER.len();
    let rest = text.get(begin..).unwrap_or_default();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = rest.get(..digits).unwrap_or_default().parse()?;
    text.replace_range(begin..begin + digits, &(number + 1).to_string());
    Ok(text)
}

/// The sum of all counters in a store.
pub(super) fn counted(text: &str) -> anyhow::Result<u64> {
    let numbers = text.split(COUNTER).skip(1).map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Ok(digits.parse::<u64>()?)
    });
    numbers.sum()
}

/// A peer at work. It ends with this, at the latest.
pub(super) struct Peer {
    child: Child,
    status: Option<ExitStatus>,
}

impl Peer {
    pub(super) fn rust(dir: &Path, updates: u64) -> anyhow::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["write-store", "--"]).arg(dir).args([updates, 1].map(|n| n.to_string()));
        Self::start(&mut command)?.context("this program was not found")
    }

    /// `None` where there is no Node. The script is written to `scripts`.
    pub(super) fn node(scripts: &Path, dir: &Path, updates: u64) -> anyhow::Result<Option<Self>> {
        let script = scripts.join("peer.mjs");
        fs_err::write(&script, PEER)?;
        let mut command = Command::new("node");
        command.arg(script).arg(dir).args([updates, 2].map(|n| n.to_string()));
        Self::start(&mut command)
    }

    fn start(command: &mut Command) -> anyhow::Result<Option<Self>> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            child => Ok(Some(Self { child: child?, status: None })),
        }
    }

    pub(super) fn has_ended(&mut self) -> anyhow::Result<bool> {
        if self.status.is_none() {
            self.status = self.child.try_wait()?;
        }
        Ok(self.status.is_some())
    }

    /// What it has done; waits until it ends.
    pub(super) fn end(mut self) -> anyhow::Result<Updated> {
        let status = self.child.wait()?;
        let (mut done, mut said) = (String::new(), String::new());
        self.child.stdout.take().context("a peer has no output")?.read_to_string(&mut done)?;
        self.child.stderr.take().context("a peer has no errors")?.read_to_string(&mut said)?;
        ensure!(status.success(), "a peer failed: {said}");
        Ok(serde_json::from_str(&done)?)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_counted() {
        let text = format!("{{\"a\": {{{COUNTER}9}}, \"b\": {{\"x\": 1, {COUNTER}0, \"y\": 2}}}}");
        let once = count(text.clone(), 0).unwrap();
        assert_eq!(once, text.replace("s\": 9", "s\": 10"));
        let twice = count(once, 3).unwrap();
        assert!(twice.contains("s\": 1, \"y\": 2"), "{twice}");
        assert_eq!(counted(&twice).unwrap(), 11);
        assert!(count("{}".to_owned(), 0).is_err());
    }
}
