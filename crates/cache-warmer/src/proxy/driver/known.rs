use std::collections::HashMap;

use crate::{
    Fingerprint, RequestUsage,
    proxy::{
        ConversationId, Identity,
        body::Ended,
        capture::{CaptureLimits, Captures, Replay},
    },
};

/// The conversations that the connections see, and what would keep them warm.
pub(crate) struct Known {
    captures: Captures,
    /// Only while it has a capture or a turn.
    conversations: HashMap<ConversationId, Conversation>,
    /// The conversation that goes on for all that has the same session and first message.
    lineages: HashMap<ConversationId, ConversationId>,
    next_prefix: u64,
}

struct Conversation {
    /// How many turns are under way.
    turns: u32,
    prefix: Fingerprint,
    lineage: ConversationId,
    /// What the last answered request used.
    usage: RequestUsage,
}

/// What the end of a turn means.
#[derive(Debug)]
pub(crate) struct TurnEnd {
    /// What the request used and which one it is, if the provider has worked on it.
    pub(crate) answered: Option<(RequestUsage, Fingerprint)>,
    /// The provider refused the credentials.
    pub(crate) unauthorized: bool,
    /// No other turn of the conversation is under way.
    pub(crate) settled: bool,
    /// Conversations whose request is not held any more.
    pub(crate) closed: Vec<ConversationId>,
}

impl Known {
    pub(crate) fn new(limits: CaptureLimits) -> Self {
        Self {
            captures: Captures::new(limits),
            conversations: HashMap::new(),
            lineages: HashMap::new(),
            next_prefix: 0,
        }
    }

    /// Takes note of a turn, and says which conversations can have no other: their prefix has
    /// been replaced.
    pub(crate) fn started(&mut self, identity: &Identity) -> Vec<ConversationId> {
        let id = identity.conversation;
        let old = self.lineages.insert(identity.lineage, id);
        let fresh = || Conversation {
            turns: 0,
            prefix: Fingerprint(0),
            lineage: identity.lineage,
            usage: RequestUsage::default(),
        };
        self.conversations.entry(id).or_insert_with(fresh).turns += 1;
        let old = old.filter(|old| *old != id).into_iter();
        // One that is still being answered goes when its turn ends.
        let idle =
            |old: &ConversationId| self.conversations.get(old).is_some_and(Conversation::idle);
        let closed: Vec<_> = old.filter(idle).collect();
        for id in &closed {
            self.forget(*id);
        }
        closed
    }

    /// Takes note of the end of a turn. A turn that failed leaves what was captured before: that
    /// still is what the provider has cached.
    pub(crate) fn ended(
        &mut self,
        identity: &Identity,
        replay: Option<Replay>,
        answer: Option<&Ended>,
    ) -> TurnEnd {
        let id = identity.conversation;
        let mut closed = Vec::new();
        // An answer that was cut off was worked on all the same.
        let worked = answer.filter(|answer| answer.status.is_success() && !answer.told.error);
        let usage = worked.and_then(|answer| answer.told.usage);
        let unauthorized = answer.is_some_and(|answer| matches!(answer.status.as_u16(), 401 | 403));
        let prefix = Fingerprint(self.next_prefix);
        if let (Some(usage), Some(known)) = (usage, self.conversations.get_mut(&id)) {
            self.next_prefix += 1;
            (known.prefix, known.usage) = (prefix, usage);
            match replay {
                Some(replay) => closed = self.captures.put(id, replay),
                None => self.captures.remove(id),
            }
        }
        let turns = self.conversations.get_mut(&id).map_or(0, |known| {
            known.turns = known.turns.saturating_sub(1);
            known.turns
        });
        let replaced = self.lineages.get(&identity.lineage) != Some(&id);
        if turns == 0 && (replaced || unauthorized || self.captures.get(id).is_none()) {
            closed.push(id);
        }
        closed.retain(|id| self.conversations.get(id).is_some_and(Conversation::idle));
        closed.dedup();
        for id in &closed {
            self.forget(*id);
        }
        TurnEnd {
            answered: usage.map(|usage| (usage, prefix)),
            unauthorized,
            settled: turns == 0,
            closed,
        }
    }

    fn forget(&mut self, id: ConversationId) {
        self.captures.remove(id);
        if let Some(known) = self.conversations.remove(&id)
            && self.lineages.get(&known.lineage) == Some(&id)
        {
            self.lineages.remove(&known.lineage);
        }
    }

    /// What to send for a conversation, if its last request is the one with this fingerprint.
    pub(crate) fn replay(&self, id: ConversationId, prefix: Fingerprint) -> Option<&Replay> {
        self.conversations.get(&id).filter(|known| known.prefix == prefix)?;
        self.captures.get(id)
    }

    /// What the last answered request of a conversation used.
    pub(crate) fn usage(&self, id: ConversationId) -> Option<RequestUsage> {
        self.conversations.get(&id).map(|known| known.usage)
    }

    /// All conversations.
    pub(crate) fn ids(&self) -> impl Iterator<Item = ConversationId> {
        self.conversations.keys().copied()
    }

    /// How many requests are held, and their bytes.
    pub(crate) fn held(&self) -> (usize, usize) {
        self.captures.held()
    }
}

impl Conversation {
    fn idle(&self) -> bool {
        self.turns == 0
    }
}
