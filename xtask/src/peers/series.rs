//! Both programs in all states, in turn.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use cli_support::{Interrupt, text};
use common_fs::{Clock as _, SystemClock};
use serde::Serialize;

use super::{
    check,
    corpus::{Corpus, Origin},
    explain::{Difference, difference},
    layout::Layout,
    machine::Ticks,
    progress,
    report::OfCorpus,
    sample::{Sample, medians},
    tokens::Tokens,
    tool::{Tool, Tools},
};

/// What was looked at within so long of a change is looked at again; see `usage-cache`'s
/// `freshness`. A person does not ask twice so soon.
const SETTLE: Duration = Duration::from_millis(2_100);

/// What has changed since the last report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum State {
    /// There was none: there is no cache.
    Cold,
    Unchanged,
    /// One transcript in a hundred has another answer.
    OneInAHundredGrew,
    AllGrew,
}

impl State {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Unchanged => "unchanged",
            Self::OneInAHundredGrew => "1 % grew",
            Self::AllGrew => "all grew",
        }
    }
}

/// What was measured in one state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OfState {
    pub(super) state: State,
    pub(super) grown_files: u64,
    /// What the transcripts add up to.
    pub(super) truth: Tokens,
    pub(super) ours: OfTool,
    pub(super) peer: OfTool,
}

/// What was measured of one program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OfTool {
    /// Of all runs.
    pub(super) median: Sample,
    pub(super) runs: Vec<Sample>,
    /// Of the first run that did not count what is there.
    pub(super) difference: Option<Difference>,
}

/// How it is measured.
pub(super) struct Series<'temp> {
    /// Where transcripts are made.
    pub(super) temp: &'temp Path,
    pub(super) tools: &'temp Tools,
    pub(super) runs: u32,
    pub(super) interrupt: &'temp Interrupt,
}

impl Series<'_> {
    /// All states, on transcripts that are made for it and removed afterwards.
    pub(super) fn of(&self, layout: Layout, origin: &Origin) -> anyhow::Result<OfCorpus> {
        let title = layout.title();
        progress(&format!("{title}: writing transcripts"));
        let home = self.temp.join("home");
        let mut corpus = Corpus::create(home, layout, origin, self.interrupt)?;
        let (files, size) = (text::counted(corpus.file_count, "transcript"), corpus.bytes);
        progress(&format!("{title}: {files}, {}", text::bytes(size)));
        let mut report = OfCorpus::new(&corpus);

        // The first run of all may have to wait for the disk, and for the program itself.
        self.tools.peer.run(&corpus.home)?;
        self.tools.ours.run(&corpus.home)?;
        report.states.push(self.state(&corpus, State::Cold, 0, Tool::forget)?);
        report.others += self.settle(&corpus)?;
        report.states.push(self.state(&corpus, State::Unchanged, 0, |_| Ok(()))?);
        for (state, one_in) in [(State::OneInAHundredGrew, 100), (State::AllGrew, 1)] {
            report.others += self.settle(&corpus)?;
            self.tools.ours.keep()?;
            let grown = corpus.append(one_in, self.interrupt)?;
            report.states.push(self.state(&corpus, state, grown, Tool::restore)?);
        }
        Ok(report)
    }

    /// Reads whatever may have changed while it was read. Returns what others did meanwhile.
    fn settle(&self, corpus: &Corpus) -> anyhow::Result<Ticks> {
        let before = Ticks::now()?;
        SystemClock.sleep(SETTLE);
        let others = Ticks::now()?.since(before);
        if others.is_busy() {
            progress(
                "this machine does other things, too: times will be longer than they have to be",
            );
        }
        check(self.interrupt)?;
        self.tools.ours.run(&corpus.home)?;
        Ok(others)
    }

    /// Runs both in turn, ours each time after `prepare`.
    fn state(
        &self,
        corpus: &Corpus,
        state: State,
        grown_files: u64,
        prepare: fn(&Tool) -> anyhow::Result<()>,
    ) -> anyhow::Result<OfState> {
        let Tools { ours: our_tool, peer: peer_tool } = self.tools;
        let (mut ours, mut peer) = (Vec::new(), Vec::new());
        for nth in 0..self.runs {
            let (title, runs) = (corpus.layout.title(), self.runs);
            progress(&format!("{title}, {}: run {} of {runs}", state.words(), nth + 1));
            // Whoever comes second may find the machine warmer.
            let turns: [bool; 2] =
                if nth.is_multiple_of(2) { [true, false] } else { [false, true] };
            for is_ours in turns {
                check(self.interrupt)?;
                if is_ours {
                    prepare(our_tool)?;
                    ours.push(our_tool.run(&corpus.home)?);
                } else {
                    peer.push(peer_tool.run(&corpus.home)?);
                }
            }
        }
        Ok(OfState {
            state,
            grown_files,
            truth: corpus.truth,
            ours: OfTool::new(&ours, corpus)?,
            peer: OfTool::new(&peer, corpus)?,
        })
    }
}

impl OfTool {
    fn new(runs: &[(Sample, Tokens)], corpus: &Corpus) -> anyhow::Result<Self> {
        let samples: Vec<_> = runs.iter().map(|(sample, _)| *sample).collect();
        let mut differences =
            runs.iter().filter_map(|(_, tokens)| difference(*tokens, corpus.truth, &corpus.habits));
        Ok(Self {
            median: medians(&samples).context("nothing was measured")?,
            difference: differences.next(),
            runs: samples,
        })
    }
}
