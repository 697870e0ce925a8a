//! The pure functions of the program that this grew out of, bit for bit: as JavaScript computes them.
//!
//! Numbers are `f64`, as there. They serve embedders that show the same surface, and tests.

use serde_json::Value;

/// Four minutes.
pub const DEFAULT_INTERVAL_MS: f64 = 240_000.0;

/// No interval was shorter.
pub const MIN_INTERVAL_MS: f64 = 1000.0;

/// Settings as they were stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Whether warming is on.
    pub enabled: bool,
    /// Milliseconds.
    pub interval_ms: f64,
}

const DEFAULT_SETTINGS: Settings = Settings { enabled: false, interval_ms: DEFAULT_INTERVAL_MS };

/// `Math.round`: halves go up, also below zero.
fn round(value: f64) -> f64 {
    (value + 0.5).floor()
}

/// How many hundredths of the whole prompt, cached tokens included, were read from the cache.
pub fn compute_cache_pct(input_tokens: f64, cache_read_tokens: f64) -> f64 {
    if input_tokens <= 0.0 {
        return 0.0;
    }
    round((cache_read_tokens / input_tokens).clamp(0.0, 1.0) * 100.0)
}

/// How many hundredths of what was read or written were read.
pub fn compute_expected_cache_rate(cache_read_tokens: f64, cache_write_tokens: f64) -> f64 {
    let total = cache_read_tokens + cache_write_tokens;
    if total <= 0.0 { 0.0 } else { round(cache_read_tokens / total * 100.0) }
}

/// The same in integers, for any numbers of tokens.
pub(crate) fn percent_of_tokens(read: u64, of: u64) -> u8 {
    let (read, of) = (u128::from(read), u128::from(of));
    let percent = (read.min(of) * 200 + of).checked_div(of * 2).unwrap_or(0);
    u8::try_from(percent).unwrap_or(100)
}

/// Whether a timer with this token may send.
pub const fn should_warm(enabled: bool, active: bool, state_token: u64, token: u64) -> bool {
    enabled && !active && is_token_current(state_token, token)
}

/// Whether nothing has happened since the token was given out.
pub const fn is_token_current(state_token: u64, token: u64) -> bool {
    state_token == token
}

/// Reads stored settings; what is damaged is off, every four minutes.
pub fn parse_settings(raw: Option<&str>) -> Settings {
    let value = raw.and_then(|raw| serde_json::from_str::<Value>(raw).ok());
    let Some(value) = value else { return DEFAULT_SETTINGS };
    let interval_ms = match value.get("intervalMs").and_then(Value::as_f64) {
        Some(interval) if interval.is_finite() => clamp_interval_ms(interval),
        _ => DEFAULT_INTERVAL_MS,
    };
    Settings { enabled: value.get("enabled") == Some(&Value::Bool(true)), interval_ms }
}

/// `JSON.stringify`.
pub fn serialize_settings(settings: &Settings) -> String {
    let number = match settings.interval_ms {
        interval if interval.is_finite() => interval.to_string(),
        _ => "null".to_owned(),
    };
    format!(r#"{{"enabled":{},"intervalMs":{number}}}"#, settings.enabled)
}

/// Under which key the settings of a conversation are stored.
pub fn settings_key(conversation_id: &str) -> String {
    format!("settings:{conversation_id}")
}

/// What an interval became that was set through the API.
pub fn clamp_interval_ms(interval_ms: f64) -> f64 {
    if !interval_ms.is_finite() || interval_ms <= 0.0 {
        MIN_INTERVAL_MS
    } else {
        round(interval_ms).max(MIN_INTERVAL_MS)
    }
}

/// For display.
pub fn ms_to_seconds(ms: f64) -> f64 {
    round(ms / 1000.0)
}

/// From what a user typed; `None` is ignored.
pub fn seconds_to_ms(seconds: f64) -> Option<f64> {
    (seconds.is_finite() && 0.0 < seconds).then(|| round(seconds * 1000.0).max(MIN_INTERVAL_MS))
}

/// The seconds in the payload of the surface: a number, or an object with one as `value`.
pub fn parse_interval_payload(payload: &Value) -> Option<f64> {
    let number = match payload {
        Value::Object(object) => object.get("value").and_then(Value::as_f64),
        other => other.as_f64(),
    };
    number.filter(|number| number.is_finite() && 0.0 < *number)
}

/// What a surface shows of a conversation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Surface {
    /// Whether warming is on.
    pub enabled: bool,
    /// Milliseconds.
    pub interval_ms: f64,
    /// Hundredths.
    pub last_pct: Option<f64>,
    /// Hundredths.
    pub last_expected_pct: Option<f64>,
    /// Milliseconds since 1970.
    pub next_warm_at: Option<f64>,
    /// Milliseconds since 1970.
    pub last_warm_at: Option<f64>,
}

/// The surface of a conversation, as JSON.
pub fn build_conversation_spec(surface: &Surface) -> Value {
    let percent = |percent: Option<f64>| {
        percent.map_or_else(|| "\u{2014}".to_owned(), |percent| format!("{percent}%"))
    };
    surface_spec(serde_json::json!([
        {
            "kind": "toggle", "label": "Enabled", "value": surface.enabled,
            "action": { "actionId": "cache-warming/toggle" },
        },
        {
            "kind": "number", "label": "Refresh Interval",
            "value": ms_to_seconds(surface.interval_ms), "min": 1, "step": 1, "unit": "s",
            "action": { "actionId": "cache-warming/set-interval" },
        },
        { "kind": "stat", "label": "Last Cache %", "value": percent(surface.last_pct) },
        { "kind": "stat", "label": "Cache retention", "value": percent(surface.last_expected_pct) },
        {
            "kind": "custom", "rendererId": "cache-warming-timer",
            "payload": {
                "nextWarmAt": surface.next_warm_at, "lastWarmAt": surface.last_warm_at,
            },
        },
    ]))
}

/// The surface when there is no conversation.
pub fn build_default_spec() -> Value {
    surface_spec(serde_json::json!([
        { "kind": "stat", "label": "Status", "value": "No conversation focused" },
    ]))
}

#[expect(clippy::needless_pass_by_value, reason = "it becomes part of the result")]
fn surface_spec(fields: Value) -> Value {
    serde_json::json!({
        "id": "cache-warming", "region": "side", "title": "Cache Warming", "fields": fields,
    })
}

#[cfg(test)]
mod tests;
