//! The events of a session as OpenClaw's database keeps them: a tree.
//!
//! Every event names the one that it follows. When a conversation is rewound, the next event
//! follows an earlier one, and what had followed that is left: it was paid for, but is on a
//! branch that OpenClaw does not show any more. Which events these are is known when all are.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use super::{
    line::{Line, Parent, Place},
    records::may_record_usage,
};
use crate::{
    Event, Key, Outcome, Parser,
    objects::{read_objects, trim},
};

/// Reads the events of a session.
#[derive(Debug, Default)]
pub(crate) struct SessionReader {
    /// The events so far; `None` if they are handed on at once, as nothing is left as long as
    /// each follows the last one.
    nodes: Option<Vec<Node>>,
    /// The last event.
    last: Option<Key>,
    /// Whether an event did not follow the last one.
    has_branches: bool,
}

#[derive(Debug)]
struct Node {
    id: Option<Key>,
    parent: Follows,
    event: Option<Event<'static>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Follows {
    /// The one before it.
    Last,
    /// Another one, or none.
    Named(Option<Key>),
}

impl SessionReader {
    /// Reads all events of a session, and hands them on at the end.
    pub(crate) fn whole() -> Self {
        Self { nodes: Some(Vec::new()), ..Self::default() }
    }

    /// Reads on after the event of that [state](Parser::state), and hands the next ones on at
    /// once.
    pub(crate) fn after(state: &str) -> Option<Self> {
        let last = u64::from_str_radix(state, 16).ok()?;
        Some(Self { last: Some(Key(last)), ..Self::default() })
    }

    /// Whether an event did not follow the one before it, so that what was handed on before may
    /// be on a branch that was left.
    pub(crate) fn has_branches(&self) -> bool {
        self.has_branches
    }

    fn take(
        &mut self,
        place: &Place<'_>,
        event: Option<Event<'_>>,
        hand_on: &mut dyn FnMut(&Event<'_>),
    ) {
        if place.is_header() {
            return;
        }
        let (id, parent) = place.names();
        let event = event.map(|event| identified(event, id.as_deref()));
        let id = id.map(|id| event_key(&id));
        let parent = match parent {
            Parent::Unsaid => Follows::Last,
            Parent::Named(parent) => Follows::Named(parent.map(|parent| event_key(&parent))),
        };
        self.has_branches |= parent != Follows::Last && parent != Follows::Named(self.last);
        self.last = id.or(self.last);
        match &mut self.nodes {
            Some(nodes) => nodes.push(Node { id, parent, event: event.map(into_owned) }),
            None => event.iter().for_each(hand_on),
        }
    }
}

impl Parser for SessionReader {
    fn line(&mut self, line: &[u8], hand_on: &mut dyn FnMut(&Event<'_>)) -> Outcome {
        if trim(line).is_empty() {
            return Outcome::Fine;
        }
        if !may_record_usage(line) {
            let Some(place) = Place::read(line) else { return Outcome::Malformed };
            self.take(&place, None, hand_on);
            return Outcome::Fine;
        }
        read_objects(line, &mut |object| {
            let Some(line) = Line::read(object)? else { return Ok(Outcome::Malformed) };
            self.take(&line.place, line.event(), hand_on);
            Ok(Outcome::Fine)
        })
    }

    fn finish(&mut self, hand_on: &mut dyn FnMut(&Event<'_>)) {
        let nodes = self.nodes.take().unwrap_or_default();
        let visible = self.has_branches.then(|| visible(&nodes));
        for (at, node) in nodes.into_iter().enumerate() {
            if let Some(event) = node.event {
                let is_visible = node.id.is_none()
                    || visible.as_ref().is_none_or(|visible| visible.contains(&at));
                hand_on(&Event { abandoned: !is_visible, ..event });
            }
        }
    }

    fn state(&self) -> Option<String> {
        self.last.map(|Key(last)| format!("{last:x}"))
    }
}

/// The nodes from the last one back to the first that it goes back to.
fn visible(nodes: &[Node]) -> HashSet<usize> {
    let places: HashMap<Key, usize> =
        nodes.iter().enumerate().filter_map(|(at, node)| Some((node.id?, at))).collect();
    let mut visible = HashSet::new();
    let mut next = nodes.iter().rposition(|node| node.id.is_some());
    while let Some(at) = next
        && visible.insert(at)
    {
        next = match nodes.get(at).map(|node| node.parent) {
            Some(Follows::Named(parent)) => parent.and_then(|parent| places.get(&parent).copied()),
            Some(Follows::Last) => {
                nodes.get(..at).and_then(|nodes| nodes.iter().rposition(|node| node.id.is_some()))
            }
            None => None,
        };
    }
    visible
}

fn event_key(id: &str) -> Key {
    Key::of(&[b"openclaw event id", id.as_bytes()])
}

/// An event is the same in every copy of its session. Its id is short, so that the time is needed
/// to tell it from those of other sessions.
fn identified<'l>(event: Event<'l>, id: Option<&str>) -> Event<'l> {
    let at = event.at.map(|at| at.unix_millis().to_le_bytes());
    let at = at.as_ref().map_or(&[][..], |at| at);
    Event { identity: id.map(|id| Key::of(&[b"openclaw event", id.as_bytes(), at])), ..event }
}

fn into_owned(event: Event<'_>) -> Event<'static> {
    let owned = |text: Option<Cow<'_, str>>| text.map(|text| Cow::Owned(text.into_owned()));
    let (provider, model) = (owned(event.provider), owned(event.model));
    let Event { identity, at, tier, turn, abandoned, tokens, cache_creation_1h, cost, .. } = event;
    Event { identity, at, provider, model, tier, turn, abandoned, tokens, cache_creation_1h, cost }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, parent: &str) -> String {
        format!(
            r#"{{"type":"message","id":"{id}","parentId":{parent},"timestamp":"2026-05-10T12:00:00Z","message":{{"role":"assistant","usage":{{"input":1}}}}}}"#
        )
    }

    /// An id, and as JSON that of the event that it follows.
    type Named = (&'static str, &'static str);

    /// Of each event, whether it was left.
    fn read(reader: &mut SessionReader, lines: &[String]) -> Vec<bool> {
        let mut left = Vec::new();
        for line in lines {
            let outcome = reader.line(line.as_bytes(), &mut |event| left.push(event.abandoned));
            assert_eq!(outcome, Outcome::Fine, "{line}");
        }
        reader.finish(&mut |event| left.push(event.abandoned));
        left
    }

    #[test]
    fn what_was_left_is_told_apart() {
        let table: &[(&[Named], &[bool])] = &[
            (&[("a", "null"), ("b", "\"a\""), ("c", "\"b\"")], &[false, false, false]),
            (&[("a", "null"), ("b", "\"a\""), ("c", "\"a\"")], &[false, true, false]),
            (
                &[("a", "null"), ("b", "\"a\""), ("c", "\"a\""), ("d", "\"b\"")],
                &[false, false, true, false],
            ),
            (&[("a", "null"), ("b", "null")], &[true, false]),
            // Whom it follows is not there; or it follows itself, or all follow each other.
            (&[("a", "null"), ("b", "\"x\"")], &[true, false]),
            (&[("a", "\"a\"")], &[false]),
            (&[("a", "\"b\""), ("b", "\"a\"")], &[false, false]),
        ];
        for (nodes, left) in table {
            let lines: Vec<String> = nodes.iter().map(|(id, parent)| event(id, parent)).collect();
            assert_eq!(read(&mut SessionReader::whole(), &lines), *left, "{nodes:?}");
        }
    }

    #[test]
    fn events_of_old_are_all_visible() {
        let without = |id: &str, field: &str| event(id, "null").replace(field, "");
        let lines = ["a", "b"].map(|id| without(id, "\"parentId\":null,"));
        assert_eq!(read(&mut SessionReader::whole(), &lines), [false, false]);
        let lines = [event("a", "null"), event("", "\"a\"").replace("\"id\":\"\",", "")];
        assert_eq!(read(&mut SessionReader::whole(), &lines), [false, false]);
    }

    #[test]
    fn reading_on_notices_a_branch() {
        let mut first = SessionReader::whole();
        let header = r#"{"type":"session","version":3,"id":"s"}"#.to_owned();
        assert_eq!(read(&mut first, &[header, event("a", "null")]), [false]);
        let state = first.state().unwrap();
        let mut on = SessionReader::after(&state).unwrap();
        assert_eq!(read(&mut on, &[event("b", "\"a\"")]), [false]);
        assert!(!on.has_branches());
        read(&mut on, &[event("c", "\"a\"")]);
        assert!(on.has_branches());
        assert!(SessionReader::after("no state").is_none());
    }

    #[test]
    fn an_event_is_the_same_in_every_copy() {
        let keys = |line: &str| {
            let mut keys = Vec::new();
            let mut reader = SessionReader::whole();
            assert_eq!(reader.line(line.as_bytes(), &mut |_| ()), Outcome::Fine);
            reader.finish(&mut |event| keys.push(event.identity.unwrap()));
            keys
        };
        let line = event("a", "null");
        assert_eq!(keys(&line), keys(&event("a", "\"other\"")));
        assert_ne!(keys(&line), keys(&event("b", "null")));
        assert_ne!(keys(&line), keys(&line.replace("2026", "2025")));
    }
}
