use common_fs::Timestamp;

use crate::Millis;

/// The time, by both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// By a clock that never steps; it may stand still while the machine sleeps.
    pub monotonic: Millis,
    /// By the clock on the wall, which steps, and goes on while the machine sleeps.
    pub wall: Timestamp,
}

impl Now {
    /// Both clocks at the same number: for virtual time, which begins in 1970.
    pub fn virtual_millis(millis: u64) -> Self {
        let wall = i64::try_from(millis).ok().and_then(Timestamp::from_unix_millis);
        let latest = Timestamp::from_unix_nanos(i64::MAX);
        Self { monotonic: Millis(millis), wall: wall.unwrap_or(latest) }
    }
}

/// The wall clock may run ahead by this much between two events without meaning a sleep.
const TOLERANCE: Millis = Millis::from_secs(2);

/// One time line from both clocks, on which nothing steps back and no sleep is missed.
///
/// Where the wall clock is ahead of the other one, the machine slept, or somebody set the clock. It
/// cannot be known which, and the cautious reading is that the time has passed: then entries are
/// taken to have expired. Where the wall clock goes back, nothing happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeLine {
    last: Now,
    /// By how much this is ahead of the monotonic clock.
    ahead: Millis,
}

impl TimeLine {
    pub(crate) const fn new(now: Now) -> Self {
        Self { last: now, ahead: Millis::ZERO }
    }

    /// The time.
    pub(crate) fn advance(&mut self, now: Now) -> Millis {
        // A monotonic clock that steps back is none; time stands still until it has caught up.
        let monotonic = now.monotonic.max(self.last.monotonic);
        let passed = monotonic.since(self.last.monotonic);
        let by_wall = Millis::from(now.wall.since(self.last.wall));
        if passed.plus(TOLERANCE) < by_wall {
            self.ahead = self.ahead.plus(by_wall.minus(passed));
        }
        self.last = Now { monotonic, wall: now.wall };
        monotonic.plus(self.ahead)
    }

    /// A moment of this time line by the monotonic clock, as it is from now on.
    pub(crate) const fn monotonic(&self, at: Millis) -> Millis {
        at.minus(self.ahead)
    }

    /// What the wall clock is going to show then.
    pub(crate) fn wall(&self, at: Millis) -> Timestamp {
        let now = self.last.monotonic.plus(self.ahead);
        self.last.wall.plus(at.since(now).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(monotonic: u64, wall: i64) -> Now {
        Now { monotonic: Millis(monotonic), wall: Timestamp::from_unix_millis(wall).unwrap() }
    }

    #[test]
    fn a_sleep_passes_and_a_step_back_does_not() {
        let mut line = TimeLine::new(now(5_000, 1_000_000));
        let table = [
            (now(6_000, 1_001_000), 6_000),
            // The clock is slewed a little.
            (now(7_000, 1_003_900), 7_000),
            // An hour of sleep.
            (now(8_000, 4_604_900), 3_608_000),
            (now(9_000, 4_605_900), 3_609_000),
            // Somebody sets the clock back, and forward again: that cannot be told from a sleep.
            (now(10_000, 1_000), 3_610_000),
            (now(11_000, 602_000), 4_211_000),
            // That cannot be.
            (now(4_000, 602_000), 4_211_000),
        ];
        for (now, at) in table {
            assert_eq!(line.advance(now), Millis(at), "{now:?}");
        }
        assert_eq!(line.monotonic(Millis(4_212_000)), Millis(12_000));
        assert_eq!(line.wall(Millis(4_212_000)).unix_millis(), 603_000);
    }
}
