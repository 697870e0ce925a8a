use std::{io, path::Path};

use common_fs::FsError;
use rusqlite::{Error, ErrorCode};

use crate::{DbProblem, DbProblemKind};

pub(super) fn of(path: &Path, error: Error) -> DbProblem {
    DbProblem { path: path.to_owned(), kind: kind(path, &error), source: Box::new(error) }
}

pub(super) fn of_file(path: &Path, error: FsError) -> DbProblem {
    let kind = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => DbProblemKind::Missing,
        io::ErrorKind::PermissionDenied => DbProblemKind::NoPermission,
        _ => DbProblemKind::Corrupt,
    };
    DbProblem { path: path.to_owned(), kind, source: Box::new(error) }
}

fn kind(path: &Path, error: &Error) -> DbProblemKind {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::FileLockingProtocolFailed,
        ) => DbProblemKind::Busy,
        // It has just been deleted.
        Some(ErrorCode::CannotOpen) if size(path).is_none() => DbProblemKind::Missing,
        // Also where the directory must not be written to and the shared memory of the log is
        // missing: it cannot be read then.
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::ReadOnly
            | ErrorCode::AuthorizationForStatementDenied,
        ) => DbProblemKind::NoPermission,
        // A table or a column is missing; or all, as a file that was cut to nothing is an empty
        // database.
        Some(ErrorCode::Unknown) if size(path) != Some(0) => DbProblemKind::SchemaUnknown,
        _ => DbProblemKind::Corrupt,
    }
}

fn size(path: &Path) -> Option<u64> {
    let (dir, name) = common_fs::follow_links(&common_fs::RealFs, path).ok()?;
    dir.stat(&name).ok().map(|stat| stat.size_bytes)
}
