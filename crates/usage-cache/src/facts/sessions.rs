//! The sessions that facts are about, packed: there can be very many, and who reads them needs a
//! copy of few.

use std::sync::Arc;

use foldhash::HashMap;

use super::{Session, SourceFacts, at};
use crate::varint::{put, take};

/// Sessions, by their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sessions {
    /// Whoever asks for facts that were saved gets them without a copy.
    packed: Arc<Vec<u8>>,
}

impl Sessions {
    /// Sessions that were [packed](Self::packed) earlier. Where these bytes are none, there are no
    /// more.
    pub(super) fn from_packed(packed: Vec<u8>) -> Self {
        Self { packed: Arc::new(packed) }
    }

    pub(super) fn packed(&self) -> &[u8] {
        &self.packed
    }

    /// The sessions of these sources, in the order of their numbers.
    pub(super) fn iter<'s>(&'s self, sources: &'s [SourceFacts]) -> Unpacking<'s> {
        Unpacking { rest: &self.packed, sources, names: vec![None] }
    }
}

/// Many sessions have the same project and agent: a name is written once, and is the number
/// after that of the last one that was new.
#[derive(Default)]
pub(super) struct Packing<'s> {
    bytes: Vec<u8>,
    names: HashMap<&'s str, u64>,
}

impl<'s> Packing<'s> {
    /// Appends a session of the source with this number.
    pub(super) fn put(
        &mut self,
        source: u32,
        agent: Option<&'s str>,
        project: Option<&'s str>,
        id: &str,
    ) {
        put(&mut self.bytes, source.into());
        self.name(agent);
        self.name(project);
        self.text(id);
    }

    pub(super) fn sessions(self) -> Sessions {
        Sessions::from_packed(self.bytes)
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

/// Unpacks sessions; ends where they cannot be unpacked.
pub(super) struct Unpacking<'s> {
    rest: &'s [u8],
    sources: &'s [SourceFacts],
    /// By their numbers; the first is none.
    names: Vec<Option<&'s str>>,
}

impl<'s> Iterator for Unpacking<'s> {
    type Item = Session<'s>;

    fn next(&mut self) -> Option<Session<'s>> {
        let source = at(self.sources, u32::try_from(take(&mut self.rest)?).ok()?)?;
        let [agent, project] = [self.name()?, self.name()?];
        let [agent, project] = [*self.names.get(agent)?, *self.names.get(project)?];
        Some(Session { source: &source.name, agent, project, id: self.text()? })
    }
}

impl<'s> Unpacking<'s> {
    fn name(&mut self) -> Option<usize> {
        let number = self.number()?;
        if number == self.names.len() {
            let name = self.text()?;
            self.names.push(Some(name));
        }
        Some(number)
    }

    fn text(&mut self) -> Option<&'s str> {
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
    use proptest::prelude::*;

    use super::*;
    use crate::Unresolved;

    const SOURCES: [&str; 2] = ["claude", "codex"];

    type Row = (u32, Option<String>, Option<String>, String);

    fn sources() -> Vec<SourceFacts> {
        let source =
            |name: &str| SourceFacts { name: name.to_owned(), unresolved: Unresolved::default() };
        SOURCES.map(source).to_vec()
    }

    fn row() -> impl Strategy<Value = Row> {
        let name = || prop::option::of("[a-cé]{0,2}");
        (0_u32..2, name(), name(), "\\PC{0,9}")
    }

    proptest! {
        #[test]
        fn sessions_come_back(rows in prop::collection::vec(row(), 0..30)) {
            let sources = sources();
            let mut packing = Packing::default();
            for (source, agent, project, id) in &rows {
                packing.put(*source, agent.as_deref(), project.as_deref(), id);
            }
            let packed = packing.sessions().packed().to_vec();
            let expected = rows.iter().map(|(source, agent, project, id)| Session {
                source: SOURCES[*source as usize],
                agent: agent.as_deref(),
                project: project.as_deref(),
                id,
            });
            let expected: Vec<Session<'_>> = expected.collect();
            if let Some(end) = packed.len().checked_sub(1) {
                let cut = Sessions::from_packed(packed[..end].to_vec());
                let unpacked: Vec<Session<'_>> = cut.iter(&sources).collect();
                prop_assert_eq!(&*unpacked, &expected[..expected.len() - 1]);
            }
            let sessions = Sessions::from_packed(packed);
            prop_assert_eq!(sessions.iter(&sources).collect::<Vec<_>>(), expected);
        }

        #[test]
        fn any_bytes_are_unpacked_without_harm(bytes in prop::collection::vec(0_u8..9, 0..60)) {
            Sessions::from_packed(bytes).iter(&sources()).for_each(drop);
        }
    }
}
