//! Whose usage a rollout records.
//!
//! The first `session_meta` says what the session is; events before it have no identity, as
//! nobody can tell whose they are. A fork begins with the counters of its
//! parent, and so with what that had used. A sub-agent has counters of its own, unless its
//! rollout begins with a copy of its parent's: then its own part begins where the ordinals say
//! it does, or else, as steipete/CodexBar has it, at the first `turn_context` after the last
//! `session_meta` of an ancestor which is directly followed by a message that triggers a turn.

use common_fs::Timestamp;
use serde::{Deserialize, Serialize};

use super::{counters::is_default, line::Meta};
use crate::{Beginning, Key, Lineage};

/// What the first `session_meta` says, and what has become of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    #[serde(default, skip_serializing_if = "is_default")]
    id: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) provider: Option<String>,
    origin: Origin,
}

/// Where the counters come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Origin {
    #[serde(rename = "own")]
    Own {
        /// When the session began, in milliseconds.
        at: Option<i64>,
    },
    #[serde(rename = "fork")]
    Fork { of: u64, at: Option<i64> },
    #[serde(rename = "sub")]
    SubAgent {
        /// How many events with an identity were handed on.
        events: u64,
        copied: Copied,
    },
}

/// What the rollout of a sub-agent begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Copied {
    #[serde(rename = "nothing")]
    Nothing,
    /// All lines with lower ordinals.
    #[serde(rename = "ordinal")]
    Before(u64),
    /// The same, and so many events were in them.
    #[serde(rename = "past_ordinal")]
    WereBefore(u64),
    /// All lines up to a marker.
    #[serde(rename = "marker")]
    UpToMarker,
    /// The same, and so many events were in them.
    #[serde(rename = "past_marker")]
    WereUpToMarker(u64),
    /// Nobody can tell.
    #[serde(rename = "unclear")]
    Unclear,
}

impl Session {
    pub(super) fn new(meta: Meta<'_>) -> Self {
        let own = meta.id.as_deref();
        let at = meta.at.map(Timestamp::unix_millis);
        let parent = meta.parent.as_deref().filter(|parent| Some(*parent) != own);
        let origin = match parent {
            _ if meta.is_sub_agent => Origin::SubAgent {
                events: 0,
                copied: meta.first_ordinal.map_or(Copied::Nothing, Copied::Before),
            },
            Some(parent) => Origin::Fork { of: session_key(parent).0, at },
            None => Origin::Own { at },
        };
        Self { id: meta.id.map(Into::into), provider: meta.provider.map(Into::into), origin }
    }

    /// Takes a further `session_meta`: the same one again, or that of an ancestor, of which
    /// this is a copy.
    pub(super) fn meet(&mut self, meta: Meta<'_>) {
        let Some(id) = meta.id.as_deref() else { return };
        if self.id.as_deref() == Some(id) {
            if let Some(provider) = meta.provider {
                self.provider = Some(provider.into());
            }
            return;
        }
        match &mut self.origin {
            // Rollouts of before Codex wrote `forked_from_id`.
            Origin::Own { at } => {
                self.origin = Origin::Fork { of: session_key(id).0, at: *at };
            }
            Origin::SubAgent { copied, .. } => copied.meet_ancestor(meta.is_sub_agent),
            // That of the parent, and then those of its ancestors.
            Origin::Fork { .. } => (),
        }
    }

    /// Takes a turn that another agent has triggered. Returns whether what the session itself
    /// uses begins here.
    pub(super) fn meet_marker(&mut self) -> bool {
        match &mut self.origin {
            Origin::SubAgent { events, copied: copied @ Copied::UpToMarker } => {
                *copied = Copied::WereUpToMarker(*events);
                true
            }
            _ => false,
        }
    }

    /// Takes the ordinal of a line with counters. Returns whether what the session itself uses
    /// begins here.
    pub(super) fn meet_ordinal(&mut self, ordinal: Option<u64>) -> bool {
        let Origin::SubAgent { events, copied } = &mut self.origin else { return false };
        let Copied::Before(first) = *copied else { return false };
        *copied = match ordinal {
            Some(ordinal) if ordinal < first => return false,
            Some(_) => Copied::WereBefore(*events),
            None => Copied::Unclear,
        };
        ordinal.is_some()
    }

    /// Whether what others used cannot be told from what this one did, because it has no name.
    pub(super) fn is_nameless_copy(&self) -> bool {
        self.id.is_none() && !matches!(self.origin, Origin::Own { .. })
    }

    /// Whether the counters begin with what another session has used.
    pub(super) fn is_fork(&self) -> bool {
        matches!(self.origin, Origin::Fork { .. })
    }

    /// The identity of an event, which is then handed on: what was counted with it is the same
    /// in every copy of the rollout, and not twice the same in one. It has none if the session
    /// has no name.
    pub(super) fn identify(&mut self, at: Option<Timestamp>, counted: &[u8]) -> Option<Key> {
        let id = self.id.as_deref()?;
        if let Origin::SubAgent { events, .. } = &mut self.origin {
            *events = events.saturating_add(1);
        }
        let at = at.map(|at| at.unix_millis().to_le_bytes());
        let at = at.as_ref().map_or(&[][..], |at| at);
        Some(Key::of(&[b"codex", id.as_bytes(), at, counted]))
    }

    /// What the transcript is to others. A session of which a fork can be told apart has a
    /// counter that has only grown, by what was counted, so that its state is the sum of the
    /// events; of others nothing is said, so that their forks stay unresolved.
    pub(super) fn lineage(&self, is_plain: bool) -> Lineage {
        let copies =
            matches!(&self.origin, Origin::SubAgent { copied, .. } if *copied != Copied::Nothing);
        let session = self.id.as_deref().filter(|_| is_plain && !copies).map(session_key);
        let beginning = match self.origin {
            Origin::Own { .. } => Beginning::Own,
            Origin::Fork { of, at } => at
                .and_then(Timestamp::from_unix_millis)
                .map_or(Beginning::Copy { events: None }, |at| Beginning::Fork { of: Key(of), at }),
            Origin::SubAgent { events, copied } => copied.beginning(events),
        };
        Lineage { session, beginning }
    }
}

fn session_key(id: &str) -> Key {
    Key::of(&[b"codex session", id.as_bytes()])
}

impl Copied {
    /// Everything so far was a copy of an ancestor's. If that is itself a sub-agent, its copy
    /// can hold a marker, too.
    fn meet_ancestor(&mut self, is_sub_agent: bool) {
        *self = match *self {
            numbered @ (Self::Before(_) | Self::WereBefore(_)) => numbered,
            Self::Unclear => Self::Unclear,
            Self::Nothing | Self::UpToMarker | Self::WereUpToMarker(_) if is_sub_agent => {
                Self::Unclear
            }
            Self::Nothing | Self::UpToMarker | Self::WereUpToMarker(_) => Self::UpToMarker,
        };
    }

    fn beginning(self, events: u64) -> Beginning {
        match self {
            Self::Nothing => Beginning::Own,
            Self::Before(_) => Beginning::Copy { events: Some(events) },
            Self::WereBefore(events) | Self::WereUpToMarker(events) => {
                Beginning::Copy { events: Some(events) }
            }
            Self::UpToMarker | Self::Unclear => Beginning::Copy { events: None },
        }
    }
}
