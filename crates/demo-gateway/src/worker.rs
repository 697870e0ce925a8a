//! A process that serves, as its supervisor sees it.

use std::{
    ffi::OsString,
    os::fd::BorrowedFd,
    process::{Child, Command, Stdio},
};

use crate::{
    control::{Control, Heard, Kind},
    error::{Error, cannot},
};

/// A process that serves. Dropping it kills it.
pub(crate) struct Worker {
    pub(crate) number: u32,
    pub(crate) control: Control,
    child: Child,
}

impl Worker {
    /// Starts process `number`, which then waits to be told what to do.
    pub(crate) fn start(again: &[OsString], number: u32, port: u16) -> Result<Self, Error> {
        let (control, theirs) = Control::pair()?;
        let mut command = command(again)?;
        command.args(["--generation", &number.to_string(), "--port", &port.to_string()]);
        let child = command.stdin(theirs).spawn();
        Ok(Self { number, control, child: child.map_err(cannot("start another process"))? })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn ask(&self, kind: Kind, socket: Option<BorrowedFd<'_>>) -> Result<(), Error> {
        self.control.say(kind, 0, socket)
    }

    /// Whether it has ended. What it says besides is passed over.
    pub(crate) fn has_ended(&self) -> Result<bool, Error> {
        Ok(matches!(self.control.hear()?, Heard::HungUp))
    }

    /// An error of this process.
    pub(crate) fn error(&self, what: &'static str) -> Error {
        Error::Generation { number: self.number, what }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // If it has ended already, this only collects its status.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// This program again, with the same arguments and nothing to read.
pub(crate) fn command(again: &[OsString]) -> Result<Command, Error> {
    let Some((program, arguments)) = again.split_first() else {
        return Err(Error::Unsuitable("other processes need the command line to start them"));
    };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    Ok(command)
}
