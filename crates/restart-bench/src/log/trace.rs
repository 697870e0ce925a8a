use crate::{Object, js};

/// Which of its two stories a gateway tells in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceKind {
    /// `startup trace: …`, how it came up.
    Startup,
    /// `restart trace: …`, how it went down and came back. A gateway that is stopped writes these
    /// as well.
    Restart,
}

impl TraceKind {
    const fn first_word(self) -> &'static str {
        match self {
            Self::Startup => "startup",
            Self::Restart => "restart",
        }
    }
}

/// A line of a trace, as OpenClaw writes it with `OPENCLAW_GATEWAY_STARTUP_TRACE=1` and
/// `OPENCLAW_GATEWAY_RESTART_TRACE=1`.
///
/// There are two forms: of a phase, `restart.drain 0.3ms total=16.7ms activeTasks=0.0`, and of
/// details, `plugins.gateway-load.plugin.canvas loadMs=86.7 loadFailedCount=0.0`.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace<'l> {
    /// Of what it tells.
    pub kind: TraceKind,
    /// The phase, such as `restart.ready`.
    pub phase: &'l str,
    /// How long the phase took, in milliseconds. `None` in the form of details, and where what
    /// stands there is no number, such as `1.2.3`; of that the seed made a `NaN`, which its JSON
    /// shows as `null`.
    pub duration_ms: Option<f64>,
    /// When it ended, in milliseconds since what the gateway took for the start: the signal for
    /// `restart.signal`, `drain`, `close`, `next-start` and `ready`, the next start for
    /// `restart.ready.<phase>`. `None` as above.
    pub total_ms: Option<f64>,
    /// Names and values of what was measured besides: those that are called `eventLoopMax`, or
    /// that end in `Ms`, `Mb` or `Count`. Of others one cannot tell what they mean.
    pub metrics: Vec<(&'l str, f64)>,
}

impl Trace<'_> {
    /// Writes the values under the flat names of seed 003: `P`, `P.total` and `P.<metric>`, where
    /// `P` is the phase. The last one with a name wins.
    ///
    /// A phase that is called `X.total` itself goes under the same name as the total of the phase
    /// `X`; that is the seed's, and cannot be told apart afterwards.
    pub fn record(&self, into: &mut Object<f64>) {
        if let Some(duration) = self.duration_ms {
            into.set(self.phase, duration);
        }
        if let Some(total) = self.total_ms {
            into.set(&format!("{}.total", self.phase), total);
        }
        for (name, value) in &self.metrics {
            into.set(&format!("{}.{name}", self.phase), *value);
        }
    }
}

/// Reads the trace of `kind` in `line`, wherever in the line it begins. The grammar is that of
/// seed 003: if a line has both forms, the first one of a phase is read.
pub fn parse_trace(kind: TraceKind, line: &str) -> Option<Trace<'_>> {
    let of_a_phase = behind_prefix(kind, line).find_map(|text| phase_form(kind, text));
    of_a_phase.or_else(|| behind_prefix(kind, line).find_map(|text| detail_form(kind, text)))
}

/// What stands behind each `startup trace: `; any white space may be between the words.
fn behind_prefix(kind: TraceKind, line: &str) -> impl Iterator<Item = &str> {
    let word = kind.first_word();
    line.match_indices(word).filter_map(move |(at, _)| {
        let rest = line.get(at + word.len()..)?;
        let trimmed = rest.trim_start_matches(js::is_space);
        let text = trimmed.strip_prefix("trace: ")?;
        (trimmed.len() < rest.len()).then_some(text)
    })
}

/// `<phase> <duration>ms total=<total>ms[ <metrics>]`
fn phase_form(kind: TraceKind, text: &str) -> Option<Trace<'_>> {
    let (phase, rest) = name(text)?;
    let (duration, rest) = digits(rest)?;
    let (total, rest) = digits(rest.strip_prefix("ms total=")?)?;
    let rest = rest.strip_prefix("ms")?;
    let metrics = metrics(rest.strip_prefix(' ').unwrap_or_default());
    let (duration_ms, total_ms) = (js::finite(duration), js::finite(total));
    Some(Trace { kind, phase, duration_ms, total_ms, metrics })
}

/// `<phase> <metrics>`
fn detail_form(kind: TraceKind, text: &str) -> Option<Trace<'_>> {
    let (phase, rest) = name(text)?;
    Some(Trace { kind, phase, duration_ms: None, total_ms: None, metrics: metrics(rest) })
}

fn name(text: &str) -> Option<(&str, &str)> {
    text.split_once(' ').filter(|(name, _)| !name.is_empty())
}

fn digits(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|char: char| !is_digit(char)).unwrap_or(text.len());
    (0 < end).then(|| text.split_at(end))
}

fn is_digit(char: char) -> bool {
    char.is_ascii_digit() || char == '.'
}

fn metrics(text: &str) -> Vec<(&str, f64)> {
    let text = text.split(js::ends_line).next().unwrap_or_default();
    js::words(text).filter_map(metric).collect()
}

fn metric(word: &str) -> Option<(&str, f64)> {
    let (name, value) = word.split_once('=')?;
    let is_name = name.starts_with(|char: char| char.is_ascii_alphabetic())
        && name.chars().all(|char| char.is_ascii_alphanumeric());
    let value = value.strip_suffix("ms").unwrap_or(value);
    let is_value = !value.is_empty() && value.chars().all(is_digit);
    let is_known =
        name == "eventLoopMax" || ["Ms", "Mb", "Count"].iter().any(|unit| name.ends_with(unit));
    (is_name && is_value && is_known).then_some((name, js::finite(value)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn flat(line: &str) -> Vec<(String, f64)> {
        let mut object = Object::new();
        if let Some(trace) = parse_trace(TraceKind::Startup, line) {
            trace.record(&mut object);
        }
        object.iter().map(|(name, value)| (name.to_owned(), *value)).collect()
    }

    #[test]
    fn lines_and_the_names_they_write() {
        let table: [(&str, &[(&str, f64)]); 15] = [
            ("[gateway] startup trace: a 4.3ms total=4.4ms", &[("a", 4.3), ("a.total", 4.4)]),
            ("startup \t trace: a 1ms total=2ms", &[("a", 1.0), ("a.total", 2.0)]),
            (
                "startup trace: a 1ms total=2ms eventLoopMax=0.5ms rssMb=7 xCount=1.0 x=5 indexPlugins=91 aMs=-1",
                &[
                    ("a", 1.0),
                    ("a.total", 2.0),
                    ("a.eventLoopMax", 0.5),
                    ("a.rssMb", 7.0),
                    ("a.xCount", 1.0),
                ],
            ),
            ("startup trace: p.canvas loadMs=86.7 calls=2.0", &[("p.canvas.loadMs", 86.7)]),
            ("startup trace: a waitMs=default b", &[]),
            ("startup trace: a 1ms total=2msx", &[("a", 1.0), ("a.total", 2.0)]),
            ("startup trace: a 1ms total=2ms\u{2028} bMs=1", &[("a", 1.0), ("a.total", 2.0)]),
            ("startup trace: a 1.2.3ms total=2ms bMs=3", &[("a.total", 2.0), ("a.bMs", 3.0)]),
            ("startup trace: a bMs=1.2.3 cMs=1ms dMs=1e3", &[("a.cMs", 1.0)]),
            (
                "startup trace: a bMs=1 startup trace: c 5ms total=6ms",
                &[("c", 5.0), ("c.total", 6.0)],
            ),
            ("startup trace: X.total 1ms total=2ms", &[("X.total", 1.0), ("X.total.total", 2.0)]),
            ("startup trace:  1ms total=2ms", &[]),
            ("startuptrace: a 1ms total=2ms", &[]),
            ("restart trace: a 1ms total=2ms", &[]),
            ("startup trace: a", &[]),
        ];
        for (line, expected) in table {
            let expected: Vec<_> =
                expected.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
            assert_eq!(flat(line), expected, "{line}");
        }
    }

    #[test]
    fn details_without_a_metric_are_a_trace_all_the_same() {
        let trace = parse_trace(TraceKind::Restart, "restart trace: a force=false").unwrap();
        assert_eq!((trace.phase, trace.metrics), ("a", Vec::new()));
        assert_eq!(parse_trace(TraceKind::Restart, "restart trace: a"), None);
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused(line in "(startup trace: |[a-z.]{1,3} |1ms|total=|Ms=|[0-9.]| |\\PC){0,12}") {
            flat(&line);
        }
    }
}
