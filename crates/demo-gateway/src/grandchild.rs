//! A process that whoever only signals the gateway and its group does not get rid of.

use std::{
    ffi::OsString,
    io::{Read as _, Write},
    process::Stdio,
};

use rustix::process::setsid;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::{
    error::{Error, cannot},
    host::{self, now_us},
    signals, worker,
};

/// It ends by itself after so long, as it is only there to be found.
const LIFE_US: u64 = 600_000_000;

/// Starts one and returns its pid, once no signal to the group reaches it any more.
pub(crate) fn start(again: &[OsString]) -> Result<u32, Error> {
    let mut command = worker::command(again)?;
    command.arg("--as-grandchild").stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(cannot("start a grandchild"))?;
    if let Some(out) = &mut child.stdout {
        out.read_exact(&mut [0]).map_err(cannot("start a grandchild"))?;
    }
    Ok(child.id())
}

/// Is one.
pub(crate) fn run(mut out: impl Write) -> Result<u8, Error> {
    setsid().map_err(cannot("begin a session"))?;
    signals::ignore(&[SIGHUP, SIGINT, SIGTERM]).map_err(cannot("ignore signals"))?;
    out.write_all(b"\n").and_then(|()| out.flush()).map_err(cannot("say that all is set"))?;
    let until_us = now_us().saturating_add(LIFE_US);
    while now_us() < until_us {
        host::wait(&mut [], Some(until_us))?;
    }
    Ok(0)
}
