//! What goes wrong on request.

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

/// What goes wrong with one request.
///
/// As text, for the command line and the header `x-fake-fault`: `400`, `401`, `429`, `429:2`,
/// `500`, `529`, `hang`, `drop`, `drop:3`, `slow:50`, `error:3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// 400: the request is not understood.
    BadRequest,
    /// 401: the credential is not known.
    Unauthorized,
    /// 429, with the whole seconds of a `Retry-After` if there are any.
    RateLimited(Option<u64>),
    /// 500.
    Internal,
    /// 529; with OpenAI's API, which has none, 503.
    Overloaded,
    /// The request is accepted, and never answered.
    Hang,
    /// The connection breaks after so many parts of the answer; with 0 there is no answer at all.
    ///
    /// An answer that is not a stream has two parts.
    Drop(u64),
    /// So much time passes before each part of the answer but the first.
    Slow(Duration),
    /// After so many events a stream says that there is an error, and ends. An answer that is not
    /// a stream is [`Fault::Overloaded`].
    ErrorEvent(u64),
}

/// Not the text of a fault.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is none of 400, 401, 429[:SECONDS], 500, 529, hang, drop[:PARTS], slow:MILLIS, error[:EVENTS]"
)]
pub struct UnknownFault(String);

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, UnknownFault> {
        let unknown = || UnknownFault(text.to_owned());
        let (name, number) = match text.split_once(':') {
            Some((name, number)) => (name, Some(number.parse().map_err(|_| unknown())?)),
            None => (text, None),
        };
        match (name, number) {
            ("400", None) => Ok(Self::BadRequest),
            ("401", None) => Ok(Self::Unauthorized),
            ("429", seconds) => Ok(Self::RateLimited(seconds)),
            ("500", None) => Ok(Self::Internal),
            ("529", None) => Ok(Self::Overloaded),
            ("hang", None) => Ok(Self::Hang),
            ("drop", parts) => Ok(Self::Drop(parts.unwrap_or(0))),
            ("slow", Some(millis)) => Ok(Self::Slow(Duration::from_millis(millis))),
            ("error", events) => Ok(Self::ErrorEvent(events.unwrap_or(0))),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadRequest => f.write_str("400"),
            Self::Unauthorized => f.write_str("401"),
            Self::RateLimited(None) => f.write_str("429"),
            Self::RateLimited(Some(seconds)) => write!(f, "429:{seconds}"),
            Self::Internal => f.write_str("500"),
            Self::Overloaded => f.write_str("529"),
            Self::Hang => f.write_str("hang"),
            Self::Drop(parts) => write!(f, "drop:{parts}"),
            Self::Slow(pause) => write!(f, "slow:{}", pause.as_millis()),
            Self::ErrorEvent(events) => write!(f, "error:{events}"),
        }
    }
}

/// Which requests go wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// By the number of the request, counted from 1.
    pub at: BTreeMap<u64, Fault>,
    /// All others.
    pub otherwise: Option<Fault>,
}

impl Faults {
    /// No request goes wrong.
    pub const NONE: Self = Self { at: BTreeMap::new(), otherwise: None };

    pub(crate) fn of(&self, number: u64) -> Option<Fault> {
        self.at.get(&number).copied().or(self.otherwise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_read_as_it_is_written() {
        for fault in [
            Fault::BadRequest,
            Fault::Unauthorized,
            Fault::RateLimited(None),
            Fault::RateLimited(Some(2)),
            Fault::Internal,
            Fault::Overloaded,
            Fault::Hang,
            Fault::Drop(3),
            Fault::Slow(Duration::from_millis(50)),
            Fault::ErrorEvent(1),
        ] {
            assert_eq!(fault.to_string().parse::<Fault>().unwrap(), fault);
        }
        assert_eq!("drop".parse::<Fault>().unwrap(), Fault::Drop(0));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "404", "hang:1", "slow", "slow:x", "429:-1", "drop:1:2", "500 "] {
            assert!(text.parse::<Fault>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_fault_of_a_number_comes_before_that_of_all() {
        let at = BTreeMap::from([(2, Fault::Hang)]);
        let faults = Faults { at, otherwise: Some(Fault::Internal) };
        assert_eq!(
            [1, 2, 3].map(|number| faults.of(number).unwrap()),
            [Fault::Internal, Fault::Hang, Fault::Internal]
        );
        assert_eq!(Faults::NONE.of(1), None);
    }
}
