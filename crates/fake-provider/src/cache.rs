//! The prompt caches, without any I/O: times are handed in.
//!
//! A request is [begun](BlockCache::begin) when it starts, which says what it reads and writes.
//! What it writes can be read only after [`BlockCache::commit`], which is when the answer starts to
//! stream; a request that fails before that leaves nothing behind. An entry lives from the *start*
//! of the request that wrote it or last read it, however long the answer took, and is gone once
//! exactly its lifetime has passed.

mod block;
mod chain;
mod entries;
mod point;
mod step;

pub use block::{BlockCache, Prompt};
pub use entries::Writes;
pub use point::{PointCache, PointMode, PointPrompt};
pub use step::{StepCache, StepPrompt};

#[cfg(test)]
mod tests;
