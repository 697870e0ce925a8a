//! What the benchmarks run on: made-up transcripts on real files.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

pub mod agent;

use std::{
    num::NonZeroUsize,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use common_fs::Host;
use demo_corpus::Corpus;
use tempfile::TempDir;
use usage_cache::{Claude, Codex, Locations, OpenClaw, Options, Place, Refreshed, Source};

/// Whose transcripts.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Runtime {
    OpenClaw,
    Claude,
    Codex,
}

impl Runtime {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::OpenClaw, Self::Claude, Self::Codex];

    /// What `usage-cache` knows of it.
    pub fn source(self) -> &'static dyn Source {
        match self {
            Self::OpenClaw => &OpenClaw,
            Self::Claude => &Claude,
            Self::Codex => &Codex,
        }
    }

    fn files(self, corpus: Corpus) -> Box<dyn Iterator<Item = demo_corpus::File>> {
        match self {
            Self::OpenClaw => Box::new(corpus.openclaw()),
            Self::Claude => Box::new(corpus.claude()),
            Self::Codex => Box::new(corpus.codex()),
        }
    }
}

/// Transcripts in a temporary directory, and a cache.
pub struct Home {
    runtime: Runtime,
    dir: TempDir,
    transcripts: Vec<PathBuf>,
    /// The size of the transcripts when they were made.
    pub bytes: u64,
}

impl Home {
    /// A directory with the transcripts of a corpus.
    pub fn new(runtime: Runtime, corpus: Corpus) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (mut transcripts, mut bytes) = (Vec::new(), 0);
        for file in runtime.files(corpus) {
            let path = dir.path().join(&file.path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            bytes += file.content.len() as u64;
            fs_err::write(&path, file.content).unwrap();
            transcripts.push(path);
        }
        Self { runtime, dir, transcripts, bytes }
    }

    /// Refreshes the cache with so many threads.
    pub fn refresh(&self, threads: usize) -> Refreshed {
        let options = Options {
            threads: NonZeroUsize::new(threads).unwrap(),
            ..Options::new(self.locations())
        };
        usage_cache::refresh(Host::real(), &options, &mut |_| ControlFlow::Continue(()))
    }

    /// Where everything is.
    pub fn locations(&self) -> Locations {
        let places = vec![Place::new(self.runtime.source(), self.dir.path())];
        Locations { cache: self.cache(), ..Locations::new(places, self.dir.path()) }
    }

    /// Looks at each transcript once, in so many threads, and does nothing else: what no refresh
    /// can do without.
    pub fn look_at_all(&self, threads: usize) -> u64 {
        let size = |path: &PathBuf| fs_err::metadata(path).unwrap().len();
        let parts = self.transcripts.chunks(self.transcripts.len().div_ceil(threads));
        std::thread::scope(|scope| {
            let looks = parts.map(|part| scope.spawn(move || part.iter().map(size).sum::<u64>()));
            looks.collect::<Vec<_>>().into_iter().map(|look| look.join().unwrap()).sum()
        })
    }

    /// Forgets what is known.
    pub fn remove_cache(&self) {
        fs_err::remove_file(self.cache()).ok();
    }

    /// Appends the same text to every `step`-th transcript.
    pub fn append(&self, step: usize, text: &[u8]) {
        use std::io::Write as _;
        for path in self.transcripts.iter().step_by(step) {
            let mut file = fs_err::OpenOptions::new().append(true).open(path).unwrap();
            file.write_all(text).unwrap();
        }
    }

    fn cache(&self) -> PathBuf {
        self.dir.path().join("usage-cache.jsonl")
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}
