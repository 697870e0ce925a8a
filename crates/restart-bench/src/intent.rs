//! The file in which a restart is announced to OpenClaw up to 2026.6.8.

use std::{error::Error, io, path::Path};

use common_fs::{
    Clock as _, FsError, Host, Overwrite, SystemClock, create_dir_all, split_path, temp, write_all,
};

use crate::seed::{INTENT_REASON, intent_line};

/// Announces in `file` that the process `pid` is to restart now.
///
/// The gateway reads the old file or the new one, never a half; the directory is made if there is
/// none. It takes the file for a minute and removes it, so none is worth a flush to the disk, which
/// would take time between the decision and the signal.
pub(crate) fn announce(file: &Path, pid: u32) -> io::Result<()> {
    let content = intent_line(pid, SystemClock.now(), INTENT_REASON);
    write(Host::real(), file, &content).map_err(|error| told(&error))
}

fn write(host: Host<'_>, file: &Path, content: &str) -> Result<(), FsError> {
    let (dir, name) = split_path(common_fs::Op::Create, file)?;
    let dir = create_dir_all(host.fs, &dir)?;
    // Readable by its owner only, as the intent has to be.
    let (fresh, opened) = temp::create(dir.as_ref(), name, host.processes.identity().process)?;
    let written = write_all(opened.as_ref(), content.as_bytes())
        .and_then(|()| dir.rename(&fresh, name, Overwrite::Allow));
    if written.is_err() {
        // Who reads the error wants to know of the first one.
        dir.remove(&fresh).ok();
    }
    written
}

/// With its cause: where it is shown, there is room for one line.
fn told(error: &FsError) -> io::Error {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    io::Error::new(error.kind(), format!("{error}{cause}"))
}

#[cfg(test)]
mod tests {
    use common_fs::sim::Sim;

    use super::*;
    use crate::seed::INTENT_MODE;

    #[test]
    fn an_intent_replaces_the_one_before_and_is_private() {
        let sim = Sim::new();
        sim.fs.make_dir("/root");
        let file = Path::new("/root/state/intent.json");
        for content in ["one", "two"] {
            write(sim.host(), file, content).unwrap();
            assert_eq!(sim.fs.content("/root/state/intent.json").unwrap(), content.as_bytes());
        }
        let dir = sim.host().fs.open_dir("/root/state".as_ref()).unwrap();
        let names: Vec<_> = dir.list().unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["intent.json"]);
        assert_eq!(dir.stat("intent.json".as_ref()).unwrap().mode, INTENT_MODE);
    }

    #[test]
    fn what_fails_is_told_with_its_cause() {
        let error = announce(Path::new("/proc/none/intent.json"), 1).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("/proc/none") && text.contains(": "), "{text}");
    }
}
