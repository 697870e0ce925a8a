//! The tests of the pure functions upstream, as tables: 25 of 56.

use serde_json::json;

use super::*;

#[test]
fn the_share_that_was_read_of_the_prompt() {
    let table = [
        (1000.0, 800.0, 80.0),
        (1000.0, 1200.0, 100.0),
        (1000.0, -100.0, 0.0),
        (1000.0, 0.0, 0.0),
        (1000.0, 333.0, 33.0),
        (0.0, 500.0, 0.0),
        (-1.0, 500.0, 0.0),
        // Half up.
        (1000.0, 5.0, 1.0),
        (1000.0, 4.9, 0.0),
    ];
    for (input, read, percent) in table {
        assert_eq!(
            compute_cache_pct(input, read).to_bits(),
            f64::to_bits(percent),
            "{input} {read}"
        );
    }
}

#[test]
fn the_share_that_was_read_of_what_was_cached() {
    let table = [
        (800.0, 200.0, 80.0),
        (500.0, 500.0, 50.0),
        (1000.0, 0.0, 100.0),
        (0.0, 1000.0, 0.0),
        (333.0, 667.0, 33.0),
        (0.0, 0.0, 0.0),
        // Not cut to what makes sense: this is as it was.
        (-100.0, 200.0, -100.0),
    ];
    for (read, write, percent) in table {
        let found = compute_expected_cache_rate(read, write);
        assert_eq!(found.to_bits(), f64::to_bits(percent), "{read} {write}");
    }
}

#[test]
fn integers_give_the_same_share() {
    for (read, of) in [(0, 0), (800, 1000), (333, 1000), (5, 1000), (1200, 1000), (1, 3), (2, 3)] {
        #[expect(clippy::cast_precision_loss, reason = "they are small")]
        let expected = compute_cache_pct(of as f64, read as f64);
        assert_eq!(f64::from(percent_of_tokens(read, of)).to_bits(), expected.to_bits());
    }
    assert_eq!(percent_of_tokens(u64::MAX, u64::MAX), 100);
}

#[test]
fn when_a_timer_may_send() {
    let table = [
        (true, false, 5, 5, true),
        (false, false, 5, 5, false),
        (true, true, 5, 5, false),
        (true, false, 5, 6, false),
    ];
    for (enabled, active, state, token, expected) in table {
        assert_eq!(should_warm(enabled, active, state, token), expected);
    }
    assert!(is_token_current(5, 5) && !is_token_current(5, 6));
}

#[test]
fn stored_settings() {
    let off = |interval_ms| Settings { enabled: false, interval_ms };
    let round_trip = serialize_settings(&off(120_000.0));
    let table = [
        (Some(round_trip.as_str()), off(120_000.0)),
        (None, off(240_000.0)),
        (Some("not-json{{{"), off(240_000.0)),
        (Some(r#"{"enabled":false,"intervalMs":-500}"#), off(1000.0)),
        // A number that is none is written as `null`.
        (Some(r#"{"enabled":false,"intervalMs":null}"#), off(240_000.0)),
        (Some("null"), off(240_000.0)),
        (Some("[]"), off(240_000.0)),
        (Some(r#"{"enabled":"yes","intervalMs":1500.5}"#), off(1501.0)),
    ];
    for (raw, settings) in table {
        assert_eq!(parse_settings(raw), settings, "{raw:?}");
    }
    assert_eq!(round_trip, r#"{"enabled":false,"intervalMs":120000}"#);
    assert_eq!(serialize_settings(&off(f64::NAN)), r#"{"enabled":false,"intervalMs":null}"#);
    assert_eq!(settings_key("a:b"), "settings:a:b");
}

#[test]
fn seconds_and_milliseconds() {
    for (ms, seconds) in [(240_000.0, 240.0), (1500.0, 2.0), (1000.0, 1.0), (0.0, 0.0)] {
        assert_eq!(ms_to_seconds(ms).to_bits(), f64::to_bits(seconds));
    }
    let table = [
        (240.0, Some(240_000.0)),
        (1.0, Some(1000.0)),
        (0.5, Some(1000.0)),
        (f64::NAN, None),
        (0.0, None),
        (-5.0, None),
        (f64::INFINITY, None),
    ];
    for (seconds, ms) in table {
        assert_eq!(seconds_to_ms(seconds), ms, "{seconds}");
    }
}

#[test]
fn what_a_surface_sends() {
    let table = [
        (json!(30), Some(30.0)),
        (json!(1), Some(1.0)),
        (json!({ "value": 30 }), Some(30.0)),
        (json!({ "value": 1 }), Some(1.0)),
        // A number that is none cannot be written in JSON.
        (json!(f64::NAN), None),
        (json!(0), None),
        (json!(-5), None),
        (json!("30"), None),
        (json!({ "value": "30" }), None),
        (json!({}), None),
        (Value::Null, None),
    ];
    for (payload, seconds) in table {
        assert_eq!(parse_interval_payload(&payload), seconds, "{payload}");
    }
}

#[test]
fn what_a_surface_shows() {
    let surface = Surface {
        enabled: true,
        interval_ms: 240_000.0,
        last_pct: Some(80.0),
        last_expected_pct: Some(95.0),
        next_warm_at: Some(1000.0),
        last_warm_at: Some(500.0),
    };
    let spec = build_conversation_spec(&surface);
    let fields = spec.get("fields").unwrap();
    assert_eq!(fields.as_array().map(Vec::len), Some(5));
    let shown = |nth: usize, key: &str| fields.get(nth).and_then(|field| field.get(key)).cloned();
    assert_eq!(shown(0, "value"), Some(json!(true)));
    assert_eq!(shown(1, "value"), Some(json!(240.0)));
    assert_eq!(shown(2, "value"), Some(json!("80%")));
    assert_eq!(shown(3, "value"), Some(json!("95%")));
    assert_eq!(shown(4, "payload"), Some(json!({ "nextWarmAt": 1000.0, "lastWarmAt": 500.0 })));
    let empty = Surface {
        enabled: false,
        interval_ms: 120_000.0,
        last_pct: None,
        last_expected_pct: None,
        next_warm_at: None,
        last_warm_at: None,
    };
    let spec = build_conversation_spec(&empty);
    let fields = spec.get("fields").unwrap();
    let shown = |nth: usize, key: &str| fields.get(nth).and_then(|field| field.get(key)).cloned();
    assert_eq!(shown(0, "value"), Some(json!(false)));
    assert_eq!(shown(1, "value"), Some(json!(120.0)));
    assert_eq!(
        (shown(2, "value"), shown(3, "value")),
        (Some(json!("\u{2014}")), Some(json!("\u{2014}")))
    );
    assert_eq!(shown(4, "payload"), Some(json!({ "nextWarmAt": null, "lastWarmAt": null })));
    let fields = build_default_spec();
    assert_eq!(fields.get("fields").and_then(Value::as_array).map(Vec::len), Some(1));
}
