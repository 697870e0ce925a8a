use std::time::Duration;

/// How much work may be lost if the process is killed.
///
/// Writing after every file costs more than reading it; never writing loses everything. The
/// defaults are those of OpenClaw 2026.6.8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointPolicy {
    /// Save after so many files; at least 1.
    pub files: u32,
    /// Save after so long, even in the middle of a file.
    pub interval: Duration,
}

impl CheckpointPolicy {
    /// Every 256 files or 5 seconds.
    pub const DEFAULT: Self = Self { files: 256, interval: Duration::from_secs(5) };
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A transcript was read to its end.
    Scanned,
    /// Something else changed: a part of a transcript was read, or one is gone.
    Changed,
    /// No change is left to come.
    Finished,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Action {
    Continue,
    Save,
}

/// Decides when to save.
///
/// After [`Action::Save`] the caller says [`saved`](Self::saved) if it succeeded; if not, the
/// changes stay due and are tried again with the next batch.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    policy: CheckpointPolicy,
    /// Files since the last attempt.
    files: u32,
    /// Whether there is something to save.
    dirty: bool,
    last_attempt: Duration,
}

impl Checkpoint {
    /// Everything is saved at the (monotonic) time `now`.
    pub(crate) fn new(policy: CheckpointPolicy, now: Duration) -> Self {
        Self { policy, files: 0, dirty: false, last_attempt: now }
    }

    pub(crate) fn step(&mut self, event: Event, now: Duration) -> Action {
        let due = match event {
            Event::Scanned => {
                self.files += 1;
                self.dirty = true;
                self.policy.files <= self.files || self.is_late(now)
            }
            Event::Changed => {
                self.dirty = true;
                self.is_late(now)
            }
            Event::Finished => self.dirty,
        };
        if !due {
            return Action::Continue;
        }
        self.files = 0;
        self.last_attempt = now;
        Action::Save
    }

    /// Whether there is something to save.
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// The save that was asked for is done, at `now`: writing does not count as waiting.
    pub(crate) fn saved(&mut self, now: Duration) {
        self.dirty = false;
        self.last_attempt = now;
    }

    fn is_late(&self, now: Duration) -> bool {
        self.policy.interval <= now.saturating_sub(self.last_attempt)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Saves of a refresh of `files` files that take `span` each.
    fn saves(files: u32, span: Duration) -> u32 {
        let mut checkpoint = Checkpoint::new(CheckpointPolicy::DEFAULT, Duration::ZERO);
        let mut now = Duration::ZERO;
        let mut saves = 0;
        for _ in 0..files {
            now += span;
            if checkpoint.step(Event::Scanned, now) == Action::Save {
                saves += 1;
                checkpoint.saved(now);
            }
        }
        if checkpoint.step(Event::Finished, now) == Action::Save {
            saves += 1;
        }
        saves
    }

    #[test]
    fn one_save_per_256_files_and_one_for_the_rest() {
        for (files, expected) in
            [(0, 0), (1, 1), (255, 1), (256, 1), (257, 2), (400, 2), (512, 2), (8190, 32)]
        {
            assert_eq!(saves(files, Duration::from_millis(1)), expected, "{files}");
        }
    }

    #[test]
    fn one_save_per_five_seconds_of_slow_files() {
        assert_eq!(saves(10, Duration::from_secs(1)), 2);
        assert_eq!(saves(11, Duration::from_secs(1)), 3);
        assert_eq!(saves(4, Duration::from_mins(1)), 4);
    }

    #[test]
    fn half_a_file_is_saved_when_it_takes_long() {
        let mut checkpoint = Checkpoint::new(CheckpointPolicy::DEFAULT, Duration::ZERO);
        let second = Duration::from_secs;
        assert_eq!(checkpoint.step(Event::Changed, second(4)), Action::Continue);
        assert_eq!(checkpoint.step(Event::Changed, second(5)), Action::Save);
        checkpoint.saved(second(7));
        assert_eq!(checkpoint.step(Event::Changed, second(11)), Action::Continue);
        assert_eq!(checkpoint.step(Event::Changed, second(12)), Action::Save);
    }

    proptest! {
        /// Against a count of its own, with saves that fail.
        #[test]
        fn little_is_unsaved_and_nothing_is_forgotten(
            files in 1_u32..20,
            interval in 1_u64..50,
            steps in prop::collection::vec((any::<bool>(), 0_u64..20, any::<bool>()), 0..200),
        ) {
            let interval = Duration::from_millis(interval);
            let mut checkpoint =
                Checkpoint::new(CheckpointPolicy { files, interval }, Duration::ZERO);
            let (mut now, mut since, mut unsaved) = (Duration::ZERO, 0, false);
            for (whole, millis, succeeds) in steps {
                now += Duration::from_millis(millis);
                let event = if whole { Event::Scanned } else { Event::Changed };
                since += u32::from(whole);
                unsaved = true;
                if checkpoint.step(event, now) == Action::Save {
                    since = 0;
                    if succeeds {
                        checkpoint.saved(now);
                        unsaved = false;
                    }
                }
                prop_assert!(since < files);
            }
            let last = checkpoint.step(Event::Finished, now);
            prop_assert_eq!(last == Action::Save, unsaved);
        }
    }
}
