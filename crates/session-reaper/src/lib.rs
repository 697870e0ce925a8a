//! Retention for the session stores and transcripts of local AI agents.
//!
//! OpenClaw keeps a row for each session in a store, `sessions.json`, and its transcript in a
//! file beside it. Both stay when nobody needs them any more. [`plan`](fn@plan) says of every row and
//! every file whether retention is over for it, and why; it decides from a [`Snapshot`] and a
//! [`Policy`] alone, and changes nothing.
//!
//! [`sweep`](fn@sweep) carries a plan out: what goes is archived, its rows are written down, and the store is
//! replaced by one without them, under the lock that OpenClaw takes itself. [`restore`](fn@restore) puts it back,
//! to the byte. What was archived long enough ago is removed. The runtimes that have no store, Claude
//! Code and Codex, are swept the same way, if the policy says so.
//!
//! # Example
//!
//! A run that ended two days ago goes, and comes back:
//!
//! ```
//! use common_fs::sim::Sim;
//! use session_reaper::{Layout, Orders, Place, Policy, SweepOptions};
//! use std::{ops::ControlFlow, time::Duration};
//!
//! let sim = Sim::new();
//! sim.fs.make_dir("/state/agents/main/sessions");
//! let store = br#"{ "agent:main:cron:j:run:r": { "sessionId": "r", "updatedAt": 1788000000000 } }"#;
//! sim.fs.put("/state/agents/main/sessions/sessions.json", store);
//! sim.fs.put("/state/agents/main/sessions/r.jsonl", b"{}\n");
//!
//! let place = Place {
//!     layout: Layout::OpenClaw,
//!     name: "main".to_owned(),
//!     root: "/state".into(),
//!     dir: "/state/agents/main/sessions".into(),
//!     database: None,
//! };
//! let policy = Policy::openclaw_2026_3(Some(Duration::from_hours(24)));
//! let orders = Orders { policy: &policy, options: SweepOptions::USUAL, needs: None };
//! let go_on = &mut |_| ControlFlow::Continue(());
//! let sweep = session_reaper::sweep(sim.host(), &place, orders, go_on)?;
//! assert_eq!((sweep.archived_rows.count, sweep.archived_files.count), (1, 1));
//! assert_eq!(sim.fs.content(place.dir.join("r.jsonl")), None);
//!
//! let archives = session_reaper::archives(sim.host(), &place, &policy)?;
//! session_reaper::restore(sim.host(), &place, &archives, Duration::from_secs(10))?;
//! assert_eq!(sim.fs.content(place.dir.join("r.jsonl")).as_deref(), Some(&b"{}\n"[..]));
//! assert_eq!(sim.fs.content(place.dir.join("sessions.json")).as_deref(), Some(&store[..]));
//! # Ok::<(), session_reaper::SweepError>(())
//! ```
//!
//! # Guarantees
//!
//! * **A store that cannot be trusted decides nothing, and is never written to**: if it is cut off,
//!   or has a key twice, everything stays.
//! * **What a row that stays needs, stays**: by session, by name, and by its checkpoints.
//! * **Only files in the directory of the store go**, whatever a row says, and only those whose
//!   name says that they are a transcript, an archive, or a remnant of one.
//! * **Nothing is removed that was not archived first**, and nothing is overwritten.
//! * **A crash at any step loses nothing**: the next sweep finishes or undoes what was begun.
//!
//! # Limitations
//!
//! OpenClaw from 2026.4.15 to 2026.5.28 writes its store without a lock. That is noticed until the
//! moment before the store is replaced, and not later. An archive in a folder of its own is a rename
//! between two directories; a power cut leaves one of both names only on file systems with a journal.

mod archives;
mod clockwork;
mod configured;
mod copy;
mod counters;
mod database;
mod duration;
mod file_name;
mod journal;
mod key;
mod listing;
mod places;
mod plan;
mod policy;
mod reaper;
mod restore;
mod settings;
mod size;
mod snapshot;
#[cfg(feature = "sqlite")]
mod sqlite;
mod stamp;
mod store;
mod sweep;
mod throttle;

pub use archives::{Archive, ArchivedFile, archives, newest, select};
pub use clockwork::Clockwork;
pub use configured::configured_retention;
pub use counters::Counters;
pub use database::{
    Database, DatabaseArchive, DatabaseSession, DatabaseStanding, database_standing, plan_database,
};
pub use duration::{DurationError, Unit, format_duration, parse_duration, resolve_retention};
pub use file_name::{ArchiveReason, FileClass, Layout, classify};
pub use journal::JournalError;
pub(crate) use journal::{How, Item, Journal, Move};
pub use key::{CronKey, KeyGrammar, is_cron_run_key};
pub use listing::{Listing, Needs};
pub use places::{Place, Roots};
pub use plan::{
    Act, ArchivedRowVerdict, FileVerdict, Go, Keep, Plan, RowVerdict, Shortfall, Total, Verdict,
    plan,
};
pub use policy::{
    Age, Archives, Budget, Companions, KeepLast, Matches, Pattern, PatternError, Policy, Reclaim,
    Room, Rule, RuleTtl, Water,
};
pub use reaper::{Reaper, SweepResult};
pub use restore::{Restored, restore};
pub use settings::{Configured, Preset, RuleSettings, Settings, SettingsError};
pub use size::{SizeError, parse_bytes};
pub use snapshot::{ArchivedRow, FileFact, Folder, Judged, Snapshot, StoreState};
#[cfg(feature = "sqlite")]
pub use sqlite::{DatabaseError, read_database};
pub use stamp::{format_stamp, parse_stamp};
pub use store::{Inserted, Removed, Store, StoreError, StoreRow, Time, insert, without};
pub use sweep::{
    Compression, Failure, OnProgress, Orders, Progress, Recovered, Sweep, SweepError, SweepOptions,
    sweep,
};
pub use throttle::{Admission, Settlement, Throttle, ThrottleRules, Ticket};
