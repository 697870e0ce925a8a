//! Comma-separated values for whoever works on with the numbers: quoted as RFC 4180 says, each row with a
//! line feed at its end.

use crate::{
    Class, EndpointSummary, Micros, RestartSummary, Summary,
    record::{Endpoint, Observation, Record},
};

const RESTARTS: [&str; 25] = [
    "restart",
    "trigger_us",
    "is_warmup",
    "counts",
    "failure",
    "evidence",
    "downtime_ms",
    "downtime_lower_ms",
    "downtime_upper_ms",
    "first_outage_ms",
    "longest_ms",
    "first_ok_ms",
    "stable_ms",
    "failed_probes",
    "dropped_probes",
    "draining_ms",
    "closed_ms",
    "blocked_ms",
    "other_ms",
    "wait_p50_ms",
    "wait_max_ms",
    "cpu_ms",
    "rss_bytes",
    "open_files",
    "threads",
];

const PROBES: [&str; 7] =
    ["restart", "endpoint", "intended_us", "started_us", "finished_us", "outcome", "uptime_ms"];

/// A row for each restart. What is not known is empty; times count from the trigger.
pub fn restarts_csv(record: &Record, summary: &Summary) -> String {
    let mut text = line(RESTARTS);
    for (restart, of) in record.restarts.iter().zip(&summary.restarts) {
        text += &line(restart_cells(restart.trigger_us, of));
    }
    text
}

fn restart_cells(trigger_us: Micros, restart: &RestartSummary) -> [String; 25] {
    let endpoint = restart.endpoint();
    let of = |span: fn(&EndpointSummary) -> Option<Micros>| millis(endpoint.and_then(span));
    let class = |class: Class| {
        let by_class = endpoint.map(|endpoint| &endpoint.by_class);
        millis(by_class.map(|by_class| by_class.get(&class).copied().unwrap_or_default()))
    };
    let waits = endpoint.and_then(|endpoint| endpoint.wait_ms);
    let evidence: Vec<&str> =
        restart.evidence.iter().map(|evidence| evidence.kind.name()).collect();
    // Bounds of what is no downtime would be taken for some.
    let bounds = endpoint.filter(|_| restart.downtime_us.is_some());
    let resources = restart.resources.as_ref();
    [
        restart.index.to_string(),
        trigger_us.0.to_string(),
        restart.is_warmup.to_string(),
        restart.counts().to_string(),
        restart.failure.map(|failure| failure.code().to_owned()).unwrap_or_default(),
        evidence.join(" "),
        millis(restart.downtime_us),
        millis(bounds.map(|endpoint| endpoint.total_lower_us)),
        millis(bounds.and_then(|endpoint| endpoint.total_upper_us)),
        of(|endpoint| endpoint.first_us),
        of(|endpoint| Some(endpoint.longest_us)),
        of(|endpoint| endpoint.first_ok_us),
        of(|endpoint| endpoint.stable_us),
        number(endpoint.map(|endpoint| endpoint.failed)),
        number(endpoint.map(|endpoint| endpoint.dropped)),
        class(Class::Draining),
        class(Class::Closed),
        class(Class::Blocked),
        class(Class::Other),
        float(waits.map(|waits| waits.p50)),
        float(waits.map(|waits| waits.max)),
        millis(restart.cpu_us),
        number(resources.map(|resources| resources.rss_bytes)),
        number(resources.map(|resources| resources.open_files)),
        number(resources.map(|resources| resources.threads)),
    ]
}

/// A row for each probe. Restart 0 is the time before all of them; a probe that was not sent has only the
/// time when it was to begin, and the outcome `dropped`.
pub fn probes_csv(record: &Record) -> String {
    let mut text = line(PROBES);
    let calibration = record.calibration.iter().map(|seen| (0, seen));
    let restarts = record.restarts.iter().map(|restart| (restart.index, &restart.observation));
    for (restart, seen) in calibration.chain(restarts) {
        for (name, endpoint) in endpoints(seen) {
            text += &probes(restart, name, endpoint);
        }
    }
    text
}

fn endpoints(seen: &Observation) -> impl Iterator<Item = (&'static str, &Endpoint)> {
    let named = [("ready", &seen.ready), ("health", &seen.health)];
    named.into_iter().filter_map(|(name, endpoint)| Some((name, endpoint.as_ref()?)))
}

fn probes(restart: u32, name: &str, endpoint: &Endpoint) -> String {
    let sent = endpoint.probes.iter().map(|probe| {
        line([
            restart.to_string(),
            name.to_owned(),
            probe.intended_us.0.to_string(),
            probe.started_us.0.to_string(),
            probe.finished_us.0.to_string(),
            probe.outcome.to_string(),
            number(probe.uptime_ms),
        ])
    });
    let dropped = endpoint.dropped_us.iter().map(|intended| {
        let at = intended.0.to_string();
        let none = String::new;
        let outcome = "dropped".to_owned();
        line([restart.to_string(), name.to_owned(), at, none(), none(), outcome, none()])
    });
    sent.chain(dropped).collect()
}

/// `888.123`, exactly.
fn millis(span: Option<Micros>) -> String {
    span.map(|span| format!("{}.{:03}", span.0 / 1_000, span.0 % 1_000)).unwrap_or_default()
}

fn number(number: Option<u64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

fn float(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map(|value| format!("{value:.3}")).unwrap_or_default()
}

fn line<T: AsRef<str>>(cells: impl IntoIterator<Item = T>) -> String {
    let cells: Vec<String> = cells.into_iter().map(|cell| quoted(cell.as_ref())).collect();
    cells.join(",") + "\n"
}

fn quoted(cell: &str) -> String {
    if !cell.contains(['"', ',', '\n', '\r']) {
        return cell.to_owned();
    }
    format!("\"{}\"", cell.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_have_to_be() {
        assert_eq!(line(["a", "b,c", "d\"e", "f\ng", ""]), "a,\"b,c\",\"d\"\"e\",\"f\ng\",\n");
    }
}
