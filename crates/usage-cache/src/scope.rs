use std::path::{Path, PathBuf};

use foldhash::HashSet;

use crate::{
    Source,
    discover::{Discovery, Root, RootState},
};

/// Which directories a discovery can speak of.
#[derive(Debug)]
pub(crate) struct Scope {
    sources: Vec<&'static dyn Source>,
    roots: Vec<Root>,
    listed: HashSet<PathBuf>,
    unlisted: HashSet<PathBuf>,
}

/// What a discovery can say of a directory of transcripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// What is in it is known.
    Seen,
    /// It belongs to a root, but could not be looked at.
    Hidden,
    /// It belongs to no root.
    Outside,
}

impl Scope {
    pub(crate) fn of(discovery: &Discovery) -> Self {
        Self {
            sources: discovery.sources.clone(),
            roots: discovery.roots.clone(),
            listed: discovery.dirs.iter().map(|dir| dir.path.clone()).collect(),
            unlisted: discovery.unlisted.clone(),
        }
    }

    /// The source of that name, if transcripts of it were looked for.
    pub(crate) fn source(&self, name: &str) -> Option<&dyn Source> {
        self.sources.iter().copied().find(|source| source.name() == name)
    }

    pub(crate) fn reach(&self, dir: &Path) -> Reach {
        if self.listed.contains(dir) {
            return Reach::Seen;
        }
        if dir.ancestors().any(|above| self.unlisted.contains(above)) {
            return Reach::Hidden;
        }
        let above = self.roots.iter().filter(|root| dir.starts_with(&root.path));
        match above.max_by_key(|root| root.path.components().count()) {
            // The directory is gone, or the disk that a link leads to: nobody can tell.
            Some(Root { state: RootState::Listed, .. }) => Reach::Seen,
            Some(Root { state: RootState::Missing | RootState::Unreadable, .. }) => Reach::Hidden,
            None => Reach::Outside,
        }
    }
}
