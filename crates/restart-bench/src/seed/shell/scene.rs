//! A sample in the making, as several threads see it.

use std::{
    io::{self, Read},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread::Builder,
    time::Duration,
};

use super::{exit::exit, resources::rss_mb};
use crate::{
    Micros, Output, Stream,
    clock::now,
    record::ProcessIdentity,
    seed::{Exit, RSS_PERIOD, Recorder},
    server::Ending,
};

/// From one look at whether the process has ended to the next.
const LOOK: Duration = Duration::from_millis(20);

/// What is recorded, and what of it has to be asked for.
pub(super) struct Scene {
    recorder: Mutex<Recorder>,
    began: Micros,
    main: ProcessIdentity,
    ending: Ending,
    is_ended: AtomicBool,
}

impl Scene {
    /// A sample that began at `began`.
    pub(super) fn new(
        recorder: Recorder,
        began: Micros,
        main: ProcessIdentity,
        ending: Ending,
    ) -> Self {
        let recorder = Mutex::new(recorder);
        Self { recorder, began, main, ending, is_ended: AtomicBool::new(false) }
    }

    /// Milliseconds since it began.
    pub(super) fn now_ms(&self) -> f64 {
        now().since(self.began).as_millis()
    }

    /// The process that was started.
    pub(super) fn main(&self) -> ProcessIdentity {
        self.main
    }

    /// Records something, or looks at what is recorded.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Recorder) -> T) -> T {
        act(&mut self.recorder.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How the process has ended, if it has.
    pub(super) fn exit(&self) -> Option<Exit> {
        self.ending.get().map(|status| exit(&status))
    }

    /// Records once that the process has ended.
    pub(super) fn look(&self) {
        if self.ending.get().is_some() && !self.is_ended.swap(true, Ordering::Relaxed) {
            let ms = self.now_ms();
            self.with(|recorder| recorder.exited(ms));
        }
    }

    /// Looks after the process until the sender that this gives is dropped: whether it has ended, and
    /// how much memory it has.
    pub(super) fn watch(self: &Arc<Self>) -> io::Result<mpsc::Sender<()>> {
        let (stop, stopped) = mpsc::channel();
        let scene = Arc::clone(self);
        Builder::new().name("watcher".to_owned()).spawn(move || {
            let mut due = now();
            loop {
                scene.look();
                if due <= now() {
                    let rss = rss_mb(scene.main);
                    scene.with(|recorder| recorder.rss(rss));
                    due = now().plus(RSS_PERIOD.into());
                }
                if stopped.recv_timeout(LOOK) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        })?;
        Ok(stop)
    }

    /// Records what the process writes, and all that it has started. The receiver hangs up when all
    /// of them have ended.
    pub(super) fn read(self: &Arc<Self>, output: Output) -> io::Result<mpsc::Receiver<()>> {
        let (open, closed) = mpsc::channel();
        let Output { stdout, stderr } = output;
        let sources: [(Stream, Box<dyn Read + Send>); 2] =
            [(Stream::Stdout, Box::new(stdout)), (Stream::Stderr, Box::new(stderr))];
        for (stream, source) in sources {
            let (scene, open) = (Arc::clone(self), open.clone());
            Builder::new().name("output".to_owned()).spawn(move || {
                scene.read_one(stream, source);
                drop(open);
            })?;
        }
        Ok(closed)
    }

    fn read_one(&self, stream: Stream, mut source: impl Read) {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = match source.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Ok(0) | Err(_) => return,
                Ok(read) => read,
            };
            let ms = self.now_ms();
            let chunk = buffer.get(..read).unwrap_or_default();
            self.with(|recorder| recorder.output(stream, chunk, ms));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proc;

    fn scene() -> Scene {
        let main = proc::identity(std::process::id()).unwrap();
        Scene::new(Recorder::new(1_000), now(), main, Ending::default())
    }

    #[test]
    fn the_end_is_recorded_once() {
        let scene = scene();
        scene.look();
        assert!(!scene.with(|recorder| recorder.standing()).child_exited);
        scene.ending.set("with exit status 3");
        scene.look();
        scene.look();
        assert!(scene.with(|recorder| recorder.standing()).child_exited);
        let exit = scene.exit().unwrap();
        let sample = scene.with(|recorder| recorder.clone()).finish(exit, true, 9.0);
        assert_eq!((sample.events.len(), sample.child_exit_code), (2, Some(3)));
    }

    #[test]
    fn what_is_written_is_recorded() {
        let scene = scene();
        scene.read_one(Stream::Stdout, &b"[gateway] http server listening (1)\n[gateway] re"[..]);
        assert!(!scene.with(|recorder| recorder.has_initial_logs()));
        scene.read_one(Stream::Stdout, &b"ady\n"[..]);
        assert!(scene.with(|recorder| recorder.has_initial_logs()));
    }

    #[test]
    fn memory_is_looked_at_until_nobody_wants_it() {
        let scene = Arc::new(scene());
        let stop = scene.watch().unwrap();
        let max = || scene.with(|recorder| recorder.clone()).finish(Exit::default(), true, 0.0);
        while max().max_rss_mb.is_none() {
            std::thread::yield_now();
        }
        drop(stop);
    }
}
