/// The processes of a machine, as far as locks and temporary files need to know them.
pub trait Processes: Send + Sync {
    /// Who is asking.
    fn identity(&self) -> Identity;
    /// Whether a process with this number exists.
    fn state(&self, pid: u32) -> ProcessState;
}

/// A process, told apart from later ones with the same number by when it started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessId {
    /// The number.
    pub pid: u32,
    /// Clock ticks from boot to the start of the process (field 22 of `/proc/PID/stat`);
    /// `None` where the system does not tell.
    pub start_ticks: Option<u64>,
}

impl ProcessId {
    /// Whether this process has ended, even if its number was given to another since.
    pub fn is_dead(self, processes: &dyn Processes) -> bool {
        match processes.state(self.pid) {
            ProcessState::Dead => true,
            ProcessState::Running { start_ticks } => {
                matches!((self.start_ticks, start_ticks), (Some(ours), Some(theirs)) if ours != theirs)
            }
        }
    }
}

/// The running process, and where its process numbers mean something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The process itself.
    pub process: ProcessId,
    /// The effective user.
    pub uid: u32,
    /// The name of the machine.
    pub host: String,
    /// A value that changes at each boot; start times are relative to it.
    pub boot_id: Option<String>,
    /// The namespace in which process numbers are valid: containers have their own.
    pub pid_namespace: Option<String>,
}

/// What is known of a process number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessState {
    /// A process exists, possibly of another user.
    Running {
        /// When it started, as in [`ProcessId::start_ticks`].
        start_ticks: Option<u64>,
    },
    /// There is none, or only the remains of one that has ended (a zombie).
    Dead,
}
