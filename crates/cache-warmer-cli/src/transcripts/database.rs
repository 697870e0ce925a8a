//! The sessions in a database of OpenClaw.

use usage_cache::{Databases as _, DbProblem, OpenClaw, Source as _, Sqlite, Stored};

use super::{
    Runtime,
    find::{Database, Transcript},
    reader::{Builder, Reading},
    skim::skim,
};

/// The longest event that OpenClaw stores.
const EVENT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Reads the sessions that are in a database as events. Those that were archived are counted as
/// compressed.
pub(super) fn read(database: &Database) -> Result<Vec<(Transcript, Reading)>, DbProblem> {
    let mut db = Sqlite.open_sessions(&database.path)?;
    let mut read = Vec::new();
    for session in db.sessions()? {
        let mut builder = Builder::new(Runtime::OpenClaw);
        let mut has_archive = false;
        db.read(&session.id, None, &mut |stored| match stored {
            Stored::Event { json, .. } => take(&mut builder, json),
            Stored::CompressedEvent { zstd, json_bytes, .. } => {
                let len = usize::try_from(json_bytes).unwrap_or(usize::MAX).min(EVENT_BYTES_MAX);
                match zstd::bulk::decompress(zstd, len) {
                    Ok(json) => take(&mut builder, &json),
                    Err(_) => builder.count_damaged(),
                }
            }
            Stored::ColdFile { .. } | Stored::ColdBlob { .. } | Stored::Archive { .. } => {
                has_archive = true;
            }
        })?;
        let mut reading = builder.finish(usage_cache::Beginning::Own);
        reading.counts.compressed += u64::from(has_archive);
        reading.counts.files += u64::from(!reading.threads.is_empty());
        read.push((database.transcript(&session.id), reading));
    }
    Ok(read)
}

/// Takes an event. Each is read by itself: which of them are on a branch that was left does not
/// matter, as they have been paid for.
fn take(builder: &mut Builder, json: &[u8]) {
    let mut parser = OpenClaw.archive_parser();
    let skim = skim(Runtime::OpenClaw, json);
    builder.line(parser.as_mut(), json, &skim);
    parser.finish(&mut |event| builder.event(event, &skim));
}
