//! Compressed copies of files, and back.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Read, Write},
};

use common_fs::{Access, Dir, File, FsError, Op, ProcessId, Stat, temp, write_all};
use xxhash_rust::xxh3::Xxh3;

/// That of the archives of OpenClaw 2026.9; higher ones take far longer for little.
const LEVEL: i32 = 3;

/// Frames that need more memory than this, as a power of two in bytes, are refused.
const WINDOW_LOG_MAX: u32 = 27;

/// The content of a file, from its beginning to its end, decompressed if need be.
pub(crate) fn reader<'f>(file: &'f dyn File, compressed: bool) -> io::Result<Box<dyn Read + 'f>> {
    let plain = FileReader { file, offset: 0 };
    if !compressed {
        return Ok(Box::new(plain));
    }
    let mut decoder = zstd::stream::read::Decoder::new(plain)?;
    decoder.window_log_max(WINDOW_LOG_MAX)?;
    Ok(Box::new(decoder))
}

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

struct FileWriter<'f>(&'f dyn File);

impl Write for FileWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write_all(self.0, bytes).map_err(|error| error.source)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Which way a copy is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Compress,
    Decompress,
}

/// A copy that is complete and on storage, under a temporary name.
pub(crate) struct Copied {
    pub(crate) name: OsString,
    pub(crate) size_bytes: u64,
}

/// Makes a copy of the file `name` in `from` that is to become `target` in `to`, and checks that it
/// holds the same.
///
/// The copy has the permissions of the original, and its time. It has to be renamed or removed.
pub(crate) fn copy(
    (from, name): (&dyn Dir, &OsStr),
    (to, target): (&dyn Dir, &OsStr),
    direction: Direction,
    owner: ProcessId,
) -> Result<Copied, FsError> {
    let original = from.open(name, Access::Read)?;
    let before = original.stat()?;
    let (temp, file) = temp::create(to, target, owner)?;
    let copied = fill(original.as_ref(), before, file.as_ref(), direction);
    match copied {
        Ok(size_bytes) => Ok(Copied { name: temp, size_bytes }),
        Err(error) => {
            // What stays behind names its owner, and a later sweep finds it.
            to.remove(&temp).ok();
            Err(error)
        }
    }
}

/// Whether a compressed file holds what another one does.
pub(crate) fn holds_same(
    (from, name): (&dyn Dir, &OsStr),
    (to, other): (&dyn Dir, &OsStr),
) -> Result<bool, FsError> {
    let mut sums = Vec::new();
    for (dir, name, compressed) in [(from, name, true), (to, other, false)] {
        let file = dir.open(name, Access::Read)?;
        let failed = |error| failed(Op::Read, file.as_ref(), error);
        let mut content = Summed::new(reader(file.as_ref(), compressed).map_err(failed)?);
        io::copy(&mut content, &mut io::sink()).map_err(failed)?;
        sums.push(content.sum());
    }
    Ok(sums.first() == sums.last())
}

fn fill(
    original: &dyn File,
    before: Stat,
    copy: &dyn File,
    direction: Direction,
) -> Result<u64, FsError> {
    let reading = |error| failed(Op::Read, original, error);
    let writing = |error| failed(Op::Write, copy, error);
    let is_compressed = direction == Direction::Decompress;
    let mut source = Summed::new(reader(original, is_compressed).map_err(reading)?);
    match direction {
        Direction::Compress => {
            let mut encoder =
                zstd::stream::write::Encoder::new(FileWriter(copy), LEVEL).map_err(writing)?;
            encoder.include_checksum(true).map_err(writing)?;
            io::copy(&mut source, &mut encoder).map_err(writing)?;
            encoder.finish().map_err(writing)?;
        }
        Direction::Decompress => {
            let mut writer = io::BufWriter::with_capacity(256 * 1024, FileWriter(copy));
            io::copy(&mut source, &mut writer).map_err(writing)?;
            writer.flush().map_err(writing)?;
        }
    }
    let expected = source.sum();
    let mut again = Summed::new(reader(copy, !is_compressed).map_err(reading)?);
    io::copy(&mut again, &mut io::sink()).map_err(|error| failed(Op::Read, copy, error))?;
    if again.sum() != expected {
        let error = io::Error::new(io::ErrorKind::InvalidData, "the copy holds something else");
        return Err(failed(Op::Write, copy, error));
    }
    let after = original.stat()?;
    if (after.size_bytes, after.modified) != (before.size_bytes, before.modified) {
        let error = io::Error::new(io::ErrorKind::ResourceBusy, "it is being written to");
        return Err(failed(Op::Read, original, error));
    }
    copy.set_mode(before.mode)?;
    copy.set_modified(before.modified)?;
    copy.sync()?;
    Ok(copy.stat()?.size_bytes)
}

fn failed(op: Op, file: &dyn File, source: io::Error) -> FsError {
    FsError { op, path: file.path().to_owned(), source }
}

/// Hashes what is read.
struct Summed<R> {
    inner: R,
    hash: Xxh3,
    bytes: u64,
}

impl<R: Read> Summed<R> {
    fn new(inner: R) -> Self {
        Self { inner, hash: Xxh3::new(), bytes: 0 }
    }

    fn sum(&self) -> (u128, u64) {
        (self.hash.digest128(), self.bytes)
    }
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(buffer.get(..read).unwrap_or_default());
        self.bytes += read as u64;
        Ok(read)
    }
}
