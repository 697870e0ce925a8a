//! Which rollouts of Codex are needed by others.
//!
//! The first line of a rollout says which thread it was forked from, or which started it; newer ones
//! refer to the history of another instead of copying it. Whoever is needed by a rollout that exists
//! stays.

use std::{
    collections::{BTreeMap, HashMap},
    ffi::OsStr,
    io::{self, BufRead as _, BufReader, Read},
};

use common_fs::{Access, Dir, FileKind, Host};
use serde_json::Value;

use crate::{FileClass, Layout, Place, SweepError, classify, copy};

/// A longer first line says nothing that is needed here.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// The keys under which the first line names another thread; the value is an id, or an object that
/// has one.
const KEYS: [&str; 8] = [
    "forked_from_id",
    "forkedFromId",
    "parent_session_id",
    "parentSessionId",
    "parent_thread_id",
    "parentThreadId",
    "history_base",
    "historyBase",
];

/// Threads that are needed by others, and by which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs(HashMap<String, String>);

impl Needs {
    /// Reads the first line of every rollout in these places.
    pub fn read(host: Host<'_>, places: &[Place]) -> Result<Self, SweepError> {
        let mut needs = BTreeMap::new();
        for place in places.iter().filter(|place| place.layout == Layout::Codex) {
            let dir = match place.open(host.fs) {
                Ok(dir) => dir,
                Err(error) if error.is_not_found() => continue,
                Err(error) => return Err(error.into()),
            };
            for entry in dir.list()? {
                let class = classify(&entry.name, FileKind::File, Layout::Codex);
                let FileClass::Transcript { session } = class else { continue };
                if let Some(line) = first_line(dir.as_ref(), &entry.name) {
                    for id in named(&line) {
                        if id != session {
                            needs.entry(id).or_insert_with(|| session.to_owned());
                        }
                    }
                }
            }
        }
        Ok(Self(needs.into_iter().collect()))
    }

    pub(crate) fn sessions(&self) -> &HashMap<String, String> {
        &self.0
    }
}

/// The first line of a rollout; `None` if there is none that can be read.
fn first_line(dir: &dyn Dir, name: &OsStr) -> Option<Value> {
    let file = dir.open(name, Access::Read).ok()?;
    let is_compressed = name.as_encoded_bytes().ends_with(b".zst");
    let content = copy::reader(file.as_ref(), is_compressed).ok()?;
    let mut line = Vec::new();
    read_line(content, &mut line).ok()?;
    serde_json::from_slice(&line).ok()
}

fn read_line(content: impl Read, line: &mut Vec<u8>) -> io::Result<usize> {
    BufReader::new(content.take(LINE_BYTES_MAX)).read_until(b'\n', line)
}

/// The ids of other threads that a first line names.
fn named(line: &Value) -> Vec<String> {
    let payload = line.get("payload").unwrap_or(line);
    let values = KEYS.iter().filter_map(|key| payload.get(key).or_else(|| line.get(key)));
    values.flat_map(ids).collect()
}

fn ids(value: &Value) -> Vec<String> {
    match value {
        Value::String(id) => vec![id.trim().to_owned()],
        Value::Object(fields) => {
            fields.values().filter_map(Value::as_str).map(|id| id.trim().to_owned()).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_threads_are_named_in_several_ways() {
        let table = [
            (r#"{"payload":{"id":"c","forked_from_id":"p"}}"#, vec!["p"]),
            (r#"{"payload":{"id":"c","parent_thread_id":" p "}}"#, vec!["p"]),
            (r#"{"payload":{"history_base":{"thread_id":"p","ordinal":7}}}"#, vec!["p"]),
            (r#"{"forkedFromId":"p","payload":{"id":"c"}}"#, vec!["p"]),
            (r#"{"payload":{"id":"c"}}"#, vec![]),
            ("7", vec![]),
        ];
        for (line, expected) in table {
            assert_eq!(named(&serde_json::from_str(line).unwrap()), expected, "{line}");
        }
    }
}
