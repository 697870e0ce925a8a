use std::num::NonZeroU32;

use serde_json::{Map, Value};

use crate::Millis;

/// What a user has set for one conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Whether it is kept warm. Off unless somebody switched it on.
    pub enabled: bool,
    /// The interval that was asked for; `None` is as long as is safe.
    pub interval: Option<Interval>,
}

/// An interval that a user may ask for: between [`Interval::MIN`] and [`Interval::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval(NonZeroU32);

impl Interval {
    /// A second.
    pub const MIN: Millis = Millis::from_secs(1);
    /// A day: as long as the longest known lifetime.
    pub const MAX: Millis = Millis::from_hours(24);

    /// Cuts an interval to what is allowed.
    pub fn clamped(interval: Millis) -> Self {
        let millis = interval.clamp(Self::MIN, Self::MAX).0;
        let millis = u32::try_from(millis).ok().and_then(NonZeroU32::new);
        Self(millis.unwrap_or(NonZeroU32::MAX))
    }

    /// From a number of milliseconds as users and files give it; `None` if it is not a positive
    /// number.
    pub fn from_millis(millis: f64) -> Option<Self> {
        if !millis.is_finite() || millis <= 0.0 {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is positive, and `as` saturates"
        )]
        let millis = Millis(millis.round() as u64);
        Some(Self::clamped(millis))
    }

    /// How long it is.
    pub const fn millis(self) -> Millis {
        Millis(self.0.get() as u64)
    }
}

impl Settings {
    /// Where nobody has set anything.
    pub const OFF: Self = Self { enabled: false, interval: None };

    /// Reads settings that may have been damaged. Only a real `true` switches warming on; an
    /// interval that is none is as long as is safe.
    pub fn from_json(value: &Value) -> Self {
        let enabled = value.get("enabled") == Some(&Value::Bool(true));
        let interval = value.get("intervalMs").and_then(Value::as_f64);
        Self { enabled, interval: interval.and_then(Interval::from_millis) }
    }

    /// As [`Settings::from_json`] reads it.
    pub fn to_json(self) -> Value {
        let mut object = Map::new();
        object.insert("enabled".to_owned(), self.enabled.into());
        if let Some(interval) = self.interval {
            object.insert("intervalMs".to_owned(), interval.millis().0.into());
        }
        Value::Object(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_settings_are_off() {
        let on = |interval: Option<u64>| {
            let interval = interval.map(|millis| Interval::clamped(Millis(millis)));
            Settings { enabled: true, interval }
        };
        let table = [
            (r#"{"enabled":true,"intervalMs":30000}"#, on(Some(30_000))),
            (r#"{"enabled":true}"#, on(None)),
            (r#"{"enabled":true,"intervalMs":0.4}"#, on(Some(1000))),
            (r#"{"enabled":true,"intervalMs":-5}"#, on(None)),
            (r#"{"enabled":true,"intervalMs":3e10}"#, on(Some(86_400_000))),
            (r#"{"enabled":true,"intervalMs":"30"}"#, on(None)),
            (r#"{"enabled":"true"}"#, Settings::OFF),
            (r#"{"enabled":1}"#, Settings::OFF),
            ("[true]", Settings::OFF),
            ("null", Settings::OFF),
        ];
        for (text, settings) in table {
            let value = serde_json::from_str(text).unwrap();
            assert_eq!(Settings::from_json(&value), settings, "{text}");
            assert_eq!(Settings::from_json(&settings.to_json()), settings);
        }
    }
}
