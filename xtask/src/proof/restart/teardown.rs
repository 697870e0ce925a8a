//! A server that ignores SIGTERM, with a child that does so too and has left its group: when the
//! measurement is over, neither is there.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use restart_bench::{Root, ServerKind, Step};
use serde::Serialize;

use super::{gateway::Gateway, left::Left};
use crate::proof::claim;

/// What came of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Teardown {
    /// Processes that were there at the end of the measurement,
    processes_before: u64,
    /// and as soon as it had returned.
    processes_left: u64,
}

pub(super) fn prove() -> anyhow::Result<Teardown> {
    let dir = tempfile::tempdir()?;
    let root = dir.path().join("root");
    let port_file = root.join("port");
    let port_file = port_file.to_str().context("a directory with an odd name")?;
    let behaviour = ["--close", "30ms", "--ignore-term", "--grandchild", "--port-file", port_file];
    let mut gateway = Gateway::in_dir(&root, &behaviour, 1)?;
    if let ServerKind::Started(orders) = &mut gateway.task.server {
        orders.root = Some(Root { path: root.clone(), files: Vec::new() });
        orders.grace = Duration::from_millis(50);
    }
    let mut before = None;
    let mut on_step = |step| {
        if step == Step::Stop {
            before = Left::now(&root).ok();
        }
    };
    let run = restart_bench::run(&gateway.task, &mut on_step, &|| false)?;
    let left = Left::now(&root)?;
    let failure = restart_bench::summary(&run.record).failure();
    ensure!(failure.is_none(), "{failure:?}: {:?}", run.tail);
    let before = before.context("it was never stopped")?;
    // The guard, the server, and its child.
    ensure!(3 <= before.processes && before.root, "there is too little to end: {before:?}");
    claim("processes that are left", left.processes, 0)?;
    ensure!(!left.root, "the directory is left");
    Ok(Teardown { processes_before: before.processes, processes_left: left.processes })
}
