use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{Identity, ProcessId, ProcessState, Processes};

/// A process table; every other process is dead.
#[derive(Clone, Debug)]
pub struct SimProcesses(Arc<Mutex<Table>>);

#[derive(Debug)]
struct Table {
    me: Identity,
    others: BTreeMap<u32, ProcessState>,
}

impl SimProcesses {
    /// A machine on which only this process runs, with number 100.
    #[expect(clippy::new_without_default, reason = "a process table has no default")]
    pub fn new() -> Self {
        let me = Identity {
            process: ProcessId { pid: 100, start_ticks: Some(1_000) },
            uid: 1_000,
            host: "sim".to_owned(),
            boot_id: Some("boot-1".to_owned()),
            pid_namespace: Some("pid:[1]".to_owned()),
        };
        Self(Arc::new(Mutex::new(Table { me, others: BTreeMap::new() })))
    }

    /// Sets what is known of another process.
    pub fn set(&self, pid: u32, state: ProcessState) {
        self.with(|table| table.others.insert(pid, state));
    }

    /// Lets this process be another one; what it was is dead from now on.
    pub fn become_process(&self, identity: Identity) {
        self.with(|table| table.me = identity);
    }

    fn with<T>(&self, act: impl FnOnce(&mut Table) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Processes for SimProcesses {
    fn identity(&self) -> Identity {
        self.with(|table| table.me.clone())
    }

    fn state(&self, pid: u32) -> ProcessState {
        self.with(|table| match table.others.get(&pid) {
            Some(&state) => state,
            None if pid == table.me.process.pid => {
                ProcessState::Running { start_ticks: table.me.process.start_ticks }
            }
            None => ProcessState::Dead,
        })
    }
}
