//! What the names in a directory of sessions say.

use std::ffi::OsStr;

use common_fs::{FileKind, ProcessId, Timestamp, temp};

use crate::stamp::{looks_like_stamp, parse_stamp};

/// The name of OpenClaw's store.
pub(crate) const STORE: &str = "sessions.json";

/// The folder of archives, where they are not kept beside what they were.
pub(crate) const ARCHIVE_FOLDER: &str = "archive";

/// What begins the names of our own files.
pub(crate) const OWN: &str = ".session-reaper.";

/// Whose directory it is, and so what names in it mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layout {
    /// `agents/<agent>/sessions` of OpenClaw: a store, and transcripts.
    OpenClaw,
    /// `projects/<project>` of Claude Code: a transcript for each session, and perhaps a directory.
    Claude,
    /// A directory of rollouts of Codex.
    Codex,
}

/// What a file is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileClass<'n> {
    /// The store itself.
    Store,
    /// The lock of the store.
    StoreLock,
    /// What guarded a stale lock while it was judged: `<lock>.guard`.
    LockGuard,
    /// A new store that somebody was writing: `sessions.json.<pid>.<uuid>.tmp`.
    StoreTemp {
        /// The process that wrote it, if the name tells.
        pid: Option<u32>,
    },
    /// A former store, which OpenClaw keeps: `sessions.json.bak.<time>`.
    StoreBackup,
    /// The transcript of a session, or of a topic of one.
    Transcript {
        /// The session, with all that follows it where a name could be read in several ways.
        session: &'n str,
    },
    /// What repeats or describes a transcript: a checkpoint, a trajectory.
    Companion {
        /// The session.
        session: &'n str,
    },
    /// The directory that Claude Code keeps for a session.
    SideDir {
        /// The session.
        session: &'n str,
    },
    /// The lock of a transcript: `<transcript>.lock`.
    TranscriptLock {
        /// The transcript.
        of: &'n str,
    },
    /// What was once another file.
    Archive {
        /// The name it had.
        of: &'n str,
        /// Why it was put away.
        reason: ArchiveReason,
        /// When; `None` if the name has no such date.
        at: Option<Timestamp>,
        /// Whether it is compressed.
        compressed: bool,
    },
    /// Ours: the journal, what guards it, or the folder of archives.
    Own,
    /// A file that a program of this workspace did not finish.
    OwnTemp {
        /// The process that wrote it.
        owner: ProcessId,
    },
    /// Anything else. It is never touched.
    Other,
}

/// Why a file was put away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ArchiveReason {
    /// Its session was deleted.
    Deleted,
    /// Its session began anew.
    Reset,
    /// It was replaced; or, as we name it, it goes with a session that was deleted without being
    /// its transcript.
    Backup,
}

const REASONS: [(&str, ArchiveReason); 3] = [
    (".deleted.", ArchiveReason::Deleted),
    (".reset.", ArchiveReason::Reset),
    (".bak.", ArchiveReason::Backup),
];

impl ArchiveReason {
    /// The word for it in names.
    pub(crate) fn marker(self) -> &'static str {
        match self {
            Self::Deleted => ".deleted.",
            Self::Reset => ".reset.",
            Self::Backup => ".bak.",
        }
    }
}

impl FileClass<'_> {
    /// Why such a file is put away when its session goes.
    ///
    /// Only transcripts are `deleted`: reports of usage count everything that is named so.
    pub(crate) fn reason(&self) -> ArchiveReason {
        match self {
            Self::Transcript { .. } | Self::SideDir { .. } => ArchiveReason::Deleted,
            _ => ArchiveReason::Backup,
        }
    }
}

/// Says what `name` is, going by it and by its kind.
pub fn classify(name: &OsStr, kind: FileKind, layout: Layout) -> FileClass<'_> {
    if let Some(owner) = temp::owner(name) {
        return FileClass::OwnTemp { owner };
    }
    let Some(name) = name.to_str() else { return FileClass::Other };
    if name.starts_with(OWN) || (name == ARCHIVE_FOLDER && kind == FileKind::Dir) {
        return FileClass::Own;
    }
    match layout {
        Layout::OpenClaw => openclaw(name),
        Layout::Claude if kind == FileKind::Dir => claude_dir(name),
        Layout::Claude => plain(name, |name| name.strip_suffix(".jsonl")),
        Layout::Codex => plain(name, codex_session),
    }
}

/// `<uuid>`, and that as an archive.
fn claude_dir(name: &str) -> FileClass<'_> {
    match archive(name) {
        Some(class @ FileClass::Archive { of, compressed: false, .. }) if is_uuid(of) => class,
        None if is_uuid(name) => FileClass::SideDir { session: name },
        _ => FileClass::Other,
    }
}

/// Of a runtime that has transcripts and nothing else.
fn plain<'n>(name: &'n str, session: impl Fn(&'n str) -> Option<&'n str>) -> FileClass<'n> {
    let session = |name: &'n str| session(name).filter(|_| !name.starts_with('.'));
    if let Some(class @ FileClass::Archive { of, .. }) = archive(name) {
        return if session(of).is_some() { class } else { FileClass::Other };
    }
    session(name).map_or(FileClass::Other, |session| FileClass::Transcript { session })
}

/// The thread of `rollout-<time>-<uuid>.jsonl`, which may be compressed.
fn codex_session(name: &str) -> Option<&str> {
    let stem = name.strip_suffix(".zst").unwrap_or(name).strip_suffix(".jsonl")?;
    let stem = stem.strip_prefix("rollout-")?;
    let id = stem.len().checked_sub(UUID_BYTES).and_then(|at| stem.get(at..));
    Some(id.filter(|id| is_uuid(id)).unwrap_or(stem))
}

fn openclaw(name: &str) -> FileClass<'_> {
    if let Some(lock) = name.strip_suffix(".guard")
        && matches!(openclaw(lock), FileClass::StoreLock | FileClass::TranscriptLock { .. })
    {
        return FileClass::LockGuard;
    }
    if let Some(suffix) = name.strip_prefix(STORE) {
        return match store_class(suffix) {
            FileClass::Other => archived_leftover(name).unwrap_or(FileClass::Other),
            class => class,
        };
    }
    if let Some(archive) = archive(name) {
        return archive;
    }
    if let Some(of) = name.strip_suffix(".lock")
        && of.strip_suffix(".jsonl").is_some()
    {
        return FileClass::TranscriptLock { of };
    }
    transcript(name)
}

/// What was archived of the files that belong to a store. Never a store itself: that somebody named
/// one so is an accident, and it may be all that is left of the sessions.
fn archived_leftover(name: &str) -> Option<FileClass<'_>> {
    let class = archive(name)?;
    let FileClass::Archive { of, .. } = class else { return None };
    let of = store_class(of.strip_prefix(STORE)?);
    matches!(of, FileClass::StoreTemp { .. }).then_some(class)
}

fn store_class(suffix: &str) -> FileClass<'static> {
    match suffix {
        "" => return FileClass::Store,
        ".lock" => return FileClass::StoreLock,
        _ => (),
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if suffix.strip_prefix(".bak.").is_some_and(digits) {
        return FileClass::StoreBackup;
    }
    let temp = suffix.strip_prefix('.').and_then(|suffix| suffix.strip_suffix(".tmp"));
    match temp.map(|owner| owner.split_once('.').unwrap_or(("", owner))) {
        Some(("", uuid)) if is_uuid(uuid) => FileClass::StoreTemp { pid: None },
        Some((pid, uuid)) if is_uuid(uuid) && digits(pid) => {
            FileClass::StoreTemp { pid: pid.parse().ok() }
        }
        _ => FileClass::Other,
    }
}

fn archive(name: &str) -> Option<FileClass<'_>> {
    let (plain, compressed) = match name.strip_suffix(".zst") {
        Some(plain) => (plain, true),
        None => (name, false),
    };
    // Nearly all other names end here: a stamp ends in `Z`, and what may follow it in a digit.
    if !plain.ends_with(|last: char| last == 'Z' || last.is_ascii_hexdigit()) {
        return None;
    }
    let last = REASONS.iter().filter_map(|(word, reason)| Some((plain.rfind(word)?, word, reason)));
    let (at, word, reason) = last.max_by_key(|(at, ..)| *at)?;
    let (of, stamp) = (plain.get(..at)?, plain.get(at + word.len()..)?);
    let stamp = match stamp.rsplit_once('.') {
        Some((stamp, generation)) if is_generation(generation) => stamp,
        _ => stamp,
    };
    let archive = FileClass::Archive { of, reason: *reason, at: parse_stamp(stamp), compressed };
    looks_like_stamp(stamp).then_some(archive)
}

/// The session that the name of a transcript, or of what goes with one, begins with.
fn transcript(name: &str) -> FileClass<'_> {
    let trajectory = [".trajectory.jsonl", ".trajectory-path.json"];
    if let Some(session) = trajectory.iter().find_map(|suffix| name.strip_suffix(suffix)) {
        return FileClass::Companion { session };
    }
    let Some(stem) = name.strip_suffix(".jsonl") else { return FileClass::Other };
    let id_at = stem.len().checked_sub(UUID_BYTES);
    let checkpoint = id_at
        .and_then(|at| stem.split_at_checked(at))
        .and_then(|(rest, id)| rest.strip_suffix(".checkpoint.").filter(|_| is_uuid(id)));
    match checkpoint {
        Some(session) => FileClass::Companion { session },
        None => FileClass::Transcript { session: stem },
    }
}

/// The session that `stem` belongs to if it is not one itself: `<session>-topic-<topic>`, or
/// `<time>_<session>` for a fork.
pub(crate) fn other_readings(stem: &str) -> impl Iterator<Item = &str> {
    // A plain id, as nearly all are, has neither; to know that is cheaper than to look for both.
    let stem = if is_uuid(stem) { "" } else { stem };
    let topics = stem.match_indices("-topic-").filter_map(|(at, _)| stem.get(..at));
    let fork = stem.split_once('_').map(|(_, session)| session).filter(|id| is_uuid(id));
    topics.chain(fork)
}

/// What distinguishes archives that were made in the same millisecond.
fn is_generation(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

const UUID_BYTES: usize = 36;

pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == UUID_BYTES
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Whether a session may have this id, by the rule of OpenClaw: a file name that cannot lead
/// anywhere.
pub(crate) fn is_session_id(id: &str) -> bool {
    let id = id.trim().as_bytes();
    let inner = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    id.len() <= 128 && id.first().is_some_and(u8::is_ascii_alphanumeric) && id.iter().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "0a1b2c3d-0000-4000-8000-000000000000";
    const STAMP: &str = "2026-02-23T12-34-56.000Z";

    fn class(name: &str) -> String {
        format!("{:?}", classify(OsStr::new(name), FileKind::File, Layout::OpenClaw))
    }

    #[test]
    fn names_say_what_files_are() {
        let table = [
            ("sessions.json", "Store".to_owned()),
            ("sessions.json.lock", "StoreLock".to_owned()),
            (&format!("sessions.json.{UUID}.tmp"), "StoreTemp { pid: None }".to_owned()),
            (&format!("sessions.json.71.{UUID}.tmp"), "StoreTemp { pid: Some(71) }".to_owned()),
            ("sessions.json.tmp", "Other".to_owned()),
            ("sessions.json.bak.1737420882", "StoreBackup".to_owned()),
            ("sessions.json.deleted.2026-02-23T12-34-56.000Z", "Other".to_owned()),
            ("s.jsonl", "Transcript { session: \"s\" }".to_owned()),
            ("keep.deleted.keep.jsonl", "Transcript { session: \"keep.deleted.keep\" }".to_owned()),
            ("s.trajectory.jsonl", "Companion { session: \"s\" }".to_owned()),
            ("s.trajectory-path.json", "Companion { session: \"s\" }".to_owned()),
            (&format!("s.checkpoint.{UUID}.jsonl"), "Companion { session: \"s\" }".to_owned()),
            ("s.jsonl.lock", "TranscriptLock { of: \"s.jsonl\" }".to_owned()),
            ("s.jsonl.lock.guard", "LockGuard".to_owned()),
            ("sessions.json.lock.guard", "LockGuard".to_owned()),
            ("s.jsonl.migrated", "Other".to_owned()),
            ("s.jsonl.pre-doctor-x-repair-1.bak", "Other".to_owned()),
            ("notes.txt", "Other".to_owned()),
            (".session-reaper.jsonl", "Own".to_owned()),
        ];
        for (name, expected) in table {
            assert_eq!(class(name), expected, "{name}");
        }
        assert!(class(".s.jsonl.1.2.3.tmp").starts_with("OwnTemp"));
    }

    #[test]
    fn archives_tell_of_what_and_when() {
        let at = Timestamp::from_unix_millis(1_771_850_096_000);
        for suffix in [String::new(), ".zst".into(), format!(".{}.zst", "0".repeat(32))] {
            for (word, reason) in REASONS {
                let name = format!("s.jsonl{word}{STAMP}{suffix}");
                let compressed = suffix.contains("zst");
                let expected = FileClass::Archive { of: "s.jsonl", reason, at, compressed };
                let class = classify(OsStr::new(&name), FileKind::File, Layout::OpenClaw);
                assert_eq!(class, expected, "{name}");
            }
        }
        assert!(class("s.jsonl.bak.2026-13-01T00-00-00Z").contains("at: None"));
        let leftover = class(&format!("sessions.json.{UUID}.tmp.bak.{STAMP}"));
        assert!(leftover.starts_with("Archive"), "{leftover}");
    }

    #[test]
    fn names_of_claude_code_and_codex() {
        let of = |name: &str, kind, layout| format!("{:?}", classify(name.as_ref(), kind, layout));
        let rollout = format!("rollout-2026-02-23T12-34-56-{UUID}.jsonl");
        let table = [
            (format!("{UUID}.jsonl"), FileKind::File, Layout::Claude, "Transcript"),
            (UUID.to_owned(), FileKind::Dir, Layout::Claude, "SideDir"),
            (UUID.to_owned(), FileKind::File, Layout::Claude, "Other"),
            ("memory".to_owned(), FileKind::Dir, Layout::Claude, "Other"),
            ("archive".to_owned(), FileKind::Dir, Layout::Claude, "Own"),
            (format!("{UUID}.jsonl.deleted.{STAMP}"), FileKind::File, Layout::Claude, "Archive"),
            (format!("{UUID}.deleted.{STAMP}"), FileKind::Dir, Layout::Claude, "Archive"),
            (format!("notes.deleted.{STAMP}"), FileKind::Dir, Layout::Claude, "Other"),
            ("sessions-index.json".to_owned(), FileKind::File, Layout::Claude, "Other"),
            (rollout.clone(), FileKind::File, Layout::Codex, "Transcript"),
            (format!("{rollout}.zst"), FileKind::File, Layout::Codex, "Transcript"),
            (format!("{rollout}.deleted.{STAMP}"), FileKind::File, Layout::Codex, "Archive"),
            (format!("{rollout}.zst.deleted.{STAMP}"), FileKind::File, Layout::Codex, "Archive"),
            (format!("x.jsonl.deleted.{STAMP}"), FileKind::File, Layout::Codex, "Other"),
            ("session.jsonl".to_owned(), FileKind::File, Layout::Codex, "Other"),
        ];
        for (name, kind, layout, expected) in table {
            let class = of(&name, kind, layout);
            assert!(class.starts_with(expected), "{name}: {class}");
        }
        assert_eq!(codex_session(&rollout), Some(UUID));
    }

    #[test]
    fn ids_that_could_lead_elsewhere_are_none() {
        for id in ["s", "S.1_x-y", " padded ", UUID] {
            assert!(is_session_id(id), "{id}");
        }
        for id in ["", ".s", "-s", "../x", "a/b", "a\\b", "/abs", "\0", &"a".repeat(129)] {
            assert!(!is_session_id(id), "{id}");
        }
    }

    #[test]
    fn topics_and_forks_belong_to_a_session() {
        let readings = |stem| other_readings(stem).collect::<Vec<_>>();
        assert_eq!(readings("s-topic-a-topic-b"), ["s", "s-topic-a"]);
        let fork = format!("2026-02-23T12-34-56-000Z_{UUID}");
        assert_eq!(other_readings(&fork).collect::<Vec<_>>(), [UUID]);
        assert!(readings("s").is_empty());
    }
}
