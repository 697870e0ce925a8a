//! Starting a refresh that nobody waits for.

use std::{
    env::current_exe,
    ffi::OsString,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use common_fs::{Access, Dir, File, FsError, Host, Op, create_dir_all, split_path, write_all};
use usage_cache::Locations;

/// The name of the stamp beside the cache. Its modification time is when a refresh was last
/// started; whoever holds its lock starts one, or is one.
const STAMP: &str = "usage-statusline.stamp";

/// How often the lock is tried by a refresh: who has started it holds it for a moment.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(10);

/// Starts a refresh in the background, unless one was started within `interval`, or is still at
/// work.
pub(super) fn start(
    host: Host<'_>,
    locations: &Locations,
    interval: Duration,
) -> anyhow::Result<()> {
    if !claim(host, &locations.cache, interval)? {
        return Ok(());
    }
    let mut command = Command::new(current_exe()?);
    command.args(["refresh", "--background"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    // In a group of its own: what ends the shell's command, or the agent, does not end it.
    command.process_group(0).spawn()?;
    Ok(())
}

/// Whether it is ours to start a refresh now.
fn claim(host: Host<'_>, cache: &Path, interval: Duration) -> Result<bool, FsError> {
    let (dir, name) = stamp(host, cache)?;
    let file = dir.open(&name, Access::OpenOrCreate { mode: 0o600 })?;
    if !file.try_lock()? {
        return Ok(false);
    }
    let (now, stat) = (host.clock.now(), file.stat()?);
    // One that was just created is empty. A time to come is that of a clock that was set back.
    let is_new = stat.size_bytes == 0;
    if !is_new && stat.modified <= now && now.since(stat.modified) < interval {
        return Ok(false);
    }
    if is_new {
        write_all(file.as_ref(), b"\n")?;
    }
    file.set_modified(now)?;
    Ok(true)
}

/// The right to refresh in the background, until this is dropped.
pub(crate) struct Turn {
    _lock: Box<dyn File>,
}

/// Takes the right to refresh in the background; `None` if another one is at work.
pub(crate) fn take_turn(host: Host<'_>, cache: &Path) -> Result<Option<Turn>, FsError> {
    let (dir, name) = stamp(host, cache)?;
    let lock = dir.open(&name, Access::OpenOrCreate { mode: 0o600 })?;
    for attempt in 1..=ATTEMPTS {
        if lock.try_lock()? {
            return Ok(Some(Turn { _lock: lock }));
        }
        if attempt < ATTEMPTS {
            host.clock.sleep(PAUSE);
        }
    }
    Ok(None)
}

fn stamp(host: Host<'_>, cache: &Path) -> Result<(Box<dyn Dir>, OsString), FsError> {
    let (parent, _) = split_path(Op::Open, cache)?;
    Ok((create_dir_all(host.fs, &parent)?, STAMP.into()))
}

#[cfg(test)]
mod tests {
    use common_fs::{Clock as _, sim::Sim};

    use super::*;

    const CACHE: &str = "/state/upkeep/usage-cache.jsonl";
    const INTERVAL: Duration = Duration::from_secs(5);

    fn claimed(sim: &Sim) -> bool {
        claim(sim.host(), Path::new(CACHE), INTERVAL).unwrap()
    }

    #[test]
    fn one_of_many_starts_a_refresh_and_not_too_often() {
        let sim = Sim::new();
        assert!(claimed(&sim), "the first one");
        assert!(!claimed(&sim), "at the same time");
        sim.clock.advance(Duration::from_millis(4_999));
        assert!(!claimed(&sim), "too early");
        sim.clock.advance(Duration::from_millis(1));
        assert!(claimed(&sim), "it is time");
        assert!(!claimed(&sim));
        let path = Path::new(CACHE).with_file_name(STAMP);
        let to_come = sim.clock.now().unix_nanos() + 3_600_000_000_000;
        sim.fs.set_modified(&path, common_fs::Timestamp::from_unix_nanos(to_come));
        assert!(claimed(&sim), "the clock was set back");
        assert!(!claimed(&sim));
        assert_eq!(sim.fs.stat(&path).unwrap().mode, 0o600);
    }

    #[test]
    fn none_is_started_while_one_is_at_work() {
        let sim = Sim::new();
        let turn = take_turn(sim.host(), Path::new(CACHE)).unwrap().unwrap();
        assert!(take_turn(sim.host(), Path::new(CACHE)).unwrap().is_none());
        sim.clock.advance(Duration::from_hours(1));
        assert!(!claimed(&sim));
        drop(turn);
        assert!(claimed(&sim));
        assert!(take_turn(sim.host(), Path::new(CACHE)).unwrap().is_some());
    }
}
