use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{EndpointSummary, Micros, RestartSummary, Summary};

/// A number that each restart has. Less is better, always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// For how long the server was of no use, all outages together, in milliseconds.
    Downtime,
    /// The longest outage, in milliseconds.
    Longest,
    /// From the trigger until it was of use again for the first time, in milliseconds.
    FirstOk,
    /// From the trigger until it was of use for good, in milliseconds.
    Stable,
    /// How many probes failed.
    Failed,
    /// How long the slowest of those waited who were served, in milliseconds.
    Wait,
    /// Processor time, in milliseconds.
    Cpu,
}

impl Metric {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Downtime,
        Self::Longest,
        Self::FirstOk,
        Self::Stable,
        Self::Failed,
        Self::Wait,
        Self::Cpu,
    ];

    /// Its name in thresholds and documents.
    pub fn name(self) -> &'static str {
        match self {
            Self::Downtime => "downtime",
            Self::Longest => "longest",
            Self::FirstOk => "first-ok",
            Self::Stable => "stable",
            Self::Failed => "failed",
            Self::Wait => "wait",
            Self::Cpu => "cpu",
        }
    }

    /// Whether it is a time.
    pub fn is_time(self) -> bool {
        self != Self::Failed
    }

    /// Its value of one restart, if it has one.
    pub fn of(self, restart: &RestartSummary) -> Option<f64> {
        let endpoint = restart.endpoint();
        let of_endpoint =
            |of: fn(&EndpointSummary) -> Option<Micros>| Some(of(endpoint?)?.as_millis());
        match self {
            Self::Downtime => Some(restart.downtime_us?.as_millis()),
            Self::Longest => of_endpoint(|endpoint| Some(endpoint.longest_us)),
            Self::FirstOk => of_endpoint(|endpoint| endpoint.first_ok_us),
            Self::Stable => of_endpoint(|endpoint| endpoint.stable_us),
            #[expect(clippy::cast_precision_loss, reason = "a count of probes")]
            Self::Failed => Some(endpoint?.failed as f64),
            Self::Wait => Some(endpoint?.wait_ms?.max),
            Self::Cpu => Some(restart.cpu_us?.as_millis()),
        }
    }

    /// Its values of all restarts that count.
    pub fn values(self, summary: &Summary) -> Vec<f64> {
        summary.counted().filter_map(|restart| self.of(restart)).collect()
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.name() == name)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
