//! The proxy between real sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod passing;
mod rig;
mod warming;
