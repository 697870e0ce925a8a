//! The last request of each conversation, in memory only.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use hyper::{HeaderMap, Uri};

use super::{ConversationId, Endpoint, secret::Secret};

/// What is sent to keep the prompt of a conversation warm.
#[derive(Clone, Debug)]
pub(crate) struct Replay {
    pub(crate) endpoint: Endpoint,
    /// Some clients have their credentials in its query.
    pub(crate) uri: Secret<Uri>,
    /// With the credentials of the client.
    pub(crate) headers: Secret<HeaderMap>,
    pub(crate) body: Secret<Bytes>,
}

impl Replay {
    /// Of its body, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.body.expose().len()
    }
}

/// How many requests are held in memory.
#[derive(Clone, Copy, Debug)]
pub struct CaptureLimits {
    /// The last requests of how many conversations.
    pub conversations: usize,
    /// How many bytes in all. The bodies of turns under way may take as many once more; a turn for
    /// which there is no room is passed on and not kept.
    pub bytes: usize,
}

/// The replays that are at hand; those that were not used for the longest time go first.
#[derive(Debug)]
pub(crate) struct Captures {
    limits: CaptureLimits,
    bytes: usize,
    entries: HashMap<ConversationId, (Replay, u64)>,
    /// By when they were used.
    order: BTreeMap<u64, ConversationId>,
    next: u64,
}

impl Captures {
    pub(crate) fn new(limits: CaptureLimits) -> Self {
        let (entries, order) = (HashMap::new(), BTreeMap::new());
        Self { limits, bytes: 0, entries, order, next: 0 }
    }

    /// Puts a replay in the place of the last one of its conversation, and says which
    /// conversations were given up for it; it may be itself.
    pub(crate) fn put(
        &mut self,
        conversation: ConversationId,
        replay: Replay,
    ) -> Vec<ConversationId> {
        self.remove(conversation);
        self.bytes += replay.size();
        self.order.insert(self.next, conversation);
        self.entries.insert(conversation, (replay, self.next));
        self.next += 1;
        let mut evicted = Vec::new();
        while self.limits.conversations < self.entries.len() || self.limits.bytes < self.bytes {
            let Some((_, oldest)) = self.order.first_key_value() else { break };
            let oldest = *oldest;
            self.remove(oldest);
            evicted.push(oldest);
        }
        evicted
    }

    /// The replay of a conversation.
    pub(crate) fn get(&self, conversation: ConversationId) -> Option<&Replay> {
        self.entries.get(&conversation).map(|(replay, _)| replay)
    }

    /// Forgets the replay of a conversation.
    pub(crate) fn remove(&mut self, conversation: ConversationId) {
        if let Some((replay, used)) = self.entries.remove(&conversation) {
            self.bytes -= replay.size();
            self.order.remove(&used);
        }
    }

    /// How many there are, and their bytes.
    pub(crate) fn held(&self) -> (usize, usize) {
        (self.entries.len(), self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay(size: usize) -> Replay {
        Replay {
            endpoint: Endpoint::Messages,
            uri: Secret::new(Uri::from_static("http://api.example/v1/messages?key=s3cret")),
            headers: Secret::new(HeaderMap::new()),
            body: Secret::new(Bytes::from(vec![b'x'; size])),
        }
    }

    fn id(number: u8) -> ConversationId {
        ConversationId::of_test(number)
    }

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let mut captures = Captures::new(CaptureLimits { conversations: 2, bytes: 100 });
        assert_eq!(captures.put(id(1), replay(10)), []);
        assert_eq!(captures.put(id(2), replay(10)), []);
        // A later request of the first makes the second the oldest.
        assert_eq!(captures.put(id(1), replay(20)), []);
        assert_eq!(captures.put(id(3), replay(10)), [id(2)]);
        assert_eq!(captures.held(), (2, 30));
        assert!(captures.get(id(2)).is_none());
        assert_eq!(captures.get(id(1)).unwrap().size(), 20);
    }

    #[test]
    fn the_bytes_of_all_are_bounded() {
        let mut captures = Captures::new(CaptureLimits { conversations: 9, bytes: 100 });
        for number in 1..=4 {
            captures.put(id(number), replay(25));
        }
        assert_eq!(captures.put(id(5), replay(60)), [id(1), id(2), id(3)]);
        assert_eq!(captures.held(), (2, 85));
        // What is larger than all room is not kept, and makes no room.
        assert_eq!(captures.put(id(6), replay(101)), [id(4), id(5), id(6)]);
        assert_eq!(captures.held(), (0, 0));
    }

    #[test]
    fn what_is_printed_shows_neither_prompt_nor_credentials() {
        let mut shown = replay(3);
        let headers = [(hyper::header::AUTHORIZATION, "Bearer t0psecret".parse().unwrap())];
        shown.headers = Secret::new(headers.into_iter().collect());
        let printed = format!("{shown:?}");
        for secret in ["t0psecret", "s3cret", "xxx"] {
            assert!(!printed.contains(secret), "{printed}");
        }
    }
}
