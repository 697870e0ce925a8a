//! What the crate has to know of a runtime to count its transcripts.
//!
//! A [`Source`] says where the runtime keeps transcripts and what a line of one means; finding,
//! reading, remembering and adding up is the same for all. `docs/adding-a-source.md` adds one.

use std::{borrow::Cow, ffi::OsStr, fmt, path::Path};

use common_fs::Timestamp;
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use crate::{NanoUsd, TokenCounts};

/// A kind of transcripts: those of one agent runtime.
///
/// A transcript is a file of lines that only grows. What is read of one must depend on nothing
/// but its bytes: files are read in any order, some of them never again.
pub trait Source: fmt::Debug + Sync {
    /// The name in reports, options and the cache file: one word in lower case.
    fn name(&self) -> &'static str;

    /// Goes up whenever the same bytes come to mean something else. What an earlier version
    /// made of a transcript counts until that is read again.
    fn version(&self) -> u32;

    /// The directories of transcripts below a root: names separated by `/`, of which `*` stands
    /// for any one directory and a last `**` for the directory before it and everything below.
    fn dirs(&self) -> &'static [&'static str];

    /// What a file in such a directory is, going by its name.
    fn classify<'n>(&self, name: &'n OsStr) -> Name<'n>;

    /// The databases below a root that sessions are in: directories as in [`dirs`](Self::dirs),
    /// and the name of a file. They are in the format of [`OpenClaw`](crate::OpenClaw).
    fn databases(&self) -> &'static [&'static str] {
        &[]
    }

    /// What a transcript is part of, going by the directory that it is in, or was in before it
    /// was put away, and by the [session](TranscriptName::session) in its name.
    fn belongs<'p>(&self, dir: &'p Path, session: &'p str) -> Belongs<'p> {
        let (_, _) = (dir, session);
        Belongs::default()
    }

    /// Reads a transcript that was [archived from a database](Origin::Database).
    fn archive_parser(&self) -> Box<dyn Parser> {
        self.parser(None)
    }

    /// Reads a transcript from its beginning; or, with what [`Parser::state`] gave there, from
    /// the end of a line.
    fn parser(&self, state: Option<&str>) -> Box<dyn Parser>;
}

/// Reads the lines of one transcript, in order.
pub trait Parser {
    /// Reads a line, without its line end, and hands on the events that it records.
    fn line(&mut self, line: &[u8], hand_on: &mut dyn FnMut(&Event<'_>)) -> Outcome;

    /// Hands on what waits for the end, when the transcript was read to its end.
    fn finish(&mut self, hand_on: &mut dyn FnMut(&Event<'_>)) {
        let _ = hand_on;
    }

    /// What a parser needs to know to go on after this line; `None` if nothing. It is kept for
    /// every transcript, so it should be short.
    fn state(&self) -> Option<String> {
        None
    }

    /// The directory that the session is about, as soon as a line has said so: where the runtime
    /// was started. The first one counts.
    fn project(&self) -> Option<&str> {
        None
    }

    /// What the lines so far say of the transcript as a whole.
    fn lineage(&self) -> Lineage {
        Lineage::default()
    }
}

/// What a file in a directory of transcripts is, going by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name<'n> {
    /// A transcript whose events count.
    Transcript(TranscriptName<'n>),
    /// A transcript in an archive that cannot be read: it would count, but does not.
    Compressed,
    /// Something else, or a copy of what is counted elsewhere.
    Other,
}

/// What the name of a transcript tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TranscriptName<'n> {
    /// The session.
    pub session: Option<&'n [u8]>,
    /// When it was archived; `None` for a live one.
    pub archived_at: Option<Timestamp>,
    /// Whether it is compressed, by Zstandard. Then nobody appends to it.
    pub compressed: bool,
    /// How its content came about.
    pub origin: Origin,
}

/// What a transcript is part of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Belongs<'p> {
    /// The agent, where the runtime has several.
    pub agent: Option<Cow<'p, str>>,
    /// What the session is about, if no line says so: then the name of a directory has to do.
    pub project: Option<Cow<'p, str>>,
    /// The session, if it is not the one in the name: a sub-agent works for another session.
    pub session: Option<Cow<'p, str>>,
}

/// How the content of a transcript came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// The runtime appended line by line, and what follows the last line end is not a line yet.
    /// That does not change if the file is renamed or compressed by somebody else.
    #[default]
    Appended,
    /// The runtime wrote all of it at once, when it was finished: its last line counts, with or
    /// without an end.
    Finished,
    /// The same, from a database: it is read by [`Source::archive_parser`]. Nobody appends to it.
    Database,
    /// One or the other, nobody can tell by the name: [`Database`](Self::Database) if the agent
    /// has one, else [`Appended`](Self::Appended).
    AppendedOrDatabase,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[must_use]
pub enum Outcome {
    /// It is well-formed as far as it was looked at, or blank.
    Fine,
    /// It records usage, but not how much: counting anything for it would be a guess.
    Unresolved,
    /// It is not what the runtime writes, or part of it is not.
    Malformed,
}

/// One answer of a model, as a transcript records it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event<'a> {
    /// Tells the event from all others, wherever it is recorded. An event that is recorded
    /// again in the same transcript replaces the earlier record; of several transcripts with the
    /// same event, one counts it. Without one, each record counts.
    pub identity: Option<Key>,
    /// When; `None` if the transcript does not say, or not in a way that can be read.
    pub at: Option<Timestamp>,
    /// Who was asked, for example `anthropic`.
    pub provider: Option<Cow<'a, str>>,
    /// For which model.
    pub model: Option<Cow<'a, str>>,
    /// At which terms, if they are not the standard ones.
    pub tier: ServiceTier,
    /// The turn that it belongs to, if that can become known to have had
    /// [priority](crate::trace) otherwise; only for events with an identity.
    pub turn: Option<Key>,
    /// Whether it is on a branch of the conversation that was left.
    pub abandoned: bool,
    /// What it used.
    pub tokens: TokenCounts,
    /// The part of [`TokenCounts::cache_creation`] that is kept for an hour, at a higher price.
    pub cache_creation_1h: u64,
    /// What it cost, if the transcript says so and can be believed; else it has to be priced.
    pub cost: Option<NanoUsd>,
}

/// The terms of a request that change its price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceTier {
    /// The usual ones.
    #[default]
    Standard,
    /// Sooner than others: `priority`, also called fast.
    Priority,
    /// Whenever there is room: `flex`.
    Flex,
    /// Within a day: `batch`.
    Batch,
}

impl ServiceTier {
    const ALL: [Self; 4] = [Self::Standard, Self::Priority, Self::Flex, Self::Batch];

    /// As a number, for the cache file.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Standard => 0,
            Self::Priority => 1,
            Self::Flex => 2,
            Self::Batch => 3,
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| tier.code() == code)
    }
}

/// Whose events a transcript records. What is said of the transcript holds for its events with an
/// identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lineage {
    /// The session that the transcript records, for others that continue it.
    pub session: Option<Key>,
    /// Whether the transcript begins with what another session has used.
    pub beginning: Beginning,
}

/// What a transcript begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Beginning {
    /// Events of its own.
    #[default]
    Own,
    /// With the counter of the session `of`, which this one left at `at`: the sum of its events
    /// goes on from what that had used, and what it records of that is not its own. As long as
    /// no transcript of that session is known, or the two do not fit, the events of this one are
    /// unresolved.
    Fork {
        /// The other session.
        of: Key,
        /// When this one left it.
        at: Timestamp,
    },
    /// So many events that another session has used, and recorded elsewhere; `None` as long as
    /// nobody can tell how many, and all events are unresolved.
    Copy {
        /// How many different identities come before its own.
        events: Option<u64>,
    },
}

/// A name of something, as 64 bits of hash: enough to tell millions apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u64);

impl Key {
    /// The key of something that some parts name together.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut short = [0; 256];
        if let Some(bytes) = Self::joined(parts, &mut short) {
            // The same, in a fraction of the time: there are several for each transcript.
            return Self(xxh3_64(bytes));
        }
        let mut hash = Xxh3Default::new();
        for part in parts {
            // With their lengths, so that `ab c` is not `a bc`.
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hash.digest())
    }

    /// The parts with their lengths, if there is room for them.
    fn joined<'b>(parts: &[&[u8]], buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        let mut filled = 0;
        for part in parts {
            for bytes in [&(part.len() as u64).to_le_bytes(), *part] {
                let free = buffer.get_mut(filled..)?;
                free.get_mut(..bytes.len())?.copy_from_slice(bytes);
                filled += bytes.len();
            }
        }
        buffer.get(..filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_keys_are_made_like_long_ones() {
        let bytes: Vec<u8> = (0..=255).collect();
        for len in 0..=255 {
            let parts: [&[u8]; 2] = [&bytes[..len], &bytes[len..(2 * len).min(255)]];
            let mut hash = Xxh3Default::new();
            for part in parts {
                hash.update(&(part.len() as u64).to_le_bytes());
                hash.update(part);
            }
            assert_eq!(Key::of(&parts), Key(hash.digest()), "{len}");
        }
    }
}
