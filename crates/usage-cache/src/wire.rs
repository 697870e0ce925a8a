//! How things are written to the files of this crate.
//!
//! A line is a JSON object whose last field, `sum`, is a hash of the line up to it. A line that
//! was torn by a crash or damaged since does not pass.

use std::{
    borrow::Cow,
    ffi::OsString,
    fmt::Write as _,
    io::Write as _,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

use serde::Serialize;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// `,"sum":"0123456789abcdef"}`
pub(crate) const SUM_BYTES: usize = 26;

/// A line that is not longer needs memory once, instead of growing with each field.
const LINE_BYTES_USUAL: usize = 2_048;

/// A line to be written, with its line end.
pub(crate) struct Sealed {
    pub(crate) line: Vec<u8>,
    pub(crate) sum: u64,
}

/// An object as a line with its sum.
pub(crate) fn seal(object: &impl Serialize) -> Sealed {
    // Numbers, text and lists of them always serialize, and memory takes what is written to it.
    let mut line = Vec::with_capacity(LINE_BYTES_USUAL);
    serde_json::to_writer(&mut line, object).ok();
    line.pop();
    let sum = xxh3_64(&line);
    writeln!(line, ",\"sum\":\"{sum:016x}\"}}").ok();
    Sealed { line, sum }
}

/// The sum of a line, if it is right.
pub(crate) fn unseal(line: &[u8]) -> Option<u64> {
    let (body, end) = line.split_at_checked(line.len().checked_sub(SUM_BYTES)?)?;
    let hex = end.strip_prefix(b",\"sum\":\"")?.strip_suffix(b"\"}")?;
    // As it is written: other ways to write the same number are damage.
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let hex = std::str::from_utf8(hex).ok().filter(|_| hex.iter().all(is_digit));
    let sum = from_hex(hex?)?;
    (xxh3_64(body) == sum).then_some(sum)
}

/// Takes the sum of a line into what was made of those before.
pub(crate) fn fold_sum(folded: u64, line: &[u8]) -> u64 {
    let sum = line.last_chunk::<SUM_BYTES>().map_or(line, |sum| sum);
    xxh3_64_with_seed(sum, folded)
}

/// The same for lines that each have an end.
pub(crate) fn fold_sums(folded: u64, lines: &[u8]) -> u64 {
    let lines = lines.split_inclusive(|byte| *byte == b'\n');
    lines.fold(folded, |folded, line| fold_sum(folded, line.strip_suffix(b"\n").unwrap_or(line)))
}

pub(crate) fn to_hex(hash: u64) -> String {
    format!("{hash:016x}")
}

pub(crate) fn from_hex(hex: &str) -> Option<u64> {
    u64::from_str_radix(hex, 16).ok()
}

/// A path as text: bytes that are no UTF-8 become NUL, which no path contains, and two
/// hexadecimal digits.
pub(crate) fn to_text(path: &Path) -> Cow<'_, str> {
    if let Some(text) = path.to_str() {
        return Cow::Borrowed(text);
    }
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            write!(text, "\0{byte:02x}").ok();
        }
    }
    Cow::Owned(text)
}

pub(crate) fn to_path(text: &str) -> Option<PathBuf> {
    let mut parts = text.split('\0');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (hex, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    Some(PathBuf::from(OsString::from_vec(bytes)))
}
