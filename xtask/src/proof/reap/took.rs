//! How long something takes.

use anyhow::Context as _;
use common_fs::{Clock as _, SystemClock};
use serde::Serialize;

use crate::proof::process::{millis, processor_time};

/// Of a measurement that changes nothing, the middle one of so many.
pub(super) const NO_OP_RUNS: usize = 9;

/// How long something took, in milliseconds.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Took {
    pub(super) wall_ms: f64,
    pub(super) cpu_ms: f64,
}

/// In a process that does nothing else.
pub(super) fn timed<T>(act: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, Took)> {
    let (wall, cpu) = (SystemClock.monotonic(), processor_time()?);
    let done = act()?;
    let cpu = processor_time()?.saturating_sub(cpu);
    let wall = SystemClock.monotonic().saturating_sub(wall);
    Ok((done, Took { wall_ms: millis(wall), cpu_ms: millis(cpu) }))
}

/// The one that took neither most nor least.
pub(super) fn middle(mut runs: Vec<Took>) -> anyhow::Result<Took> {
    runs.sort_by(|one, other| one.cpu_ms.total_cmp(&other.cpu_ms));
    runs.get(runs.len() / 2).copied().context("nothing was measured")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_in_the_middle() {
        let took = |cpu_ms| Took { wall_ms: 0.0, cpu_ms };
        assert_eq!(middle(vec![took(3.0), took(1.0), took(2.0)]).unwrap().cpu_ms.to_string(), "2");
        assert!(middle(Vec::new()).is_err());
    }
}
