use std::fmt;

use serde::{Deserialize, Serialize, de};

use crate::Micros;

/// One attempt to use the server, on a connection of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Probe {
    /// When it was to begin.
    pub intended_us: Micros,
    /// When it began: its first packet was sent.
    pub started_us: Micros,
    /// When it was known how it ended.
    pub finished_us: Micros,
    /// How it ended.
    pub outcome: Outcome,
    /// For how long the server says it is up, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptime_ms: Option<u64>,
}

/// How a probe ended.
///
/// In documents it is a word: `ok`, the status of an answer that is not the expected one (`503`),
/// `refused`, `reset`, `timeout`, or what else it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The expected answer came in time.
    Ok,
    /// Another answer came: the server is there and says no.
    NotReady {
        /// Its status.
        status: u16,
    },
    /// Nobody listens.
    Refused,
    /// Somebody listened, and hung up without an answer.
    Reset,
    /// No answer came in time.
    Timeout,
    /// Something else.
    Other(Odd),
}

/// What is neither an answer nor the usual way to get none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Odd {
    /// What came is no HTTP.
    NoHttp,
    /// More came than anybody would read.
    TooLong,
    /// This side could not even try: no more sockets, no address, no route.
    Local,
}

/// What a failure says of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// It answers, and is not ready.
    Draining,
    /// Its listener is closed.
    Closed,
    /// Its listener is open, and nobody serves it.
    Blocked,
    /// None of these.
    Other,
}

impl Outcome {
    /// Whether the server was of use.
    pub fn is_ok(self) -> bool {
        self == Self::Ok
    }

    /// What it says of the server, if it is a failure.
    pub fn class(self) -> Option<Class> {
        match self {
            Self::Ok => None,
            Self::NotReady { .. } => Some(Class::Draining),
            Self::Refused | Self::Reset => Some(Class::Closed),
            Self::Timeout => Some(Class::Blocked),
            Self::Other(_) => Some(Class::Other),
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "ok" => Self::Ok,
            "refused" => Self::Refused,
            "reset" => Self::Reset,
            "timeout" => Self::Timeout,
            "no-http" => Self::Other(Odd::NoHttp),
            "too-long" => Self::Other(Odd::TooLong),
            "local" => Self::Other(Odd::Local),
            status => Self::NotReady { status: status.parse().ok()? },
        })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::NotReady { status } => return write!(f, "{status}"),
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Other(Odd::NoHttp) => "no-http",
            Self::Other(Odd::TooLong) => "too-long",
            Self::Other(Odd::Local) => "local",
        })
    }
}

impl Serialize for Outcome {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Outcome {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = String::deserialize(from)?;
        Self::parse(&word).ok_or_else(|| de::Error::custom(format!("no outcome: `{word}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_words() {
        let table = [
            (Outcome::Ok, "ok", None),
            (Outcome::NotReady { status: 503 }, "503", Some(Class::Draining)),
            (Outcome::Refused, "refused", Some(Class::Closed)),
            (Outcome::Reset, "reset", Some(Class::Closed)),
            (Outcome::Timeout, "timeout", Some(Class::Blocked)),
            (Outcome::Other(Odd::NoHttp), "no-http", Some(Class::Other)),
            (Outcome::Other(Odd::TooLong), "too-long", Some(Class::Other)),
            (Outcome::Other(Odd::Local), "local", Some(Class::Other)),
        ];
        for (outcome, word, class) in table {
            assert_eq!((outcome.to_string().as_str(), outcome.class()), (word, class));
            assert_eq!(Outcome::parse(word), Some(outcome));
        }
        assert_eq!(Outcome::parse("fine"), None);
    }
}
