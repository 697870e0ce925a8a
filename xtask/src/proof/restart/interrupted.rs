//! Measurements that are killed at any time: nothing they have started is left, and neither is the
//! directory in which it worked.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use common_fs::{Clock as _, SystemClock};
use restart_bench::{Root, ServerKind, seed::File};
use serde::Serialize;

use super::{gateway::Gateway, left::Left};
use crate::proof::claim;

const SEED: u64 = 6;

/// What the process is told.
#[derive(Debug, clap::Args)]
pub(crate) struct BeInterrupted {
    /// The directory in which the server works, which does not exist before and afterwards
    root: PathBuf,
}

/// What came of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Interrupted {
    runs: u32,
    /// Processes that were left,
    processes_left: u64,
    /// and directories.
    roots_left: u64,
}

pub(super) fn prove(runs: u32) -> anyhow::Result<Interrupted> {
    let dir = tempfile::tempdir()?;
    let mut random = fastrand::Rng::with_seed(SEED);
    let (mut processes_left, mut roots_left) = (0, 0);
    for nth in 0..runs {
        let root = dir.path().join(format!("root-{nth}"));
        let mut child = Command::new(std::env::current_exe()?)
            .arg("be-interrupted")
            .arg(&root)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        // Anywhere from before its directory is made until the server has been restarted.
        SystemClock.sleep(Duration::from_micros(random.u64(0..900_000)));
        child.kill()?;
        child.wait()?;
        let left = Left::of(&root)?;
        processes_left += left.processes;
        roots_left += u64::from(left.root);
    }
    claim("processes that are left", processes_left, 0)?;
    claim("directories that are left", roots_left, 0)?;
    Ok(Interrupted { runs, processes_left, roots_left })
}

/// The process that is killed.
pub(crate) fn be(args: &BeInterrupted) -> anyhow::Result<()> {
    let port_file = args.root.join("port");
    let port_file = port_file.to_str().context("a directory with an odd name")?;
    let behaviour = ["--close", "50ms", "--ignore-term", "--grandchild", "--port-file", port_file];
    let mut gateway = Gateway::in_dir(&args.root, &behaviour, 1_000)?;
    if let ServerKind::Started(orders) = &mut gateway.task.server {
        let file = File { path: "state/nodes/one.json".to_owned(), content: "{}".to_owned() };
        orders.root = Some(Root { path: args.root.clone(), files: vec![file] });
        orders.grace = Duration::from_millis(50);
    }
    gateway.task.calibrate = Duration::from_millis(50);
    gateway.task.margin = Duration::from_millis(50);
    gateway.task.settings.stable_for_us = restart_bench::Micros::from_millis(50);
    let measured = gateway.measure()?;
    ensure!(measured.summary.failure().is_none(), "{:?}", measured.summary.failure());
    Ok(())
}
