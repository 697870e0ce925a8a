//! What was used stays known: reports of usage say the same before and after sweeps.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use common_fs::{Clock as _, Host, SystemClock};
use demo_corpus::{
    Corpus,
    openclaw_store::{Session, store},
};
use serde::Serialize;
use session_reaper::{Needs, Place, Policy, Roots, SweepOptions, archives, restore};
use usage_cache::{
    Claude, Codex, DailyUsage, Locations, OpenClaw, Options, Prices, Query, Summary, Usage, Zone,
};

use super::home::{FORMS, Form, Later, is_clean, none_failed, safe, try_sweep, write};
use crate::proof::claim;

const DAY: Duration = Duration::from_hours(24);
/// When the last session ends, before now.
const QUIET_MILLIS: i64 = 3 * 24 * 3_600_000;

/// What was compared, for each way to archive.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct History {
    form: &'static str,
    transcripts: u64,
    transcript_bytes: u64,
    answers: u64,
    tokens: u64,
    cost_nanos: u64,
    days: u64,
    /// How often all of that was the same.
    comparisons: u64,
}

pub(super) fn prove(sessions: u32) -> anyhow::Result<Vec<History>> {
    FORMS.into_iter().map(|form| of_form(form, sessions)).collect()
}

fn of_form(form: Form, sessions: u32) -> anyhow::Result<History> {
    let home = Home::create(sessions)?;
    let before = home.known("before", &home.path("state"))?;
    ensure!(before.totals.events != 0, "nothing is known of the sessions");
    let mut comparisons = 0;
    let mut compare = |what: &str| {
        for (state, how) in [(home.path("state"), "known before"), (home.fresh()?, "from nothing")]
        {
            let what = format!("{}, {what}, {how}", form.name());
            let now = home.known(&what, &state)?;
            before.is_same(&now, &what)?;
            comparisons += 1;
        }
        anyhow::Ok(())
    };
    let later = |days| Later(DAY * days);
    home.sweep(form, &later(0))?;
    compare("after a sweep")?;
    home.restore(&later(0))?;
    compare("after a restore")?;
    // What was restored counts as used just then.
    home.sweep(form, &later(2))?;
    compare("after another sweep")?;
    Ok(History {
        form: form.name(),
        transcripts: home.transcripts,
        transcript_bytes: home.bytes,
        answers: before.totals.events,
        tokens: before.totals.tokens.total,
        cost_nanos: before.totals.cost.0,
        days: before.daily.len() as u64,
        comparisons,
    })
}

/// What a report says, except of what it is told.
struct Known {
    daily: Vec<DailyUsage>,
    totals: Usage,
    untimed: Usage,
    sources: Vec<usage_cache::SourceUsage>,
    unresolved: usage_cache::Unresolved,
}

impl Known {
    fn is_same(&self, now: &Self, what: &str) -> anyhow::Result<()> {
        for (was, is) in self.sources.iter().zip(&now.sources) {
            ensure!(was == is, "{what}: was {was:?}, is {is:?}");
        }
        claim(&format!("{what}: answers"), now.totals.events, self.totals.events)?;
        claim(&format!("{what}: tokens"), now.totals.tokens.total, self.totals.tokens.total)?;
        ensure!(now.totals == self.totals, "{what}: was {:?}, is {:?}", self.totals, now.totals);
        ensure!(now.untimed == self.untimed, "{what}: answers without a time");
        ensure!(now.unresolved == self.unresolved, "{what}: what may be of others");
        ensure!(now.sources == self.sources, "{what}: runtimes");
        ensure!(now.daily == self.daily, "{what}: days and models");
        Ok(())
    }
}

impl From<Summary> for Known {
    fn from(summary: Summary) -> Self {
        let Summary { daily, totals, untimed, sources, unresolved, .. } = summary;
        Self { daily, totals, untimed, sources, unresolved }
    }
}

/// The directories of three runtimes.
struct Home {
    root: PathBuf,
    transcripts: u64,
    bytes: u64,
    // Removed with this.
    temp: tempfile::TempDir,
}

impl Home {
    fn create(sessions: u32) -> anyhow::Result<Self> {
        let temp = tempfile::tempdir()?;
        let root = fs_err::canonicalize(temp.path())?;
        let latest_millis = SystemClock.now().unix_millis() - QUIET_MILLIS;
        let corpus = Corpus { sessions, latest_millis, ..Corpus::SMALL };
        let mut home = Self { root, transcripts: 0, bytes: 0, temp };
        home.fill("claude", corpus.claude(), latest_millis)?;
        home.fill("codex", corpus.codex(), latest_millis)?;
        let owned = home.fill("openclaw", corpus.openclaw(), latest_millis)?;
        let members = owned.iter().filter_map(|path| {
            let id = path.file_stem()?.to_str()?;
            Some(Session::of_run("nightly", id, latest_millis).member())
        });
        let dir = owned.first().and_then(|path| path.parent()).context("there are no sessions")?;
        fs_err::write(dir.join("sessions.json"), store(members))?;
        Ok(home)
    }

    fn fill(
        &mut self,
        runtime: &str,
        files: impl Iterator<Item = demo_corpus::File>,
        modified_millis: i64,
    ) -> anyhow::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for file in files {
            let path = self.path(runtime).join(file.path);
            write(&path, &file.content, modified_millis)?;
            self.transcripts += 1;
            self.bytes += file.content.len() as u64;
            paths.push(path);
        }
        Ok(paths)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// A directory for a cache of which nothing is known.
    fn fresh(&self) -> anyhow::Result<PathBuf> {
        Ok(tempfile::tempdir_in(self.temp.path())?.keep())
    }

    fn places(&self) -> anyhow::Result<Vec<Place>> {
        let [openclaw, claude, codex] =
            ["openclaw", "claude", "codex"].map(|name| vec![self.path(name)]);
        let (places, errors) = Roots { openclaw, claude, codex }.places(Host::real().fs);
        ensure!(errors.is_empty(), "{errors:?}");
        Ok(places)
    }

    /// Archives every transcript that there is.
    fn sweep(&self, form: Form, clock: &Later) -> anyhow::Result<()> {
        let host = Host { clock, ..Host::real() };
        let policy = Policy { session_ttl: Some(DAY), ..safe() };
        let places = self.places()?;
        let needs = Needs::read(host, &places)?;
        let mut archived = 0;
        for place in &places {
            let sweep = try_sweep(host, place, &policy, form.options(), Some(&needs))?;
            archived += is_clean(sweep)?.archived_files.count;
        }
        claim("transcripts archived", archived, self.transcripts)
    }

    fn restore(&self, clock: &Later) -> anyhow::Result<()> {
        let host = Host { clock, ..Host::real() };
        let mut restored = 0;
        for place in self.places()? {
            let all = archives(host, &place, &safe())?;
            let done = restore(host, &place, &all, SweepOptions::USUAL.lock_wait)?;
            none_failed(&done.failures)?;
            restored += done.total.count;
        }
        claim("transcripts restored", restored, self.transcripts)
    }

    /// What a report says with the cache in a directory.
    fn known(&self, what: &str, state: &Path) -> anyhow::Result<Known> {
        let places = vec![
            usage_cache::Place::new(&OpenClaw, self.path("openclaw")),
            usage_cache::Place::new(&Claude, self.path("claude")),
            usage_cache::Place::new(&Codex, self.path("codex")),
        ];
        let options = Options::new(Locations::new(places, state));
        let go_on = &mut |_| ControlFlow::Continue(());
        let refreshed = usage_cache::refresh(Host::real(), &options, go_on);
        ensure!(refreshed.problems.is_empty(), "{what}: {:?}", refreshed.problems);
        let status = refreshed.usage.status();
        ensure!(status.unreadable.is_empty(), "{what}: {:?}", status.unreadable);
        let all = Query::all(Zone::utc());
        Ok(refreshed.usage.summary(&all, &Prices::builtin()).into())
    }
}
