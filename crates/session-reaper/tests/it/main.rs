//! The library as its users see it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod after_a_crash;
mod places;
mod plans;
mod reapers;
mod safety;
mod sweeps;
mod turns;
mod world;
