//! The sessions that facts are about, packed until somebody asks for them: most reports do not.

use std::sync::{Arc, OnceLock};

use foldhash::HashMap;

use super::{Session, SourceFacts};
use crate::varint::{put, take};

/// Sessions, by their numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions {
    list: OnceLock<Vec<Session>>,
    /// The same, as long as nobody has asked for it. It is shared, as cells are.
    packed: Arc<Vec<u8>>,
}

impl Sessions {
    pub(super) fn new(list: Vec<Session>) -> Self {
        Self { list: OnceLock::from(list), packed: Arc::default() }
    }

    /// Sessions that were [packed](Self::packed) earlier; `None` if these bytes are none.
    pub(super) fn from_packed(packed: Vec<u8>, sources: &[SourceFacts]) -> Option<Self> {
        let mut unpacking = Unpacking::new(&packed, sources);
        while unpacking.next().ok()?.is_some() {}
        Some(Self { list: OnceLock::new(), packed: Arc::new(packed) })
    }

    /// The sessions of these sources, in as few bytes as they need.
    pub(super) fn packed(&self, sources: &[SourceFacts]) -> Vec<u8> {
        let mut packing = Packing::default();
        for session in self.list(sources) {
            packing.put(session, sources);
        }
        packing.bytes
    }

    pub(super) fn list(&self, sources: &[SourceFacts]) -> &[Session] {
        self.list.get_or_init(|| {
            let mut unpacking = Unpacking::new(&self.packed, sources);
            let next = || unpacking.next().ok().flatten().map(Borrowed::into_session);
            std::iter::from_fn(next).collect()
        })
    }
}

/// Many sessions have the same project and agent: a name is written once, and is the number
/// after that of the last one that was new.
#[derive(Default)]
struct Packing<'s> {
    bytes: Vec<u8>,
    names: HashMap<&'s str, u64>,
}

impl<'s> Packing<'s> {
    fn put(&mut self, session: &'s Session, sources: &[SourceFacts]) {
        let Session { source, agent, project, id } = session;
        let source = sources.iter().position(|known| known.name == *source);
        put(&mut self.bytes, source.map_or(u64::MAX, |source| source as u64));
        self.name(agent.as_deref());
        self.name(project.as_deref());
        self.text(id);
    }

    fn name(&mut self, name: Option<&'s str>) {
        let Some(name) = name else { return put(&mut self.bytes, 0) };
        let new = self.names.len() as u64 + 1;
        let number = *self.names.entry(name).or_insert(new);
        put(&mut self.bytes, number);
        if number == new {
            self.text(name);
        }
    }

    fn text(&mut self, text: &str) {
        put(&mut self.bytes, text.len() as u64);
        self.bytes.extend_from_slice(text.as_bytes());
    }
}

struct Unpacking<'p> {
    rest: &'p [u8],
    sources: &'p [SourceFacts],
    names: Vec<&'p str>,
}

/// A session that is not copied yet.
struct Borrowed<'p> {
    source: &'p str,
    agent: Option<&'p str>,
    project: Option<&'p str>,
    id: &'p str,
}

impl Borrowed<'_> {
    fn into_session(self) -> Session {
        let owned = |name: Option<&str>| name.map(str::to_owned);
        Session {
            source: self.source.to_owned(),
            agent: owned(self.agent),
            project: owned(self.project),
            id: self.id.to_owned(),
        }
    }
}

/// These bytes are no sessions.
struct NoSessions;

impl<'p> Unpacking<'p> {
    fn new(packed: &'p [u8], sources: &'p [SourceFacts]) -> Self {
        Self { rest: packed, sources, names: Vec::new() }
    }

    /// The next one, if there is one.
    fn next(&mut self) -> Result<Option<Borrowed<'p>>, NoSessions> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let source = self.number().and_then(|number| self.sources.get(number));
        let source = &source.ok_or(NoSessions)?.name;
        let (agent, project) = (self.name()?, self.name()?);
        let id = self.text().ok_or(NoSessions)?;
        Ok(Some(Borrowed { source, agent, project, id }))
    }

    fn name(&mut self) -> Result<Option<&'p str>, NoSessions> {
        let number = self.number().ok_or(NoSessions)?;
        let Some(number) = number.checked_sub(1) else { return Ok(None) };
        if number == self.names.len() {
            let name = self.text().ok_or(NoSessions)?;
            self.names.push(name);
        }
        self.names.get(number).copied().map(Some).ok_or(NoSessions)
    }

    fn text(&mut self) -> Option<&'p str> {
        let len = self.number()?;
        let (text, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        std::str::from_utf8(text).ok()
    }

    fn number(&mut self) -> Option<usize> {
        usize::try_from(take(&mut self.rest)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::select};

    use super::*;
    use crate::Unresolved;

    fn sources() -> Vec<SourceFacts> {
        let source =
            |name: &str| SourceFacts { name: name.to_owned(), unresolved: Unresolved::default() };
        vec![source("claude"), source("codex")]
    }

    fn session() -> impl Strategy<Value = Session> {
        let name = || prop::option::of("[a-cé]{0,2}");
        (select(vec!["claude", "codex"]), name(), name(), "\\PC{0,9}").prop_map(
            |(source, agent, project, id)| Session {
                source: source.to_owned(),
                agent,
                project,
                id,
            },
        )
    }

    proptest! {
        #[test]
        fn sessions_come_back(list in prop::collection::vec(session(), 0..30)) {
            let sources = sources();
            let packed = Sessions::new(list.clone()).packed(&sources);
            if let Some(end) = packed.len().checked_sub(1) {
                prop_assert!(Sessions::from_packed(packed[..end].to_vec(), &sources).is_none());
            }
            let unpacked = Sessions::from_packed(packed, &sources).unwrap();
            prop_assert_eq!(unpacked.list(&sources), list);
        }

        #[test]
        fn any_bytes_are_unpacked_without_harm(bytes in prop::collection::vec(0_u8..9, 0..60)) {
            if let Some(sessions) = Sessions::from_packed(bytes, &sources()) {
                drop(sessions.list(&sources()).to_vec());
            }
        }
    }
}
