use std::{
    ffi::OsStr,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use crate::{Identity, Timestamp};

/// The content of a lock file, in the union of the spellings that OpenClaw's lock
/// implementations read.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payload {
    pub(super) pid: u32,
    /// ISO 8601 with milliseconds: some peers call a lock stale whose date they cannot read.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub(super) created_at: Option<String>,
    /// `session-write-lock` spells it so,
    #[serde(
        rename = "starttime",
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "lenient"
    )]
    starttime: Option<u64>,
    /// and `plugin-sdk/file-lock` so.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    start_time: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    started_at: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub(super) token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub(super) host: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub(super) boot_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "lenient")]
    pub(super) pid_ns: Option<String>,
}

/// A field of another type than expected says nothing; only the process number is required.
fn lenient<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

impl Payload {
    pub(super) fn new(me: &Identity, now: Timestamp, token: &str) -> Self {
        Self {
            pid: me.process.pid,
            created_at: Some(iso(now)),
            starttime: me.process.start_ticks,
            start_time: me.process.start_ticks,
            started_at: Some(now.unix_millis()),
            token: Some(token.to_owned()),
            host: Some(me.host.clone()),
            boot_id: me.boot_id.clone(),
            pid_ns: me.pid_namespace.clone(),
        }
    }

    pub(super) fn start_ticks(&self) -> Option<u64> {
        self.starttime.or(self.start_time)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    /// `None` unless there is a process number that can be one.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        // By way of a value, in which the last of several equal keys counts, as it does for peers.
        let fields: serde_json::Value = serde_json::from_slice(bytes).ok()?;
        let payload: Self = serde_json::from_value(fields).ok()?;
        (0 < payload.pid && i32::try_from(payload.pid).is_ok()).then_some(payload)
    }
}

/// A value that no other holder of the lock has, or ever had.
pub(super) fn token(me: &Identity, ticket: &OsStr, monotonic: Duration) -> String {
    let boot = me.boot_id.as_deref().unwrap_or("-");
    let namespace = me.pid_namespace.as_deref().unwrap_or("-");
    format!("{boot} {namespace} {} {}", ticket.display(), monotonic.as_nanos())
}

fn iso(time: Timestamp) -> String {
    let since_epoch = time.since(Timestamp::UNIX_EPOCH);
    humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + since_epoch).to_string()
}
