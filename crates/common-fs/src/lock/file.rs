use std::{ffi::OsString, io, path::PathBuf};

use super::{LockError, payload::Payload};
use crate::{Access, Dir, FsError, read_whole};

/// A lock file longer than this is not a lock file.
const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// The place of a lock.
#[derive(Clone)]
pub(super) struct LockFile<'d> {
    pub(super) dir: &'d dyn Dir,
    pub(super) name: OsString,
}

pub(super) enum Content {
    Payload(Payload),
    Malformed,
    Unreadable,
    Absent,
}

impl LockFile<'_> {
    pub(super) fn path(&self) -> PathBuf {
        self.dir.path().join(&self.name)
    }

    pub(super) fn failed(&self, source: FsError) -> LockError {
        LockError::Fs { path: self.path(), source }
    }

    pub(super) fn read(&self) -> Result<Content, FsError> {
        let file = match self.dir.open(&self.name, Access::Read) {
            Ok(file) => file,
            Err(error) if error.is_not_found() => return Ok(Content::Absent),
            // A FIFO, a directory, a link: no lock of anybody.
            Err(error) if error.refusal().is_some() || error.is_link() => {
                return Ok(Content::Malformed);
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Ok(Content::Unreadable);
            }
            Err(error) => return Err(error),
        };
        let bytes = read_whole(file.as_ref(), PAYLOAD_BYTES_MAX)?;
        let payload = bytes.and_then(|bytes| Payload::parse(&bytes));
        Ok(payload.map_or(Content::Malformed, Content::Payload))
    }

    pub(super) fn carries(&self, token: &str) -> Result<bool, FsError> {
        Ok(match self.read()? {
            Content::Payload(payload) => payload.token.as_deref() == Some(token),
            Content::Malformed | Content::Unreadable | Content::Absent => false,
        })
    }

    pub(super) fn require(&self, token: &str) -> Result<(), LockError> {
        match self.carries(token) {
            Ok(true) => Ok(()),
            Ok(false) => Err(LockError::Lost { path: self.path() }),
            Err(source) => Err(self.failed(source)),
        }
    }
}
