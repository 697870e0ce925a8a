//! What outlives the program: settings and the ledger, in a directory that one program warms from.

use std::{collections::BTreeMap, ffi::OsStr, path::Path};

use common_fs::{
    Access, Dir, FsError, Host, Overwrite, create_dir_all,
    lock::{Guard, TryGuard},
    read_whole,
    replace::{FileMode, ReplaceError, Replacement},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Ledger, Settings};

const SETTINGS: &str = "settings.json";
const SETTINGS_ASIDE: &str = "settings.json.damaged";
const LEDGER: &str = "ledger.json";
const LOCK: &str = "warmer.lock";

const SETTINGS_FORMAT: &str = "upkeep-cache-warmer-settings";
const LEDGER_FORMAT: &str = "upkeep-cache-warmer-ledger";
const VERSION: u32 = 1;

/// A longer file is none of ours.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// The directory with the state of a warmer. Its files have mode 0600, and hold no part of any
/// request: only settings and sums.
pub struct StateDir<'h> {
    host: Host<'h>,
    dir: Box<dyn Dir>,
}

/// Who may warm.
#[must_use = "dropping it lets others warm"]
pub enum Claim<'d> {
    /// This program, as long as the guard is held; it ends with the process, however that ends.
    Ours(Guard<'d>),
    /// Another program, which would pay for the same pings.
    Others,
}

/// Settings by conversation, as they were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredSettings {
    /// Only where something was set.
    conversations: BTreeMap<String, Settings>,
    /// Whether there was a file that could not be understood, so that everything is off.
    pub damaged: bool,
}

/// What is wrong with the state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// It cannot be read.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// It cannot be written.
    #[error(transparent)]
    Replace(#[from] ReplaceError),
    /// A newer program wrote it; overwriting it would lose what that one knows.
    #[error("`{path}` has version {version}, newest known is {VERSION}")]
    TooNew {
        /// The file.
        path: String,
        /// Its version.
        version: u32,
    },
    /// What was spent is not known any more, so nothing more may be spent.
    #[error("`{path}` is damaged; move it away to begin a new ledger")]
    DamagedLedger {
        /// The file.
        path: String,
        /// What is wrong with it; `None` if it is too long or not a ledger at all.
        #[source]
        source: Option<serde_json::Error>,
    },
}

#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct LedgerFile {
    format: String,
    version: u32,
    ledger: Ledger,
}

impl StoredSettings {
    /// Those of a conversation.
    pub fn get(&self, conversation: &str) -> Settings {
        self.conversations.get(conversation).copied().unwrap_or(Settings::OFF)
    }

    /// Sets those of a conversation.
    pub fn set(&mut self, conversation: &str, settings: Settings) {
        if settings == Settings::OFF {
            self.conversations.remove(conversation);
        } else {
            self.conversations.insert(conversation.to_owned(), settings);
        }
    }

    /// All that were set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Settings)> {
        self.conversations.iter().map(|(conversation, settings)| (conversation.as_str(), *settings))
    }

    fn to_json(&self) -> Value {
        let entries = self.iter().map(|(name, settings)| (name.to_owned(), settings.to_json()));
        serde_json::json!({
            "format": SETTINGS_FORMAT,
            "version": VERSION,
            "conversations": entries.collect::<serde_json::Map<_, _>>(),
        })
    }

    /// Whatever is not understood is off.
    fn from_json(text: &[u8]) -> Self {
        let file: Value = serde_json::from_slice(text).unwrap_or_default();
        let is_ours = file.get("format").and_then(Value::as_str) == Some(SETTINGS_FORMAT);
        let entries = file.get("conversations").and_then(Value::as_object).filter(|_| is_ours);
        let mut stored = Self { damaged: entries.is_none(), ..Self::default() };
        for (conversation, settings) in entries.into_iter().flatten() {
            stored.set(conversation, Settings::from_json(settings));
        }
        stored
    }
}

impl<'h> StateDir<'h> {
    /// Opens the directory at `path`, and makes it if need be.
    pub fn open(host: Host<'h>, path: &Path) -> Result<Self, StateError> {
        Ok(Self { host, dir: create_dir_all(host.fs, path)? })
    }

    /// Opens the directory at `path` if there is one.
    pub fn existing(host: Host<'h>, path: &Path) -> Result<Option<Self>, StateError> {
        match host.fs.open_dir(path) {
            Ok(dir) => Ok(Some(Self { host, dir })),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Claims the right to warm, and to write: of several programs with one directory, one has it.
    pub fn claim(&self) -> Result<Claim<'_>, StateError> {
        Ok(match Guard::try_acquire(self.dir.as_ref(), OsStr::new(LOCK))? {
            TryGuard::Acquired(guard) => Claim::Ours(guard),
            TryGuard::Held => Claim::Others,
        })
    }

    /// Reads the settings. A file that is damaged means that all is off; one of a newer program is an
    /// error.
    pub fn settings(&self) -> Result<StoredSettings, StateError> {
        match self.read(SETTINGS)? {
            Content::Absent => Ok(StoredSettings::default()),
            Content::TooLong => Ok(StoredSettings { damaged: true, ..StoredSettings::default() }),
            Content::Text(text) => {
                self.check_version(&text, SETTINGS)?;
                Ok(StoredSettings::from_json(&text))
            }
        }
    }

    /// Writes the settings. When this returns without an error, no crash and no power cut brings
    /// the old ones back. A damaged file is kept aside.
    pub fn save_settings(&self, settings: &StoredSettings) -> Result<(), StateError> {
        if settings.damaged {
            let (from, to) = (OsStr::new(SETTINGS), OsStr::new(SETTINGS_ASIDE));
            match self.dir.rename(from, to, Overwrite::Allow) {
                Err(error) if !error.is_not_found() => return Err(error.into()),
                _ => (),
            }
        }
        self.replace(SETTINGS, &settings.to_json())
    }

    /// Sets the settings of one conversation, as an [`Action::Persist`](crate::Action::Persist) asks
    /// for. After an error, `settings` are those of before.
    pub fn persist(
        &self,
        settings: &mut StoredSettings,
        conversation: &str,
        wanted: Settings,
    ) -> Result<(), StateError> {
        let before = settings.get(conversation);
        settings.set(conversation, wanted);
        let saved = self.save_settings(settings);
        match &saved {
            Ok(()) => settings.damaged = false,
            Err(_) => settings.set(conversation, before),
        }
        saved
    }

    /// Reads the ledger; an empty one if there is none.
    pub fn ledger(&self) -> Result<Ledger, StateError> {
        let damaged = |source| StateError::DamagedLedger { path: self.path(LEDGER), source };
        match self.read(LEDGER)? {
            Content::Absent => Ok(Ledger::default()),
            Content::TooLong => Err(damaged(None)),
            Content::Text(text) => {
                self.check_version(&text, LEDGER)?;
                let file: LedgerFile =
                    serde_json::from_slice(&text).map_err(|source| damaged(Some(source)))?;
                (file.format == LEDGER_FORMAT).then_some(file.ledger).ok_or_else(|| damaged(None))
            }
        }
    }

    /// Writes the ledger, durably.
    pub fn save_ledger(&self, ledger: &Ledger) -> Result<(), StateError> {
        let file = LedgerFile {
            format: LEDGER_FORMAT.to_owned(),
            version: VERSION,
            ledger: ledger.clone(),
        };
        let value = serde_json::to_value(file).map_err(|source| StateError::DamagedLedger {
            path: self.path(LEDGER),
            source: Some(source),
        })?;
        self.replace(LEDGER, &value)
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn check_version(&self, text: &[u8], name: &str) -> Result<(), StateError> {
        let head = serde_json::from_slice::<Head>(text).ok();
        let newer = head.filter(|head| {
            [SETTINGS_FORMAT, LEDGER_FORMAT].contains(&head.format.as_str())
                && VERSION < head.version
        });
        newer.map_or(Ok(()), |head| {
            Err(StateError::TooNew { path: self.path(name), version: head.version })
        })
    }

    fn read(&self, name: &str) -> Result<Content, StateError> {
        match self.dir.open(OsStr::new(name), Access::Read) {
            Ok(file) => {
                Ok(read_whole(file.as_ref(), BYTES_MAX)?.map_or(Content::TooLong, Content::Text))
            }
            Err(error) if error.is_not_found() => Ok(Content::Absent),
            Err(error) => Err(error.into()),
        }
    }

    fn replace(&self, name: &str, value: &Value) -> Result<(), StateError> {
        let owner = self.host.processes.identity().process;
        let (dir, name) = (self.dir.as_ref(), OsStr::new(name));
        let mut replacement = Replacement::begin(dir, name, owner, FileMode::Private)?;
        replacement.write(format!("{value}\n").as_bytes())?;
        Ok(replacement.commit()?)
    }
}

enum Content {
    Absent,
    TooLong,
    Text(Vec<u8>),
}
