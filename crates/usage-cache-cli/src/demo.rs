//! Made-up transcripts, so that everybody can see a report.

use std::path::Path;

use anyhow::Context as _;
use common_fs::{Clock as _, SystemClock};
use demo_corpus::Corpus;
use tempfile::TempDir;
use usage_cache::Locations;

/// Transcripts in a temporary directory, which is removed with this value.
pub(crate) struct Demo {
    dir: TempDir,
}

impl Demo {
    pub(crate) fn create() -> anyhow::Result<Self> {
        let dir = tempfile::tempdir().context("cannot create a temporary directory")?;
        let corpus = Corpus { latest_millis: SystemClock.now().unix_millis(), ..Corpus::SMALL };
        for file in corpus.openclaw() {
            let path = dir.path().join(&file.path);
            fs_err::create_dir_all(path.parent().unwrap_or(dir.path()))?;
            fs_err::write(path, file.content)?;
        }
        Ok(Self { dir })
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn locations(&self) -> Locations {
        Locations {
            openclaw: vec![self.path().to_owned()],
            cache: self.path().join("usage-cache.jsonl"),
        }
    }
}
