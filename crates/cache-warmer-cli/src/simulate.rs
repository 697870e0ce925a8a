//! `cache-warmer simulate`.

use std::process::ExitCode;

use anyhow::Context as _;
use cache_warmer::{
    Millis, Providers, Tier,
    simulate::{Lifetime, Settings, SimulatedPolicy, simulate},
};
use cli_support::{Interrupt, env, message, print, text};
use common_fs::{Clock as _, Host, SystemClock, Timestamp};
use usage_cache::Locations;

use crate::{
    NAME,
    args::{Simulate, Ttl},
    demo,
    progress::Progress,
    report::{self, POLICIES, Report, SWEEP},
    transcripts::{self, Looked, Transcripts},
};

pub(crate) fn run(args: &Simulate) -> anyhow::Result<ExitCode> {
    let interrupt = Interrupt::listen().context("cannot listen for signals")?;
    let now = SystemClock.now();
    let until = if args.demo { demo::midnight(now) } else { now };
    let transcripts = if args.demo {
        demo::conversations(until)
    } else {
        let Some(read) = read(args, &interrupt)? else {
            message(NAME, "interrupted");
            return Ok(interrupt.exit_code().unwrap_or(ExitCode::FAILURE));
        };
        read
    };
    for error in &transcripts.errors {
        message(NAME, &format!("warning: {}", text::in_full(error)));
    }
    let report = replay(args, transcripts, until);
    if let Some(path) = &args.html {
        let written = fs_err::write(path, report::html(&report));
        written.context("cannot write the page")?;
    }
    print(&if args.json {
        report::json(&report)?
    } else if report.transcripts.histories.is_empty() {
        nothing_found(&report)
    } else {
        report::text(&report, args.per_conversation)
    })?;
    let Transcripts { histories, counts, errors, .. } = &report.transcripts;
    let has_read_nothing = histories.is_empty() && counts.before == 0;
    let failed = has_read_nothing && !errors.is_empty();
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Reads the transcripts in the usual places; `None` if somebody did not want to wait.
fn read(args: &Simulate, interrupt: &Interrupt) -> anyhow::Result<Option<Transcripts>> {
    let locations =
        Locations::from_env(Host::real().fs, env).context("cannot tell where to look: set HOME")?;
    let is_wanted = |name: &str| args.source.as_deref().is_none_or(|source| source == name);
    let places: Vec<_> =
        locations.places.into_iter().filter(|place| is_wanted(place.source.name())).collect();
    let progress = Progress::new(interrupt);
    let read = transcripts::read(&places, args.since, &progress);
    progress.clear();
    Ok(read)
}

fn replay(args: &Simulate, transcripts: Transcripts, until: Timestamp) -> Report {
    let settings = Settings {
        lifetime: match args.ttl {
            Ttl::Auto => Lifetime::Recorded,
            Ttl::FiveMinutes => Lifetime::Always(Tier::FiveMinutes),
            Ttl::OneHour => Lifetime::Always(Tier::OneHour),
        },
        closed_after: Millis::from(args.closed_after),
        until,
    };
    let providers = Providers::builtin();
    let sweep = SWEEP.into_iter().map(SimulatedPolicy::Fixed);
    let policies: Vec<_> = POLICIES.into_iter().chain(sweep).collect();
    let simulation = simulate(&transcripts.histories, &policies, &providers, &settings);
    Report { simulation, settings, is_demo: args.demo, transcripts, providers }
}

fn nothing_found(report: &Report) -> String {
    let Transcripts { counts, places, errors, .. } = &report.transcripts;
    let files = text::counted(counts.files, "transcript");
    let before = text::counted(counts.before, "request");
    let mut text = match (counts.files, counts.before) {
        (0, _) if errors.is_empty() => "No transcripts found.".to_owned(),
        (0, _) => "No transcripts could be read.".to_owned(),
        (_, 0) => format!("No requests found in {files}."),
        _ => format!("No requests found in {files} from --since on; {before} came before."),
    };
    text += " Looked in:\n";
    for (path, looked) in places {
        let what = match looked {
            Looked::Directory => "",
            Looked::Nothing => " (no such directory)",
            Looked::Unreadable => " (cannot be read)",
        };
        text += &format!("  {}{what}\n", text::plain(&path.display().to_string()));
    }
    for note in report.passed_over() {
        text += &format!("{note}\n");
    }
    text += "If a runtime keeps its files elsewhere, set CLAUDE_CONFIG_DIR, CODEX_HOME or OPENCLAW_STATE_DIR.\n";
    text += "To see a report on made-up conversations: cache-warmer simulate --demo\n";
    text
}
