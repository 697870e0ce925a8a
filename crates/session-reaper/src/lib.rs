//! Retention for the session stores and transcripts of local AI agents.
//!
//! OpenClaw keeps a row for each session in a store, `sessions.json`, and its transcript in a
//! file beside it. Both stay when nobody needs them any more. [`plan`] says of every row and
//! every file whether retention is over for it, and why; it decides from a [`Snapshot`] and a
//! [`Policy`] alone, and changes nothing.
//!
//! # Example
//!
//! A run that ended two days ago, whose transcript another row still needs:
//!
//! ```
//! use common_fs::{Host, Timestamp, sim::Sim};
//! use session_reaper::{Keep, Listing, Policy, Verdict, plan};
//! use std::{path::Path, time::Duration};
//!
//! let sim = Sim::new();
//! sim.fs.make_dir("/sessions");
//! sim.fs.put(
//!     "/sessions/sessions.json",
//!     br#"{
//!   "agent:main:cron:j:run:r": { "sessionId": "r", "updatedAt": 1000 },
//!   "agent:main:cron:j": { "sessionId": "r", "updatedAt": 1000 }
//! }"#,
//! );
//! sim.fs.put("/sessions/r.jsonl", b"{}\n");
//!
//! let listing = Listing::read(sim.host(), Path::new("/sessions"))?;
//! let policy = Policy::openclaw_2026_3(Some(Duration::from_hours(24)));
//! let now = Timestamp::UNIX_EPOCH.plus(Duration::from_hours(48));
//! let plan = plan(now, &listing.snapshot(), &policy);
//!
//! assert!(plan.rows[0].verdict.goes());
//! let key = "agent:main:cron:j".to_owned();
//! assert_eq!(plan.files[0].verdict, Verdict::Keep(Keep::ReferencedBy { key }));
//! # Ok::<(), common_fs::FsError>(())
//! ```
//!
//! # Guarantees
//!
//! * **A store that cannot be trusted decides nothing**: if it is cut off, or has a key twice,
//!   everything stays.
//! * **What a row that stays needs, stays**: by session, by name, and by its checkpoints.
//! * **Only files in the directory of the store go**, whatever a row says, and only those whose
//!   name says that they are a transcript, an archive, or a remnant of one.
//!
//! # Not provided
//!
//! Carrying a plan out: that is the next part of this crate. [`without`] and [`insert`], which
//! take rows out of the text of a store and put them back to the byte, are there already.

mod duration;
mod file_name;
mod key;
mod plan;
mod policy;
mod scan;
mod snapshot;
mod stamp;
mod store;

pub use duration::{DurationError, Unit, format_duration, parse_duration, resolve_retention};
pub use file_name::{ArchiveReason, FileClass, classify};
pub use key::{CronKey, KeyGrammar, is_cron_run_key};
pub use plan::{FileVerdict, Go, Keep, Plan, RowVerdict, Total, Verdict, plan};
pub use policy::{Age, KeepLast, Policy};
pub use scan::{Agent, Listing, agents};
pub use snapshot::{FileFact, Judged, Snapshot, StoreState};
pub use stamp::{format_stamp, parse_stamp};
pub use store::{Position, Removed, Store, StoreError, StoreRow, Time, insert, without};
