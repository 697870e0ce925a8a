//! A simulated machine with transcripts.

use std::{
    num::NonZeroUsize,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use common_fs::{
    Host, Op,
    observe::{Call, Decision, Errno, ObservedFs, Observer},
    sim::{Faults, Sim},
};
use usage_cache::{
    CheckpointPolicy, Gone, Locations, OpenClaw, Options, Place, Prices, Query, Refreshed, Saved,
    Summary, UsageCache, Zone,
};

pub(crate) const SESSIONS: &str = "/h/.openclaw/agents/main/sessions";
pub(crate) const CACHE: &str = "/state/usage-cache.jsonl";
pub(crate) const FACTS: &str = "/state/usage-facts";

/// Lines longer than this are too long in these tests.
pub(crate) const LINE_BYTES_MAX: usize = 2_000;

pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) options: Options,
}

impl World {
    pub(crate) fn new() -> Self {
        let sim = Sim::new();
        sim.fs.make_dir(SESSIONS);
        let places = vec![Place::new(&OpenClaw, "/h/.openclaw")];
        let locations = Locations::new(places, "/state".as_ref());
        let options = Options {
            locations,
            checkpoint: CheckpointPolicy::DEFAULT,
            threads: NonZeroUsize::MIN,
            line_bytes_max: LINE_BYTES_MAX,
            progress_bytes: 1_000,
            databases: None,
        };
        Self { sim, options }
    }

    pub(crate) fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        self.sim.fs.put(path(name), content.as_ref());
    }

    pub(crate) fn append(&self, name: &str, content: impl AsRef<[u8]>) {
        self.sim.fs.append(path(name), content.as_ref());
    }

    /// Time goes by, so that no file looks as if it were just being written.
    pub(crate) fn wait(&self) {
        self.sim.clock.advance(Duration::from_secs(10));
    }

    pub(crate) fn refresh(&self) -> Refreshed {
        refresh(self.sim.host(), &self.options)
    }

    /// Refreshes and expects no complaint.
    pub(crate) fn refreshed(&self) -> Refreshed {
        let refreshed = self.refresh();
        assert!(refreshed.problems.is_empty(), "{:?}", refreshed.problems);
        refreshed
    }

    /// Refreshes while something goes wrong.
    pub(crate) fn refresh_with(&self, faults: Faults) -> (Refreshed, Arc<Faults>) {
        let faults = Arc::new(faults);
        let fs = ObservedFs::new(self.sim.fs.clone(), faults.clone());
        (refresh(Host { fs: &fs, ..self.sim.host() }, &self.options), faults)
    }

    /// The file system, on which something is done right before an operation on a path, after
    /// as many others of its kind.
    pub(crate) fn hooked(
        &self,
        (op, skip): (Op, usize),
        path: impl Into<PathBuf>,
        act: impl FnOnce() + Send + 'static,
    ) -> ObservedFs {
        let (path, skip) = (path.into(), AtomicUsize::new(skip));
        let observer = JustBefore { op, path, skip, act: Mutex::new(Some(act)) };
        ObservedFs::new(self.sim.fs.clone(), Arc::new(observer))
    }

    pub(crate) fn open(&self) -> UsageCache {
        usage_cache::open(self.sim.host(), &self.options).0
    }

    /// What was known at the last refresh, at no prices.
    pub(crate) fn open_saved(&self, gone: Gone) -> Saved {
        usage_cache::open_saved(self.sim.host(), &self.options, gone, &Prices::none())
    }

    /// What a refresh from nothing finds, without touching the cache.
    pub(crate) fn cold(&self) -> UsageCache {
        let locations =
            Locations { cache: "/elsewhere/none.jsonl".into(), ..self.options.locations.clone() };
        let options = Options { locations, ..self.options.clone() };
        // Nothing is saved where nothing can be created.
        let faults = Arc::new(DenyWrites);
        let fs = ObservedFs::new(self.sim.fs.clone(), faults);
        refresh(Host { fs: &fs, ..self.sim.host() }, &options).usage
    }
}

/// Does something before an operation on a path.
struct JustBefore<F> {
    op: Op,
    path: PathBuf,
    /// How many such operations come first.
    skip: AtomicUsize,
    act: Mutex<Option<F>>,
}

impl<F: FnOnce() + Send> Observer for JustBefore<F> {
    fn before(&self, call: Call<'_>) -> Decision {
        let is_meant = call.op == self.op && call.path == self.path;
        if is_meant && self.skip.fetch_sub(1, Ordering::Relaxed) == 0 {
            let act = self.act.lock().unwrap().take();
            if let Some(act) = act {
                act();
            }
        }
        Decision::Proceed
    }
}

struct DenyWrites;

impl Observer for DenyWrites {
    fn before(&self, call: Call<'_>) -> Decision {
        match call.op {
            Op::OpenDir | Op::List | Op::Stat | Op::Open | Op::Read | Op::ReadLink => {
                Decision::Proceed
            }
            _ => Decision::Fail(Errno::ROFS),
        }
    }
}

pub(crate) fn refresh(host: Host<'_>, options: &Options) -> Refreshed {
    usage_cache::refresh(host, options, &mut |_| ControlFlow::Continue(()))
}

pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(SESSIONS).join(name)
}

/// All days in UTC at no prices, gone transcripts included.
pub(crate) fn all(usage: &UsageCache) -> Summary {
    usage.summary(&Query::all(Zone::utc()), &Prices::none())
}

/// The same without gone transcripts.
pub(crate) fn present(usage: &UsageCache) -> Summary {
    usage.summary(&Query { gone: Gone::Exclude, ..Query::all(Zone::utc()) }, &Prices::none())
}

/// Total tokens, gone transcripts included.
pub(crate) fn tokens(usage: &UsageCache) -> u64 {
    all(usage).totals.tokens.total
}

/// A line that records an answer with so many tokens and a cost of a thousandth of a dollar
/// each.
pub(crate) fn answer(tokens: u64) -> String {
    answer_at("2026-02-05T12:00:00.000Z", tokens)
}

pub(crate) fn answer_at(time: &str, tokens: u64) -> String {
    let cost = format!("{}.{:03}", tokens / 1_000, tokens % 1_000);
    format!(
        "{{\"type\":\"message\",\"timestamp\":\"{time}\",\"message\":{{\"role\":\"assistant\",\
         \"provider\":\"openai\",\"model\":\"gpt-5.5\",\"usage\":{{\"input\":{tokens},\
         \"cost\":{{\"total\":{cost}}}}}}}}}\n"
    )
}

/// A first line that tells sessions apart.
pub(crate) fn session(id: &str) -> String {
    format!("{{\"type\":\"session\",\"version\":1,\"id\":\"{id}\"}}\n")
}
