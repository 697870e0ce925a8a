//! Sweeps while somebody swaps transcripts for links, and their directory for a link.

use std::{
    io::ErrorKind,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::Duration,
};

use anyhow::{bail, ensure};
use common_fs::{Clock as _, FsError, Host, Refusal, SystemClock};
use rustix::{
    fs::{
        AtFlags, CWD, Dir, Mode, OFlags, RenameFlags, Timespec, Timestamps, futimens, open, openat,
        renameat_with, symlinkat,
    },
    io::Errno,
};
use serde::Serialize;
use session_reaper::{Place, SweepError, SweepOptions};

use super::{
    home::{Home, safe, set_modified, try_sweep, write},
    tree::Tree,
};
use crate::proof::trace_relaunch::Stamp;

const SESSIONS: u32 = 20;
/// Less than this passes between two swaps, so that a sweep finds the directory now and then.
const PAUSE_MICROS_MAX: u64 = 200;
const OLD_MILLIS: i64 = 30 * 86_400_000;

/// What happened.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Swaps {
    /// Of a transcript and a link to one outside,
    of_transcripts: u64,
    /// of the directory and a link to one outside.
    of_directory: u64,
    sweeps: u64,
    /// How many were refused, as a link stood in the place of the directory.
    refused_sweeps: u64,
    archived_files: u64,
}

/// Until there were so many swaps.
pub(super) fn prove(rounds: u64) -> anyhow::Result<Swaps> {
    let home = Home::create()?;
    let place = home.place()?;
    let outside = Outside::create(&home)?;
    let link = home.dir.with_file_name("link");
    fs_err::os::unix::fs::symlink(&outside.dir, &link)?;
    // Whatever stands at its path, this is the directory.
    let dir = open(&home.dir, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?;
    plant(&dir, &outside.dir)?;

    let (of_transcripts, of_directory) = (AtomicU64::new(0), AtomicU64::new(0));
    let is_over = AtomicBool::new(false);
    let again = |count: &AtomicU64, swap: &dyn Fn(u64) -> rustix::io::Result<()>| {
        let mut rng = fastrand::Rng::with_seed(1);
        while !is_over.load(Relaxed) {
            match swap(count.load(Relaxed)) {
                Ok(()) => _ = count.fetch_add(1, Relaxed),
                // A sweep has archived it.
                Err(Errno::NOENT) => (),
                Err(errno) => return Err(errno),
            }
            SystemClock.sleep(Duration::from_micros(rng.u64(..PAUSE_MICROS_MAX)));
        }
        Ok(())
    };
    let swap_transcript = |nth: u64| {
        let id = id(u32::try_from(nth % u64::from(SESSIONS)).unwrap_or_default());
        let names = (format!("{id}.jsonl"), format!("{id}.swap"));
        renameat_with(&dir, names.0, &dir, names.1, RenameFlags::EXCHANGE)
    };
    let swap_directory = |_| renameat_with(CWD, &home.dir, CWD, &link, RenameFlags::EXCHANGE);
    let swept = thread::scope(|scope| {
        let swappers = [
            scope.spawn(|| again(&of_transcripts, &swap_transcript)),
            scope.spawn(|| again(&of_directory, &swap_directory)),
        ];
        let enough = || rounds <= of_transcripts.load(Relaxed) + of_directory.load(Relaxed);
        let swept = sweep_until(enough, &place, &dir, &outside);
        is_over.store(true, Relaxed);
        for swapper in swappers {
            swapper.join().map_err(|_| anyhow::anyhow!("a thread has panicked"))??;
        }
        swept
    })?;

    let Swept { sweeps, refused, archived } = swept;
    ensure!(0 < archived, "none of {sweeps} sweeps found the directory");
    ensure!(0 < refused, "none of {sweeps} sweeps found a link");
    Ok(Swaps {
        of_transcripts: of_transcripts.into_inner(),
        of_directory: of_directory.into_inner(),
        sweeps,
        refused_sweeps: refused,
        archived_files: archived,
    })
}

#[derive(Default)]
struct Swept {
    sweeps: u64,
    refused: u64,
    archived: u64,
}

fn sweep_until(
    is_over: impl Fn() -> bool,
    place: &Place,
    dir: &OwnedFd,
    outside: &Outside,
) -> anyhow::Result<Swept> {
    let mut swept = Swept::default();
    while !is_over() {
        swept.sweeps += 1;
        match try_sweep(Host::real(), place, &safe(), SweepOptions::USUAL, None) {
            // What could not be done, because it was swapped, is among its failures.
            Ok(sweep) => swept.archived += sweep.archived_files.count,
            Err(SweepError::Fs(error)) if leads_elsewhere(&error) => swept.refused += 1,
            Err(error) => bail!("sweep {}: {error}", swept.sweeps),
        }
        outside.is_untouched()?;
        plant(dir, &outside.dir)?;
    }
    Ok(swept)
}

fn leads_elsewhere(error: &FsError) -> bool {
    // Of a link that is not followed, Linux says that it is no directory.
    error.refusal() == Some(&Refusal::Link) || error.kind() == ErrorKind::NotADirectory
}

fn id(nth: u32) -> String {
    format!("00000000-0000-4000-8000-{nth:012}")
}

/// Sessions that are over, and a store of them.
fn sessions(now_millis: i64) -> (Vec<String>, String) {
    let ids: Vec<String> = (0..SESSIONS).map(id).collect();
    let old = now_millis - OLD_MILLIS;
    let rows = ids.iter().map(|id| {
        format!(r#""agent:main:cron:job:run:{id}": {{"sessionId": "{id}", "updatedAt": {old}}}"#)
    });
    let store = format!("{{{}}}", rows.collect::<Vec<_>>().join(", "));
    (ids, store)
}

/// Makes the directory what it was in the beginning.
fn plant(dir: &OwnedFd, outside: &Path) -> anyhow::Result<()> {
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            gone(rustix::fs::unlinkat(dir, entry.file_name(), AtFlags::empty()))?;
        }
    }
    let (ids, store) = sessions(now_millis());
    put(dir, "sessions.json", store.as_bytes())?;
    for id in ids {
        let name = format!("{id}.jsonl");
        put(dir, &name, b"{\"inside\":true}\n")?;
        symlinkat(outside.join(&name), dir, format!("{id}.swap"))?;
    }
    Ok(())
}

/// A transcript may be at its other name by now, or a link to one in its place.
fn gone(removed: rustix::io::Result<()>) -> rustix::io::Result<()> {
    if removed == Err(Errno::NOENT) { Ok(()) } else { removed }
}

fn put(dir: &OwnedFd, name: &str, content: &[u8]) -> anyhow::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
    let file = openat(dir, name, flags, Mode::RUSR | Mode::WUSR)?;
    rustix::io::write(&file, content)?;
    let time = Timespec { tv_sec: (now_millis() - OLD_MILLIS) / 1_000, tv_nsec: 0 };
    futimens(&file, &Timestamps { last_access: time, last_modification: time })?;
    Ok(())
}

fn now_millis() -> i64 {
    Host::real().clock.now().unix_millis()
}

/// A directory that looks the same, which is none of anybody's business.
struct Outside {
    dir: PathBuf,
    tree: Tree,
    stamps: Vec<(PathBuf, Stamp)>,
}

impl Outside {
    fn create(home: &Home) -> anyhow::Result<Self> {
        let dir = home.root.join("outside");
        let now = now_millis();
        let (ids, store) = sessions(now);
        let mut paths = vec![dir.join("sessions.json")];
        paths.extend(ids.iter().map(|id| dir.join(format!("{id}.jsonl"))));
        for (nth, path) in paths.iter().enumerate() {
            let content = if nth == 0 { store.as_bytes() } else { b"{\"precious\":true}\n" };
            write(path, content, now - OLD_MILLIS)?;
        }
        set_modified(&dir, now - OLD_MILLIS)?;
        paths.push(dir.clone());
        let stamps = paths
            .into_iter()
            .map(|path| Ok((path.clone(), Stamp::of(&path)?)))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { tree: Tree::of(&dir)?, dir, stamps })
    }

    fn is_untouched(&self) -> anyhow::Result<()> {
        Tree::of(&self.dir)?.is_same("outside, after swaps", &self.tree)?;
        for (path, stamp) in &self.stamps {
            let now = Stamp::of(path)?;
            ensure!(now == *stamp, "{} was touched: {stamp:?}, then {now:?}", path.display());
        }
        Ok(())
    }
}
