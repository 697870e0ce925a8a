//! Archives that go because there is no room for them.

use super::{Act, Allowance, FileVerdict, Go, Keep, Shortfall, Total, Verdict, files::is_former};
use crate::{FileClass, Policy, Snapshot, classify};

/// Lets the oldest archives go until there is enough room.
pub(super) fn make(
    snapshot: &Snapshot<'_>,
    policy: &Policy,
    files: &mut [FileVerdict],
    allowance: &mut Allowance,
) -> Shortfall {
    let mut shortfall = Shortfall::default();
    let limits = policy.archives.bytes_max.or(policy.room.free_bytes_min);
    if limits.is_none() && policy.room.dir.is_none() {
        return shortfall;
    }
    let mut oldest = archives(snapshot, files);
    if let Some(bytes_max) = policy.archives.bytes_max {
        // What this sweep archives may be compressed, or not be archived after all: it counts for the
        // next one.
        let stays = |file: &&FileVerdict| is_archive(snapshot, file) && !file.verdict.goes();
        let total: u64 = files.iter().filter(stays).map(|file| file.size_bytes).sum();
        let excess = total.saturating_sub(bytes_max);
        free(&mut oldest, files, excess, &Go::OverArchiveCap, allowance);
    }
    let removed = |files: &[FileVerdict]| -> u64 {
        let removed = files.iter().filter(|file| file.verdict.act() == Some(Act::Remove));
        removed.map(|file| file.size_bytes).sum()
    };
    if let Some(water) = policy.room.dir {
        let total: u64 = files.iter().map(|file| file.size_bytes).sum();
        let total = total.saturating_sub(removed(files));
        if water.high_bytes < total {
            let excess = total.saturating_sub(water.low_bytes);
            shortfall.dir_bytes = free(&mut oldest, files, excess, &Go::OverDirCap, allowance);
        }
    }
    if let (Some(wanted), Some(space)) = (policy.room.free_bytes_min, snapshot.space) {
        let available = space.available_bytes.saturating_add(removed(files));
        let missing = wanted.saturating_sub(available);
        shortfall.free_bytes = free(&mut oldest, files, missing, &Go::LowSpace, allowance);
    }
    shortfall
}

fn is_archive(snapshot: &Snapshot<'_>, file: &FileVerdict) -> bool {
    let class = classify(&file.name, file.kind, snapshot.layout);
    matches!(class, FileClass::Archive { .. })
}

/// The archives of what was deleted that stay so far, the newest first.
fn archives(snapshot: &Snapshot<'_>, files: &[FileVerdict]) -> Vec<usize> {
    let archives = files.iter().enumerate().filter_map(|(nth, file)| {
        let class = classify(&file.name, file.kind, snapshot.layout);
        let FileClass::Archive { of, reason, at: Some(at), .. } = class else { return None };
        let Verdict::Keep(Keep::NoRetention | Keep::TooYoung { .. }) = file.verdict else {
            return None;
        };
        (!is_former(of, reason, snapshot.layout)).then_some((at, nth))
    });
    let mut archives: Vec<_> = archives.collect();
    archives.sort_unstable();
    archives.into_iter().rev().map(|(_, nth)| nth).collect()
}

/// Lets archives go from the end of `oldest` until `bytes` are freed; returns what is missing.
fn free(
    oldest: &mut Vec<usize>,
    files: &mut [FileVerdict],
    mut bytes: u64,
    go: &Go,
    allowance: &mut Allowance,
) -> u64 {
    while 0 < bytes {
        let Some(file) = oldest.pop().and_then(|nth| files.get_mut(nth)) else { break };
        if !allowance.take(Total { count: 1, bytes: file.size_bytes }) {
            break;
        }
        file.verdict = Verdict::Go(go.clone());
        bytes = bytes.saturating_sub(file.size_bytes);
    }
    bytes
}
