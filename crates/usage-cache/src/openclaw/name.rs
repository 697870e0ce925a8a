use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

use crate::{
    Name, Origin, TranscriptName,
    archived::{Archived, COMPRESSED, DELETED, RESET},
};

const LIVE: &[u8] = b".jsonl";

/// Reads a file name.
///
/// A transcript is `<session>.jsonl`, or that with `.reset.<time>` or `.deleted.<time>`
/// appended when the session was reset or deleted. If it was in a database then, `.<32 hex>` is
/// appended in most cases, and `.zst` if it is compressed; the latter is also appended by others
/// who compress. Backups (`.bak.<time>`), checkpoints before a compaction
/// (`<session>.checkpoint.<uuid>.jsonl`) and trajectories repeat what a transcript holds, and do
/// so in an archive, too.
pub(super) fn classify(name: &OsStr) -> Name<'_> {
    let bytes = name.as_bytes();
    let plain = bytes.strip_suffix(COMPRESSED);
    let compressed = plain.is_some();
    let (plain, is_hashed) = without_hash(plain.unwrap_or(bytes));
    if let Some(archived) = Archived::read_plain(plain, &[RESET, DELETED]) {
        let session = archived.of.strip_suffix(LIVE).filter(|session| !session.is_empty());
        let origin = match (is_hashed, compressed) {
            (true, _) => Origin::Database,
            (false, true) => Origin::AppendedOrDatabase,
            (false, false) => Origin::Appended,
        };
        let archived_at = Some(archived.at);
        let transcript = TranscriptName { session, archived_at, compressed, origin };
        return if is_copy(archived.of) { Name::Other } else { Name::Transcript(transcript) };
    }
    let Some(session) = bytes.strip_suffix(LIVE) else { return Name::Other };
    if session.is_empty() || is_copy(bytes) {
        return Name::Other;
    }
    Name::Transcript(TranscriptName { session: Some(session), ..TranscriptName::default() })
}

/// A name without `.<32 hex>` at its end, and whether it had that.
fn without_hash(name: &[u8]) -> (&[u8], bool) {
    const HASH_LEN: usize = 32;
    match name.len().checked_sub(1 + HASH_LEN).and_then(|at| name.split_at_checked(at)) {
        Some((plain, [b'.', hash @ ..])) if hash.iter().all(u8::is_ascii_hexdigit) => (plain, true),
        _ => (name, false),
    }
}

/// Whether a file repeats what a transcript holds, or says where that is repeated.
fn is_copy(name: &[u8]) -> bool {
    name.ends_with(b".trajectory.jsonl")
        || name.ends_with(b".trajectory-path.json")
        || name.strip_suffix(LIVE).is_some_and(is_checkpoint)
}

/// Whether a stem ends in `.checkpoint.<uuid>`, in whatever case.
fn is_checkpoint(stem: &[u8]) -> bool {
    const MARKER: &[u8] = b".checkpoint.";
    const UUID_LEN: usize = 36;
    let Some((rest, uuid)) =
        stem.len().checked_sub(UUID_LEN).and_then(|at| stem.split_at_checked(at))
    else {
        return false;
    };
    let marked = rest.len().checked_sub(MARKER.len()).and_then(|at| rest.get(at..));
    marked.is_some_and(|marker| marker.eq_ignore_ascii_case(MARKER)) && is_uuid(uuid)
}

/// A UUID of version 1 to 5.
fn is_uuid(text: &[u8]) -> bool {
    text.iter().enumerate().all(|(at, &byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        14 => (b'1'..=b'5').contains(&byte),
        19 => matches!(byte.to_ascii_lowercase(), b'8' | b'9' | b'a' | b'b'),
        _ => byte.is_ascii_hexdigit(),
    })
}

#[cfg(test)]
mod tests {
    use common_fs::Timestamp;

    use super::*;

    const UUID: &str = "0b4b2d3c-5d6e-4f70-8a9b-0c1d2e3f4a5b";

    fn kind(name: &str) -> Name<'_> {
        classify(OsStr::new(name))
    }

    #[test]
    fn transcripts_and_their_archives_count() {
        let live =
            [("s.jsonl", "s"), ("s-topic-a%2Fb.jsonl", "s-topic-a%2Fb"), ("a.b.jsonl", "a.b")];
        for (name, session) in live {
            let session = Some(session.as_bytes());
            let expected = TranscriptName { session, ..TranscriptName::default() };
            assert_eq!(kind(name), Name::Transcript(expected), "{name}");
        }
        let time = Timestamp::from_unix_millis(1_770_293_045_006);
        let second = Timestamp::from_unix_millis(1_770_293_045_000);
        let archives = [
            ("s.jsonl.reset.2026-02-05T12-04-05.006Z", Some("s"), time),
            ("s.jsonl.deleted.2026-02-05T12-04-05Z", Some("s"), second),
            ("s.jsonl.reset.x.jsonl.reset.2026-02-05T12-04-05Z", Some("s.jsonl.reset.x"), second),
            // Counted by its suffix alone, as OpenClaw does.
            ("foo.reset.2026-02-05T12-04-05Z", None, second),
            (".jsonl.reset.2026-02-05T12-04-05Z", None, second),
        ];
        for (name, session, archived_at) in archives {
            let session = session.map(str::as_bytes);
            let expected = TranscriptName { session, archived_at, ..TranscriptName::default() };
            assert_eq!(kind(name), Name::Transcript(expected), "{name}");
        }
    }

    #[test]
    fn copies_and_other_files_do_not() {
        let others = [
            "sessions.json",
            "sessions.json.bak.1770293045006",
            "s.trajectory.jsonl",
            "s.jsonl.bak",
            "s.jsonl.tmp",
            "s.jsonl.bak.2026-02-05T12-04-05.006Z",
            "s.jsonl.bak.2026-02-05T12-04-05.006Z.zst",
            "s.trajectory.jsonl.bak.2026-02-05T12-04-05.006Z",
            "s.trajectory.jsonl.deleted.2026-02-05T12-04-05.006Z",
            "s.trajectory.jsonl.reset.2026-02-05T12-04-05.006Z.zst",
            "s.trajectory-path.json.deleted.2026-02-05T12-04-05.006Z",
            "sessions.json.71.0b4b2d3c-5d6e-4f70-8a9b-0c1d2e3f4a5b.tmp",
            "sessions.json.tmp.bak.2026-02-05T12-04-05.006Z",
            "s.jsonl.reset.2026-02-05",
            "s.jsonl.reset.2026-13-05T12-04-05Z",
            "s.jsonl.reset.2026-02-05T12:04:05Z",
            "s.jsonl.reset.2026-02-05T12-04-05.06Z",
            "s.jsonl.reset.2026-02-05T12-04-05-06Z",
            "s.jsonl.reset.",
            ".jsonl",
            "s.jsonl.zst",
            "",
        ];
        for name in others {
            assert_eq!(kind(name), Name::Other, "{name}");
        }
        for name in [
            format!("s.checkpoint.{UUID}.jsonl"),
            format!("S.CHECKPOINT.{}.jsonl", UUID.to_uppercase()),
            format!("s.checkpoint.{UUID}.jsonl.deleted.2026-02-05T12-04-05.006Z"),
            format!("s.checkpoint.{UUID}.jsonl.deleted.2026-02-05T12-04-05.006Z.zst"),
            format!("s.checkpoint.{UUID}.jsonl.bak.2026-02-05T12-04-05.006Z"),
            format!("s.checkpoint.{UUID}.jsonl.bak.2026-02-05T12-04-05.006Z.zst"),
        ] {
            assert_eq!(kind(&name), Name::Other, "{name}");
        }
        for not_uuid in
            ["x", "0b4b2d3c-5d6e-6f70-8a9b-0c1d2e3f4a5b", "0b4b2d3c-5d6e-4f70-ca9b-0c1d2e3f4a5b"]
        {
            let name = format!("s.checkpoint.{not_uuid}.jsonl");
            assert!(matches!(kind(&name), Name::Transcript(_)), "{name}");
        }
    }

    #[test]
    fn archives_of_databases_are_known_for_what_they_are() {
        let archive = "s.jsonl.deleted.2026-02-05T12-04-05.006Z";
        let hash = "0123456789abcdef0123456789abcdef";
        for (suffix, compressed, origin) in [
            (".zst", true, Origin::AppendedOrDatabase),
            (&format!(".{hash}"), false, Origin::Database),
            (&format!(".{hash}.zst"), true, Origin::Database),
        ] {
            let archived_at = Timestamp::from_unix_millis(1_770_293_045_006);
            let expected = TranscriptName { session: Some(b"s"), archived_at, compressed, origin };
            assert_eq!(kind(&format!("{archive}{suffix}")), Name::Transcript(expected), "{suffix}");
        }
        for other in
            [format!("{archive}.{hash}x"), format!("s.jsonl.{hash}.zst"), format!("{archive}.gz")]
        {
            assert_eq!(kind(&other), Name::Other, "{other}");
        }
    }
}
