use fastrand::Rng;
use rusqlite::params;

use super::{
    AgentDb, Error, Origin,
    event::parent_json,
    payload::{self, Payload},
};

impl AgentDb {
    /// Starts `new_session` with copies of the first `up_to` events of a session after its
    /// header, with the same ids, times and text. It goes on from the last of them.
    pub fn fork(&mut self, session: &str, new_session: &str, up_to: usize) -> Result<(), Error> {
        self.transaction(|db| {
            let seed = db.ledger.rng.u64(..);
            let source = db.ledger.live(session)?;
            let mut draft = source.draft.clone();
            new_session.clone_into(&mut draft.id);
            // Otherwise both would go on with the same ids.
            draft.rng = Rng::with_seed(seed);
            let source_key = source.key.clone();
            let events: Vec<_> = source.events.iter().skip(1).take(up_to).copied().collect();
            let key = format!("agent:{}:dashboard:{new_session}", db.agent);
            let origin =
                Origin { reason: "fork", previous: None, fork_source_key: Some(&source_key) };
            db.start(draft, key, &origin)?;
            let copies: Vec<_> =
                payload::select(&db.connection, session)?.into_iter().skip(1).take(up_to).collect();
            let fork = db.ledger.live(new_session)?;
            fork.leaf = events.iter().rev().find_map(|event| event.id);
            fork.events.extend(events);
            db.store(new_session, 1, &copies)
        })
    }

    /// Goes back to an event, by its id: the next one that is appended goes on from there, and
    /// what came after is on an abandoned branch from then on. Nothing is written before.
    pub fn rewind(&mut self, session: &str, to_event: &str) -> Result<(), Error> {
        let known = self.ledger.live(session)?;
        let id = u32::from_str_radix(to_event, 16).ok();
        let event = known.events.iter().find(|event| event.id.is_some() && event.id == id);
        known.leaf = event
            .ok_or_else(|| Error::NoEvent { session: session.into(), event: to_event.into() })?
            .id;
        Ok(())
    }

    /// Rewrites a transcript without the `drop` oldest events after its header, and numbers the
    /// others anew. It is another generation from then on, also if nothing is dropped.
    pub fn rewrite(&mut self, session: &str, drop: usize) -> Result<(), Error> {
        self.transaction(|db| {
            let mut payloads = payload::select(&db.connection, session)?;
            let generation = db.ledger.generation();
            let known = db.ledger.live(session)?;
            let drop = drop.min(known.events.len().saturating_sub(1));
            let dropped: Vec<_> = known.events.drain(1..=drop).collect();
            payloads.drain(1..=drop);
            for (event, payload) in known.events.iter_mut().zip(&mut payloads) {
                let is_orphan = dropped
                    .iter()
                    .any(|dropped| dropped.id.is_some() && dropped.id == event.parent);
                if is_orphan {
                    orphan(payload, event.parent.take());
                }
            }
            if dropped.iter().any(|dropped| dropped.id == known.leaf) {
                known.leaf = None;
            }
            known.generation.clone_from(&generation);
            let millis = known.draft.millis;
            db.ledger.dropped.extend(dropped.into_iter().filter(|event| event.used.is_some()));
            db.connection
                .execute("DELETE FROM transcript_events WHERE session_id = ?1", [session])?;
            db.connection.execute(
                "UPDATE transcript_rewrite_watermarks SET generation = ?2, updated_at = ?3 \
                 WHERE session_id = ?1",
                params![session, generation, millis],
            )?;
            db.store(session, 0, &payloads)
        })
    }
}

fn orphan(payload: &mut Payload, parent: Option<u32>) {
    let parent = format!("\"parentId\":{}", parent_json(parent));
    payload.json = payload.json.replacen(&parent, "\"parentId\":null", 1);
}
