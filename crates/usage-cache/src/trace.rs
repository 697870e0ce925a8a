//! Which turns of Codex were asked for with priority, going by its trace database.
//!
//! A turn with priority, which Codex calls fast, costs two to two and a half times as much as
//! another. Its rollout does not say that it was one; only `logs_2.sqlite` does, a log of
//! everything with hundreds of megabytes, of which Codex deletes rows all the time, and which
//! people delete as a whole. So what is found in it is kept:
//!
//! * A [`Memo`] knows what was found up to some row, and [`scan()`] brings it up to date: it looks
//!   only at rows that are new, and notices rows that are gone, and another database in the place
//!   of the one that it knows.
//! * [`PriorityTurns`] are the turns that were ever found. They are kept for as long as the
//!   transcripts are, whatever becomes of the database.
//! * A [`TurnStore`] has both, and its file is shared by all processes of a user.
//!
//! The database is read through [`TraceDb`], which `Sqlite` gives if the feature `sqlite` is on.
//! Names of turns, threads and models, and times, are all that is kept of a row.

mod anchor;
mod artifact;
mod db;
mod file;
mod import;
mod memo;
mod pending;
mod row;
mod scan;
mod store;
mod turns;
mod update;

pub use db::{Ends, OnRow, Row, RowId, RowTime, Since, TraceDb, TraceView};
pub use file::TurnsProblem;
pub use import::{Adopted, ImportError, Imported, import};
pub use memo::{Memo, PENDING_TURNS_MAX, PriorityTurn, Request};
pub use scan::{OnScan, Restart, ScanProgress, ScanRequest, ScanWork, scan};
pub use store::{LastScan, Observation, TurnStore};
pub use turns::{PriorityTurns, turn_key};
pub use update::{TraceStatus, Updated, load, update, update_imported};
