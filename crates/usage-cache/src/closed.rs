//! Content that nobody appends to, as a file of lines: decompressed, and with an end after its last
//! line even if that has none, where that makes it whole.

use std::{
    io::{self, Read},
    path::Path,
    sync::{Mutex, PoisonError},
};

use common_fs::{File, FsError, Op, Stat, Timestamp};

/// Frames that need more memory than this, as a power of two in bytes, are refused. Those of the
/// runtimes need a few megabytes.
const WINDOW_LOG_MAX: u32 = 26;

/// What the bytes after the last line end are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LastLine {
    /// A line, as all was written at once.
    Whole,
    /// Nothing yet: whoever was writing it has not come to its end.
    Unfinished,
}

/// Decompresses what `compressed` gives.
fn decoder<'f>(compressed: impl Read + Send + 'f) -> io::Result<Box<dyn Read + Send + 'f>> {
    let mut decoder = zstd::stream::read::Decoder::new(compressed)?;
    decoder.window_log_max(WINDOW_LOG_MAX)?;
    Ok(Box::new(decoder))
}

/// The content of a file, or of some bytes. It is meant to be read from its beginning to its end.
pub(crate) struct Closed<'f> {
    path: &'f Path,
    source: Source<'f>,
    last_line: LastLine,
    stream: Mutex<Option<Stream<'f>>>,
}

#[derive(Clone, Copy)]
struct Source<'f> {
    from: From<'f>,
    compressed: bool,
}

#[derive(Clone, Copy)]
enum From<'f> {
    File(&'f dyn File),
    Bytes(&'f [u8]),
}

/// Content that was read up to some offset.
struct Stream<'f> {
    content: Box<dyn Read + Send + 'f>,
    last_line: LastLine,
    offset: u64,
    /// Whether what was read so far ends a line.
    ends_line: bool,
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut read = self.content.read(buffer)?;
        if read == 0
            && !self.ends_line
            && self.last_line == LastLine::Whole
            && let Some(first) = buffer.first_mut()
        {
            *first = b'\n';
            read = 1;
        }
        if let Some(last) = read.checked_sub(1).and_then(|at| buffer.get(at)) {
            self.ends_line = *last == b'\n';
        }
        self.offset += read as u64;
        Ok(read)
    }
}

impl<'f> Closed<'f> {
    /// The content of a file, which may be compressed.
    pub(crate) fn file(file: &'f dyn File, compressed: bool, last_line: LastLine) -> Self {
        let source = Source { from: From::File(file), compressed };
        Self { path: file.path(), source, last_line, stream: Mutex::default() }
    }

    /// The content of some bytes, which may be compressed, that are part of the file at `path`
    /// and were written at once.
    pub(crate) fn bytes(path: &'f Path, bytes: &'f [u8], compressed: bool) -> Self {
        let source = Source { from: From::Bytes(bytes), compressed };
        Self { path, source, last_line: LastLine::Whole, stream: Mutex::default() }
    }

    fn open(&self) -> io::Result<Stream<'f>> {
        let stored: Box<dyn Read + Send + 'f> = match self.source.from {
            From::File(file) => Box::new(FileReader { file, offset: 0 }),
            From::Bytes(bytes) => Box::new(bytes),
        };
        let content = if self.source.compressed { decoder(stored)? } else { stored };
        Ok(Stream { content, last_line: self.last_line, offset: 0, ends_line: true })
    }

    fn read(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        let mut now = match stream.take().filter(|stream| stream.offset <= offset) {
            Some(stream) => stream,
            None => self.open()?,
        };
        let ahead = offset - now.offset;
        io::copy(&mut now.by_ref().take(ahead), &mut io::sink())?;
        let read = if now.offset == offset { now.read(buffer)? } else { 0 };
        *stream = Some(now);
        Ok(read)
    }

    fn error(&self, op: Op, source: impl Into<io::Error>) -> FsError {
        FsError { op, path: self.path.to_owned(), source: source.into() }
    }
}

/// A file from its beginning to its end.
struct FileReader<'f> {
    file: &'f dyn File,
    offset: u64,
}

impl Read for FileReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.offset).map_err(|error| error.source)?;
        self.offset += read as u64;
        Ok(read)
    }
}

impl File for Closed<'_> {
    fn path(&self) -> &Path {
        self.path
    }

    /// That of the file as it is.
    fn stat(&self) -> Result<Stat, FsError> {
        match self.source.from {
            From::File(file) => file.stat(),
            From::Bytes(_) => Err(self.error(Op::Stat, io::ErrorKind::Unsupported)),
        }
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, FsError> {
        self.read(buffer, offset).map_err(|error| self.error(Op::Read, error))
    }

    fn write(&self, _: &[u8]) -> Result<usize, FsError> {
        Err(self.error(Op::Write, io::ErrorKind::Unsupported))
    }

    fn set_len(&self, _: u64) -> Result<(), FsError> {
        Err(self.error(Op::Write, io::ErrorKind::Unsupported))
    }

    fn set_mode(&self, _: u32) -> Result<(), FsError> {
        Err(self.error(Op::Write, io::ErrorKind::Unsupported))
    }

    fn set_owner(&self, _: u32, _: u32) -> Result<(), FsError> {
        Err(self.error(Op::Write, io::ErrorKind::Unsupported))
    }

    fn set_modified(&self, _: Timestamp) -> Result<(), FsError> {
        Err(self.error(Op::SetModified, io::ErrorKind::Unsupported))
    }

    fn sync(&self) -> Result<(), FsError> {
        Err(self.error(Op::Sync, io::ErrorKind::Unsupported))
    }

    fn try_lock(&self) -> Result<bool, FsError> {
        Err(self.error(Op::Lock, io::ErrorKind::Unsupported))
    }
}
