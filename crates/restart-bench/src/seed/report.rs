use std::{
    io,
    time::{Duration, SystemTime},
};

use common_fs::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{js, seed::CaseResult};

/// The report of the seed as JSON. It says neither in which version of its format it is, nor which
/// version of the gateway was measured.
///
/// It can be read as well, with `serde_json`. Without the feature `float_roundtrip` of that, a number
/// may be off by its last digit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payload {
    /// The script of the gateway.
    pub entry: String,
    /// When the report was made; [`iso_time`].
    pub generated_at: String,
    /// The version of Node, such as `v24.21.0`.
    pub node: String,
    /// Where this was.
    pub platform: Platform,
    /// What came of each case.
    pub results: Vec<CaseResult>,
}

/// A machine as Node names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// Such as `x64`.
    pub arch: String,
    /// Such as `linux`.
    pub platform: String,
}

impl Platform {
    /// The machine that Rust calls `arch` and `os`, as in [`std::env::consts`].
    pub fn of(arch: &str, os: &str) -> Self {
        let arch = match arch {
            "x86_64" => "x64",
            "x86" => "ia32",
            "aarch64" => "arm64",
            other => other,
        };
        let platform = match os {
            "macos" => "darwin",
            "windows" => "win32",
            other => other,
        };
        Self { arch: arch.to_owned(), platform: platform.to_owned() }
    }
}

impl Payload {
    /// Writes the report with an indent of two and without an end of the last line; the seed puts
    /// one behind it, in the file and on the standard output.
    pub fn write_json(&self, out: &mut dyn io::Write) -> io::Result<()> {
        js::json::write(self, out)
    }
}

/// A time as `Date.prototype.toISOString` writes it: in UTC and to the millisecond. Times before 1970
/// are written as 1970.
pub fn iso_time(time: Timestamp) -> String {
    let millis = u64::try_from(time.unix_millis()).unwrap_or(0);
    let time = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
    humantime::format_rfc3339_millis(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_to_the_millisecond() {
        let time = |millis| iso_time(Timestamp::from_unix_millis(millis).unwrap());
        assert_eq!(time(1_795_186_668_336), "2026-11-20T14:57:48.336Z");
        assert_eq!(time(-1), "1970-01-01T00:00:00.000Z");
    }
}
