use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a sample or a restart is no measurement (seed 003, `GatewayRestartFailureCode`).
///
/// For a sample the first one that happens counts; for a restart, the first one in this order:
/// `restart_child_exited`, `next_healthz_timeout`, `next_readyz_timeout`, `ready_log_timeout`,
/// `trace_missing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// `/healthz` did not answer 200 after the start. Also said of a gateway that crashed then.
    InitialHealthzTimeout,
    /// The gateway did not say that it listens and that it is ready.
    InitialReadyLogTimeout,
    /// `/readyz` did not answer 200 after the start.
    InitialReadyzTimeout,
    /// The time of the sample was over before all restarts were begun.
    RestartDeadlineTimeout,
    /// The intent could not be written, or the signal not be sent.
    RestartSignalFailed,
    /// The process ended.
    RestartChildExited,
    /// `/healthz` did not answer 200 again.
    NextHealthzTimeout,
    /// `/readyz` did not answer 200 again.
    NextReadyzTimeout,
    /// The gateway did not say that it is ready again.
    ReadyLogTimeout,
    /// There was no `restart.ready.total` in the restart trace.
    TraceMissing,
    /// The process ended with another code than zero when it was stopped.
    ChildNonzeroExit,
    /// The files of the sample could not be removed.
    CleanupFailed,
}

impl FailureCode {
    /// The code as reports have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InitialHealthzTimeout => "initial_healthz_timeout",
            Self::InitialReadyLogTimeout => "initial_ready_log_timeout",
            Self::InitialReadyzTimeout => "initial_readyz_timeout",
            Self::RestartDeadlineTimeout => "restart_deadline_timeout",
            Self::RestartSignalFailed => "restart_signal_failed",
            Self::RestartChildExited => "restart_child_exited",
            Self::NextHealthzTimeout => "next_healthz_timeout",
            Self::NextReadyzTimeout => "next_readyz_timeout",
            Self::ReadyLogTimeout => "ready_log_timeout",
            Self::TraceMissing => "trace_missing",
            Self::ChildNonzeroExit => "child_nonzero_exit",
            Self::CleanupFailed => "cleanup_failed",
        }
    }
}

impl fmt::Display for FailureCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_the_same_name_everywhere() {
        for code in [
            FailureCode::InitialHealthzTimeout,
            FailureCode::InitialReadyLogTimeout,
            FailureCode::InitialReadyzTimeout,
            FailureCode::RestartDeadlineTimeout,
            FailureCode::RestartSignalFailed,
            FailureCode::RestartChildExited,
            FailureCode::NextHealthzTimeout,
            FailureCode::NextReadyzTimeout,
            FailureCode::ReadyLogTimeout,
            FailureCode::TraceMissing,
            FailureCode::ChildNonzeroExit,
            FailureCode::CleanupFailed,
        ] {
            assert_eq!(serde_json::to_value(code).unwrap(), code.name());
        }
    }
}
