//! A file system of one's own, between the library and the files.
//!
//! Everything that the library does with files goes through the [`Fs`](usage_cache::common_fs::Fs)
//! that it is handed: that of the machine, one in memory, or any other. `ObservedFs` puts an
//! observer before any of them. This one counts, and shows that a refresh that finds nothing new
//! opens no transcript and writes nothing.
//!
//! `cargo run --example own_fs` does it on a simulated machine.
#![expect(clippy::print_stdout, reason = "a program says what it has found")]

use std::{
    ops::ControlFlow,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use usage_cache::{
    Claude, Locations, Options, Place,
    common_fs::{
        Host, Op,
        observe::{Call, Decision, ObservedFs, Observer},
        sim::Sim,
    },
    refresh,
};

const TRANSCRIPT: &str = "/home/me/.claude/projects/p/session.jsonl";
const ANSWER: &str = r#"{"type":"assistant","timestamp":"2026-08-31T12:00:00Z","requestId":"r","message":{"id":"m","model":"claude-opus-5","usage":{"input_tokens":10,"output_tokens":5}}}
"#;

/// Counts what is done with files.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) transcripts_opened: AtomicU64,
    pub(crate) bytes_read: AtomicU64,
    pub(crate) bytes_written: AtomicU64,
}

impl Observer for Counts {
    fn before(&self, _: Call<'_>) -> Decision {
        Decision::Proceed // or `Fail`, to see what becomes of a full disk
    }

    fn after(&self, call: Call<'_>) {
        match call.op {
            Op::Open if call.path == Path::new(TRANSCRIPT) => {
                self.transcripts_opened.fetch_add(1, Relaxed);
            }
            Op::Read => {
                self.bytes_read.fetch_add(call.bytes as u64, Relaxed);
            }
            Op::Write => {
                self.bytes_written.fetch_add(call.bytes as u64, Relaxed);
            }
            _ => (),
        }
    }
}

fn main() {
    for (name, counts) in ["first", "second"].iter().zip(two_refreshes()) {
        println!("{name} refresh: {counts:?}");
    }
}

/// What is done with files by a refresh that reads a transcript, and by one after that.
pub(crate) fn two_refreshes() -> [Arc<Counts>; 2] {
    let machine = Sim::new();
    machine.fs.make_dir("/home/me/.claude/projects/p");
    machine.fs.put(TRANSCRIPT, ANSWER.as_bytes());
    // What was written only just now would be read again, as it may not be all.
    machine.clock.advance(Duration::from_mins(1));
    let places = vec![Place::new(&Claude, "/home/me/.claude")];
    let options = Options::new(Locations::new(places, Path::new("/home/me/state")));
    [(); 2].map(|()| {
        let counts = Arc::new(Counts::default());
        let fs = ObservedFs::new(machine.fs.clone(), counts.clone());
        let host = Host { fs: &fs, ..machine.host() };
        refresh(host, &options, &mut |_| ControlFlow::Continue(()));
        counts
    })
}
