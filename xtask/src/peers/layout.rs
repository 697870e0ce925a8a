//! Where runtimes keep their transcripts, and how many of them are made up.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use demo_corpus::{Corpus, File};

use super::Scale;

/// A runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Layout {
    Claude,
    Codex,
    Openclaw,
}

impl Layout {
    pub(super) const ALL: [Self; 3] = [Self::Claude, Self::Codex, Self::Openclaw];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Openclaw => "openclaw",
        }
    }

    /// As people call it.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Claude => "Claude Code",
            Self::Codex => "Codex",
            Self::Openclaw => "OpenClaw",
        }
    }

    /// The directory of the runtime below a home directory.
    pub(super) fn root(self, home: &Path) -> PathBuf {
        home.join(format!(".{}", self.name()))
    }

    /// Where somebody who has made transcripts says what they add up to.
    pub(super) fn truth_path(self, home: &Path) -> PathBuf {
        home.join(format!(".truth/{}.json", self.name()))
    }

    /// The files below [`root`](Self::root).
    pub(super) fn files(self, scale: Scale) -> Box<dyn Iterator<Item = File>> {
        let corpus = Corpus { sessions: scale.sessions(), days: 90, ..Corpus::SMALL };
        let corpus = Corpus { answers_median: self.answers_median(scale), ..corpus };
        match self {
            Self::Claude => Box::new(corpus.claude()),
            Self::Codex => Box::new(corpus.codex()),
            Self::Openclaw => Box::new(corpus.openclaw()),
        }
    }

    /// So many that 8,190 transcripts have about 1.5 GB and 60,607 about 3.6 GB: that is what the
    /// reports had which this is about.
    fn answers_median(self, scale: Scale) -> u32 {
        match (scale, self) {
            (Scale::Small | Scale::Seed, Self::Claude) => 15,
            (Scale::Small | Scale::Seed, Self::Codex) => 19,
            (Scale::Small | Scale::Seed, Self::Openclaw) => 21,
            (Scale::Large, Self::Claude) => 5,
            (Scale::Large, Self::Codex) => 6,
            (Scale::Large, Self::Openclaw) => 7,
        }
    }
}
