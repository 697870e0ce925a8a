//! What outlives the proxy: the ledger, and whether the user wants warming.
//!
//! One program warms from a directory at a time; a proxy that comes second passes requests on, so
//! nothing is spent twice. Files are written by one thread, which also holds the claim, in the
//! order in which that was asked for.

use std::{
    ffi::OsStr,
    fmt,
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
};

use common_fs::{
    Access, Dir, FsError, Host, create_dir_all, read_whole,
    replace::{FileMode, ReplaceError, Replacement},
};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::{Claim, Ledger, StateDir, StateError};

/// Whether the user wants warming. The settings of conversations cannot tell that somebody has
/// switched it off from that nobody has switched it on.
const WISH: &str = "proxy.json";
const WISH_FORMAT: &str = "upkeep-cache-warmer-proxy";
const WISH_VERSION: u32 = 1;

/// No such file is longer, in bytes.
const WISH_MAX: usize = 4 << 10;

/// Why there is no state.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// Another program has it.
    #[error("another program keeps prompts warm from `{}`", path.display())]
    Held {
        /// The directory.
        path: PathBuf,
    },
    /// It cannot be used.
    #[error("cannot use the state directory `{}`", path.display())]
    State {
        /// The directory.
        path: PathBuf,
        /// What failed.
        #[source]
        source: StateError,
    },
    /// Whether warming was switched off is not known.
    #[error("`{}` is damaged or of a newer version; remove it to begin anew", path.display())]
    Wish {
        /// The file.
        path: PathBuf,
    },
    /// There is no thread for it.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
}

/// What is to be written.
enum Write {
    Ledger(Box<Ledger>),
    Wish(bool),
}

struct Order {
    write: Write,
    done: oneshot::Sender<Result<(), StateError>>,
}

/// Why something was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error(transparent)]
    State(#[from] StateError),
    /// The thread is gone, which it never is before this.
    #[error("the state is closed")]
    Closed,
}

/// The state of a proxy that may write it. Dropping it gives the claim back some time after.
pub(crate) struct State {
    orders: mpsc::Sender<Order>,
    ended: oneshot::Receiver<()>,
}

/// What was found.
pub(crate) struct Found {
    pub(crate) state: State,
    pub(crate) ledger: Ledger,
    /// Whether the user switched warming on or off; nothing if neither.
    pub(crate) wish: Option<bool>,
}

impl fmt::Debug for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("State")
    }
}

impl State {
    /// Opens the state in the directory `path`, and creates that if need be. Blocks.
    pub(crate) fn open(host: Host<'static>, path: &Path) -> Result<Found, OpenError> {
        let (orders, to_do) = mpsc::channel();
        let (opened, result) = mpsc::sync_channel(1);
        let path = path.to_owned();
        let keeper = thread::Builder::new().name("state".to_owned());
        let (end, ended) = oneshot::channel();
        let keep = move || {
            keep(host, path, &to_do, &opened);
            // Nobody may wait for it.
            end.send(()).ok();
        };
        // It ends when the state is dropped.
        drop(keeper.spawn(keep).map_err(OpenError::Thread)?);
        let lost = || OpenError::Thread(std::io::ErrorKind::Other.into());
        let (ledger, wish) = result.recv().map_err(|_| lost())??;
        Ok(Found { state: Self { orders, ended }, ledger, wish })
    }

    /// Gives the claim back.
    pub(crate) async fn close(self) {
        drop(self.orders);
        // Its thread cannot be asked any more, so it ends.
        self.ended.await.ok();
    }

    /// Writes the ledger down, durably.
    pub(crate) async fn write_ledger(&self, ledger: Ledger) -> Result<(), WriteError> {
        self.write(Write::Ledger(Box::new(ledger))).await
    }

    /// Writes down, durably, whether the user wants warming.
    pub(crate) async fn write_wish(&self, enabled: bool) -> Result<(), WriteError> {
        self.write(Write::Wish(enabled)).await
    }

    async fn write(&self, write: Write) -> Result<(), WriteError> {
        let (done, written) = oneshot::channel();
        self.orders.send(Order { write, done }).map_err(|_| WriteError::Closed)?;
        Ok(written.await.map_err(|_| WriteError::Closed)??)
    }
}

type Opened = Result<(Ledger, Option<bool>), OpenError>;

fn keep(
    host: Host<'static>,
    path: PathBuf,
    orders: &mpsc::Receiver<Order>,
    opened: &mpsc::SyncSender<Opened>,
) {
    let failed = |source| OpenError::State { path: path.clone(), source };
    let open = || {
        let state = StateDir::open(host, &path).map_err(failed)?;
        let dir = create_dir_all(host.fs, &path).map_err(|source| failed(source.into()))?;
        Ok((state, dir))
    };
    let (state, dir) = match open() {
        Ok(opened) => opened,
        // Who does not wait any more does not need to know.
        Err(error) => return drop(opened.send(Err(error))),
    };
    let claim = match state.claim() {
        Ok(Claim::Ours(guard)) => guard,
        Ok(Claim::Others) => return drop(opened.send(Err(OpenError::Held { path }))),
        Err(source) => return drop(opened.send(Err(failed(source)))),
    };
    let read = state.ledger().map_err(failed).and_then(|ledger| {
        let wish = read_wish(dir.as_ref()).map_err(|source| failed(source.into()))?;
        let wish = wish.ok_or_else(|| OpenError::Wish { path: path.join(WISH) })?;
        Ok((ledger, wish))
    });
    if read.is_err() {
        return drop(opened.send(read));
    }
    if opened.send(read).is_err() {
        return;
    }
    for Order { write, done } in orders {
        let written = match write {
            Write::Ledger(ledger) => state.save_ledger(&ledger),
            Write::Wish(enabled) => {
                write_wish(host, dir.as_ref(), enabled).map_err(StateError::from)
            }
        };
        done.send(written).ok();
    }
    drop(claim);
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WishFile {
    format: String,
    version: u32,
    enabled: bool,
}

/// Reads the wish; nothing within if there is none, and nothing at all if it cannot be understood.
#[expect(clippy::option_option, reason = "what is not understood is not the same as nothing")]
fn read_wish(dir: &dyn Dir) -> Result<Option<Option<bool>>, FsError> {
    let file = match dir.open(OsStr::new(WISH), Access::Read) {
        Err(error) if error.is_not_found() => return Ok(Some(None)),
        opened => opened?,
    };
    let text = read_whole(file.as_ref(), WISH_MAX)?;
    let wish = text.and_then(|text| serde_json::from_slice::<WishFile>(&text).ok());
    let known = wish.filter(|wish| wish.format == WISH_FORMAT && wish.version == WISH_VERSION);
    Ok(known.map(|wish| Some(wish.enabled)))
}

fn write_wish(host: Host<'_>, dir: &dyn Dir, enabled: bool) -> Result<(), ReplaceError> {
    let wish = serde_json::json!({
        "format": WISH_FORMAT,
        "version": WISH_VERSION,
        "enabled": enabled,
    });
    let owner = host.processes.identity().process;
    let mut replacement = Replacement::begin(dir, OsStr::new(WISH), owner, FileMode::Private)?;
    replacement.write(wish.to_string().as_bytes())?;
    replacement.commit()
}

#[cfg(test)]
mod tests;
