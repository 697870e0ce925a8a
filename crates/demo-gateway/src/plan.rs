//! What a restart in place consists of.

use std::time::Duration;

use crate::settings::{Reaction, Settings};

/// One thing after the other; all of it in time that passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The end.
    Exit(u8),
    /// Nothing is done for so long.
    Stall(Duration),
    /// `/readyz` says 503.
    Drain(Duration),
    /// Nobody listens.
    Close(Duration),
    /// Somebody listens, and nobody accepts.
    Block(Duration),
    /// A new generation is there.
    Ready,
    /// It will not get ready.
    Fail,
    /// It serves.
    Serve(Duration),
    /// Nobody listens, and the generation stays the same.
    Flap(Duration),
}

/// The steps of a restart, counted from one.
pub(crate) fn restart(settings: &Settings, restart: u32) -> Vec<Step> {
    match settings.reaction {
        Reaction::Exit(status) => return vec![Step::Exit(status)],
        Reaction::Stall => return vec![Step::Stall(settings.block)],
        Reaction::Restart => {}
    }
    let Settings { drain, close, block, flaps, .. } = *settings;
    let mut steps = vec![Step::Drain(drain), Step::Close(close), Step::Block(block)];
    if settings.fails(restart) {
        steps.push(Step::Fail);
        return steps;
    }
    steps.push(Step::Ready);
    for _ in 0..flaps.count {
        steps.extend([Step::Serve(flaps.gap), Step::Flap(flaps.close)]);
    }
    steps
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::settings::Flaps;

    const DRAIN: Duration = Duration::from_millis(1);
    const CLOSE: Duration = Duration::from_millis(2);
    const BLOCK: Duration = Duration::from_millis(3);
    const GAP: Duration = Duration::from_millis(4);
    const FLAP: Duration = Duration::from_millis(5);

    fn settings() -> Settings {
        Settings {
            drain: DRAIN,
            close: CLOSE,
            block: BLOCK,
            flaps: Flaps { count: 0, close: FLAP, gap: GAP },
            fail_every: NonZeroU32::new(2),
            ..Settings::USUAL
        }
    }

    #[test]
    fn steps_by_settings() {
        let away = [Step::Drain(DRAIN), Step::Close(CLOSE), Step::Block(BLOCK)];
        let flap = [Step::Serve(GAP), Step::Flap(FLAP)];
        let with = |end: &[Step]| [&away, end].concat();
        let flapping = Settings { flaps: Flaps { count: 2, ..settings().flaps }, ..settings() };
        let table = [
            ("plain", settings(), 1, with(&[Step::Ready])),
            ("fails", settings(), 2, with(&[Step::Fail])),
            ("flaps", flapping, 1, [&with(&[Step::Ready])[..], &flap, &flap].concat()),
            (
                "stalls",
                Settings { reaction: Reaction::Stall, ..settings() },
                1,
                vec![Step::Stall(BLOCK)],
            ),
            (
                "exits",
                Settings { reaction: Reaction::Exit(7), ..settings() },
                1,
                vec![Step::Exit(7)],
            ),
        ];
        for (name, settings, nth, expected) in table {
            assert_eq!(restart(&settings, nth), expected, "{name}");
        }
    }
}
