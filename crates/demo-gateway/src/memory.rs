//! Memory that is not given back, and how much there is.

use crate::{error::Error, host, trace::mebibytes};

/// Memory that restarts left behind.
#[derive(Default)]
pub(crate) struct Leak(Vec<Vec<u8>>);

impl Leak {
    /// Keeps so many bytes more, and touches them, so that the process really has them.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Error> {
        let mut kept = Vec::new();
        if kept.try_reserve_exact(bytes).is_err() {
            return Err(Error::Unsuitable("there is not so much memory to leak"));
        }
        kept.resize(bytes, 1);
        self.0.push(kept);
        Ok(())
    }

    /// How much is kept.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.iter().map(|kept| kept.len() as u64).sum()
    }
}

/// What OpenClaw says of its memory when it is ready; the heap is what was leaked.
pub(crate) fn metrics(pid: u32, heap_bytes: u64) -> String {
    let rss = mebibytes(host::rss_bytes(pid).unwrap_or_default());
    format!("rssMb={rss} heapUsedMb={}", mebibytes(heap_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_adds_up() {
        let mut leak = Leak::default();
        leak.grow(3).unwrap();
        leak.grow(0).unwrap();
        leak.grow(5).unwrap();
        assert_eq!(leak.bytes(), 8);
        assert!(leak.grow(usize::MAX).is_err());
    }
}
