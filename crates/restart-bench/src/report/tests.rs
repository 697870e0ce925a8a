use proptest::prelude::*;

use super::*;
use crate::{
    Micros, Outcome, Summary, compare,
    record::{Endpoint, Failure, Line, Observation, Record, Resources, Restart, Seen, Span},
    summary,
    summary::tests::{endpoint, record, restart},
};

const HOSTILE: &str = "<script>alert('1')</script>\"&|`,\n\u{1b}[31m";

/// Down for so many slots of 10 ms, with a log and resources.
fn full(index: u32, down: usize) -> Restart {
    let outcomes = format!("{}dd{}..x{}", ".".repeat(10), "x".repeat(down), ".".repeat(60));
    let mut restart = restart(index, &outcomes);
    restart.observation.health = Some(endpoint(&".".repeat(outcomes.len())));
    restart.observation.resources = (0..20).map(|nth| resources(index, nth)).collect();
    restart.observation.lines = (1..60).map(line).collect();
    restart
}

fn resources(index: u32, nth: u64) -> Seen<Resources> {
    let what = Resources {
        rss_bytes: 600_000_000 + 1_700_000 * u64::from(index) + 1_000 * nth,
        cpu_us: Micros::from_millis(500 + 30 * nth),
        open_files: 30,
        threads: 11,
    };
    Seen { at_us: Micros::from_millis(40 * nth), what }
}

fn line(nth: u32) -> Seen<Line> {
    let span = Span {
        name: format!("phase-{nth}"),
        duration_ms: f64::from(nth),
        total_ms: f64::from(5 * nth),
    };
    let what = Line {
        text: format!("line {nth}"),
        is_ready: nth == 30,
        span: (!nth.is_multiple_of(3)).then_some(span),
    };
    Seen { at_us: Micros::from_millis(100 + 8 * u64::from(nth)), what }
}

fn measured() -> (Record, Summary) {
    let restarts = (1..=12).map(|index| full(index, 5 + index as usize));
    let mut record = record(restarts.collect());
    record.restarts[0].is_warmup = true;
    record.restarts[4].observation.serving.clear();
    record.restarts[4].observation.lines.clear();
    let idle = Observation { ready: Some(endpoint("....x...")), ..Observation::default() };
    record.calibration = Some(idle);
    let summary = summary(&record);
    (record, summary)
}

fn all(record: &Record, summary: &Summary) -> [String; 5] {
    [
        text(record, summary, 80),
        restarts_csv(record, summary),
        probes_csv(record),
        markdown(record, summary),
        html(record, summary),
    ]
}

/// Whether all elements of a page end where they may.
fn assert_balanced(page: &str) {
    let mut open: Vec<&str> = Vec::new();
    let style_from = page.find("<style>").unwrap() + "<style>".len();
    let style_until = page.find("</style>").unwrap();
    let page = format!("{}{}", &page[..style_from], &page[style_until..]);
    for tag in page.split('<').skip(1) {
        let (tag, after) = tag.split_once('>').unwrap();
        assert!(!after.contains('>') && tag.matches('"').count() % 2 == 0, "{tag}");
        let name = tag.split_whitespace().next().unwrap();
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if name == "meta" || name == "!doctype" => (),
            None => open.push(name),
        }
    }
    assert_eq!(open, [] as [&str; 0]);
}

fn assert_no_odd_numbers(report: &str) {
    let words = report.split(|char: char| !char.is_ascii_alphanumeric());
    for word in words {
        assert!(!matches!(word, "NaN" | "inf" | "Infinity"), "{report}");
    }
}

fn assert_narrow(text: &str, width: usize) {
    for line in text.lines() {
        assert!(line.chars().count() <= width, "{line}");
        assert_eq!(line.trim_end(), line);
    }
}

#[test]
fn a_terminal_is_told_what_a_restart_cost() {
    let (record, summary) = measured();
    let text = text(&record, &summary, 80);
    assert_narrow(&text, 80);
    for part in [
        "demo, restarted by SIGHUP",
        "10 of 11 restarts counted, 1 failed, and 1 before to warm up",
        "warm-up    90.0 ms (72-110)",
        "restart_not_observed: nothing shows",
        "restart 5: ",
        "+1.6 MiB",
        "+162.1 MiB  grows",
        "1 outage without a restart",
        "process-changed +1",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert_eq!(text.matches("\nRestart ").count(), 2, "{text}");
    let wide = super::text(&record, &summary, 200);
    assert_eq!(wide.matches("\nRestart ").count(), 1, "{wide}");
    assert!(text.lines().count() > wide.lines().count());
}

#[test]
fn slow_restarts_with_long_codes_have_room_in_a_terminal() {
    let outcomes = format!("{}{}{}", ".".repeat(10), "d".repeat(400), "x".repeat(500));
    let mut slow = restart(1, &(outcomes + &".".repeat(60)));
    slow.observation.resources = vec![resources(1, 0), resources(1, 240)];
    slow.failure = Some(Failure::RestartNotObserved);
    let record = record(vec![slow]);
    let text = text(&record, &summary(&record), 80);
    assert_narrow(&text, 80);
    assert!(text.contains("4000.0 ms  5000.0 ms"), "{text}");
    assert!(text.contains("restart_not_observed\n"), "{text}");
}

#[test]
fn growth_is_told_ahead_only_where_there_is_some() {
    let (mut record, _) = measured();
    record.restarts.truncate(7);
    let summary = summary(&record);
    let text = text(&record, &summary, 80);
    assert!(text.contains("too few (5 of 8)") && !text.contains("grows"), "{text}");
}

#[test]
fn a_comparison_says_how_the_measurements_differ() {
    let (base, of_base) = measured();
    let mut new = base.clone();
    for restart in &mut new.restarts {
        *restart = Restart { observation: full(restart.index, 40).observation, ..restart.clone() };
    }
    new.target.config_hash = "1".to_owned();
    new.settings.in_flight_max = 1;
    let compared = compare(&of_base, &summary(&new), 0.01, 1);
    let text = comparison_text(&base, &new, &compared);
    assert_eq!(text.matches("warning: ").count(), 2, "{text}");
    let downtime = text.lines().find(|line| line.starts_with("downtime")).unwrap();
    assert!(downtime.contains('+') && downtime.ends_with("worse"), "{text}");
    assert!(text.contains("no difference"), "{text}");
    assert!(comparison_text(&base, &base, &[]).contains("nothing to compare"));
    assert!(!comparison_text(&base, &base, &compared).contains("warning"));
}

#[test]
fn every_probe_is_a_row() {
    let (mut record, summary) = measured();
    record.restarts[1].observation.ready.as_mut().unwrap().dropped_us = vec![Micros(7)];
    let probes = probes_csv(&record);
    let count = |seen: &Observation| {
        let endpoints = [&seen.ready, &seen.health].into_iter().flatten();
        endpoints.map(|endpoint| endpoint.probes.len() + endpoint.dropped_us.len()).sum::<usize>()
    };
    let restarts = record.restarts.iter().map(|restart| &restart.observation);
    let expected: usize = record.calibration.iter().chain(restarts).map(count).sum();
    assert_eq!(probes.lines().count(), 1 + expected);
    assert!(probes.contains("\n0,ready,40000,40000,41000,refused,\n"));
    assert!(probes.contains("\n2,ready,7,,,dropped,\n"));
    let restarts = restarts_csv(&record, &summary);
    let commas = |line: &str| line.matches(',').count();
    assert_eq!(restarts.lines().count(), 13);
    assert!(restarts.lines().all(|line| commas(line) == 24), "{restarts}");
    let failed = restarts.lines().nth(5).unwrap();
    assert!(failed.starts_with("5,100000,false,false,restart_not_observed,,,,,"), "{failed}");
}

#[test]
fn a_page_shows_each_restart() {
    let (record, summary) = measured();
    let page = html(&record, &summary);
    assert_balanced(&page);
    assert_eq!(page, html(&record, &summary), "the same every time");
    for index in 1..=12 {
        assert_eq!(page.matches(&format!("<svg id=\"timeline-{index}\"")).count(), 1);
    }
    // The first, and the worst.
    assert_eq!(page.matches("<details id=\"restart-1\" open").count(), 1);
    assert_eq!(page.matches("<details id=\"restart-12\" open").count(), 1);
    assert_eq!(page.matches(" open=").count(), 2);
    for part in [">trigger<", ">process-changed 200.0 ms<", "class=\"curve rss\"", "class=\"dot\""]
    {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("http-equiv") && !page.contains("<script") && !page.contains("src="));
}

#[test]
fn neighbours_that_are_well_are_one_rectangle() {
    let restart = restart(1, &format!("{}xx{}", ".".repeat(1_000), ".".repeat(1_000)));
    let record = record(vec![restart]);
    let page = html(&record, &summary(&record));
    assert_eq!(page.matches("<title>1000 x ok, ").count(), 2);
    assert_eq!(page.matches(" x ok, ").count(), 2);
    // Both are within a pixel.
    assert_eq!(page.matches("<title>2 x refused, ").count(), 1);
}

#[test]
fn a_page_does_not_grow_with_its_probes() {
    let down = ".".repeat(100) + &"x".repeat(1_000) + &".".repeat(100);
    // Away for a moment, time and again.
    let flaps = "..x".repeat(400);
    for (outcomes, bytes_max) in [(down, 200_000), (flaps, 5_000_000)] {
        let many = |index| {
            let mut restart = restart(index, &outcomes);
            restart.observation.health = Some(endpoint(&outcomes));
            restart
        };
        let record = record((1..=20).map(many).collect());
        let page = html(&record, &summary(&record));
        assert!(page.len() < bytes_max, "{}", page.len());
    }
}

#[test]
fn names_mean_nothing_anywhere() {
    let (mut record, _) = measured();
    record.target.name = HOSTILE.to_owned();
    record.target.version = Some(HOSTILE.to_owned());
    record.target.command = Some(HOSTILE.to_owned());
    record.target.trigger = HOSTILE.to_owned();
    record.target.config_hash = HOSTILE.to_owned();
    record.host.system = HOSTILE.to_owned();
    record.tool = HOSTILE.to_owned();
    record.measured_at = HOSTILE.to_owned();
    let seen = &mut record.restarts[0].observation;
    seen.ready.as_mut().unwrap().url = HOSTILE.to_owned();
    for line in &mut seen.lines {
        line.what.text = HOSTILE.to_owned();
        if let Some(span) = &mut line.what.span {
            span.name = HOSTILE.to_owned();
        }
    }
    let summary = summary(&record);
    let page = html(&record, &summary);
    assert_balanced(&page);
    assert!(!page.contains("<script") && !page.contains('\u{1b}'));
    assert!(!markdown(&record, &summary).contains('\u{1b}'));
    assert!(!markdown(&record, &summary).contains("<script"));
    let text = text(&record, &summary, 80);
    assert_narrow(&text, 80);
    assert!(!text.contains('\u{1b}'));
    assert!(!comparison_text(&record, &record, &[]).contains('\u{1b}'));
}

#[test]
fn odd_numbers_are_none() {
    let (mut record, _) = measured();
    record.host.load = Some(f64::NAN);
    for line in &mut record.restarts[0].observation.lines {
        if let Some(span) = &mut line.what.span {
            span.duration_ms = f64::INFINITY;
            span.total_ms = f64::NAN;
        }
    }
    record.restarts[1].observation.lines[0].at_us = Micros(u64::MAX);
    record.restarts[2].observation.until_us = Micros(u64::MAX);
    record.restarts[3].trigger_us = Micros(u64::MAX);
    let mut summary = summary(&record);
    summary.observer.cpu_cores = f64::NAN;
    for report in all(&record, &summary) {
        assert_no_odd_numbers(&report);
    }
}

#[test]
fn what_is_missing_is_no_reason_to_stop() {
    let none = record(Vec::new());
    let mut failed = record(vec![Restart { index: 1, ..Restart::default() }]);
    failed.failure = Some(Failure::PortTaken);
    failed.restarts[0].failure = Some(Failure::TriggerFailed);
    for record in [none, failed] {
        let summary = summary(&record);
        let reports = all(&record, &summary);
        for report in &reports {
            assert_no_odd_numbers(report);
        }
        let [text, _, _, markdown, page] = reports;
        assert_balanced(&page);
        let advice = Failure::TriggerFailed.advice();
        assert_eq!(page.contains(advice), record.failure.is_some());
        assert_eq!(text.contains("port_taken"), record.failure.is_some());
        assert_eq!(markdown.contains("another process listens"), record.failure.is_some());
    }
}

#[test]
fn each_class_has_a_shape_of_its_own() {
    let (record, summary) = measured();
    let page = html(&record, &summary);
    for class in ["ok", "draining", "closed", "blocked", "other"] {
        assert!(page.contains(&format!(">{class}</text>")), "{class}");
    }
}

fn any_endpoint() -> impl Strategy<Value = Option<Endpoint>> {
    prop::option::of("[.dx]{0,80}".prop_map(|outcomes| {
        let mut endpoint = endpoint(&outcomes);
        for (nth, probe) in endpoint.probes.iter_mut().enumerate().filter(|(nth, _)| nth % 7 == 3) {
            probe.finished_us = probe.started_us.plus(Micros::from_millis(nth as u64));
            probe.outcome = Outcome::Timeout;
        }
        endpoint
    }))
}

fn any_restart() -> impl Strategy<Value = Restart> {
    let moment = 0_u64..20_000_000;
    (any_endpoint(), any_endpoint(), any::<bool>(), moment, any::<u64>()).prop_map(
        |(ready, health, is_warmup, trigger, rss_bytes)| {
            let mut restart = full(1, 3);
            restart.is_warmup = is_warmup;
            restart.trigger_us = Micros(trigger);
            restart.observation.ready = ready;
            restart.observation.health = health;
            restart.observation.resources[1].what.rss_bytes = rss_bytes;
            restart
        },
    )
}

proptest! {
    // A median with its interval is drawn thousands of times.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_measurement_can_be_told(
        restarts in prop::collection::vec(any_restart(), 0..4),
        name in "\\PC{0,120}",
    ) {
        let mut record = record(restarts);
        record.target.name = name.replace("NaN", "").replace("inf", "");
        let summary = summary(&record);
        for width in [40, 80, 120] {
            assert_narrow(&text(&record, &summary, width), width);
        }
        for report in all(&record, &summary) {
            assert_no_odd_numbers(&report);
        }
        assert_balanced(&html(&record, &summary));
    }
}
