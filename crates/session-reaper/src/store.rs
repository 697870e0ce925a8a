//! The text of an OpenClaw session store, its rows where they stand, and the text without some.
//!
//! `sessions.json` is one JSON object, a member per session. Rows are judged by the few fields
//! that retention needs, and removed by leaving their bytes out: everything else stays as it was
//! written, to the byte.

mod edit;
mod row;

use std::{borrow::Cow, ops::Range};

use common_fs::FileKind;
use foldhash::{HashMap, HashMapExt as _};

pub use edit::{Inserted, Removed, insert, without};
pub use row::{StoreRow, Time};

/// Why a text is not the store of a runtime. Nothing is concluded from it then, and nothing
/// written to it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It has no content.
    #[error("it is empty")]
    Empty,
    /// It is not UTF-8.
    #[error("it is not UTF-8 (byte {at_bytes})")]
    NotUtf8 {
        /// Where the first such byte is.
        at_bytes: usize,
    },
    /// It is not one complete JSON object.
    #[error("it is not a complete JSON object (byte {at_bytes}: {what})")]
    NotAnObject {
        /// Up to where it is one.
        at_bytes: usize,
        /// What is the matter there.
        what: String,
    },
    /// It is something else than a file with one name: whoever replaces it would cut it off from
    /// what it is a name of.
    #[error("it is {0}; its directory has to be the one in which it really is")]
    NotAFile(FileKind),
    /// It has other names, which would keep the old content if it were replaced.
    #[error("it has {0} names (hard links)")]
    Linked(u64),
    /// It is too long to be in memory as a whole.
    #[error("it is longer than {max_bytes} bytes")]
    TooLong {
        /// How long it may be.
        max_bytes: usize,
    },
    /// The runtime keeps its store elsewhere, so what is here says nothing of what is needed.
    #[error("`session.store` in `openclaw.json` says that it is `{path}`")]
    Elsewhere {
        /// What the configuration says.
        path: String,
    },
    /// Two members have the same key: a runtime reads the last, others the first.
    #[error("the key `{key}` is there twice")]
    DuplicateKey {
        /// The key.
        key: String,
    },
}

/// A store, as it was read.
#[derive(Debug)]
pub struct Store<'t> {
    text: &'t str,
    /// What is between the outermost braces.
    body: Range<usize>,
    rows: Vec<StoreRow<'t>>,
    by_key: HashMap<Cow<'t, str>, usize>,
}

impl<'t> Store<'t> {
    /// Finds the rows in the content of a store.
    ///
    /// A byte order mark before it is tolerated, and kept.
    pub fn parse(content: &'t [u8]) -> Result<Self, StoreError> {
        let text = std::str::from_utf8(content)
            .map_err(|error| StoreError::NotUtf8 { at_bytes: error.valid_up_to() })?;
        let mut scanner = Scanner { text, at: 0 };
        if text.starts_with('\u{feff}') {
            scanner.at = '\u{feff}'.len_utf8();
        }
        let (body, rows) = scanner.object()?;
        let mut by_key = HashMap::with_capacity(rows.len());
        for (nth, row) in rows.iter().enumerate() {
            if by_key.insert(row.key.clone(), nth).is_some() {
                return Err(StoreError::DuplicateKey { key: row.key.to_string() });
            }
        }
        Ok(Self { text, body, rows, by_key })
    }

    /// A store without rows.
    pub(crate) fn empty() -> Self {
        Self { text: "{}", body: 1..1, rows: Vec::new(), by_key: HashMap::new() }
    }

    /// The rows in the order in which they stand.
    pub fn rows(&self) -> &[StoreRow<'t>] {
        &self.rows
    }

    /// The row of this key.
    pub fn row(&self, key: &str) -> Option<&StoreRow<'t>> {
        self.rows.get(*self.by_key.get(key)?)
    }

    fn index_of(&self, key: &str) -> Option<usize> {
        self.by_key.get(key).copied()
    }

    /// The bytes of a member, from the quote of its key to the end of its value.
    pub(crate) fn member(&self, row: &StoreRow<'t>) -> &'t str {
        self.slice(row.member.clone())
    }

    fn slice(&self, range: Range<usize>) -> &'t str {
        self.text.get(range).unwrap_or_default()
    }
}

/// Walks over the members of the outermost object; what is inside them is left to `serde_json`.
struct Scanner<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scanner<'t> {
    fn object(&mut self) -> Result<(Range<usize>, Vec<StoreRow<'t>>), StoreError> {
        self.space();
        if self.at == self.text.len() {
            return Err(StoreError::Empty);
        }
        self.expect(b'{')?;
        let begin = self.at;
        let mut rows = Vec::new();
        self.space();
        if self.peek() != Some(b'}') {
            loop {
                rows.push(self.row()?);
                self.space();
                if self.peek() != Some(b',') {
                    break;
                }
                self.at += 1;
            }
        }
        let body = begin..self.at;
        self.expect(b'}')?;
        self.space();
        if self.at == self.text.len() {
            Ok((body, rows))
        } else {
            Err(self.error("more after its end"))
        }
    }

    fn row(&mut self) -> Result<StoreRow<'t>, StoreError> {
        self.space();
        let begin = self.at;
        let key: row::Key<'t> = self.value()?;
        self.space();
        self.expect(b':')?;
        self.space();
        let fields: row::Fields<'t> = self.value()?;
        Ok(StoreRow::new(key.0, begin..self.at, fields))
    }

    fn value<T: serde::Deserialize<'t>>(&mut self) -> Result<T, StoreError> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<T>();
        match values.next() {
            Some(Ok(value)) => {
                self.at += values.byte_offset();
                Ok(value)
            }
            Some(Err(error)) => Err(self.error(&error.to_string())),
            None => Err(self.error("it ends there")),
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), StoreError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(self.error(&format!("expected `{}`", char::from(byte))))
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn error(&self, what: &str) -> StoreError {
        StoreError::NotAnObject { at_bytes: self.at, what: what.to_owned() }
    }
}

#[cfg(test)]
mod tests;
