use super::{ledger::Session, payload::Payload};
use crate::{
    Truth as Sums,
    draft::{Draft, iso},
    openclaw,
};

/// What matters of an event for the truth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    /// `None` for a header, and for what a test has written by hand.
    pub(super) id: Option<u32>,
    pub(super) parent: Option<u32>,
    pub(super) millis: i64,
    /// Its tokens and its cost in nano-dollars.
    pub(super) used: Option<(u64, u64)>,
}

impl Event {
    pub(super) const fn unknown(millis: i64) -> Self {
        Self { id: None, parent: None, millis, used: None }
    }

    pub(super) fn count(&self, sums: &mut Sums) {
        if let Some((tokens, cost_nanos)) = self.used {
            sums.events += 1;
            sums.tokens += tokens;
            sums.cost_nanos += cost_nanos;
        }
    }
}

impl Session {
    /// The header of a transcript, which is its first event.
    pub(super) fn write_header(&mut self) -> Payload {
        let created_at = self.draft.millis;
        self.events.push(Event::unknown(created_at));
        Payload { json: openclaw::header(&self.draft), created_at }
    }

    /// Goes on with a prompt or a tool result and the answer to it, and now and then something
    /// else.
    pub(super) fn write_exchange(&mut self, payloads: &mut Vec<Payload>) {
        if self.draft.rng.u8(..) < 16 {
            let (kind, fields) = aside(&mut self.draft, self.leaf);
            payloads.push(self.write(kind, &fields, None));
        }
        let fields = openclaw::prompt(&mut self.draft);
        payloads.push(self.write("message", &fields, None));
        let before = self.draft.truth;
        let fields = openclaw::answer(&mut self.draft);
        let after = self.draft.truth;
        let used = (after.tokens - before.tokens, after.cost_nanos - before.cost_nanos);
        payloads.push(self.write("message", &fields, Some(used)));
    }

    fn write(&mut self, kind: &str, fields: &str, used: Option<(u64, u64)>) -> Payload {
        let (id, parent, millis) = (self.unused_id(), self.leaf, self.draft.millis);
        let mut json = format!(
            "{{\"type\":\"{kind}\",\"id\":\"{id:08x}\",\"parentId\":{},{fields}}}",
            parent_json(parent)
        );
        // Some writers escape what others do not, and such an event is never compressed.
        if self.draft.rng.u8(..) < 8 {
            json = json.replacen("naïve", "na\\u00efve", 1);
        }
        self.events.push(Event { id: Some(id), parent, millis, used });
        self.leaf = Some(id);
        Payload { json, created_at: millis }
    }

    fn unused_id(&mut self) -> u32 {
        loop {
            let id = self.draft.rng.u32(..);
            if self.events.iter().all(|event| event.id != Some(id)) {
                return id;
            }
        }
    }
}

/// Something that is no message.
fn aside(draft: &mut Draft, leaf: Option<u32>) -> (&'static str, String) {
    draft.wait(100..2_000);
    let time = iso(draft.millis);
    match (draft.rng.u8(..3), leaf) {
        (0, Some(leaf)) => (
            "label",
            format!("\"timestamp\":\"{time}\",\"targetId\":\"{leaf:08x}\",\"label\":\"before\""),
        ),
        (1, _) => (
            "thinking_level_change",
            format!("\"timestamp\":\"{time}\",\"thinkingLevel\":\"high\""),
        ),
        _ => (
            "model_change",
            format!(
                "\"timestamp\":\"{time}\",\"provider\":\"{}\",\"modelId\":\"{}\"",
                draft.model.provider, draft.model.name
            ),
        ),
    }
}

pub(super) fn parent_json(parent: Option<u32>) -> String {
    parent.map_or_else(|| "null".to_owned(), |id| format!("\"{id:08x}\""))
}
