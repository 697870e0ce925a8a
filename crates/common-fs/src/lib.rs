//! A clock, a file system and a process table that a program is given, rather than takes.
//!
//! The libraries of this workspace never ask the operating system for anything by
//! themselves. They are handed a [`Host`]: a binary hands them [`Host::real`], a test hands
//! them the simulations in [`sim`], which fail, run out of space and lose power on request.
//!
//! On top of the narrow traits [`Fs`], [`Dir`] and [`File`] stand the algorithms that are easy
//! to get wrong: [`replace`] (atomic and durable), [`append`] (undone if it fails), [`lock`]
//! (across processes and languages), and [`lines`] (any input in bounded memory). Because they
//! see nothing but the traits, each of their steps can be made to fail in a test.
//!
//! # Example
//!
//! Replace a file, and look at every state that a power cut could leave behind:
//!
//! ```
//! use common_fs::{Host, replace::{self, FileMode, Options, Symlinks}, sim::Sim};
//! use std::path::Path;
//!
//! let sim = Sim::new();
//! sim.fs.make_dir("/state");
//! let options = Options { mode: FileMode::Private, symlinks: Symlinks::Refuse };
//! replace::replace(sim.host(), Path::new("/state/cache"), b"one", options)?;
//!
//! for after in sim.fs.power_loss_states() {
//!     assert_eq!(after.content("/state/cache").as_deref(), Some(&b"one"[..]));
//! }
//! # Ok::<(), replace::ReplaceError>(())
//! ```
//!
//! # Guarantees
//!
//! * **Names from data cannot escape.** A [`Dir`] is a pinned directory; its methods take single
//!   file names, never follow a symbolic link and never block on a FIFO. [`beneath`] walks a
//!   relative path under the same rules.
//! * **Every error names the operation and the path**: see [`FsError`].
//!
//! # Not provided
//!
//! Protection against another process of the same user that races with malice inside a
//! directory that both may write, against mounts placed below a pinned directory, and any
//! support for systems other than Linux: other Unixes lack the process start times that make
//! stale locks certain, and flush to the drive differently.

pub mod append;
pub mod beneath;
mod clock;
mod error;
mod fs;
mod host;
pub mod lines;
mod links;
pub mod lock;
mod name;
pub mod observe;
mod process;
mod real;
pub mod replace;
pub mod sim;
pub mod temp;
mod time;

pub use clock::{Clock, SystemClock};
pub use error::{FsError, Op, Refusal};
pub use fs::{
    Access, Dir, DirEntry, File, FileId, FileKind, Fs, Overwrite, Space, Stat, Sub, read_whole,
    write_all,
};
pub use host::{Host, create_dir_all};
pub use links::{follow_links, open_parent, open_without_links};
pub use name::split_path;
pub use process::{Identity, ProcessId, ProcessState, Processes};
pub use real::{RealFs, RealProcesses};
pub use time::Timestamp;
