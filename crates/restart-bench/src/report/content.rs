//! What reports say, wherever it is shown.

use std::collections::BTreeMap;

use super::{
    SEED,
    format::{
        NONE, Unit, bounded, coarse, counted, fixed, mebibytes, plain, probability, time,
        time_or_none,
    },
    table::{Kind, Table},
};
use crate::{
    Class, EndpointSummary, Metric, Micros, Outage, POINTS_MIN, Resource, RestartSummary, Slope,
    Statistic, Stats, Summary, Trend, Verdict, interval_of,
    record::{Failure, Record},
};

/// So many restarts ahead, growth is told.
const AHEAD: f64 = 100.0;

/// The metrics of which there are statistics.
const METRICS: [Metric; 5] =
    [Metric::Downtime, Metric::Longest, Metric::Stable, Metric::Wait, Metric::Cpu];

/// `demo 1.2`.
pub(super) fn target(record: &Record) -> String {
    let version = record.target.version.as_deref().unwrap_or_default();
    plain(format!("{} {version}", record.target.name).trim())
}

/// How it was measured, in sentences without a point.
pub(super) fn method(record: &Record) -> Vec<String> {
    let settings = &record.settings;
    let mut probes = format!(
        "a probe of each endpoint every {}, which waits {} at most; {} may be on their way",
        coarse(settings.every_us),
        coarse(settings.timeout_us),
        settings.in_flight_max
    );
    if settings.merge_gap_us != Micros::ZERO {
        probes += &format!("; outages closer than {} are one", coarse(settings.merge_gap_us));
    }
    let host = &record.host;
    let mut machine = format!(
        "{} {}, {}",
        plain(&host.system),
        plain(&host.architecture),
        counted(host.processors.try_into().unwrap_or(usize::MAX), "processor")
    );
    if let Some(load) = host.load {
        machine += &format!(", load {}", fixed(load, 2));
    }
    let stable = format!("stable is what is of use for {}", coarse(settings.stable_for_us));
    let tool = format!("by {} at {}", plain(&record.tool), plain(&record.measured_at));
    vec![probes, stable, machine, tool]
}

/// `3 restarts count, 1 only warms up, 0 failed`.
pub(super) fn counts(summary: &Summary) -> String {
    let (count, failed, all) = totals(summary);
    let warmups = summary.restarts.len() - all;
    let mut text = format!("{count} of {} counted", counted(all, "restart"));
    if 0 < failed {
        text += &format!(", {failed} failed");
    }
    if 0 < warmups {
        text += &format!(", and {warmups} before to warm up");
    }
    text
}

/// How many restarts count, failed, and are no warm-up.
fn totals(summary: &Summary) -> (usize, usize, usize) {
    let all = summary.restarts.iter().filter(|restart| !restart.is_warmup);
    let failed = all.clone().filter(|restart| restart.failure.is_some()).count();
    (summary.counted().count(), failed, all.count())
}

/// The numbers that are looked at first, with their names.
pub(super) fn headline(summary: &Summary) -> [(&'static str, String); 4] {
    let stats = |metric: Metric| Stats::of(&metric.values(summary));
    let none = || NONE.to_owned();
    let (_, failed, all) = totals(summary);
    let of_time = |value: f64| Unit::time(value).with_name(value);
    let downtime = stats(Metric::Downtime);
    [
        ("Downtime (median)", median(Metric::Downtime, summary).unwrap_or_else(none)),
        ("Worst downtime", downtime.map_or_else(none, |stats| of_time(stats.max))),
        ("Stable after (median)", stats(Metric::Stable).map_or_else(none, |it| of_time(it.p50))),
        ("Failures", format!("{failed} of {all}")),
    ]
}

/// `888.1 ms (786.0-1106.0)`.
fn median(metric: Metric, summary: &Summary) -> Option<String> {
    let values = metric.values(summary);
    let p50 = Stats::of(&values)?.p50;
    let unit = Unit::of_metric(metric, p50);
    let interval = interval_of(&values, Statistic::P50, SEED);
    let interval = interval.map(|interval| format!(" ({})", unit.range(interval)));
    Some(unit.with_name(p50) + &interval.unwrap_or_default())
}

/// What clients saw of each restart.
pub(super) fn clients(summary: &Summary) -> Table {
    let row = |restart: &RestartSummary| {
        let endpoint = restart.endpoint();
        let of =
            |span: fn(&EndpointSummary) -> Option<Micros>| time_or_none(endpoint.and_then(span));
        vec![
            name(restart),
            downtime(restart),
            of(|endpoint| Some(endpoint.longest_us)),
            of(|endpoint| endpoint.first_ok_us),
            of(|endpoint| endpoint.stable_us),
            endpoint.map_or_else(|| NONE.to_owned(), |endpoint| endpoint.failed.to_string()),
        ]
    };
    Table {
        columns: vec![
            ("Restart", Kind::Number),
            ("Downtime (bounds)", Kind::Number),
            ("Longest", Kind::Number),
            ("First ok", Kind::Number),
            ("Stable", Kind::Number),
            ("Failed", Kind::Number),
        ],
        rows: summary.restarts.iter().map(row).collect(),
    }
}

/// What the server did in each restart.
pub(super) fn server(summary: &Summary) -> Table {
    let none = || NONE.to_owned();
    let row = |restart: &RestartSummary| {
        let of_class = |class: Class| {
            let by_class = restart.endpoint().map(|endpoint| &endpoint.by_class);
            let span = by_class.map(|by_class| by_class.get(&class).copied().unwrap_or_default());
            time_or_none(span)
        };
        let rss = restart.resources.map(|resources| mebibytes(resources.rss_bytes));
        vec![
            name(restart),
            of_class(Class::Draining),
            of_class(Class::Closed),
            of_class(Class::Blocked),
            restart.cpu_us.map_or_else(none, coarse),
            rss.unwrap_or_else(none),
            proof(restart),
        ]
    };
    Table {
        columns: vec![
            ("Restart", Kind::Number),
            ("Draining", Kind::Number),
            ("Closed", Kind::Number),
            ("Blocked", Kind::Number),
            ("CPU", Kind::Number),
            ("RSS MiB", Kind::Number),
            ("Evidence", Kind::Text),
        ],
        rows: summary.restarts.iter().map(row).collect(),
    }
}

/// `3`, or `warm-up`.
fn name(restart: &RestartSummary) -> String {
    if restart.is_warmup { "warm-up".to_owned() } else { restart.index.to_string() }
}

/// `888.1 ms (870-905)`.
pub(super) fn downtime(restart: &RestartSummary) -> String {
    match (restart.downtime_us, restart.endpoint()) {
        (Some(downtime), Some(endpoint)) => {
            bounded(downtime, endpoint.total_lower_us, endpoint.total_upper_us)
        }
        _ => NONE.to_owned(),
    }
}

/// Why it failed, or else the first evidence and how much more there is.
pub(super) fn proof(restart: &RestartSummary) -> String {
    if let Some(failure) = restart.failure {
        return failure.code().to_owned();
    }
    let mut evidence = restart.evidence.iter();
    let first = evidence.next().map_or(NONE, |first| first.kind.name());
    match evidence.len() {
        0 => first.to_owned(),
        more => format!("{first} +{more}"),
    }
}

/// `100.0 ms (82-120)`.
pub(super) fn outage(outage: &Outage) -> String {
    bounded(outage.estimate_us, outage.lower_us(), outage.upper_us())
}

/// The statistics of the restarts that count.
pub(super) fn statistics(summary: &Summary) -> Table {
    let row = |metric: Metric| {
        let stats = Stats::of(&metric.values(summary))?;
        let of = |value: f64| Unit::of_metric(metric, value).with_name(value);
        let median = median(metric, summary)?;
        Some(vec![metric.name().to_owned(), of(stats.min), median, of(stats.p95), of(stats.max)])
    };
    Table {
        columns: vec![
            ("Metric", Kind::Text),
            ("Min", Kind::Number),
            ("p50 (95 % interval)", Kind::Number),
            ("p95", Kind::Number),
            ("Max", Kind::Number),
        ],
        rows: METRICS.into_iter().filter_map(row).collect(),
    }
}

/// What grows from restart to restart.
pub(super) fn growth(summary: &Summary) -> Table {
    let row = |(resource, slope): (&Resource, &Slope)| {
        let unit = Unit::of_resource(*resource, slope.per_restart);
        let ahead = (slope.verdict == Trend::Grows).then(|| {
            let ahead = slope.per_restart * AHEAD;
            Unit::of_resource(*resource, ahead).signed(ahead)
        });
        vec![
            resource_word(*resource).to_owned(),
            unit.signed(slope.per_restart),
            unit.signed_range(slope.interval),
            probability(slope.p),
            ahead.unwrap_or_else(|| NONE.to_owned()),
            trend(slope),
        ]
    };
    Table {
        columns: vec![
            ("Growth", Kind::Text),
            ("A restart", Kind::Number),
            ("95 % interval", Kind::Number),
            ("p", Kind::Number),
            ("In 100", Kind::Number),
            ("Verdict", Kind::Text),
        ],
        rows: summary.slopes.iter().map(row).collect(),
    }
}

fn resource_word(resource: Resource) -> &'static str {
    match resource {
        Resource::Rss => "RSS",
        Resource::OpenFiles => "open files",
        Resource::Threads => "threads",
    }
}

fn trend(slope: &Slope) -> String {
    match slope.verdict {
        Trend::Grows => "grows".to_owned(),
        Trend::Shrinks => "shrinks".to_owned(),
        Trend::NoEvidence => "no evidence".to_owned(),
        Trend::TooFewPoints => format!("too few ({} of {POINTS_MIN})", slope.points),
    }
}

/// What can be said of a difference.
pub(super) fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Worse => "worse",
        Verdict::Better => "better",
        Verdict::NoDifference => "no difference",
        Verdict::TooFew => "too few",
    }
}

/// Whether the measurement can be trusted, in sentences without a point.
pub(super) fn observer(summary: &Summary) -> Vec<String> {
    let observer = &summary.observer;
    let lag = observer.lag_ms.map(|lag| Unit::time(lag.p99).with_name(lag.p99));
    let mut lines = vec![format!(
        "99 of 100 probes began no later than {} after they were to; {} dropped; {} cores used",
        lag.unwrap_or_else(|| NONE.to_owned()),
        observer.dropped,
        fixed(observer.cpu_cores, 2),
    )];
    let idle = observer.idle_outages.iter().map(|outage| outage.estimate_us).sum();
    lines.push(match observer.idle_outages.len() {
        0 => "no outages without a restart".to_owned(),
        count => format!("{} without a restart, {} in all", counted(count, "outage"), time(idle)),
    });
    if observer.is_unfit {
        lines.push(explained(Failure::ObserverUnfit));
    }
    lines
}

/// Each failure with where it happened and what to do about it.
pub(super) fn failures(summary: &Summary) -> Vec<String> {
    let mut places: BTreeMap<Failure, Vec<String>> = BTreeMap::new();
    for restart in &summary.restarts {
        if let Some(failure) = restart.failure {
            places.entry(failure).or_default().push(restart.index.to_string());
        }
    }
    let whole = summary.failure.map(explained);
    let of_restarts = places.into_iter().map(|(failure, places)| {
        let noun = if places.len() == 1 { "restart" } else { "restarts" };
        format!("{noun} {}: {}", places.join(", "), explained(failure))
    });
    whole.into_iter().chain(of_restarts).collect()
}

fn explained(failure: Failure) -> String {
    format!("{}: {}", failure.code(), failure.advice())
}
