//! The server over loopback, asked by a plain client.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod anthropic;
mod client;
mod faults;
mod openai;
mod server;
