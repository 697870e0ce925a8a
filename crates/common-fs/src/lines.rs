//! Lines of a file that somebody else is appending to, in bounded memory.
//!
//! A line ends at byte 0x0A and nowhere else. What follows the last one is not a line yet:
//! [`LineReader::tail_start`] says where it begins, which is where the next reading resumes.

use crate::{File, FsError, fs::read_some};

/// How much is read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// The limits of a [`LineReader`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longer lines are skipped and reported, without being held in memory.
    pub line_bytes_max: usize,
    /// How many bytes before the end of what was read are kept for [`LineReader::before_tail`].
    pub lookback_bytes: usize,
}

/// A line, without its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'b> {
    /// A line.
    Whole(&'b [u8]),
    /// A line longer than [`Limits::line_bytes_max`]: only its length is known.
    TooLong {
        /// Length without the line end.
        len_bytes: u64,
    },
}

/// Reads the lines of a file between two offsets.
///
/// The memory it needs is the longest line that it returns, plus [`Limits::lookback_bytes`] and
/// a constant.
pub struct LineReader<'f> {
    file: &'f dyn File,
    limits: Limits,
    buffer: Vec<u8>,
    /// How much of the buffer, from its front, holds file content.
    filled: usize,
    /// Where in the buffer the current line begins.
    line: usize,
    /// How much of the current line is known to hold no line end.
    searched: usize,
    /// File offset of the first byte of the buffer.
    base: u64,
    /// Where reading stops, even if the file has grown meanwhile; earlier if it has shrunk.
    end: u64,
    /// Bytes of a too long line that were dropped from the buffer,
    dropped: u64,
    /// and what stood before that line.
    before_dropped: Vec<u8>,
    /// File offset just after the last line end.
    tail_start: u64,
}

/// Buffers outlive a reader, as thousands of files are read one after the other.
#[derive(Debug, Default)]
pub struct Buffer(Vec<u8>);

impl<'f> LineReader<'f> {
    /// A reader of the lines between `start`, which is the beginning of a line, and `end`.
    ///
    /// Reading begins up to [`Limits::lookback_bytes`] before `start`, so that
    /// [`before_tail`](Self::before_tail) is known from the outset.
    pub fn new(
        file: &'f dyn File,
        start: u64,
        end: u64,
        limits: Limits,
        buffer: &mut Buffer,
    ) -> Result<Self, FsError> {
        let lookback = (limits.lookback_bytes as u64).min(start);
        let mut reader = Self {
            file,
            limits,
            buffer: std::mem::take(&mut buffer.0),
            filled: 0,
            line: 0,
            searched: 0,
            base: start - lookback,
            end,
            dropped: 0,
            before_dropped: Vec::new(),
            tail_start: start,
        };
        let lookback = usize::try_from(lookback).unwrap_or(usize::MAX);
        reader.reserve(CHUNK_BYTES.max(lookback));
        while reader.filled < lookback && reader.fill()? {}
        reader.line = lookback.min(reader.filled);
        Ok(reader)
    }

    /// The next line, or `None` if no further line ends before the end.
    ///
    /// The file may shrink while it is read: then the lines end early, see
    /// [`read_to`](Self::read_to).
    pub fn next_line(&mut self) -> Result<Option<Line<'_>>, FsError> {
        loop {
            let unsearched = self.buffer.get(self.line + self.searched..self.filled);
            let found = memchr::memchr(b'\n', unsearched.unwrap_or_default());
            if let Some(at) = found {
                return Ok(Some(self.take_line(self.searched + at)));
            }
            self.searched = self.filled - self.line;
            if self.limits.line_bytes_max < self.searched {
                self.drop_searched();
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    fn take_line(&mut self, len: usize) -> Line<'_> {
        let start = self.line;
        let dropped = std::mem::take(&mut self.dropped);
        self.line = start + len + 1;
        self.searched = 0;
        self.tail_start = self.base + self.line as u64;
        if 0 < dropped || self.limits.line_bytes_max < len {
            return Line::TooLong { len_bytes: dropped + len as u64 };
        }
        Line::Whole(self.buffer.get(start..start + len).unwrap_or_default())
    }

    /// Where the bytes begin that are not yet a line: just after the last line end.
    pub fn tail_start(&self) -> u64 {
        self.tail_start
    }

    /// Up to which offset the file was read. If this is before the end after the last line, the
    /// file has shrunk; before the start, it had already shrunk when this reader was made. What
    /// the file holds there later is not read.
    pub fn read_to(&self) -> u64 {
        self.base + self.filled as u64
    }

    /// The bytes just before [`tail_start`](Self::tail_start), as many as
    /// [`Limits::lookback_bytes`] or as there are.
    pub fn before_tail(&self) -> &[u8] {
        if 0 < self.dropped {
            return &self.before_dropped;
        }
        let from = self.line.saturating_sub(self.limits.lookback_bytes);
        self.buffer.get(from..self.line).unwrap_or_default()
    }

    /// Gives the buffer back.
    pub fn finish(self, buffer: &mut Buffer) {
        buffer.0 = self.buffer;
    }

    /// Forgets the beginning of a line that is already too long.
    fn drop_searched(&mut self) {
        if self.dropped == 0 {
            self.before_dropped = self.before_tail().to_vec();
        }
        self.dropped += self.searched as u64;
        self.searched = 0;
        self.line = self.filled;
        self.move_to_front();
    }

    /// Reads more; `false` at the end.
    fn fill(&mut self) -> Result<bool, FsError> {
        if self.filled == self.buffer.len() {
            self.make_room();
        }
        let left = usize::try_from(self.end.saturating_sub(self.read_to())).unwrap_or(usize::MAX);
        let room = self.buffer.len() - self.filled;
        let to = self.filled + room.min(left);
        let read = match self.buffer.get_mut(self.filled..to) {
            Some(free) if !free.is_empty() => {
                read_some(self.file, free, self.base + self.filled as u64)?
            }
            _ => 0,
        };
        self.filled += read;
        if read == 0 {
            // If the file has shrunk and grows again, the rest does not belong to this.
            self.end = self.read_to();
        }
        Ok(0 < read)
    }

    /// Moves the current line, and what is looked back to, to the front; grows the buffer if
    /// that line fills it.
    fn make_room(&mut self) {
        if self.line <= self.limits.lookback_bytes {
            let Limits { line_bytes_max, lookback_bytes } = self.limits;
            let enough = line_bytes_max.saturating_add(lookback_bytes).saturating_add(CHUNK_BYTES);
            self.reserve((self.buffer.len() * 2).min(enough));
            return;
        }
        self.move_to_front();
    }

    fn move_to_front(&mut self) {
        let keep = self.line.saturating_sub(self.limits.lookback_bytes);
        self.buffer.copy_within(keep..self.filled, 0);
        self.base += keep as u64;
        self.filled -= keep;
        self.line -= keep;
    }

    fn reserve(&mut self, len: usize) {
        if self.buffer.len() < len {
            self.buffer.resize(len, 0);
        }
    }
}
