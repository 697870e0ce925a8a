//! What a measurement must not exceed: `downtime.p95>1500ms`.

use std::{fmt, str::FromStr};

use crate::{Metric, Statistic, Stats, Summary, Trend, summary::Resource};

/// A condition under which a measurement fails.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    subject: Subject,
    operator: Operator,
    /// In the unit of the subject.
    limit: f64,
    /// As it was written.
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Metric(Metric, Statistic),
    /// Bytes, or how many, for each restart.
    Slope(Resource),
    /// How many restarts failed of all that do not only warm up, from 0 to 1.
    FailureRate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// Whether a measurement fails by a threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Checked {
    /// It does not.
    Holds {
        /// What was measured.
        value: f64,
    },
    /// It does.
    Fails {
        /// What was measured.
        value: f64,
    },
    /// There is nothing to compare.
    NoValue,
}

/// A threshold that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no threshold ({why}); write it like `downtime.p95>1500ms`, `failed.max>0`, `rss.slope>1MB` or `failure-rate>0`"
)]
pub struct ThresholdError {
    text: String,
    why: String,
}

impl Threshold {
    /// Compares it with what was measured.
    pub fn check(&self, summary: &Summary) -> Checked {
        let Some(value) = self.subject.value(summary) else { return Checked::NoValue };
        let fails = match self.operator {
            Operator::Above => self.limit < value,
            Operator::AtLeast => self.limit <= value,
            Operator::Below => value < self.limit,
            Operator::AtMost => value <= self.limit,
        };
        if fails { Checked::Fails { value } } else { Checked::Holds { value } }
    }
}

impl Subject {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "failure-rate" {
            return Ok(Self::FailureRate);
        }
        let (name, statistic) = text.split_once('.').unwrap_or((text, "p50"));
        if statistic == "slope" {
            let resource = match name {
                "rss" => Resource::Rss,
                "open-files" => Resource::OpenFiles,
                "threads" => Resource::Threads,
                _ => {
                    return Err(format!(
                        "there is a slope of rss, open-files and threads, not of `{name}`"
                    ));
                }
            };
            return Ok(Self::Slope(resource));
        }
        let Some(metric) = Metric::parse(name) else {
            let names = Metric::ALL.map(Metric::name).join(", ");
            return Err(format!("there is no metric `{name}`; there are {names}"));
        };
        let Some(statistic) = Statistic::parse(statistic) else {
            let names = "min, p50, p95, p99, max, mean";
            return Err(format!("there is no statistic `{statistic}`; there are {names}"));
        };
        Ok(Self::Metric(metric, statistic))
    }

    /// How many of its unit a number with this suffix is.
    fn factor(self, unit: &str) -> Option<f64> {
        Some(match self {
            Self::Metric(metric, _) if metric.is_time() => match unit {
                "us" => 0.001,
                "ms" => 1.0,
                "s" => 1_000.0,
                "m" | "min" => 60_000.0,
                _ => return None,
            },
            Self::Slope(Resource::Rss) => match unit {
                "" | "B" => 1.0,
                "kB" => 1e3,
                "MB" => 1e6,
                "KiB" => 1024.0,
                "MiB" => 1024.0 * 1024.0,
                _ => return None,
            },
            Self::FailureRate if unit == "%" => 0.01,
            _ if unit.is_empty() => 1.0,
            _ => return None,
        })
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of restarts")]
    fn value(self, summary: &Summary) -> Option<f64> {
        match self {
            Self::Metric(metric, statistic) => {
                Some(Stats::of(&metric.values(summary))?.get(statistic))
            }
            // What may be chance is no growth.
            Self::Slope(resource) => {
                let slope = summary.slopes.get(&resource)?;
                match slope.verdict {
                    Trend::TooFewPoints => None,
                    Trend::NoEvidence => Some(0.0),
                    Trend::Grows | Trend::Shrinks => Some(slope.per_restart),
                }
            }
            Self::FailureRate => {
                let measured = summary.restarts.iter().filter(|restart| !restart.is_warmup);
                let failed = measured.clone().filter(|restart| restart.failure.is_some()).count();
                let all = measured.count();
                (0 < all).then(|| failed as f64 / all as f64)
            }
        }
    }
}

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = |why: String| ThresholdError { text: text.to_owned(), why };
        let plain: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        let at = plain
            .find(['<', '>'])
            .ok_or_else(|| refused("it has neither `<` nor `>`".to_owned()))?;
        let (subject, rest) = plain.split_at(at);
        let operators = [
            (">=", Operator::AtLeast),
            ("<=", Operator::AtMost),
            (">", Operator::Above),
            ("<", Operator::Below),
        ];
        let (operator, limit) = operators
            .into_iter()
            .find_map(|(sign, operator)| Some((operator, rest.strip_prefix(sign)?)))
            .ok_or_else(|| refused("it has no operator".to_owned()))?;
        let subject = Subject::parse(subject).map_err(refused)?;
        let unit_at = limit.find(|letter: char| !letter.is_ascii_digit() && letter != '.');
        let (number, unit) = limit.split_at(unit_at.unwrap_or(limit.len()));
        let factor = subject
            .factor(unit)
            .ok_or_else(|| refused(format!("`{limit}` has not a unit that fits")))?;
        let number: f64 = number.parse().map_err(|_| refused(format!("`{limit}` is no number")))?;
        Ok(Self { subject, operator, limit: number * factor, text: text.to_owned() })
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        record::{Failure, Record},
        summary::{
            summary,
            tests::{record, restart},
        },
    };

    fn measured() -> Record {
        let down =
            |slots: usize| format!("{}{}{}", ".".repeat(10), "x".repeat(slots), ".".repeat(40));
        record((1..=5).map(|nth| restart(nth, &down(10 * nth as usize))).collect())
    }

    #[test]
    fn thresholds_are_compared_with_what_was_measured() {
        let mut measured = measured();
        measured.restarts[4].failure = Some(Failure::ReadyTimeout);
        let summary = summary(&measured);
        // Downtimes of 100, 200, 300 and 400 ms, and one that failed.
        for (text, fails) in [
            ("downtime.max>399ms", true),
            ("downtime.max>0.4s", false),
            ("downtime.max >= 400 ms", true),
            ("downtime>200ms", true),
            ("downtime.p50>250ms", false),
            ("downtime.min<100ms", false),
            ("downtime.min<=100ms", true),
            ("failed.max>39", true),
            ("failure-rate>0", true),
            ("failure-rate>20%", false),
            ("failure-rate>=0.2", true),
            ("stable.p95>1m", false),
        ] {
            let checked = text.parse::<Threshold>().unwrap().check(&summary);
            assert_eq!(matches!(checked, Checked::Fails { .. }), fails, "{text} {checked:?}");
        }
        for text in ["rss.slope>1MB", "cpu>1s"] {
            assert_eq!(text.parse::<Threshold>().unwrap().check(&summary), Checked::NoValue);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, why) in [
            ("downtime", "neither"),
            ("speed>1s", "there are downtime, longest"),
            ("downtime.p42>1s", "min, p50"),
            ("downtime>1", "unit"),
            ("downtime>1parsec", "unit"),
            ("failed>1ms", "unit"),
            ("downtime>ms", "no number"),
            ("downtime>1.2.3ms", "no number"),
            ("heap.slope>1", "rss"),
            ("", "neither"),
            ("downtime=1ms", "neither"),
        ] {
            let error = text.parse::<Threshold>().unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("downtime.p95>1500ms"), "{error}");
        }
    }
}
