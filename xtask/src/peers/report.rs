//! All that was measured, and whether it is what was aimed at.

use cli_support::text;
use common_fs::{Clock as _, SystemClock};
use serde::Serialize;

use super::{
    corpus::Corpus,
    machine::{Machine, Ticks},
    sample::Sample,
    series::{OfState, OfTool, State},
    tool::Tools,
};

/// How many times faster than the peer is aimed at.
const COLD_SPEED: f64 = 2.0;
const UNCHANGED_SPEED: f64 = 20.0;

/// The document that `--json` prints.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    /// When the measurements began, in UTC.
    pub(super) date: String,
    /// What was typed to get this.
    pub(super) command: String,
    pub(super) machine: Machine,
    /// How much of all processors others took while nothing was measured, from 0 to 1.
    pub(super) others_share: f64,
    #[serde(skip)]
    pub(super) others: Ticks,
    pub(super) ours: Described,
    pub(super) peer: Described,
    /// How often each program ran in each state.
    pub(super) runs: u32,
    pub(super) targets: Vec<Target>,
    pub(super) corpora: Vec<OfCorpus>,
}

/// A program.
#[derive(Debug, Serialize)]
pub(super) struct Described {
    pub(super) name: &'static str,
    pub(super) version: String,
    pub(super) command: String,
}

/// What was measured with the transcripts of one runtime.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OfCorpus {
    pub(super) scale: String,
    pub(super) runtime: &'static str,
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) traps: Vec<String>,
    /// What others did while nothing was measured.
    #[serde(skip)]
    pub(super) others: Ticks,
    pub(super) states: Vec<OfState>,
}

/// What was aimed at, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Target {
    pub(super) scale: String,
    pub(super) runtime: &'static str,
    pub(super) goal: Goal,
    /// What the peer takes, in units of what we take. For memory, in the state in which that is least.
    pub(super) ratio: f64,
    pub(super) is_reached: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Goal {
    ColdSpeed,
    UnchangedSpeed,
    Memory,
}

impl Report {
    pub(super) fn new(machine: Machine, tools: &Tools, runs: u32) -> Self {
        let [ours, peer] = [&tools.ours, &tools.peer].map(|tool| Described {
            name: tool.name,
            version: tool.version.clone(),
            command: tool.command(),
        });
        let arguments: Vec<_> = std::env::args().skip(1).collect();
        Self {
            date: text::iso(SystemClock.now()),
            command: format!("cargo xtask {}", arguments.join(" ")),
            machine,
            others_share: 0.0,
            others: Ticks::default(),
            ours,
            peer,
            runs,
            targets: Vec::new(),
            corpora: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, corpus: OfCorpus) {
        self.others += corpus.others;
        self.others_share = self.others.share();
        self.targets.extend(corpus.targets());
        self.corpora.push(corpus);
    }

    /// Whether we count what is there, in all runs.
    pub(super) fn ours_is_exact(&self) -> bool {
        let mut states = self.corpora.iter().flat_map(|corpus| &corpus.states);
        states.all(|state| state.ours.difference.is_none())
    }
}

impl OfCorpus {
    pub(super) fn new(corpus: &Corpus) -> Self {
        Self {
            scale: corpus.scale.clone(),
            runtime: corpus.layout.title(),
            files: corpus.file_count,
            bytes: corpus.bytes,
            traps: corpus.traps.clone(),
            others: Ticks::default(),
            states: Vec::new(),
        }
    }

    fn targets(&self) -> Vec<Target> {
        let target = |goal, ratio, is_reached| Target {
            scale: self.scale.clone(),
            runtime: self.runtime,
            goal,
            ratio,
            is_reached,
        };
        let speed = |of: State, goal, least: f64| {
            let state = self.states.iter().find(|state| state.state == of)?;
            let ratio = state.ratio(|sample| sample.wall_micros);
            Some(target(goal, ratio, least <= ratio))
        };
        let memory = self.states.iter().map(|state| state.ratio(|sample| sample.peak_memory_bytes));
        let memory = memory.min_by(f64::total_cmp);
        [
            speed(State::Cold, Goal::ColdSpeed, COLD_SPEED),
            speed(State::Unchanged, Goal::UnchangedSpeed, UNCHANGED_SPEED),
            memory.map(|ratio| target(Goal::Memory, ratio, 1.0 < ratio)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl OfState {
    /// What the peer takes, in units of what we take.
    pub(super) fn ratio(&self, number: fn(&Sample) -> u64) -> f64 {
        let of = |tool: &OfTool| number(&tool.median);
        #[expect(clippy::cast_precision_loss, reason = "a ratio, to be read by people")]
        let ratio = of(&self.peer) as f64 / of(&self.ours).max(1) as f64;
        ratio
    }
}

impl Goal {
    pub(super) fn words(self) -> String {
        match self {
            Self::ColdSpeed => format!("cold: at least {COLD_SPEED} times as fast"),
            Self::UnchangedSpeed => format!("unchanged: at least {UNCHANGED_SPEED} times as fast"),
            Self::Memory => "less memory in every state".to_owned(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::peers::tokens::Tokens;

    fn tool(wall_micros: u64, peak_memory_bytes: u64) -> OfTool {
        let sample = Sample { wall_micros, cpu_micros: 2 * wall_micros, peak_memory_bytes };
        OfTool { median: sample, runs: vec![sample], difference: None }
    }

    /// Walls in milliseconds and memory in megabytes, of us and the peer.
    fn of_state(state: State, ours: (u64, u64), peer: (u64, u64)) -> OfState {
        let tool = |(millis, megabytes)| tool(millis * 1_000, megabytes * 1_000_000);
        let truth = Tokens { input: 1_234, output: 56, cache_write: 0, cache_read: 7 };
        OfState { state, grown_files: 0, truth, ours: tool(ours), peer: tool(peer) }
    }

    pub(in crate::peers) fn report(states: Vec<OfState>) -> Report {
        let described = |name, command: &str| Described {
            name,
            version: format!("{name} 1.2.3"),
            command: command.to_owned(),
        };
        let mut report = Report {
            date: "2026-11-28T12:00:00Z".to_owned(),
            command: "cargo xtask peers usage".to_owned(),
            machine: Machine {
                cores: 2,
                cpu: "Some CPU".to_owned(),
                memory_bytes: 8 << 30,
                kernel: "Linux 6.18".to_owned(),
            },
            others_share: 0.0,
            others: Ticks::default(),
            ours: described("usage-cache", "usage-cache daily --json"),
            peer: described("ccusage", "ccusage daily --json --offline"),
            runs: 5,
            targets: Vec::new(),
            corpora: Vec::new(),
        };
        report.add(OfCorpus {
            scale: "seed".to_owned(),
            runtime: "Codex",
            files: 8_190,
            bytes: 1_500_000_000,
            traps: Vec::new(),
            others: Ticks::default(),
            states,
        });
        report
    }

    pub(in crate::peers) fn two_states() -> Vec<OfState> {
        vec![
            of_state(State::Cold, (500, 60), (1_500, 120)),
            of_state(State::Unchanged, (20, 30), (390, 24)),
        ]
    }

    #[test]
    fn targets_are_reached_or_not() {
        let targets = report(two_states()).targets;
        let found: Vec<_> =
            targets.iter().map(|target| (target.goal, target.ratio, target.is_reached)).collect();
        assert_eq!(
            found,
            [
                (Goal::ColdSpeed, 3.0, true),
                (Goal::UnchangedSpeed, 19.5, false),
                (Goal::Memory, 0.8, false),
            ]
        );
    }

    #[test]
    fn only_our_differences_are_our_fault() {
        let difference = crate::peers::explain::difference(
            Tokens::default(),
            Tokens { input: 1, ..Tokens::default() },
            &[],
        );
        let mut states = two_states();
        states[1].peer.difference.clone_from(&difference);
        assert!(report(states.clone()).ours_is_exact());
        states[1].ours.difference = difference;
        assert!(!report(states).ours_is_exact());
    }
}
