//! Whether a transcript has to be read, and from where.

use std::time::Duration;

use common_fs::{Stat, Timestamp};

use crate::{
    Source,
    transcript::{Fingerprint, Transcript},
};

/// What has to be done about a transcript that was read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Nothing: it has not changed.
    Fresh,
    /// It looks unchanged, but was read so soon after its last change that another change could
    /// have left the same times: read it from the beginning, to be sure.
    Verify,
    /// It has grown, or was not read to its end: read on, if the anchor holds.
    Resume,
    /// It may be another one: read it from the beginning.
    Rescan,
}

/// File times that are multiples of this come from a file system that keeps them coarsely.
const FINE_NANOS: i64 = 10_000_000;
/// FAT is the coarsest, with two seconds.
const COARSE_MARGIN: Duration = Duration::from_secs(2);
/// The slowest kernel clock ticks a hundred times a second.
const FINE_MARGIN: Duration = Duration::from_millis(20);

/// Compares what a file looks like with what it looked like.
pub(crate) fn decide(now: &Stat, known: &Transcript, source: &dyn Source) -> Decision {
    let then = &known.fingerprint;
    let now = Fingerprint::from(now);
    let same_rules = *known.source == *source.name() && known.version == source.version();
    if !same_rules || known.unsteady {
        return Decision::Rescan;
    }
    if now == *then {
        if !known.complete {
            return Decision::Resume;
        }
        return if is_racy(known.fingerprint.changed, known.scanned_at) {
            Decision::Verify
        } else {
            Decision::Fresh
        };
    }
    if now.id == then.id && then.size_bytes < now.size_bytes {
        return Decision::Resume;
    }
    Decision::Rescan
}

/// Whether something was looked at so soon after its last change that another change could have
/// left the same times. The time of the change counts, as that cannot be set. In git's words,
/// the entry is racily clean.
pub(crate) fn is_racy(changed: Timestamp, looked_at: Timestamp) -> bool {
    let coarse = changed.unix_nanos().rem_euclid(FINE_NANOS) == 0;
    let margin = if coarse { COARSE_MARGIN } else { FINE_MARGIN };
    looked_at.since(changed) < margin
}

#[cfg(test)]
mod tests {
    use common_fs::{FileId, FileKind};

    use super::*;
    use crate::{
        Lineage, OpenClaw,
        log::EventLog,
        rollup::Rollup,
        transcript::{Anchor, LineCounts},
    };

    const SECOND: i64 = 1_000_000_000;

    fn compare(now: &Stat, known: &Transcript) -> Decision {
        decide(now, known, &OpenClaw)
    }

    fn stat() -> Stat {
        Stat {
            id: FileId { dev: 1, ino: 2 },
            kind: FileKind::File,
            size_bytes: 100,
            modified: Timestamp::from_unix_nanos(50 * SECOND + 1),
            changed: Timestamp::from_unix_nanos(60 * SECOND + 1),
            mode: 0o600,
            uid: 1,
            gid: 1,
            links: 1,
        }
    }

    fn known(scanned_nanos: i64) -> Transcript {
        Transcript {
            source: OpenClaw.name().into(),
            version: OpenClaw.version(),
            as_file: false,
            state: None,
            lineage: Lineage::default(),
            log: EventLog::default(),
            project: None,
            fingerprint: Fingerprint::from(&stat()),
            scanned_at: Timestamp::from_unix_nanos(scanned_nanos),
            parsed_to: 90,
            anchor: Anchor::of(b""),
            complete: true,
            unsteady: false,
            lines: LineCounts::default(),
            rollup: Rollup::default(),
            gone_since: None,
        }
    }

    #[test]
    fn what_looks_the_same_is_fresh_and_what_grew_is_resumed() {
        let later = 70 * SECOND;
        let other = Timestamp::from_unix_nanos(61 * SECOND);
        let table = [
            (stat(), Decision::Fresh),
            (Stat { mode: 0o644, uid: 7, links: 2, ..stat() }, Decision::Fresh),
            (Stat { size_bytes: 101, modified: other, changed: other, ..stat() }, Decision::Resume),
            (Stat { size_bytes: 101, ..stat() }, Decision::Resume),
            (Stat { size_bytes: 99, modified: other, changed: other, ..stat() }, Decision::Rescan),
            (Stat { changed: other, ..stat() }, Decision::Rescan),
            (Stat { modified: other, ..stat() }, Decision::Rescan),
            (Stat { id: FileId { dev: 1, ino: 3 }, size_bytes: 101, ..stat() }, Decision::Rescan),
            (Stat { id: FileId { dev: 2, ino: 2 }, ..stat() }, Decision::Rescan),
        ];
        for (now, decision) in table {
            assert_eq!(compare(&now, &known(later)), decision, "{now:?}");
        }
        let half = Transcript { complete: false, ..known(later) };
        assert_eq!(compare(&stat(), &half), Decision::Resume);
        let outdated = Transcript { version: 0, ..known(later) };
        assert_eq!(compare(&stat(), &outdated), Decision::Rescan);
        let foreign = Transcript { source: "other".into(), ..known(later) };
        assert_eq!(compare(&stat(), &foreign), Decision::Rescan);
        let unsteady = Transcript { unsteady: true, ..known(later) };
        let grown = Stat { size_bytes: 101, ..stat() };
        assert_eq!(compare(&grown, &unsteady), Decision::Rescan);
    }

    #[test]
    fn what_was_read_right_after_a_change_is_read_again() {
        let changed = 60 * SECOND + 1;
        let table = [
            (changed + 19_999_999, Decision::Verify),
            (changed + 20_000_000, Decision::Fresh),
            // The clock was set back: the change lies in the future.
            (changed - SECOND, Decision::Verify),
        ];
        for (scanned, decision) in table {
            assert_eq!(compare(&stat(), &known(scanned)), decision, "{scanned}");
        }
        let coarse = Timestamp::from_unix_nanos(60 * SECOND);
        let coarse = Stat { changed: coarse, ..stat() };
        for (scanned, decision) in
            [(62 * SECOND - 1, Decision::Verify), (62 * SECOND, Decision::Fresh)]
        {
            let known = Transcript { fingerprint: Fingerprint::from(&coarse), ..known(scanned) };
            assert_eq!(compare(&coarse, &known), decision, "{scanned}");
        }
    }
}
