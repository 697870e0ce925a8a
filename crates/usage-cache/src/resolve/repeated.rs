use std::{borrow::Cow, cell::OnceCell, cmp::Reverse, ffi::OsStr, path::Path};

use super::Numbered;
use crate::{Key, log::Logged};

/// The events that several transcripts record, and who counts each.
///
/// That is a transcript that exists, so that the answer about those that exist does not depend
/// on others; of these the one that recorded the most: an answer that was copied while it was
/// streamed is not complete. The rest of the order only has to be the same every time.
#[derive(Debug, Default)]
pub(super) struct Repeated {
    /// Sorted.
    keys: Vec<Key>,
    /// The numbers of the transcripts, in the order of the keys.
    counted_by: Vec<u32>,
}

/// A transcript, and how many events at its beginning are not its own.
pub(super) struct Own<'t> {
    numbered: Numbered<'t>,
    copied: usize,
    /// Its path before it was archived; few are asked, those many times.
    was: OnceCell<(Cow<'t, Path>, Cow<'t, OsStr>)>,
}

impl<'t> Own<'t> {
    pub(super) fn new(numbered: Numbered<'t>, copied: usize) -> Self {
        Self { numbered, copied, was: OnceCell::new() }
    }

    fn keys(&self) -> &'t [Key] {
        self.numbered.transcript.log.keys().get(self.copied..).unwrap_or_default()
    }

    fn events(&self) -> impl Iterator<Item = Logged> {
        self.numbered.transcript.log.iter().skip(self.copied)
    }
}

/// A record of an event: in which transcript, how much output and how many tokens in all, and
/// whether it is on a branch that was not left.
type Recorded = (usize, u64, u64, bool);

/// By what it is decided who counts an event: whether the transcript exists, what it recorded,
/// whether it is still shown there, and its path before it was archived and now, of which the first
/// counts.
type Rank<'t> = (bool, u64, u64, bool, Reverse<[(&'t Path, &'t OsStr); 2]>);

impl Repeated {
    pub(super) fn among(transcripts: &[Own<'_>]) -> Self {
        let mut all: Vec<Key> = transcripts.iter().flat_map(Own::keys).copied().collect();
        all.sort_unstable();
        let pairs = all.array_windows();
        let mut keys: Vec<Key> = pairs.filter(|[a, b]| a == b).map(|[key, _]| *key).collect();
        drop(all);
        keys.dedup();
        keys.shrink_to_fit();
        let mut best: Vec<Option<Recorded>> = vec![None; keys.len()];
        for (at, own) in transcripts.iter().enumerate() {
            // Most transcripts share nothing, and need not be decoded.
            if !own.keys().iter().any(|key| keys.binary_search(key).is_ok()) {
                continue;
            }
            for event in own.events() {
                let place = keys.binary_search(&event.key).ok();
                let Some(best) = place.and_then(|place| best.get_mut(place)) else { continue };
                let recorded = (at, event.tokens.output, event.tokens.total, !event.abandoned);
                if best.and_then(|best| rank(transcripts, best)) < rank(transcripts, recorded) {
                    *best = Some(recorded);
                }
            }
        }
        let number = |best: Option<Recorded>| {
            let own = best.and_then(|(at, ..)| transcripts.get(at));
            own.and_then(|own| u32::try_from(own.numbered.number).ok()).unwrap_or(u32::MAX)
        };
        let counted_by = best.into_iter().map(number).collect();
        Self { keys, counted_by }
    }

    /// The number of the transcript that counts an event; `None` if only one records it.
    pub(super) fn counted_by(&self, key: Key) -> Option<usize> {
        let number = self.counted_by.get(self.keys.binary_search(&key).ok()?)?;
        usize::try_from(*number).ok()
    }
}

fn rank<'o>(
    transcripts: &'o [Own<'_>],
    (at, output, total, visible): Recorded,
) -> Option<Rank<'o>> {
    let own = transcripts.get(at)?;
    let Numbered { dir, name, transcript, .. } = own.numbered;
    let (was_in, was) = own.was.get_or_init(|| own.numbered.before_archiving());
    let path = Reverse([(was_in.as_ref(), was.as_ref()), (dir, name)]);
    Some((transcript.gone_since.is_none(), output, total, visible, path))
}
