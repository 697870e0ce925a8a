use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};

use common_fs::Timestamp;

use crate::{Name, TranscriptName};

const LIVE: &[u8] = b".jsonl";

/// Reads a file name.
///
/// A transcript is `<session>.jsonl`, or that with `.reset.<time>` or `.deleted.<time>`
/// appended when the session was reset or deleted. If it was in a database then, `.<32 hex>` is
/// appended, and `.zst` if it is compressed. Backups (`.bak.<time>`), checkpoints before a
/// compaction (`<session>.checkpoint.<uuid>.jsonl`) and trajectories repeat what a transcript
/// holds.
pub(super) fn classify(name: &OsStr) -> Name<'_> {
    let bytes = name.as_bytes();
    if let Some(transcript) = archive(bytes) {
        return Name::Transcript(transcript);
    }
    let stem = bytes.strip_suffix(b".zst");
    let compressed = stem.is_some();
    let stem = stem.unwrap_or(bytes);
    let hashed = stem.len().checked_sub(33).and_then(|at| stem.split_at_checked(at));
    let plain = match hashed {
        Some((plain, [b'.', hash @ ..])) if hash.iter().all(u8::is_ascii_hexdigit) => plain,
        _ => stem,
    };
    if let Some(transcript) = archive(plain) {
        let of_database = true;
        return Name::Transcript(TranscriptName { compressed, of_database, ..transcript });
    }
    let Some(session) = bytes.strip_suffix(LIVE) else { return Name::Other };
    if session.ends_with(b".trajectory") || is_checkpoint(session) || session.is_empty() {
        return Name::Other;
    }
    Name::Transcript(TranscriptName { session: Some(session), ..TranscriptName::default() })
}

fn archive(name: &[u8]) -> Option<TranscriptName<'_>> {
    let (stem, time) = [&b".reset."[..], b".deleted."].iter().find_map(|marker| {
        let at = memchr::memmem::rfind(name, marker)?;
        Some((name.get(..at)?, archive_time(name.get(at + marker.len()..)?)?))
    })?;
    let session = stem.strip_suffix(LIVE).filter(|session| !session.is_empty());
    Some(TranscriptName { session, archived_at: Some(time), ..TranscriptName::default() })
}

/// `YYYY-MM-DDTHH-MM-SS[.mmm]Z`: an ISO time that can be part of a file name everywhere.
fn archive_time(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?;
    let (date, time) = text.split_once('T')?;
    let time = time.strip_suffix('Z')?;
    let (clock, millis) = time.split_once('.').map_or((time, None), |(a, b)| (a, Some(b)));
    let digits = |text: &str, len| text.len() == len && text.bytes().all(|b| b.is_ascii_digit());
    let fields = |text: &str, lens: [usize; 3]| {
        let mut parts = text.split('-');
        lens.iter().all(|&len| parts.next().is_some_and(|part| digits(part, len)))
            && parts.next().is_none()
    };
    let well_formed = fields(date, [4, 2, 2])
        && fields(clock, [2, 2, 2])
        && millis.is_none_or(|millis| digits(millis, 3));
    if !well_formed {
        return None;
    }
    let iso = format!("{date}T{}.{}Z", clock.replace('-', ":"), millis.unwrap_or("000"));
    let time: jiff::Timestamp = iso.parse().ok()?;
    Timestamp::from_unix_millis(time.as_millisecond())
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
        for (suffix, compressed) in
            [(".zst", true), (&format!(".{hash}"), false), (&format!(".{hash}.zst"), true)]
        {
            let expected = TranscriptName {
                session: Some(b"s"),
                archived_at: Timestamp::from_unix_millis(1_770_293_045_006),
                compressed,
                of_database: true,
            };
            assert_eq!(kind(&format!("{archive}{suffix}")), Name::Transcript(expected), "{suffix}");
        }
        for other in
            [format!("{archive}.{hash}x"), format!("s.jsonl.{hash}.zst"), format!("{archive}.gz")]
        {
            assert_eq!(kind(&other), Name::Other, "{other}");
        }
    }
}
