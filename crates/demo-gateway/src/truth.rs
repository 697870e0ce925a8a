//! When the gateway was away, as lines of JSON.

use serde::{Deserialize, Serialize};

/// One time that the gateway was away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Truth {
    /// The restart that it belongs to, counted from one.
    pub restart: u32,
    /// How it was away.
    pub what: What,
    /// From when, in microseconds of `CLOCK_MONOTONIC`.
    pub from_us: u64,
    /// Until when, by the same clock.
    pub until_us: u64,
}

/// How a gateway can be away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum What {
    /// `/readyz` says 503. With [`Mode::ReusePort`](crate::Mode::ReusePort), that of the old
    /// process, beside which the new one may be ready already.
    Draining,
    /// Nobody listens: from before the listener is closed until `listen` has returned.
    Closed,
    /// Somebody listens, and nobody accepts. With [`Mode::ReusePort`](crate::Mode::ReusePort), from
    /// when the old process has closed its listener; a moment before that, the kernel already
    /// gives some clients to the new one, where they wait too.
    Blocked,
}

/// A line that is no [`Truth`].
#[derive(Debug, thiserror::Error)]
#[error("line {line} is not the truth of a gateway")]
pub struct TruthError {
    /// Which line, counted from one.
    line: usize,
    /// What is wrong with it.
    #[source]
    source: serde_json::Error,
}

/// Reads what a gateway wrote with [`Settings::truth`](crate::Settings::truth), in the order in
/// which it became known. A last line without an end, which is still being written, is left out.
pub fn read_truth(text: &str) -> Result<Vec<Truth>, TruthError> {
    let lines = text.split_inclusive('\n').zip(1..);
    let complete = lines.filter(|(line, _)| line.ends_with('\n') || line.ends_with('}'));
    let read = |(line, number): (&str, usize)| {
        serde_json::from_str(line).map_err(|source| TruthError { line: number, source })
    };
    complete.filter(|(line, _)| !line.trim().is_empty()).map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(what: What) -> Truth {
        Truth { restart: 2, what, from_us: 17, until_us: u64::MAX }
    }

    #[test]
    fn lines_come_back_as_they_were() {
        let all = [What::Draining, What::Closed, What::Blocked].map(truth);
        let text: String =
            all.iter().map(|truth| serde_json::to_string(truth).unwrap() + "\n").collect();
        assert_eq!(read_truth(&text).unwrap(), all);
    }

    #[test]
    fn half_a_last_line_is_left_out() {
        let whole = r#"{"restart":2,"what":"closed","fromUs":17,"untilUs":18446744073709551615}"#;
        let text = format!("{whole}\n\n{}", &whole[..30]);
        assert_eq!(read_truth(&text).unwrap(), [truth(What::Closed)]);
        assert_eq!(read_truth(whole).unwrap(), [truth(What::Closed)]);
        assert_eq!(read_truth("").unwrap(), []);
    }

    #[test]
    fn an_error_names_the_line() {
        let text = "\n{\"restart\":1}\n";
        let error = read_truth(text).unwrap_err();
        assert_eq!(error.to_string(), "line 2 is not the truth of a gateway");
    }
}
