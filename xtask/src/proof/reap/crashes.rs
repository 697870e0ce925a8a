//! Sweeps that are interrupted: before each operation on the file system, and by `SIGKILL`.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::process::ExitStatusExt as _,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use common_fs::{
    Clock as _, Host, Identity, ProcessId, ProcessState, Processes, RealFs, RealProcesses,
    SystemClock, observe::ObservedFs, sim::Faults,
};
use fastrand::Rng;
use serde::Serialize;

use super::{
    home::{FORMS, Form, Later, clean_sweep, restore_since, safe, try_sweep},
    limits,
    messy::Messy,
    tree::Tree,
};

/// `SIGKILL`
const KILLED: i32 = 9;
const SEED: u64 = 5;
/// One that has ended by the moment of its death is no proof, and another one is tried.
const ATTEMPTS_MAX: u64 = 5;

/// No write stores more, so that something is torn by every other death.
const WRITE_BYTES_MAX: usize = 1_000;

/// Copies that nobody finished are removed when they are ten minutes old.
const LATER: Duration = Duration::from_mins(11);

/// What came of the sweeps afterwards.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Crashes {
    interrupted: u64,
    /// How many had ended before they could be interrupted.
    ended: u64,
    /// What was known to have been begun, and was finished, by rows and files without one,
    finished: u64,
    /// or undone.
    undone: u64,
}

impl Crashes {
    /// Another process sweeps and restores, and all is as it was.
    fn recover(
        &mut self,
        messy: &Messy,
        form: Form,
        before: &Tree,
        what: &str,
    ) -> anyhow::Result<()> {
        let host = Host { clock: &Later(LATER), ..Host::real() };
        let swept = clean_sweep(host, &messy.place, &safe(), form.options());
        let swept = swept.with_context(|| format!("the sweep after: {what}"))?;
        self.finished += swept.recovered.finished;
        self.undone += swept.recovered.undone;
        let rows = "the rows that had to go";
        let now = messy.home.tree()?;
        ensure!(now.content("sessions.json") != before.content("sessions.json"), "{what}: {rows}");
        let restored = restore_since(host, &messy.place, before);
        restored.with_context(|| format!("the restore after: {what}"))?;
        let lasting = messy.lasting(before.clone());
        messy.home.tree()?.is_same(&format!("restored after: {what}"), &lasting)?;
        messy.victims.are_untouched()
    }
}

/// A process that does not exist any more when somebody asks.
struct Dead(ProcessId);

impl Dead {
    fn new() -> anyhow::Result<Self> {
        let mut child = Command::new("true").spawn()?;
        let pid = child.id();
        child.wait()?;
        // Whoever gets its number later has not started at the same time.
        Ok(Self(ProcessId { pid, start_ticks: Some(1) }))
    }
}

impl Processes for Dead {
    fn identity(&self) -> Identity {
        Identity { process: self.0, ..RealProcesses.identity() }
    }

    fn state(&self, pid: u32) -> ProcessState {
        RealProcesses.state(pid)
    }
}

/// What is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Act {
    Sweep,
    Restore,
}

/// An act for each of its operations, before which its process ends.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AtEachStep {
    act: Act,
    form: &'static str,
    operations: u64,
    #[serde(flatten)]
    crashes: Crashes,
}

/// Sweeps and restores, in all forms. Of their operations, every so many are tried.
pub(super) fn at_each_step(rows: u32, every: usize) -> anyhow::Result<Vec<AtEachStep>> {
    let acts = [Act::Sweep, Act::Restore].into_iter();
    let all = acts.flat_map(|act| FORMS.into_iter().map(move |form| (act, form)));
    all.map(|(act, form)| at_each_step_of(act, rows, form, every)).collect()
}

fn at_each_step_of(act: Act, rows: u32, form: Form, every: usize) -> anyhow::Result<AtEachStep> {
    let dead = Dead::new()?;
    let mut crashes = Crashes::default();
    let mut nth = 0;
    loop {
        let messy = Messy::create(rows)?;
        let before = messy.home.tree()?;
        let faults = Arc::new(Faults::none().short_writes(WRITE_BYTES_MAX).die(nth));
        let fs = ObservedFs::new(RealFs, faults.clone());
        let host = Host { fs: &fs, processes: &dead, ..Host::real() };
        // What it would say, nobody hears.
        match act {
            Act::Sweep => drop(try_sweep(host, &messy.place, &safe(), form.options(), None)),
            Act::Restore => {
                clean_sweep(Host::real(), &messy.place, &safe(), form.options())?;
                restore_since(host, &messy.place, &before).ok();
            }
        }
        let operations = faults.count();
        if operations <= nth {
            crashes.ended += 1;
            let (form, operations) = (form.name(), operations as u64);
            return Ok(AtEachStep { act, form, operations, crashes });
        }
        crashes.interrupted += 1;
        let step = faults.trace().get(nth).map(|(op, path)| format!("{op:?} {}", path.display()));
        let step = step.unwrap_or_default();
        let what = format!("{act:?}, {}, that ended before {nth}, {step}", form.name());
        crashes.recover(&messy, form, &before, &what)?;
        nth += every;
    }
}

/// So many sweeps are killed, each at a random moment.
pub(super) fn by_kills(rows: u32, kills: u64) -> anyhow::Result<Crashes> {
    let mut rng = Rng::with_seed(SEED);
    let mut takes = Vec::new();
    for form in FORMS {
        let messy = Messy::create(rows)?;
        takes.push((form, sweep(&messy, form, None)?.1));
    }
    let mut crashes = Crashes::default();
    let mut forms = takes.iter().cycle();
    while crashes.interrupted < kills {
        let (form, takes) = forms.next().context("there is no form")?;
        let messy = Messy::create(rows)?;
        let before = messy.home.tree()?;
        let after = takes.mul_f64(rng.f64());
        let (was_killed, _) = sweep(&messy, *form, Some(after))?;
        crashes.interrupted += u64::from(was_killed);
        crashes.ended += u64::from(!was_killed);
        ensure!(crashes.ended < ATTEMPTS_MAX * kills, "sweeps end before they are killed");
        let what = format!("a sweep, {}, that was killed after {after:?}", form.name());
        crashes.recover(&messy, *form, &before, &what)?;
    }
    Ok(crashes)
}

/// A sweep in a process of its own, and for how long it was at it; whether it was killed.
fn sweep(messy: &Messy, form: Form, kill: Option<Duration>) -> anyhow::Result<(bool, Duration)> {
    let mut command = limits::command(&messy.home.root, form)?;
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(child.stdout.take().context("the sweep has no output")?);
    lines.read_line(&mut String::new())?;
    let begun = SystemClock.monotonic();
    if let Some(after) = kill {
        SystemClock.sleep(after);
        child.kill()?;
    }
    let status = child.wait()?;
    let was_killed = status.signal() == Some(KILLED);
    ensure!(was_killed || status.success(), "a sweep failed: {status}");
    Ok((was_killed, SystemClock.monotonic().saturating_sub(begun)))
}
