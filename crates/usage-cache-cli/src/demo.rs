//! Made-up transcripts, so that everybody can see a report.

use std::path::Path;

use anyhow::Context as _;
use common_fs::{Clock as _, SystemClock};
use demo_corpus::{Corpus, File};
use tempfile::TempDir;
use usage_cache::{Claude, Codex, Locations, OpenClaw, Place};

/// Transcripts in a temporary directory, which is removed with this value.
pub(crate) struct Demo {
    dir: TempDir,
}

impl Demo {
    pub(crate) fn create() -> anyhow::Result<Self> {
        let dir = tempfile::tempdir().context("cannot create a temporary directory")?;
        let corpus = Corpus { latest_millis: SystemClock.now().unix_millis(), ..Corpus::SMALL };
        let of = |seed, sessions| Corpus { seed, sessions, ..corpus };
        let runtimes: [(&str, Box<dyn Iterator<Item = File>>); 3] = [
            ("claude", Box::new(of(1, 40).claude())),
            ("codex", Box::new(of(2, 25).codex())),
            ("openclaw", Box::new(of(3, 15).openclaw())),
        ];
        for (runtime, files) in runtimes {
            let root = dir.path().join(runtime);
            for file in files {
                let path = root.join(&file.path);
                fs_err::create_dir_all(path.parent().unwrap_or(&root))?;
                fs_err::write(path, file.content)?;
            }
        }
        Ok(Self { dir })
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn locations(&self) -> Locations {
        let places = vec![
            Place::new(&Claude, self.path().join("claude")),
            Place::new(&Codex, self.path().join("codex")),
            Place::new(&OpenClaw, self.path().join("openclaw")),
        ];
        Locations::new(places, self.path())
    }
}
