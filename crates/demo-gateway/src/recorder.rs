//! Writes the truth down as soon as it is known.

use std::{fs::File, io::Write as _, path::PathBuf};

use crate::{
    error::{Error, cannot_write},
    host,
    settings::Settings,
    truth::{Truth, What},
};

/// The file of the truth, if there is to be one.
pub(crate) struct Recorder(Option<(PathBuf, File)>);

impl Recorder {
    pub(crate) fn open(settings: &Settings) -> Result<Self, Error> {
        let Some(path) = &settings.truth else { return Ok(Self(None)) };
        let file = host::append_to(path).map_err(cannot_write(path))?;
        Ok(Self(Some((path.clone(), file))))
    }

    /// Appends a line, in one piece: a reader sees all of it or nothing.
    pub(crate) fn record(
        &mut self,
        restart: u32,
        what: What,
        from_us: u64,
        until_us: u64,
    ) -> Result<(), Error> {
        let Some((path, file)) = &mut self.0 else { return Ok(()) };
        let truth = Truth { restart, what, from_us, until_us };
        let line = serde_json::to_string(&truth).map_err(std::io::Error::from);
        let written = line.and_then(|line| file.write_all((line + "\n").as_bytes()));
        written.map_err(cannot_write(path))
    }
}
