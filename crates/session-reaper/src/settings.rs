//! Policies as people write them down.

use std::time::Duration;

use serde::Deserialize;

use crate::{
    Budget, DurationError, KeepLast, Matches, Pattern, PatternError, Policy, Room, Rule, RuleTtl,
    SizeError, Unit, Water, parse_bytes, parse_duration,
};

/// What differs from a preset: the content of a policy file, or the options of a command.
///
/// As JSON, a time is text such as `36h`, `7d` or `never`; without a unit, `runTtl` and the `ttl` of a
/// rule are hours, as in OpenClaw, all others days. A size is text such as `500mb`, or a number of
/// bytes as text. Keys that are not known are an error. `docs/session-reaper.md` has all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each is the field of `Policy` of the same name")]
pub struct Settings {
    pub preset: Option<Preset>,
    pub run_ttl: Option<String>,
    pub deleted_job_ttl: Option<String>,
    pub session_ttl: Option<String>,
    pub orphan_min_age: Option<String>,
    pub leftover_min_age: Option<String>,
    pub archive_ttl: Option<String>,
    pub former_ttl: Option<String>,
    pub keep_last: Option<u32>,
    pub keep_failed: Option<u32>,
    pub archive_max: Option<String>,
    pub dir_max: Option<String>,
    /// Four fifths of `dirMax` if it is not given, as in OpenClaw.
    pub dir_low_water: Option<String>,
    pub min_free: Option<String>,
    pub max_files: Option<u64>,
    pub max_bytes: Option<String>,
    pub max_time: Option<String>,
    pub pins: Vec<String>,
    pub rules: Vec<RuleSettings>,
    /// Whether a time of zero means no time; otherwise it means never.
    pub allow_zero: bool,
}

/// What a policy differs from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Preset {
    /// [`Policy::SAFE`].
    #[default]
    #[serde(rename = "safe")]
    Safe,
    /// [`Policy::openclaw_2026_3`].
    #[serde(rename = "openclaw-2026.3")]
    OpenClaw2026_3,
}

/// A [`Rule`] as it is written down; exactly one of the first four is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each is a part of `Rule` of the same name")]
pub struct RuleSettings {
    pub key: Option<String>,
    pub job: Option<String>,
    pub agent: Option<String>,
    pub label: Option<String>,
    pub ttl: Option<String>,
    pub keep_last: Option<u32>,
    pub keep_failed: Option<u32>,
}

/// Why settings are no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A time is none.
    #[error("{setting}")]
    Duration {
        /// Of which setting.
        setting: &'static str,
        /// Why.
        #[source]
        source: DurationError,
    },
    /// A size is none.
    #[error("{setting}")]
    Size {
        /// Of which setting.
        setting: &'static str,
        /// Why.
        #[source]
        source: SizeError,
    },
    /// A pattern is none.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// A rule does not say for what it is, or says several things.
    #[error("a rule needs exactly one of key, job, agent and label: {0}")]
    Rule(String),
    /// There is a low water mark above the high one, or without one.
    #[error("dirLowWater has to be below dirMax")]
    Water,
}

impl Settings {
    /// These settings, and where they say nothing, others.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            preset: self.preset.or(other.preset),
            run_ttl: self.run_ttl.or(other.run_ttl),
            deleted_job_ttl: self.deleted_job_ttl.or(other.deleted_job_ttl),
            session_ttl: self.session_ttl.or(other.session_ttl),
            orphan_min_age: self.orphan_min_age.or(other.orphan_min_age),
            leftover_min_age: self.leftover_min_age.or(other.leftover_min_age),
            archive_ttl: self.archive_ttl.or(other.archive_ttl),
            former_ttl: self.former_ttl.or(other.former_ttl),
            keep_last: self.keep_last.or(other.keep_last),
            keep_failed: self.keep_failed.or(other.keep_failed),
            archive_max: self.archive_max.or(other.archive_max),
            dir_max: self.dir_max.or(other.dir_max),
            dir_low_water: self.dir_low_water.or(other.dir_low_water),
            min_free: self.min_free.or(other.min_free),
            max_files: self.max_files.or(other.max_files),
            max_bytes: self.max_bytes.or(other.max_bytes),
            max_time: self.max_time.or(other.max_time),
            pins: [self.pins, other.pins].concat(),
            rules: [self.rules, other.rules].concat(),
            allow_zero: self.allow_zero || other.allow_zero,
        }
    }

    /// The policy that they describe.
    ///
    /// `configured` is what the configuration of the runtime says of `runTtl`, which holds unless the
    /// settings say something.
    pub fn policy(&self, configured: Configured) -> Result<Policy, SettingsError> {
        let day = Some(Duration::from_hours(24));
        let mut policy = match self.preset.unwrap_or_default() {
            Preset::Safe => Policy::SAFE,
            Preset::OpenClaw2026_3 => Policy::openclaw_2026_3(day),
        };
        if let Configured::For(ttl) = configured {
            policy.run_ttl = self.no_zero(ttl);
        }
        let hours = |setting, text, default| self.time(setting, text, Unit::Hours, default);
        let days = |setting, text, default| self.time(setting, text, Unit::Days, default);
        policy.run_ttl = hours("runTtl", self.run_ttl.as_ref(), policy.run_ttl)?;
        policy.deleted_job_ttl =
            days("deletedJobTtl", self.deleted_job_ttl.as_ref(), policy.deleted_job_ttl)?;
        policy.session_ttl = days("sessionTtl", self.session_ttl.as_ref(), policy.session_ttl)?;
        policy.orphan_min_age =
            days("orphanMinAge", self.orphan_min_age.as_ref(), policy.orphan_min_age)?;
        policy.leftover_min_age =
            days("leftoverMinAge", self.leftover_min_age.as_ref(), policy.leftover_min_age)?;
        if self.preset == Some(Preset::OpenClaw2026_3) {
            policy.archives.ttl = policy.run_ttl;
        }
        policy.archives.ttl = days("archiveTtl", self.archive_ttl.as_ref(), policy.archives.ttl)?;
        policy.archives.former_ttl =
            days("formerTtl", self.former_ttl.as_ref(), policy.archives.former_ttl)?;
        policy.keep_last = keep_last(self.keep_last, self.keep_failed, policy.keep_last);
        policy.archives.bytes_max = size("archiveMax", self.archive_max.as_deref())?;
        policy.room = self.room()?;
        policy.budget = Budget {
            files: self.max_files,
            bytes: size("maxBytes", self.max_bytes.as_deref())?,
            time: self.time("maxTime", self.max_time.as_ref(), Unit::Seconds, None)?,
        };
        policy.pins = self.pins.iter().map(|pin| pin.parse()).collect::<Result<_, _>>()?;
        let rules = self.rules.iter().map(|rule| self.rule(rule, policy.keep_last));
        policy.rules = rules.collect::<Result<_, _>>()?;
        Ok(policy)
    }

    fn room(&self) -> Result<Room, SettingsError> {
        let high = size("dirMax", self.dir_max.as_deref())?;
        let low = size("dirLowWater", self.dir_low_water.as_deref())?;
        let dir = match (high, low) {
            (None, None) => None,
            (Some(high_bytes), low) => {
                let low_bytes = low.unwrap_or(high_bytes / 5 * 4);
                if high_bytes < low_bytes {
                    return Err(SettingsError::Water);
                }
                Some(Water { high_bytes, low_bytes })
            }
            (None, Some(_)) => return Err(SettingsError::Water),
        };
        Ok(Room { dir, free_bytes_min: size("minFree", self.min_free.as_deref())? })
    }

    fn rule(&self, rule: &RuleSettings, default: KeepLast) -> Result<Rule, SettingsError> {
        let pattern = |text: &String| text.parse::<Pattern>();
        let matches = match (&rule.key, &rule.job, &rule.agent, &rule.label) {
            (Some(key), None, None, None) => Matches::Key(pattern(key)?),
            (None, Some(job), None, None) => Matches::Job(pattern(job)?),
            (None, None, Some(agent), None) => Matches::Agent(pattern(agent)?),
            (None, None, None, Some(label)) => Matches::Label(pattern(label)?),
            _ => return Err(SettingsError::Rule(format!("{rule:?}"))),
        };
        let ttl = match &rule.ttl {
            None => RuleTtl::AsPolicy,
            Some(_) => match self.time("ttl of a rule", rule.ttl.as_ref(), Unit::Hours, None)? {
                None => RuleTtl::Forever,
                Some(ttl) => RuleTtl::For(ttl),
            },
        };
        let counts = rule.keep_last.or(rule.keep_failed).is_some();
        let keep_last = counts.then(|| keep_last(rule.keep_last, rule.keep_failed, default));
        Ok(Rule { matches, ttl, keep_last })
    }

    fn time(
        &self,
        setting: &'static str,
        text: Option<&String>,
        unit: Unit,
        default: Option<Duration>,
    ) -> Result<Option<Duration>, SettingsError> {
        let Some(text) = text else { return Ok(default) };
        if text.trim().eq_ignore_ascii_case("never") {
            return Ok(None);
        }
        let time = parse_duration(text, unit)
            .map_err(|source| SettingsError::Duration { setting, source })?;
        Ok(self.no_zero(Some(time)))
    }

    /// A time of zero would let everything go at once; who wants that has to say so.
    fn no_zero(&self, time: Option<Duration>) -> Option<Duration> {
        time.filter(|time| self.allow_zero || !time.is_zero())
    }
}

/// What the configuration of a runtime says of how long runs are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Configured {
    /// Nothing.
    Unset,
    /// That, or for ever.
    For(Option<Duration>),
}

fn keep_last(succeeded: Option<u32>, failed: Option<u32>, default: KeepLast) -> KeepLast {
    KeepLast {
        succeeded: succeeded.unwrap_or(default.succeeded),
        failed: failed.unwrap_or(default.failed),
    }
}

fn size(setting: &'static str, text: Option<&str>) -> Result<Option<u64>, SettingsError> {
    let size = text.map(parse_bytes).transpose();
    size.map_err(|source| SettingsError::Size { setting, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Settings {
        serde_json::from_str(json).unwrap()
    }

    fn policy(json: &str) -> Policy {
        read(json).policy(Configured::Unset).unwrap()
    }

    #[test]
    fn without_settings_it_is_the_preset() {
        assert_eq!(policy("{}"), Policy::SAFE);
        let seed = Policy::openclaw_2026_3(Some(Duration::from_hours(24)));
        assert_eq!(policy(r#"{"preset":"openclaw-2026.3"}"#), seed);
    }

    #[test]
    fn everything_can_be_set() {
        let policy = policy(
            r#"{ "runTtl": "36", "deletedJobTtl": "60d", "sessionTtl": "90", "orphanMinAge": "2",
                 "leftoverMinAge": "1h", "archiveTtl": "14d", "formerTtl": "1d12h", "keepLast": 10,
                 "keepFailed": 5, "archiveMax": "2gb", "dirMax": "10gb", "minFree": "5gb",
                 "maxFiles": 1000, "maxBytes": "1mb", "maxTime": "30s", "pins": ["agent:*:dm:*"],
                 "rules": [ { "job": "nightly*", "ttl": "7d", "keepLast": 1 },
                            { "key": "agent:*:hook:*", "ttl": "never" } ] }"#,
        );
        let days = |days: u64| Some(Duration::from_hours(24 * days));
        assert_eq!(policy.run_ttl, Some(Duration::from_hours(36)));
        assert_eq!(policy.deleted_job_ttl, days(60));
        assert_eq!(policy.session_ttl, days(90));
        assert_eq!(policy.orphan_min_age, days(2));
        assert_eq!(policy.leftover_min_age, Some(Duration::from_hours(1)));
        assert_eq!(policy.archives.ttl, days(14));
        assert_eq!(policy.archives.former_ttl, Some(Duration::from_hours(36)));
        assert_eq!(policy.keep_last, KeepLast { succeeded: 10, failed: 5 });
        assert_eq!(policy.archives.bytes_max, Some(2 << 30));
        let water = policy.room.dir.unwrap();
        assert_eq!((water.high_bytes, water.low_bytes), (10 << 30, 8 << 30));
        assert_eq!(policy.room.free_bytes_min, Some(5 << 30));
        let budget = Budget {
            files: Some(1_000),
            bytes: Some(1 << 20),
            time: Some(Duration::from_secs(30)),
        };
        assert_eq!(policy.budget, budget);
        assert_eq!(policy.pins.len(), 1);
        let rule = &policy.rules[0];
        assert_eq!(rule.ttl, RuleTtl::For(Duration::from_hours(168)));
        assert_eq!(rule.keep_last, Some(KeepLast { succeeded: 1, failed: 5 }));
        assert_eq!(policy.rules[1].ttl, RuleTtl::Forever);
    }

    #[test]
    fn zero_means_never_unless_it_may_mean_zero() {
        for (allow, expected) in [("false", None), ("true", Some(Duration::ZERO))] {
            let settings =
                read(&format!(r#"{{"runTtl":"0","archiveTtl":"0h","allowZero":{allow}}}"#));
            let policy = settings.policy(Configured::Unset).unwrap();
            assert_eq!((policy.run_ttl, policy.archives.ttl), (expected, expected));
            let settings = Settings { run_ttl: None, ..settings };
            let policy = settings.policy(Configured::For(Some(Duration::ZERO))).unwrap();
            assert_eq!(policy.run_ttl, expected);
        }
        assert_eq!(policy(r#"{"runTtl":"never"}"#).run_ttl, None);
    }

    #[test]
    fn the_configuration_of_the_runtime_holds_where_nothing_is_set() {
        let configured = Configured::For(Some(Duration::from_hours(3)));
        assert_eq!(read("{}").policy(configured).unwrap().run_ttl, Some(Duration::from_hours(3)));
        let set = read(r#"{"runTtl":"5h"}"#).policy(configured).unwrap();
        assert_eq!(set.run_ttl, Some(Duration::from_hours(5)));
    }

    #[test]
    fn what_is_no_policy() {
        let refused = |json: &str| read(json).policy(Configured::Unset).unwrap_err();
        assert!(matches!(
            refused(r#"{"runTtl":"1w"}"#),
            SettingsError::Duration { setting: "runTtl", .. }
        ));
        assert!(matches!(refused(r#"{"dirMax":"1pb"}"#), SettingsError::Size { .. }));
        assert!(matches!(refused(r#"{"dirMax":"1gb","dirLowWater":"2gb"}"#), SettingsError::Water));
        assert!(matches!(refused(r#"{"dirLowWater":"2gb"}"#), SettingsError::Water));
        assert!(matches!(refused(r#"{"pins":["[a"]}"#), SettingsError::Pattern(_)));
        for rule in [r#"{"ttl":"1d"}"#, r#"{"job":"a","label":"b"}"#] {
            assert!(matches!(refused(&format!(r#"{{"rules":[{rule}]}}"#)), SettingsError::Rule(_)));
        }
        for json in [r#"{"runTTL":"1d"}"#, r#"{"rules":[{"jobs":"x"}]}"#, r#"{"preset":"x"}"#] {
            assert!(serde_json::from_str::<Settings>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn what_is_asked_for_comes_before_what_is_written_down() {
        let asked = read(r#"{"runTtl":"1h","pins":["a"]}"#);
        let both = asked.or(read(r#"{"runTtl":"2h","archiveTtl":"3d","pins":["b"]}"#));
        assert_eq!(both.run_ttl.as_deref(), Some("1h"));
        assert_eq!(both.archive_ttl.as_deref(), Some("3d"));
        assert_eq!(both.pins, ["a", "b"]);
    }
}
