//! Processor time of processes that begin and end.

use std::collections::BTreeMap;

use crate::{Micros, record::ProcessIdentity};

/// What all processes of a server have taken, from their beginning on. It never falls: what a process
/// took stays counted when it has ended, up to when it was last seen.
#[derive(Debug, Default)]
pub(crate) struct CpuTime {
    of: BTreeMap<ProcessIdentity, Micros>,
    sum: Micros,
}

impl CpuTime {
    /// Takes in what each process has taken by now, and says what they have taken in all.
    ///
    /// A look can miss a process that is there, because Linux lists children while they come and go.
    /// `lives` says of such a one whether it does: it goes on from where it was.
    pub(crate) fn look(
        &mut self,
        now: impl IntoIterator<Item = (ProcessIdentity, Micros)>,
        lives: impl Fn(ProcessIdentity) -> bool,
    ) -> Micros {
        let before = std::mem::take(&mut self.of);
        for (process, taken) in now {
            let last = before.get(&process).copied().unwrap_or_default();
            self.sum = self.sum.plus(taken.since(last));
            self.of.insert(process, taken.max(last));
        }
        for (process, taken) in before {
            if !self.of.contains_key(&process) && lives(process) {
                self.of.insert(process, taken);
            }
        }
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn process(pid: u32, start_ticks: u64) -> ProcessIdentity {
        ProcessIdentity { pid, start_ticks }
    }

    #[test]
    fn what_ended_stays_counted_and_nothing_counts_twice() {
        const MAIN: ProcessIdentity = process(10, 1);
        const CHILD: ProcessIdentity = process(11, 2);
        const NEXT: ProcessIdentity = process(12, 3);
        // The number of the child that ended is given again.
        const AGAIN: ProcessIdentity = process(11, 4);
        let mut time = CpuTime::default();
        let mut look = |now: &[(ProcessIdentity, u64)], living: Option<ProcessIdentity>| {
            let now = now.iter().map(|(process, taken)| (*process, Micros::from_millis(*taken)));
            time.look(now, |process| living == Some(process))
        };
        assert_eq!(look(&[(MAIN, 500)], None), Micros::from_millis(500));
        assert_eq!(look(&[(MAIN, 510), (CHILD, 14_000)], None), Micros::from_millis(14_510));
        // Only missed: it is there, and goes on.
        assert_eq!(look(&[(MAIN, 520)], Some(CHILD)), Micros::from_millis(14_520));
        assert_eq!(look(&[(MAIN, 520), (CHILD, 14_100)], None), Micros::from_millis(14_620));
        // Ended: the sum does not fall, nor does it rise again by what is left.
        assert_eq!(look(&[(MAIN, 530)], None), Micros::from_millis(14_630));
        assert_eq!(look(&[(MAIN, 530), (AGAIN, 7)], None), Micros::from_millis(14_637));
        assert_eq!(look(&[(NEXT, 20)], None), Micros::from_millis(14_657));
        assert_eq!(time.of.len(), 1);
    }
}
