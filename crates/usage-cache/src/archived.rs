//! What the name of something says that was put away, as OpenClaw and the sweep of this
//! workspace name it: the name that it had, why, and when.

use std::{
    borrow::Cow,
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use common_fs::Timestamp;
use memchr::memmem::Finder;

/// Why something was put away, as it stands in its name: its session began anew,
pub(crate) const RESET: &[u8] = b".reset.";
/// or is over. What repeats something else has another reason, `.bak.`, and does not count.
pub(crate) const DELETED: &[u8] = b".deleted.";

/// Asked of every transcript.
static FIND_DELETED: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(DELETED));

/// Who compresses by Zstandard says so.
pub(crate) const COMPRESSED: &[u8] = b".zst";

/// Where things are put that do not stay beside where they were: a directory there.
const DIR: &str = "archive";

/// What a name says of something that was put away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Archived<'n> {
    /// The name that it had.
    pub(crate) of: &'n [u8],
    /// When.
    pub(crate) at: Timestamp,
    /// Whether it was compressed for that.
    pub(crate) compressed: bool,
}

impl<'n> Archived<'n> {
    /// Reads `<of>.deleted.<time>`, with `.zst` if it is compressed.
    pub(crate) fn read(name: &'n [u8]) -> Option<Self> {
        let plain = name.strip_suffix(COMPRESSED);
        let archived = Self::read_plain(plain.unwrap_or(name), &[DELETED])?;
        Some(Self { compressed: plain.is_some(), ..archived })
    }

    /// Reads `<of><reason><time>` for any of some reasons.
    pub(crate) fn read_plain(name: &'n [u8], reasons: &[&[u8]]) -> Option<Self> {
        // Most names are those of something that is live.
        let name = Some(name).filter(|name| name.ends_with(b"Z"))?;
        reasons.iter().find_map(|reason| {
            let at = memchr::memmem::rfind(name, reason)?;
            let time = time(name.get(at + reason.len()..)?)?;
            Some(Self { of: name.get(..at)?, at: time, compressed: false })
        })
    }
}

/// The directories in which something of `dir` may have been before it was put away there.
pub(crate) fn homes(dir: &Path) -> impl Iterator<Item = &Path> {
    [dir].into_iter().chain(dir.parent().filter(|_| dir.ends_with(DIR)))
}

/// The directory and name that something had before it, or what it is in, was put away. What
/// depends on these does not change by that.
pub(crate) fn before<'p>(dir: &'p Path, name: &'p OsStr) -> (Cow<'p, Path>, Cow<'p, OsStr>) {
    let as_it_is = (Cow::Borrowed(dir), Cow::Borrowed(name));
    let is_marked = |text: &OsStr| FIND_DELETED.find(text.as_bytes()).is_some();
    if !(is_marked(name) || is_marked(dir.as_os_str())) {
        return as_it_is;
    }
    let mut was = PathBuf::new();
    for part in dir.iter().chain([name]) {
        let archived = Archived::read(part.as_bytes()).filter(|archived| !archived.of.is_empty());
        if archived.is_some() && was.ends_with(DIR) {
            was.pop();
        }
        was.push(archived.map_or(part, |archived| OsStr::from_bytes(archived.of)));
    }
    match (was.parent(), was.file_name()) {
        (Some(dir), Some(name)) => (Cow::Owned(dir.to_owned()), Cow::Owned(name.to_owned())),
        _ => as_it_is,
    }
}

/// `YYYY-MM-DDTHH-MM-SS[.mmm]Z`: an ISO time that can be part of a file name everywhere.
fn time(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?;
    let (date, time) = text.split_once('T')?;
    let time = time.strip_suffix('Z')?;
    let (clock, millis) = time.split_once('.').map_or((time, None), |(a, b)| (a, Some(b)));
    let digits = |text: &str, len| text.len() == len && text.bytes().all(|b| b.is_ascii_digit());
    let fields = |text: &str, lens: [usize; 3]| {
        let mut parts = text.split('-');
        lens.iter().all(|&len| parts.next().is_some_and(|part| digits(part, len)))
            && parts.next().is_none()
    };
    let well_formed = fields(date, [4, 2, 2])
        && fields(clock, [2, 2, 2])
        && millis.is_none_or(|millis| digits(millis, 3));
    if !well_formed {
        return None;
    }
    let iso = format!("{date}T{}.{}Z", clock.replace('-', ":"), millis.unwrap_or("000"));
    let time: jiff::Timestamp = iso.parse().ok()?;
    Timestamp::from_unix_millis(time.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "2026-02-05T12-04-05.006Z";

    #[test]
    fn a_name_tells_what_was_put_away_and_when() {
        let at = Timestamp::from_unix_millis(1_770_293_045_006).unwrap();
        for (suffix, compressed) in [("", false), (".zst", true)] {
            let name = format!("a.jsonl.zst.deleted.{AT}{suffix}");
            let expected = Archived { of: b"a.jsonl.zst", at, compressed };
            assert_eq!(Archived::read(name.as_bytes()), Some(expected), "{name}");
        }
        for other in [
            "a.jsonl".to_owned(),
            format!("a.jsonl.bak.{AT}"),
            format!("a.jsonl.bak.{AT}.zst"),
            format!("a.jsonl.reset.{AT}"),
            format!("a.jsonl.deleted.{AT}.gz"),
            format!("a.jsonl.deleted.{AT}.tmp"),
            "a.jsonl.deleted.".to_owned(),
        ] {
            assert_eq!(Archived::read(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn what_was_put_away_was_somewhere() {
        let table = [
            ("/p", "a.jsonl".to_owned(), ("/p", "a.jsonl")),
            ("/p/archive", "a.jsonl".to_owned(), ("/p/archive", "a.jsonl")),
            ("/p", format!("a.jsonl.deleted.{AT}"), ("/p", "a.jsonl")),
            ("/p/archive", format!("a.jsonl.deleted.{AT}.zst"), ("/p", "a.jsonl")),
            ("/p/archive", format!("a.jsonl.deleted.{AT}.gz"), ("/p/archive", "")),
        ];
        for (dir, name, (was_in, was)) in table {
            let was = if was.is_empty() { &name } else { was };
            let before = before(Path::new(dir), OsStr::new(&name));
            assert_eq!(before, (Path::new(was_in).into(), OsStr::new(was).into()), "{dir} {name}");
        }
        for place in [String::new(), "archive/".to_owned()] {
            let dir = PathBuf::from(format!("/p/{place}a.deleted.{AT}/subagents"));
            let before = before(&dir, OsStr::new("agent-1.jsonl"));
            let expected = (Path::new("/p/a/subagents").into(), OsStr::new("agent-1.jsonl").into());
            assert_eq!(before, expected, "{place}");
        }
    }

    #[test]
    fn what_is_in_an_archive_may_have_been_above_it() {
        let homes = |dir| homes(Path::new(dir)).map(Path::to_owned).collect::<Vec<_>>();
        assert_eq!(homes("/p"), [Path::new("/p")]);
        assert_eq!(homes("/p/archive"), [Path::new("/p/archive"), Path::new("/p")]);
        assert_eq!(homes("/p/x-archive"), [Path::new("/p/x-archive")]);
    }
}
