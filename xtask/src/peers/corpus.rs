//! A home directory with the transcripts of one runtime, and what they add up to.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use cli_support::Interrupt;
use demo_corpus::{Counts, Recorded};
use serde::Deserialize;

use super::{Scale, append::append, check, explain::Habit, layout::Layout, tokens::Tokens};

/// Each so many sessions of OpenClaw one is an archive, as it was reset.
const SESSIONS_PER_ARCHIVE: usize = 33;
const ARCHIVE_SUFFIX: &str = ".reset.2026-08-31T06-00-00.000Z";

/// Each so many files somebody may have asked to end.
const FILES_PER_CHECK: usize = 64;

/// Where transcripts come from.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    MadeUp(Scale),
    /// They are copied from this home directory.
    Existing(PathBuf),
}

/// Transcripts of one runtime; they are removed with this value.
pub(super) struct Corpus {
    pub(super) home: PathBuf,
    pub(super) layout: Layout,
    /// What it is called.
    pub(super) scale: String,
    pub(super) file_count: u64,
    pub(super) bytes: u64,
    /// What they add up to now.
    pub(super) truth: Tokens,
    /// How it can be got wrong.
    pub(super) habits: Vec<Habit>,
    /// What is in it that programs are known to stumble over.
    pub(super) traps: Vec<String>,
    /// Those that sessions go on in, in a fixed order.
    transcripts: Vec<PathBuf>,
    appended: u64,
}

impl Drop for Corpus {
    fn drop(&mut self) {
        // What is left goes with the temporary directory around it.
        fs_err::remove_dir_all(&self.home).ok();
    }
}

impl Corpus {
    /// Makes them in the directory `home`, which is not there yet.
    pub(super) fn create(
        home: PathBuf,
        layout: Layout,
        origin: &Origin,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Self> {
        fs_err::create_dir(&home)?;
        let scale = match origin {
            Origin::MadeUp(scale) => scale.name().to_owned(),
            Origin::Existing(_) => String::new(),
        };
        let mut corpus = Self {
            home,
            layout,
            scale,
            file_count: 0,
            bytes: 0,
            truth: Tokens::default(),
            habits: Vec::new(),
            traps: Vec::new(),
            transcripts: Vec::new(),
            appended: 0,
        };
        match origin {
            Origin::MadeUp(scale) => corpus.make_up(*scale, interrupt)?,
            Origin::Existing(home) => corpus.copy(home, interrupt)?,
        }
        corpus.transcripts.sort();
        // Whatever is measured next should not have to wait until this is on the disk.
        rustix::fs::sync();
        Ok(corpus)
    }

    fn make_up(&mut self, scale: Scale, interrupt: &Interrupt) -> anyhow::Result<()> {
        ensure_room(&self.home, scale.bytes_max())?;
        let root = self.layout.root(&self.home);
        let (mut all, mut archived) = (Recorded::default(), Counts::default());
        for (nth, file) in self.layout.files(scale).enumerate() {
            if nth.is_multiple_of(FILES_PER_CHECK) {
                check(interrupt)?;
            }
            let mut path = root.join(&file.path).into_os_string();
            if self.layout == Layout::Openclaw && nth % SESSIONS_PER_ARCHIVE == 1 {
                path.push(ARCHIVE_SUFFIX);
                archived += file.recorded.own;
            }
            let path = PathBuf::from(path);
            fs_err::create_dir_all(path.parent().unwrap_or(&root))?;
            fs_err::write(&path, &file.content)?;
            let Recorded { own, growing, first_lines_lack, copied, repeated } = file.recorded;
            all.own += own;
            all.growing += growing;
            all.first_lines_lack += first_lines_lack;
            all.copied += copied;
            all.repeated += repeated;
            self.add(path, file.content.len() as u64);
        }
        self.truth = all.own.into();
        self.habits = habits(&all, archived);
        Ok(())
    }

    fn copy(&mut self, from: &Path, interrupt: &Interrupt) -> anyhow::Result<()> {
        let path = self.layout.truth_path(from);
        let truth = serde_json::from_slice(&fs_err::read(&path)?);
        let truth: TruthFile = truth
            .with_context(|| format!("`{}` is not what gen_corpus.py writes", path.display()))?;
        ensure_room(&self.home, truth.bytes + truth.bytes / 8)?;
        self.copy_dir(&self.layout.root(from), &self.layout.root(&self.home), interrupt)?;
        // There may be more: traps are files, too.
        ensure!(
            truth.files <= self.file_count,
            "`{}` tells of {} transcripts, but there are only {}",
            path.display(),
            truth.files,
            self.file_count
        );
        self.scale = truth.scale;
        self.truth = truth.totals.into();
        let traps = truth.traps.into_iter().filter(|(_, count)| 0 < *count);
        self.traps = traps.map(|(name, count)| format!("{name} ({count})")).collect();
        Ok(())
    }

    fn copy_dir(&mut self, from: &Path, to: &Path, interrupt: &Interrupt) -> anyhow::Result<()> {
        fs_err::create_dir_all(to)?;
        for (nth, entry) in fs_err::read_dir(from)?.enumerate() {
            if nth.is_multiple_of(FILES_PER_CHECK) {
                check(interrupt)?;
            }
            let entry = entry?;
            let to = to.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.copy_dir(&entry.path(), &to, interrupt)?;
            } else if kind.is_file() {
                let bytes = fs_err::copy(entry.path(), &to)?;
                self.add(to, bytes);
            }
        }
        Ok(())
    }

    fn add(&mut self, path: PathBuf, bytes: u64) {
        self.file_count += 1;
        self.bytes += bytes;
        if is_appended_to(&path) {
            self.transcripts.push(path);
        }
    }

    /// Appends one more answer to each `one_in`th transcript, and returns to how many.
    pub(super) fn append(&mut self, one_in: usize, interrupt: &Interrupt) -> anyhow::Result<u64> {
        let (mut count, mut tokens) = (0, Tokens::default());
        for (nth, path) in self.transcripts.iter().step_by(one_in).enumerate() {
            if nth.is_multiple_of(FILES_PER_CHECK) {
                check(interrupt)?;
            }
            if let Some(appended) = append(self.layout, path, self.appended + count)? {
                tokens += appended;
                count += 1;
            }
        }
        rustix::fs::sync();
        self.appended += count;
        self.truth += tokens;
        let words = format!("leaves out what was appended to {}", transcripts(count));
        self.habits.push(Habit { words, excess: tokens.left_out() });
        Ok(count)
    }
}

/// Whether a session goes on in a file of this name, of any runtime.
fn is_appended_to(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_beside = [".trajectory.", ".checkpoint."].iter().any(|part| name.contains(part));
    name.ends_with(".jsonl") && !is_beside
}

fn transcripts(count: u64) -> String {
    cli_support::text::counted(count, "transcript")
}

/// What programs do that count these files wrongly.
fn habits(all: &Recorded, archived: Counts) -> Vec<Habit> {
    let habit = |words: &str, excess| Habit { words: words.to_owned(), excess };
    let added = |counts: Counts| Tokens::from(counts).added();
    let lack = Tokens { output: all.first_lines_lack, ..Tokens::default() };
    vec![
        habit("counts every line of an answer that is recorded as it grows", added(all.growing)),
        habit("takes the first line of an answer for the whole", lack.left_out()),
        habit("counts again what resumed sessions have copied", added(all.copied)),
        habit("counts again the counters of Codex that did not change", added(all.repeated)),
        habit("leaves out archives of sessions that were reset", Tokens::from(archived).left_out()),
    ]
}

/// A full disk half an hour later would be worse.
fn ensure_room(dir: &Path, bytes: u64) -> anyhow::Result<()> {
    let volume = rustix::fs::statvfs(dir)?;
    let free_bytes = volume.f_bavail.saturating_mul(volume.f_frsize);
    ensure!(
        bytes <= free_bytes,
        "the transcripts take up to {} and there are {} free in `{}`; set TMPDIR to where there is \
         more, or take a smaller --scale",
        cli_support::text::bytes(bytes),
        cli_support::text::bytes(free_bytes),
        dir.display()
    );
    Ok(())
}

/// As `gen_corpus.py` writes it.
#[derive(Deserialize)]
struct TruthFile {
    scale: String,
    files: u64,
    bytes: u64,
    #[serde(default)]
    traps: std::collections::BTreeMap<String, u64>,
    totals: Totals,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Totals {
    input: u64,
    output: u64,
    cache_write: u64,
    cache_read: u64,
}

impl From<Totals> for Tokens {
    fn from(totals: Totals) -> Self {
        let Totals { input, output, cache_write, cache_read } = totals;
        Self { input, output, cache_write, cache_read }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_go_on_in_transcripts_only() {
        for (name, is) in [
            ("a/b/0c1d.jsonl", true),
            ("0c1d.jsonl.reset.2026-08-31T06-00-00.000Z", false),
            ("0c1d.trajectory.jsonl", false),
            ("0c1d.checkpoint.7.jsonl", false),
            ("sessions.json", false),
            ("0c1d.jsonl.bak", false),
        ] {
            assert_eq!(is_appended_to(name.as_ref()), is, "{name}");
        }
    }

    #[test]
    fn a_truth_file_is_read_as_it_is_written() {
        let text = r#"{"layout":"codex","scale":"small","seed":1,"files":3,"bytes":99,
            "traps":{"repeat":0,"decoy":4},
            "totals":{"events":2,"input":5,"output":6,"cacheWrite":7,"cacheRead":8,"cost":0.5}}"#;
        let truth: TruthFile = serde_json::from_str(text).unwrap();
        assert_eq!((truth.files, truth.bytes, truth.traps["decoy"]), (3, 99, 4));
        let tokens = Tokens { input: 5, output: 6, cache_write: 7, cache_read: 8 };
        assert_eq!(Tokens::from(truth.totals), tokens);
    }
}
