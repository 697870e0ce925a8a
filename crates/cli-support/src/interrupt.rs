//! Ctrl-C ends the work at the next good moment; a second one ends it at once.
//!
//! Other signals do what they always do: nothing that is lost by a sudden end matters.

use std::{
    io,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ},
    flag,
};

/// Which signal has asked to end, if any.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicUsize>);

impl Interrupt {
    /// Begins to listen.
    pub fn listen() -> io::Result<Self> {
        let interrupt = Self::default();
        for signal in [SIGINT, SIGTERM] {
            let number = usize::try_from(signal).unwrap_or_default();
            let asked = Arc::new(AtomicBool::new(false));
            // In this order: the first signal finds `asked` unset.
            flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&asked))?;
            flag::register(signal, asked)?;
            flag::register_usize(signal, Arc::clone(&interrupt.0), number)?;
        }
        // A file size limit is an error like any other, not the end.
        flag::register(SIGXFSZ, Arc::default())?;
        Ok(interrupt)
    }

    /// The exit code of a process that was asked to end.
    pub fn exit_code(&self) -> Option<ExitCode> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            signal => Some(ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX))),
        }
    }
}

/// Makes a process go on whoever asks it to end: it is there to tidy up after another one.
pub fn outlive_interrupts() -> io::Result<()> {
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        flag::register(signal, Arc::default())?;
    }
    Ok(())
}
