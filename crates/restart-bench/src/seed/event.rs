use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser::SerializeMap as _};

/// Something that happened in a sample (seed 003, `BenchmarkEvent`).
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When, in milliseconds since the sample began, just before the process was started.
    pub ms: f64,
    /// What.
    pub kind: EventKind,
}

/// What happened. `iteration` is the restart that it belongs to, from 1.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "documented above and at the variants")]
pub enum EventKind {
    /// The process is about to be started.
    SpawnStart,
    /// It was started.
    Spawned,
    /// The first of its output came.
    FirstOutput,
    /// A line of the startup trace; before the first restart, and after the last, it belongs to
    /// none.
    StartupTrace { iteration: Option<u32>, line: String },
    /// A line of the restart trace.
    RestartTrace { iteration: u32, line: String },
    /// The intent was written.
    IntentWritten { iteration: u32 },
    /// The signal was sent.
    SignalSent { iteration: u32 },
    /// The answer of a probe is another than that of the probe before.
    Transition { iteration: u32, path: ProbePath, status: Option<u16>, error_kind: Option<String> },
    /// The process ended.
    Exit,
}

/// What is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbePath {
    /// Whether the gateway lives.
    Healthz,
    /// Whether it is ready.
    Readyz,
}

impl ProbePath {
    /// The path of the request.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Healthz => "/healthz",
            Self::Readyz => "/readyz",
        }
    }

    const fn transition(self) -> &'static str {
        match self {
            Self::Healthz => "/healthz:transition",
            Self::Readyz => "/readyz:transition",
        }
    }
}

impl EventKind {
    const fn name(&self) -> &'static str {
        match self {
            Self::SpawnStart => "process.spawn.start",
            Self::Spawned => "process.spawned",
            Self::FirstOutput => "process.first-output",
            Self::StartupTrace { .. } => "startup-trace",
            Self::RestartTrace { .. } => "restart-trace",
            Self::IntentWritten { .. } => "restart-intent-written",
            Self::SignalSent { .. } => "restart-signal-sent",
            Self::Transition { path, .. } => path.transition(),
            Self::Exit => "process.exit",
        }
    }

    const fn iteration(&self) -> Option<u32> {
        match self {
            Self::StartupTrace { iteration, .. } => *iteration,
            Self::RestartTrace { iteration, .. }
            | Self::IntentWritten { iteration }
            | Self::SignalSent { iteration }
            | Self::Transition { iteration, .. } => Some(*iteration),
            Self::SpawnStart | Self::Spawned | Self::FirstOutput | Self::Exit => None,
        }
    }

    const fn line(&self) -> Option<&str> {
        match self {
            Self::StartupTrace { line, .. } | Self::RestartTrace { line, .. } => {
                Some(line.as_str())
            }
            _ => None,
        }
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(iteration) = self.kind.iteration() {
            map.serialize_entry("iteration", &iteration)?;
        }
        if let Some(line) = self.kind.line() {
            map.serialize_entry("line", line)?;
        }
        map.serialize_entry("ms", &self.ms)?;
        if let EventKind::Transition { status, .. } = &self.kind {
            map.serialize_entry("status", status)?;
        }
        map.serialize_entry("type", self.kind.name())?;
        if let EventKind::Transition { error_kind: Some(kind), .. } = &self.kind {
            map.serialize_entry("errorKind", kind)?;
        }
        map.end()
    }
}

/// An event as it is written: what is not of its type is not there.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    iteration: Option<u32>,
    line: Option<String>,
    ms: f64,
    status: Option<u16>,
    #[serde(rename = "type")]
    kind: String,
    error_kind: Option<String>,
}

impl Written {
    fn kind(self) -> Result<EventKind, String> {
        let Self { iteration, line, status, error_kind, kind, .. } = self;
        let missing = |field| format!("an event {kind} without {field}");
        let number = || iteration.ok_or_else(|| missing("iteration"));
        let text = || line.ok_or_else(|| missing("line"));
        let transition = |path| {
            let iteration = number()?;
            Ok(EventKind::Transition { iteration, path, status, error_kind })
        };
        match kind.as_str() {
            "process.spawn.start" => Ok(EventKind::SpawnStart),
            "process.spawned" => Ok(EventKind::Spawned),
            "process.first-output" => Ok(EventKind::FirstOutput),
            "startup-trace" => Ok(EventKind::StartupTrace { iteration, line: text()? }),
            "restart-trace" => Ok(EventKind::RestartTrace { iteration: number()?, line: text()? }),
            "restart-intent-written" => Ok(EventKind::IntentWritten { iteration: number()? }),
            "restart-signal-sent" => Ok(EventKind::SignalSent { iteration: number()? }),
            "/healthz:transition" => transition(ProbePath::Healthz),
            "/readyz:transition" => transition(ProbePath::Readyz),
            "process.exit" => Ok(EventKind::Exit),
            _ => Err(format!("an event of the unknown type {kind}")),
        }
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        let ms = written.ms;
        Ok(Self { ms, kind: written.kind().map_err(de::Error::custom)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_has_its_keys_in_its_order() {
        let table = [
            r#"{"ms":0.5,"type":"process.spawn.start"}"#,
            r#"{"ms":0.5,"type":"process.spawned"}"#,
            r#"{"ms":0.5,"type":"process.first-output"}"#,
            r#"{"line":"l","ms":0.5,"type":"startup-trace"}"#,
            r#"{"iteration":1,"line":"l","ms":0.5,"type":"startup-trace"}"#,
            r#"{"iteration":1,"line":"l","ms":0.5,"type":"restart-trace"}"#,
            r#"{"iteration":1,"ms":0.5,"type":"restart-intent-written"}"#,
            r#"{"iteration":1,"ms":0.5,"type":"restart-signal-sent"}"#,
            r#"{"iteration":1,"ms":0.5,"status":200,"type":"/healthz:transition"}"#,
            r#"{"iteration":1,"ms":0.5,"status":null,"type":"/readyz:transition","errorKind":"timeout"}"#,
            r#"{"ms":0.5,"type":"process.exit"}"#,
        ];
        for text in table {
            let event: Event = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&event).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for (text, expected) in [
            (r#"{"ms":0,"type":"x"}"#, "an event of the unknown type x"),
            (r#"{"ms":0,"type":"restart-trace","iteration":1}"#, "restart-trace without line"),
            (r#"{"ms":0,"type":"/readyz:transition"}"#, "transition without iteration"),
            (r#"{"type":"process.exit"}"#, "missing field `ms`"),
        ] {
            let error = serde_json::from_str::<Event>(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
