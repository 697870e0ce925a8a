//! The lock that OpenClaw's `session-write-lock` takes (2026.2 to 2026.4), and an update under it,
//! written anew from its description, so that nothing is shared with what is to be proved.
//!
//! What is missing is taking over the lock of a process that has ended: nobody ends here who has one.

use std::{
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use common_fs::{Clock as _, SystemClock};
use fs_err::os::unix::fs::OpenOptionsExt as _;

/// The pause before the n-th further attempt is n times this, at most [`PAUSE_MAX`].
const PAUSE_STEP: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// OpenClaw gives up then, and loses what it was going to write.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Replaces the store of a directory by what is made of it, and returns how often the lock was held
/// by somebody else.
pub(super) fn update(
    dir: &Path,
    change: impl FnOnce(String) -> anyhow::Result<String>,
) -> anyhow::Result<u64> {
    let store = dir.join("sessions.json");
    let lock = dir.join("sessions.json.lock");
    let waits = acquire(&lock)?;
    let done = (|| {
        let text = change(fs_err::read_to_string(&store)?)?;
        let temp = dir.join(format!("sessions.json.{}.tmp", uuid()));
        write_new(&temp, text.as_bytes(), 0o600)?;
        Ok(fs_err::rename(&temp, &store)?)
    })();
    // Whosever it is by now.
    match fs_err::remove_file(&lock) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        Ok(()) | Err(_) => (),
    }
    done.map(|()| waits)
}

fn acquire(lock: &PathBuf) -> anyhow::Result<u64> {
    let begun = SystemClock.monotonic();
    let mut attempt = 0;
    loop {
        // It is there before it says whose it is.
        let mut options = fs_err::OpenOptions::new();
        match options.write(true).create_new(true).open(lock) {
            Ok(mut file) => {
                file.write_all(payload()?.as_bytes())?;
                return Ok(attempt.into());
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => (),
            Err(error) => return Err(error.into()),
        }
        let waited = SystemClock.monotonic().saturating_sub(begun);
        ensure!(waited < WAIT_MAX, "session file locked: {}", lock.display());
        attempt += 1;
        SystemClock.sleep((PAUSE_STEP * attempt).min(PAUSE_MAX));
    }
}

fn payload() -> anyhow::Result<String> {
    let stat = fs_err::read_to_string("/proc/self/stat")?;
    // The name of the program, in parentheses, may have anything in it.
    let (_, fields) = stat.rsplit_once(')').context("/proc/self/stat has no name")?;
    let start = fields.split_whitespace().nth(19).context("/proc/self/stat has no start time")?;
    let pid = std::process::id();
    let now = SystemClock.now().since(common_fs::Timestamp::UNIX_EPOCH);
    let now = humantime::format_rfc3339_millis(std::time::SystemTime::UNIX_EPOCH + now);
    Ok(format!("{{\n  \"pid\": {pid},\n  \"createdAt\": \"{now}\",\n  \"starttime\": {start}\n}}"))
}

fn write_new(path: &Path, content: &[u8], mode: u32) -> anyhow::Result<()> {
    let mut options = fs_err::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(mode).open(path)?;
    Ok(file.write_all(content)?)
}

fn uuid() -> String {
    let (high, low) = (fastrand::u64(..), fastrand::u64(..));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        (low >> 48) & 0xfff,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_leaves_nothing_but_the_store() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join("sessions.json"), "{}").unwrap();
        let held = |text: String| {
            let lock = fs_err::read_to_string(dir.path().join("sessions.json.lock")).unwrap();
            assert!(lock.contains(&format!("\"pid\": {},", std::process::id())), "{lock}");
            Ok(text + " ")
        };
        assert_eq!(update(dir.path(), held).unwrap(), 0);
        assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(fs_err::read_to_string(dir.path().join("sessions.json")).unwrap(), "{} ");
        assert!(update(dir.path(), |_| anyhow::bail!("no")).is_err());
        assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn temporary_names_are_those_of_stores() {
        assert_eq!(uuid().len(), 36);
        let name = format!("sessions.json.{}.tmp", uuid());
        let class = session_reaper::classify(
            name.as_ref(),
            common_fs::FileKind::File,
            session_reaper::Layout::OpenClaw,
        );
        assert_eq!(class, session_reaper::FileClass::StoreTemp { pid: None });
    }
}
