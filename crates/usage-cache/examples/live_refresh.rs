//! A refresh that says how far it is, and that can be broken off.
//!
//! `cargo run --example live_refresh` reads what is new in the transcripts of this machine until
//! it is done or Enter is pressed. What was read until then is kept: the next one goes on there.
#![expect(clippy::disallowed_methods, reason = "a program reads its environment")]
#![expect(clippy::print_stdout, reason = "a program says what it has found")]

use std::{
    error::Error,
    io,
    ops::ControlFlow,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use usage_cache::{Locations, Options, Progress, Refreshed, common_fs::Host, refresh};

/// Whoever sets it ends the refresh soon: a button, a signal handler, another thread.
static CANCELLED: AtomicBool = AtomicBool::new(false);

fn main() -> Result<(), Box<dyn Error>> {
    let host = Host::real();
    let locations = Locations::from_env(host.fs, |name| std::env::var_os(name));
    thread::spawn(|| {
        // Not the end of the input, which is there at once where nobody types.
        let typed = io::stdin().read_line(&mut String::new());
        CANCELLED.store(typed.is_ok_and(|bytes| 0 < bytes), Ordering::Relaxed);
    });
    let options = Options::new(locations.ok_or("set HOME")?);
    let done = live_refresh(host, &options, &CANCELLED, &mut |line| println!("{line}"));
    let status = done.usage.status();
    println!("{} transcripts counted, {} pending", status.cached_files, status.pending_files);
    Ok(())
}

pub(crate) fn live_refresh(
    host: Host<'_>,
    options: &Options,
    cancelled: &AtomicBool,
    show: &mut dyn FnMut(&str),
) -> Refreshed {
    let refreshed = refresh(host, options, &mut |progress| {
        show(&in_words(&progress));
        if cancelled.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    });
    show(if refreshed.interrupted { "broken off; what was read is kept" } else { "done" });
    refreshed
}

fn in_words(progress: &Progress) -> String {
    let Progress { files_done, files_total, bytes_done, bytes_total, .. } = progress;
    format!("{files_done} of {files_total} transcripts, {bytes_done} of {bytes_total} bytes")
}
