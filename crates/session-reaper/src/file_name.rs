//! What the names in a directory of OpenClaw's sessions say.

use std::ffi::OsStr;

use common_fs::Timestamp;

use crate::stamp::{looks_like_stamp, parse_stamp};

/// What a file is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileClass<'n> {
    /// The store itself.
    Store,
    /// The lock of the store, or what guards it.
    StoreLock,
    /// A new store that somebody was writing: `sessions.json.<pid>.<uuid>.tmp`.
    StoreTemp {
        /// The process that wrote it, if the name tells.
        pid: Option<u32>,
    },
    /// A former store, which OpenClaw keeps: `sessions.json.bak.<time>`.
    StoreBackup,
    /// The transcript of a session, or of a topic, a checkpoint, or the trajectory of one.
    Transcript {
        /// The session, with all that follows it where a name could be read in several ways.
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
    /// It was replaced.
    Backup,
}

const REASONS: [(&str, ArchiveReason); 3] = [
    (".deleted.", ArchiveReason::Deleted),
    (".reset.", ArchiveReason::Reset),
    (".bak.", ArchiveReason::Backup),
];

/// Says what the file `name` is in a directory whose store has the name `store`.
pub fn classify<'n>(name: &'n OsStr, store: &str) -> FileClass<'n> {
    let Some(name) = name.to_str() else { return FileClass::Other };
    if let Some(suffix) = name.strip_prefix(store) {
        return store_class(suffix);
    }
    if let Some(archive) = archive(name) {
        return archive;
    }
    if let Some(of) = name.strip_suffix(".lock")
        && of.strip_suffix(".jsonl").is_some()
    {
        return FileClass::TranscriptLock { of };
    }
    transcript_session(name).map_or(FileClass::Other, |session| FileClass::Transcript { session })
}

fn store_class(suffix: &str) -> FileClass<'static> {
    match suffix {
        "" => return FileClass::Store,
        ".lock" | ".lock.guard" => return FileClass::StoreLock,
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
    let plain = name.strip_suffix(".zst").unwrap_or(name);
    let last = REASONS.iter().filter_map(|(word, reason)| Some((plain.rfind(word)?, word, reason)));
    let (at, word, reason) = last.max_by_key(|(at, ..)| *at)?;
    let (of, stamp) = (plain.get(..at)?, plain.get(at + word.len()..)?);
    let stamp = match stamp.rsplit_once('.') {
        Some((stamp, generation)) if is_generation(generation) => stamp,
        _ => stamp,
    };
    let archive = FileClass::Archive { of, reason: *reason, at: parse_stamp(stamp) };
    looks_like_stamp(stamp).then_some(archive)
}

/// The session that the name of a transcript, or of what goes with one, begins with.
fn transcript_session(name: &str) -> Option<&str> {
    let trajectory = [".trajectory.jsonl", ".trajectory-path.json"];
    if let Some(session) = trajectory.iter().find_map(|suffix| name.strip_suffix(suffix)) {
        return Some(session);
    }
    let stem = name.strip_suffix(".jsonl")?;
    if let Some((session, id)) = stem.rsplit_once(".checkpoint.")
        && is_uuid(id)
    {
        return Some(session);
    }
    Some(stem)
}

/// The session that `stem` belongs to if it is not one itself: `<session>-topic-<topic>`, or
/// `<time>_<session>` for a fork.
pub(crate) fn other_readings(stem: &str) -> impl Iterator<Item = &str> {
    let topics = stem.match_indices("-topic-").filter_map(|(at, _)| stem.get(..at));
    let fork = stem.split_once('_').map(|(_, session)| session).filter(|id| is_uuid(id));
    topics.chain(fork)
}

/// What distinguishes archives that were made in the same millisecond.
fn is_generation(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
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

    fn class(name: &str) -> String {
        format!("{:?}", classify(OsStr::new(name), "sessions.json"))
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
            ("s.trajectory.jsonl", "Transcript { session: \"s\" }".to_owned()),
            ("s.trajectory-path.json", "Transcript { session: \"s\" }".to_owned()),
            (&format!("s.checkpoint.{UUID}.jsonl"), "Transcript { session: \"s\" }".to_owned()),
            ("s.jsonl.lock", "TranscriptLock { of: \"s.jsonl\" }".to_owned()),
            ("s.jsonl.migrated", "Other".to_owned()),
            ("s.jsonl.pre-doctor-x-repair-1.bak", "Other".to_owned()),
            ("notes.txt", "Other".to_owned()),
            (".s.jsonl.1.2.3.tmp", "Other".to_owned()),
        ];
        for (name, expected) in table {
            assert_eq!(class(name), expected, "{name}");
        }
    }

    #[test]
    fn archives_tell_of_what_and_when() {
        let at = Timestamp::from_unix_millis(1_771_850_096_000);
        let stamp = "2026-02-23T12-34-56.000Z";
        for suffix in [String::new(), ".zst".into(), format!(".{}.zst", "0".repeat(32))] {
            for (word, reason) in REASONS {
                let name = format!("s.jsonl{word}{stamp}{suffix}");
                let expected = FileClass::Archive { of: "s.jsonl", reason, at };
                assert_eq!(classify(OsStr::new(&name), "sessions.json"), expected, "{name}");
            }
        }
        let impossible = classify(OsStr::new("s.jsonl.bak.2026-13-01T00-00-00Z"), "sessions.json");
        assert!(matches!(impossible, FileClass::Archive { at: None, .. }));
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
