//! What is in a directory, to the byte.

use std::{
    collections::BTreeMap,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::{Path, PathBuf},
};

use anyhow::ensure;

/// So many differences are told of.
const TOLD_MAX: usize = 5;

/// Everything below a directory, by its path in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tree(BTreeMap<PathBuf, Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    /// What it is, and who may do what with it.
    mode: u32,
    /// Of a link, where it leads; of a directory, nothing.
    content: Vec<u8>,
}

impl Tree {
    pub(super) fn of(dir: &Path) -> anyhow::Result<Self> {
        let mut tree = BTreeMap::new();
        let mut todo = vec![PathBuf::new()];
        while let Some(below) = todo.pop() {
            for entry in fs_err::read_dir(dir.join(&below))? {
                let name = below.join(entry?.file_name());
                let path = dir.join(&name);
                let metadata = fs_err::symlink_metadata(&path)?;
                let content = if metadata.is_dir() {
                    todo.push(name.clone());
                    Vec::new()
                } else if metadata.is_symlink() {
                    fs_err::read_link(&path)?.as_os_str().as_bytes().to_vec()
                } else {
                    fs_err::read(&path)?
                };
                tree.insert(name, Entry { mode: metadata.mode(), content });
            }
        }
        Ok(Self(tree))
    }

    /// The same without what is named so.
    pub(super) fn without<'n>(mut self, names: impl IntoIterator<Item = &'n Path>) -> Self {
        for name in names {
            self.0.remove(name);
        }
        self
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(Path::new(name))
    }

    pub(super) fn content(&self, name: &str) -> Option<&[u8]> {
        self.0.get(Path::new(name)).map(|entry| entry.content.as_slice())
    }

    pub(super) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    pub(super) fn bytes(&self) -> u64 {
        self.0.values().map(|entry| entry.content.len() as u64).sum()
    }

    /// Fails unless all is the same.
    pub(super) fn is_same(&self, what: &str, expected: &Self) -> anyhow::Result<()> {
        let names =
            self.0.keys().chain(expected.0.keys().filter(|name| !self.0.contains_key(*name)));
        let different = names.filter(|name| self.0.get(*name) != expected.0.get(*name));
        let told: Vec<String> = different
            .map(|name| match (self.0.get(name), expected.0.get(name)) {
                (Some(_), None) => format!("{} should not be there", name.display()),
                (None, _) => format!("{} is missing", name.display()),
                (Some(_), Some(_)) => format!("{} is different", name.display()),
            })
            .collect();
        let more = told.len().saturating_sub(TOLD_MAX);
        let first = told.get(..TOLD_MAX).unwrap_or(&told).join(", ");
        ensure!(told.is_empty(), "{what}: {first}, and {more} more");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_difference_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let write =
            |name: &str, content: &str| fs_err::write(dir.path().join(name), content).unwrap();
        write("a", "1");
        fs_err::create_dir(dir.path().join("d")).unwrap();
        write("d/b", "2");
        let before = Tree::of(dir.path()).unwrap();
        assert!(Tree::of(dir.path()).unwrap().is_same("nothing happened", &before).is_ok());
        write("d/b", "3");
        write("c", "4");
        fs_err::remove_file(dir.path().join("a")).unwrap();
        let error = Tree::of(dir.path()).unwrap().is_same("much", &before).unwrap_err().to_string();
        for told in ["a is missing", "c should not be there", "d/b is different"] {
            assert!(error.contains(told), "{error}");
        }
    }
}
