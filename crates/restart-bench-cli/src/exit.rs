//! What the exit status says.

use std::process::ExitCode;

use clap::error::ErrorKind;
use restart_bench::record::Failure;

/// How a measurement or a comparison ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    /// All is well.
    Fine,
    /// There is not enough to say anything.
    NotEnough,
    /// A threshold is exceeded, or it is worse than it was.
    Exceeded,
    /// The server did not restart as it should.
    Failed,
}

impl Ending {
    pub(crate) fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Fine => 0,
            Self::Failed => 2,
            Self::Exceeded => 3,
            Self::NotEnough => 4,
        })
    }

    pub(crate) fn of(failure: Failure) -> Self {
        match failure {
            Failure::StartTimeout
            | Failure::PortTaken
            | Failure::TriggerFailed
            | Failure::Exited
            | Failure::ReadyTimeout => Self::Failed,
            Failure::RestartNotObserved | Failure::ObserverUnfit => Self::NotEnough,
        }
    }
}

/// Wrong usage, or help, which is none. The other programs of this workspace exit with 2 for it, which
/// says something else here.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    error.print().ok();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
