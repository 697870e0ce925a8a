//! Looking at the processes of a server, now and then.

use std::{
    io,
    sync::mpsc::{self, RecvTimeoutError},
    thread::JoinHandle,
    time::Duration,
};

use crate::{
    MainProcess,
    clock::now,
    cpu_time::CpuTime,
    main_process::Finder,
    proc,
    record::{ProcessIdentity, Resources, Seen, Serving},
};

/// What a watcher has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Who serves, if that has changed.
    Serving(Seen<Serving>),
    /// Which sockets listen, if that has changed.
    Listeners(Seen<Vec<u64>>),
    /// What all processes of the server take.
    Resources(Seen<Resources>),
}

/// A thread that looks at the processes of a server. It ends when it is [stopped](Self::stop).
#[must_use = "it looks until it is stopped"]
pub struct Watcher {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Watcher {
    /// Begins to look at the main process of a server, those that it has started, and who listens on a
    /// port, every so often.
    pub fn start(
        main: MainProcess,
        port: u16,
        every: Duration,
        told: impl Fn(Watched) + Send + 'static,
    ) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new().name("watcher".to_owned()).spawn(move || {
            let mut looks = Looks {
                main: Finder::new(main),
                port,
                cpu: CpuTime::default(),
                serving: None,
                listeners: None,
            };
            loop {
                looks.look(&told);
                if stopped.recv_timeout(every) != Err(RecvTimeoutError::Timeout) {
                    looks.look(&told);
                    return;
                }
            }
        })?;
        Ok(Self { stop, thread })
    }

    /// Looks once more, and ends.
    pub fn stop(self) {
        // It listens until it is told to end.
        self.stop.send(()).ok();
        self.thread.join().ok();
    }
}

/// What was seen the last time.
struct Looks {
    main: Finder,
    port: u16,
    cpu: CpuTime,
    serving: Option<Serving>,
    listeners: Option<Vec<u64>>,
}

impl Looks {
    fn look(&mut self, told: &impl Fn(Watched)) {
        let main = self.main.find();
        let tree = main.map(|main| proc::tree(main.pid)).unwrap_or_default();
        let listeners = proc::listeners(self.port);
        let serving = Serving {
            main,
            listening: if listeners.is_empty() {
                Vec::new()
            } else {
                proc::owners(&tree, &listeners)
            },
        };
        let at_us = now();
        if self.listeners.as_ref() != Some(&listeners) {
            told(Watched::Listeners(Seen { at_us, what: listeners.clone() }));
            self.listeners = Some(listeners);
        }
        if self.serving.as_ref() != Some(&serving) {
            told(Watched::Serving(Seen { at_us, what: serving.clone() }));
            self.serving = Some(serving);
        }
        told(Watched::Resources(Seen { at_us, what: self.resources(&tree) }));
    }

    fn resources(&mut self, tree: &[u32]) -> Resources {
        let each = proc::resources(tree);
        let times = each.iter().map(|(process, taken)| (*process, taken.cpu_us));
        let lives = |process: ProcessIdentity| proc::identity(process.pid) == Some(process);
        let cpu_us = self.cpu.look(times, lives);
        Resources { cpu_us, ..proc::total(&each) }
    }
}
