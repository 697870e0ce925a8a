use std::{ffi::OsStr, io};

use common_fs::{
    Access, Dir, File, FsError, Host, Op, read_whole,
    replace::{FileMode, Replacement},
    write_all,
};

use super::{
    Item, Journal, Record,
    record::{VERSION, encode},
};
use crate::SweepError;

/// The name of a journal.
const NAME: &str = ".session-reaper.jsonl";

/// A longer one is not ours.
const BYTES_MAX: usize = 8 << 30;

/// So much is collected before it is written.
const CHUNK_BYTES: usize = 1 << 20;

/// The journal of a directory, and what it says.
pub(crate) struct JournalFile<'d> {
    dir: &'d dyn Dir,
    journal: Journal,
    file: Option<Box<dyn File>>,
    /// Whether there is a file of that name.
    exists: bool,
    /// Its last line is not whole.
    is_torn: bool,
    /// Items were added, which are only in the file: they are as long as the rows that they archive.
    has_more: bool,
}

impl<'d> JournalFile<'d> {
    /// Reads the journal in `dir`; an empty one if there is none. Who is going to write to it has to
    /// hold the guard of the directory.
    pub(crate) fn open(dir: &'d dyn Dir) -> Result<Self, SweepError> {
        let mut opened = Self {
            dir,
            journal: Journal::default(),
            file: None,
            exists: false,
            is_torn: false,
            has_more: false,
        };
        let file = match dir.open(OsStr::new(NAME), Access::Read) {
            Ok(file) => file,
            Err(error) if error.is_not_found() => return Ok(opened),
            Err(error) => return Err(error.into()),
        };
        let too_large = || FsError {
            op: Op::Read,
            path: file.path().to_owned(),
            source: io::ErrorKind::FileTooLarge.into(),
        };
        let content = read_whole(file.as_ref(), BYTES_MAX)?.ok_or_else(too_large)?;
        let path = || file.path().to_owned();
        opened.journal = Journal::parse(&content)
            .map_err(|source| SweepError::Journal { path: path(), source })?;
        opened.is_torn = content.last().is_some_and(|byte| *byte != b'\n');
        opened.exists = true;
        Ok(opened)
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(crate) fn into_journal(self) -> Journal {
        self.journal
    }

    /// Adds records and returns once they are on stable storage.
    pub(crate) fn append(
        &mut self,
        records: impl IntoIterator<Item = Record>,
    ) -> Result<(), SweepError> {
        let file = match self.file.take() {
            Some(file) => file,
            None => self.dir.open(OsStr::new(NAME), Access::OpenOrCreate { mode: 0o600 })?,
        };
        // Whatever comes of it: until it is all there, the last line may not be whole.
        let was_torn = std::mem::replace(&mut self.is_torn, true);
        let mut chunk = if was_torn { b"\n".to_vec() } else { Vec::new() };
        let header = (!self.journal.has_header()).then_some(Record::Journal { version: VERSION });
        for record in header.into_iter().chain(records) {
            encode(&record, &mut chunk);
            match record {
                Record::Item { .. } => self.has_more = true,
                // Its version is ours.
                record => drop(self.journal.apply(record)),
            }
            if CHUNK_BYTES <= chunk.len() {
                write_all(file.as_ref(), &chunk)?;
                chunk.clear();
            }
        }
        write_all(file.as_ref(), &chunk)?;
        file.sync()?;
        if !self.exists {
            self.dir.sync()?;
        }
        (self.exists, self.is_torn, self.file) = (true, false, Some(file));
        Ok(())
    }

    /// Drops what is not needed any more: the whole file, or, if that is worth it, that part.
    ///
    /// `is_over` says of what was archived at some time whether it is needed no more.
    pub(crate) fn tidy(
        &mut self,
        host: Host<'_>,
        is_over: impl Fn(common_fs::Timestamp, &Item) -> bool,
    ) -> Result<(), SweepError> {
        let mut forgot = self.journal.forget(&is_over);
        if self.has_more {
            // What was added is needed; only if most of what was there before is not, is it worth
            // reading all of it.
            if !self.journal.is_mostly_over() {
                return Ok(());
            }
            *self = Self::open(self.dir)?;
            forgot = self.journal.forget(&is_over);
        }
        if !self.exists || self.journal.is_interrupted() {
            return Ok(());
        }
        if self.journal.is_empty() {
            self.dir.remove(OsStr::new(NAME))?;
            self.dir.sync()?;
            (self.exists, self.is_torn, self.file) = (false, false, None);
            self.journal = Journal::default();
        } else if forgot || self.journal.is_mostly_over() {
            self.rewrite(host)?;
        }
        Ok(())
    }

    fn rewrite(&mut self, host: Host<'_>) -> Result<(), SweepError> {
        let owner = host.processes.identity().process;
        let mut new = Replacement::begin(self.dir, OsStr::new(NAME), owner, FileMode::Private)?;
        let mut fresh = Journal::default();
        let mut chunk = Vec::new();
        for record in
            [Record::Journal { version: VERSION }].into_iter().chain(self.journal.records())
        {
            encode(&record, &mut chunk);
            fresh.apply(record).ok();
            if CHUNK_BYTES <= chunk.len() {
                new.write(&chunk)?;
                chunk.clear();
            }
        }
        new.write(&chunk)?;
        new.commit()?;
        (self.journal, self.is_torn, self.file) = (fresh, false, None);
        Ok(())
    }
}
