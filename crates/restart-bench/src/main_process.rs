//! Which process is the main one of a server.
#![expect(
    clippy::disallowed_methods,
    reason = "a file with the number of a process is asked again and again"
)]

use std::{ffi::OsString, fs, path::PathBuf, process::Command};

use crate::{proc, record::ProcessIdentity};

/// How the main process of a server is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MainProcess {
    /// It is this one, and no other one ever.
    Started(ProcessIdentity),
    /// It has this number, and no other one ever.
    Pid(u32),
    /// Its number is in this file.
    PidFile(PathBuf),
    /// This command prints its number, as `systemctl show --property MainPID --value UNIT` does.
    Command(Vec<OsString>),
}

impl MainProcess {
    /// The main process now, if there is one.
    pub(crate) fn find(&self) -> Option<ProcessIdentity> {
        let pid = match self {
            Self::Started(main) => {
                return Some(*main).filter(|main| proc::identity(main.pid) == Some(*main));
            }
            Self::Pid(pid) => *pid,
            Self::PidFile(path) => fs::read_to_string(path).ok()?.trim().parse().ok()?,
            Self::Command(command) => {
                let (program, arguments) = command.split_first()?;
                let output = Command::new(program).args(arguments).output().ok()?;
                String::from_utf8_lossy(&output.stdout).trim().parse().ok()?
            }
        };
        proc::identity(pid)
    }

    /// Whether another process can take its place.
    pub(crate) fn can_change(&self) -> bool {
        !matches!(self, Self::Started(_) | Self::Pid(_))
    }
}

/// The main process, which is looked for only if the last one has ended: to ask for it may cost a
/// process.
pub(crate) struct Finder {
    main: MainProcess,
    last: Option<ProcessIdentity>,
}

impl Finder {
    pub(crate) fn new(main: MainProcess) -> Self {
        Self { main, last: None }
    }

    pub(crate) fn find(&mut self) -> Option<ProcessIdentity> {
        if let Some(last) = self.last {
            if proc::identity(last.pid) == Some(last) {
                return Some(last);
            }
            if !self.main.can_change() {
                return None;
            }
        }
        let found = self.main.find();
        self.last = found.or(self.last);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_main_process_is_found() {
        let me = proc::identity(std::process::id());
        assert_eq!(MainProcess::Pid(std::process::id()).find(), me);
        assert_eq!(MainProcess::Pid(u32::MAX).find(), None);
        assert_eq!(MainProcess::PidFile("/nowhere/x.pid".into()).find(), None);
        let says = |text: &str| ["echo", text].map(OsString::from).to_vec();
        assert_eq!(MainProcess::Command(says(&std::process::id().to_string())).find(), me);
        assert_eq!(MainProcess::Command(says("none")).find(), None);
        assert_eq!(MainProcess::Command(Vec::new()).find(), None);
        let mut finder = Finder::new(MainProcess::Pid(std::process::id()));
        assert_eq!((finder.find(), finder.find()), (me, me));
    }
}
