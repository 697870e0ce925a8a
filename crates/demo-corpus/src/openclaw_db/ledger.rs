use std::collections::{BTreeMap, HashMap, HashSet};

use fastrand::Rng;

use super::{Error, event::Event};
use crate::{Truth as Sums, draft::Draft};

/// What a database holds, and how its sessions go on. It belongs to one database.
#[derive(Clone)]
pub struct Ledger {
    pub(super) rng: Rng,
    pub(super) sessions: BTreeMap<String, Session>,
    /// Events with usage that a rewrite has taken out of a transcript.
    pub(super) dropped: Vec<Event>,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").field("sessions", &self.sessions.len()).finish_non_exhaustive()
    }
}

/// A session, wherever its transcript is.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) key: String,
    pub(super) generation: String,
    pub(super) place: Place,
    pub(super) draft: Draft,
    /// What the next event goes on from.
    pub(super) leaf: Option<u32>,
    /// In the order of `seq`, which counts from 0, the header.
    pub(super) events: Vec<Event>,
}

/// Where the transcript of a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// In `transcript_events`.
    Live,
    /// In a file of the directory `cold`.
    ColdFile,
    /// In a blob of `session_transcript_cold_archives`.
    ColdBlob,
    /// In a blob of `session_transcript_archives`: the session was deleted or reset.
    Archived,
    /// There, and in a file beside the old transcripts.
    Published,
    /// In that file only.
    File,
}

/// What a database and its archives hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// All events with usage, each once, in however many sessions it is.
    pub all: Sums,
    /// Those of them that are on the visible path of no session.
    pub abandoned: Sums,
    /// Events with usage that were once there, and that rewrites have taken out everywhere.
    pub dropped: Sums,
    /// By the ids of the sessions.
    pub sessions: BTreeMap<String, SessionTruth>,
}

/// What a session holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTruth {
    /// Where its transcript is.
    pub place: Place,
    /// All its events with usage, also those that were copied from another session.
    pub all: Sums,
    /// Those of them that are not on its visible path: the chain of `parentId` from its last
    /// event.
    pub abandoned: Sums,
}

impl Ledger {
    pub(super) fn new() -> Self {
        Self { rng: Rng::with_seed(0), sessions: BTreeMap::new(), dropped: Vec::new() }
    }

    /// A token that stands for a state of a transcript, until it is rewritten.
    pub(super) fn generation(&mut self) -> String {
        format!("{:032x}", self.rng.u128(..))
    }

    pub(super) fn session(&mut self, id: &str) -> Result<&mut Session, Error> {
        self.sessions.get_mut(id).ok_or_else(|| Error::NoSession { session: id.to_owned() })
    }

    pub(super) fn live(&mut self, id: &str) -> Result<&mut Session, Error> {
        self.session_at(id, Place::Live)
    }

    pub(super) fn session_at(&mut self, id: &str, place: Place) -> Result<&mut Session, Error> {
        let session = self.session(id)?;
        if session.place == place {
            Ok(session)
        } else {
            Err(Error::Place { session: id.to_owned(), place: session.place })
        }
    }

    pub(super) fn truth(&self) -> Truth {
        let mut truth = Truth::default();
        let mut is_visible_by_event = HashMap::new();
        for (id, session) in &self.sessions {
            let visible = session.visible();
            let (mut all, mut abandoned) = (Sums::default(), Sums::default());
            for event in session.events.iter().filter(|event| event.used.is_some()) {
                let is_visible = event.id.is_some_and(|id| visible.contains(&id));
                event.count(&mut all);
                if !is_visible {
                    event.count(&mut abandoned);
                }
                let (_, seen) =
                    is_visible_by_event.entry((event.id, event.millis)).or_insert((event, false));
                *seen |= is_visible;
            }
            let session = SessionTruth { place: session.place, all, abandoned };
            truth.sessions.insert(id.clone(), session);
        }
        for (event, is_visible) in is_visible_by_event.values() {
            event.count(&mut truth.all);
            if !is_visible {
                event.count(&mut truth.abandoned);
            }
        }
        let mut dropped = HashSet::new();
        for event in &self.dropped {
            let key = (event.id, event.millis);
            if !is_visible_by_event.contains_key(&key) && dropped.insert(key) {
                event.count(&mut truth.dropped);
            }
        }
        truth
    }
}

impl Session {
    /// The ids on the chain from the last event to its beginning.
    fn visible(&self) -> HashSet<u32> {
        let parents: HashMap<_, _> =
            self.events.iter().filter_map(|event| Some((event.id?, event.parent))).collect();
        let mut visible = HashSet::new();
        let mut next = self.events.iter().rev().find_map(|event| event.id);
        while let Some(id) = next {
            if !visible.insert(id) {
                break;
            }
            next = parents.get(&id).copied().flatten();
        }
        visible
    }
}
