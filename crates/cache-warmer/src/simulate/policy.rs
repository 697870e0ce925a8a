use crate::{PingLimit, Policy};

/// What is done in the pauses of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SimulatedPolicy {
    /// Nothing.
    None,
    /// A ping every 240 seconds after the end of the last answer, as long as the conversation is
    /// open: what seed 004 does. That it leaves out the system prompt, and so warms another prefix,
    /// is not held against it here.
    Seed240,
    /// Pings until they have cost as much as they can save.
    SkiRental,
    /// As many pings as would have cost least over the pauses of all conversations that were over
    /// when the day (UTC) began: nothing is known of the future. As [`SkiRental`](Self::SkiRental)
    /// while there are too few.
    Histogram,
    /// At most so many pings in each pause.
    Fixed(u32),
    /// No pings; everything is written for an hour instead, which costs more at once.
    OneHourTier,
    /// In those pauses in which they pay, the fewest pings that keep the entry until the next request,
    /// and none in others: what somebody would do who knew the future. With this schedule of pings,
    /// each as late as is safe, no policy can gain more.
    Hindsight,
}

impl SimulatedPolicy {
    /// As in data and messages.
    pub fn name(self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::Seed240 => "seed-240s".to_owned(),
            Self::SkiRental => "ski-rental".to_owned(),
            Self::Histogram => "histogram".to_owned(),
            Self::Fixed(pings) => format!("pings-{pings}"),
            Self::OneHourTier => "one-hour-tier".to_owned(),
            Self::Hindsight => "hindsight".to_owned(),
        }
    }
}

/// The policy of [`decide()`](crate::decide()) that sends so many pings in a pause. Pings are as late
/// as they may be.
pub(super) fn of_limit(pings: PingLimit) -> Policy {
    Policy { pings, ..Policy::SKI_RENTAL }
}
