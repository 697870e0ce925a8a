//! How gateways of OpenClaw are started and restarted for a measurement, by their version.
//!
//! The protocol has changed twice:
//!
//! | Version | Restarted by | [`Protocol`] |
//! |---|---|---|
//! | up to 2026.6.8 | an announcement in a file, then `SIGUSR1` | [`JsonIntent`](Protocol::JsonIntent) |
//! | up to 2026.9.5 | `SIGUSR1`, which is put off until 30 s after the one before | [`Usr1`](Protocol::Usr1) |
//! | from 2026.9.6 on | `SIGUSR2` | [`Usr2`](Protocol::Usr2) |
//!
//! The wrong one is worse than none: `SIGUSR1` opens the debugger of Node in the last of these, and
//! nothing restarts. What was measured then has no [`evidence()`](crate::evidence()).
//!
//! ```
//! use restart_bench::preset::{Preset, Protocol};
//!
//! let preset: Preset = "openclaw-auto".parse()?;
//! assert_eq!(preset.protocol(Some("2026.5.20"))?, Protocol::JsonIntent);
//! assert_eq!(preset.protocol(Some("2026.9.6"))?, Protocol::Usr2);
//! # Ok::<(), restart_bench::preset::PresetError>(())
//! ```
//!
//! A [`Plan`] is all that a [`Task`](crate::Task) needs to know of a gateway.

mod package;
mod plan;
mod port;
mod version;

use std::{str::FromStr, time::Duration};

use rustix::process::Signal;

pub use package::{PackageError, package_version};
pub use plan::{Place, Plan, plan};
pub use port::free_port;
pub use version::Version;

/// Which gateways are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// Those up to 2026.6.8.
    OpenclawJson,
    /// Those from 2026.9.6 on.
    OpenclawSigusr2,
    /// Any, by its version.
    OpenclawAuto,
}

/// Why a preset cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PresetError {
    /// There is none of this name.
    #[error(
        "there is no preset `{0}`; there are openclaw-json, openclaw-sigusr2 and openclaw-auto"
    )]
    Unknown(String),
    /// It depends on the version, which is not known.
    #[error("openclaw-auto needs a version like 2026.9.6; use openclaw-json or openclaw-sigusr2")]
    NoVersion,
    /// That is no version of OpenClaw.
    #[error("`{0}` is no version like 2026.9.6; use openclaw-json or openclaw-sigusr2")]
    NotAVersion(String),
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::OpenclawJson, Self::OpenclawSigusr2, Self::OpenclawAuto];

    /// What it is called on a command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenclawJson => "openclaw-json",
            Self::OpenclawSigusr2 => "openclaw-sigusr2",
            Self::OpenclawAuto => "openclaw-auto",
        }
    }

    /// How a gateway of this `version` is restarted. Only [`OpenclawAuto`](Self::OpenclawAuto) has to
    /// know it.
    pub fn protocol(self, version: Option<&str>) -> Result<Protocol, PresetError> {
        match self {
            Self::OpenclawJson => Ok(Protocol::JsonIntent),
            Self::OpenclawSigusr2 => Ok(Protocol::Usr2),
            Self::OpenclawAuto => {
                let text = version.ok_or(PresetError::NoVersion)?;
                let version = Version::parse(text);
                let version = version.ok_or_else(|| PresetError::NotAVersion(text.to_owned()))?;
                Ok(Protocol::of(version))
            }
        }
    }
}

impl FromStr for Preset {
    type Err = PresetError;

    fn from_str(text: &str) -> Result<Self, PresetError> {
        let preset = Self::ALL.into_iter().find(|preset| preset.name() == text);
        preset.ok_or_else(|| PresetError::Unknown(text.to_owned()))
    }
}

/// How a gateway is told to restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The file [`INTENT_FILE`](crate::seed::INTENT_FILE) in its state directory, then `SIGUSR1`.
    JsonIntent,
    /// `SIGUSR1` alone. The gateway wants an announcement in its database for one that is carried
    /// out at once; without it, it waits until 30 s after the last restart.
    Usr1,
    /// `SIGUSR2` alone, at any time.
    Usr2,
}

/// The last version that reads the file.
const JSON_LAST: Version = Version::new(2026, 6, 8);

/// The first version that is restarted by `SIGUSR2`.
const USR2_FIRST: Version = Version::new(2026, 9, 6);

/// How long a gateway puts off a `SIGUSR1` that was not announced. It would look like 30 s of restart.
const COOLDOWN: Duration = Duration::from_secs(30);

impl Protocol {
    /// That of this version. Of versions that nobody has looked at, it is that of the versions around.
    pub fn of(version: Version) -> Self {
        if version <= JSON_LAST {
            Self::JsonIntent
        } else if version < USR2_FIRST {
            Self::Usr1
        } else {
            Self::Usr2
        }
    }

    /// The signal.
    pub const fn signal(self) -> Signal {
        match self {
            Self::JsonIntent | Self::Usr1 => Signal::USR1,
            Self::Usr2 => Signal::USR2,
        }
    }

    /// How far apart two restarts have to be.
    pub const fn spacing(self) -> Duration {
        match self {
            Self::Usr1 => COOLDOWN,
            Self::JsonIntent | Self::Usr2 => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_have_names() {
        for preset in Preset::ALL {
            assert_eq!(preset.name().parse(), Ok(preset));
        }
        assert_eq!("generic".parse::<Preset>(), Err(PresetError::Unknown("generic".to_owned())));
    }

    #[test]
    fn versions_have_protocols() {
        let table = [
            ("2025.12.31", Protocol::JsonIntent, 0),
            ("2026.5.20", Protocol::JsonIntent, 0),
            ("2026.6.8", Protocol::JsonIntent, 0),
            ("2026.6.8-1", Protocol::JsonIntent, 0),
            ("2026.6.11", Protocol::Usr1, 30),
            ("2026.9.5", Protocol::Usr1, 30),
            ("2026.9.6", Protocol::Usr2, 0),
            ("2026.10.1", Protocol::Usr2, 0),
            ("2027.1.0", Protocol::Usr2, 0),
        ];
        for (version, protocol, seconds) in table {
            assert_eq!(Preset::OpenclawAuto.protocol(Some(version)), Ok(protocol), "{version}");
            assert_eq!(protocol.spacing(), Duration::from_secs(seconds), "{version}");
        }
        assert_eq!(Protocol::Usr2.signal(), Signal::USR2);
        assert_eq!(Protocol::Usr1.signal(), Signal::USR1);
    }

    #[test]
    fn only_one_preset_depends_on_the_version() {
        assert_eq!(Preset::OpenclawJson.protocol(None), Ok(Protocol::JsonIntent));
        assert_eq!(Preset::OpenclawSigusr2.protocol(Some("?")), Ok(Protocol::Usr2));
        let auto = Preset::OpenclawAuto;
        assert_eq!(auto.protocol(None), Err(PresetError::NoVersion));
        assert_eq!(auto.protocol(Some("1")), Err(PresetError::NotAVersion("1".to_owned())));
    }
}
