use rusqlite::params;

use super::{
    AgentDb, Error, Origin, Place,
    event::parent_json,
    payload::{self, Payload, sha256, signed},
};
use crate::{draft::iso, json};

const INSERT_COLD: &str = "
INSERT INTO session_transcript_cold_archives (session_id, generation, archive_name,
    archive_sha256, event_count, raw_bytes, archive_bytes, last_seq, archived_at, storage,
    archive_blob)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

const INSERT_ARCHIVE: &str = "
INSERT INTO session_transcript_archives (session_id, generation, session_key, reason, encoding,
    archive_blob, archive_sha256, archive_name, created_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

/// How the transcript of a deleted or reset session is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Identity,
    /// As one frame.
    Zstd,
}

impl AgentDb {
    /// Moves the transcript of a session to a compressed file in the directory `cold`, named
    /// after its digest. The session stays.
    pub fn move_to_cold_file(&mut self, session: &str) -> Result<(), Error> {
        self.move_to_cold(session, Place::ColdFile)
    }

    /// Moves the transcript of a session to a compressed blob in the database. The session stays.
    pub fn move_to_cold_blob(&mut self, session: &str) -> Result<(), Error> {
        self.move_to_cold(session, Place::ColdBlob)
    }

    /// Deletes a session. Its transcript stays as a blob in the database.
    pub fn delete_session(&mut self, session: &str, encoding: Encoding) -> Result<(), Error> {
        self.transaction(|db| {
            db.archive(session, "deleted", encoding)?;
            db.connection
                .execute("DELETE FROM session_nodes WHERE current_session_id = ?1", [session])?;
            Ok(())
        })
    }

    /// Resets a session: `new_session` goes on under its key with an empty transcript, and the
    /// old transcript stays as a blob in the database.
    pub fn reset(
        &mut self,
        session: &str,
        new_session: &str,
        encoding: Encoding,
    ) -> Result<(), Error> {
        self.transaction(|db| {
            let known = db.ledger.live(session)?;
            let (mut draft, key) = (known.draft.clone(), known.key.clone());
            new_session.clone_into(&mut draft.id);
            db.archive(session, "reset", encoding)?;
            let origin = Origin { reason: "reset", previous: Some(session), fork_source_key: None };
            db.start(draft, key, &origin)
        })
    }

    /// Writes the blob of a deleted or reset session to a file beside the old transcripts, as
    /// `<session>.jsonl.deleted.<stamp>.<generation>`, with `.zst` if it is compressed. OpenClaw
    /// keeps the blob, from which it can write the file again.
    pub fn publish(&mut self, session: &str) -> Result<(), Error> {
        self.transaction(|db| {
            let known = db.ledger.session_at(session, Place::Archived)?;
            known.place = Place::Published;
            let (name, blob): (String, Vec<u8>) = db.connection.query_row(
                "SELECT archive_name, archive_blob FROM session_transcript_archives \
                 WHERE session_id = ?1",
                [session],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )?;
            fs_err::create_dir_all(&db.sessions_dir)?;
            fs_err::write(db.sessions_dir.join(name), blob)?;
            db.connection.execute(
                "UPDATE session_transcript_archives SET published_at = created_at + 250 \
                 WHERE session_id = ?1",
                [session],
            )?;
            Ok(())
        })
    }

    /// Deletes the row of a published archive, so that there is only the file.
    pub fn forget_blob(&mut self, session: &str) -> Result<(), Error> {
        self.transaction(|db| {
            db.ledger.session_at(session, Place::Published)?.place = Place::File;
            db.connection.execute(
                "DELETE FROM session_transcript_archives WHERE session_id = ?1",
                [session],
            )?;
            Ok(())
        })
    }

    fn move_to_cold(&mut self, session: &str, place: Place) -> Result<(), Error> {
        self.transaction(|db| {
            let payloads = payload::select(&db.connection, session)?;
            let records = db.cold_records(session, &payloads)?;
            let archive = db.codec.compress(records.as_bytes())?;
            let digest = sha256(&archive);
            let name = format!("{digest}.jsonl.zst");
            let known = db.ledger.live(session)?;
            known.place = place;
            let blob = if place == Place::ColdFile {
                let cold_dir = db.sessions_dir.join("cold");
                fs_err::create_dir_all(&cold_dir)?;
                fs_err::write(cold_dir.join(&name), &archive)?;
                None
            } else {
                Some(&archive)
            };
            db.connection.execute(
                INSERT_COLD,
                params![
                    session,
                    known.generation,
                    name,
                    digest,
                    signed(payloads.len()),
                    signed(records.len()),
                    signed(archive.len()),
                    signed(payloads.len()) - 1,
                    known.draft.millis,
                    if blob.is_some() { "sqlite" } else { "file" },
                    blob,
                ],
            )?;
            db.connection
                .execute("DELETE FROM transcript_events WHERE session_id = ?1", [session])?;
            Ok(())
        })
    }

    /// What a cold archive says, one record a line. Those after the events repeat what can be
    /// told from them.
    fn cold_records(&mut self, session: &str, payloads: &[Payload]) -> Result<String, Error> {
        let known = self.ledger.live(session)?;
        let mut records = format!(
            "{{\"kind\":\"header\",\"version\":1,\"sessionId\":\"{session}\",\"generation\":\"{}\"}}\n",
            known.generation
        );
        for (seq, Payload { json, created_at }) in payloads.iter().enumerate() {
            records.push_str(&format!(
                "{{\"kind\":\"event\",\"row\":{{\"seq\":{seq},\"event_json\":{},\"created_at\":{created_at}}}}}\n",
                json::string(json)
            ));
        }
        for (seq, event) in known.events.iter().enumerate().filter(|(_, event)| event.id.is_some())
        {
            let (id, parent) = (parent_json(event.id), parent_json(event.parent));
            records.push_str(&format!(
                "{{\"kind\":\"identity\",\"row\":{{\"event_id\":{id},\"seq\":{seq},\"event_type\":\"message\",\"parent_id\":{parent},\"created_at\":{}}}}}\n",
                event.millis
            ));
        }
        records.push_str("{\"kind\":\"active\",\"row\":{\"active_position\":0,\"event_seq\":1,\"message_position\":0}}\n");
        records.push_str(&format!(
            "{{\"kind\":\"index\",\"row\":{{\"indexed_seq\":{},\"leaf_event_id\":{},\"needs_rebuild\":0}}}}\n",
            payloads.len().saturating_sub(1),
            parent_json(known.leaf)
        ));
        Ok(records)
    }

    /// Makes a blob of the transcript, and deletes the session but for its key.
    fn archive(&mut self, session: &str, reason: &str, encoding: Encoding) -> Result<(), Error> {
        let payloads = payload::select(&self.connection, session)?;
        let lines: String = payloads.iter().flat_map(|row| [row.json.as_str(), "\n"]).collect();
        let (blob, suffix, encoding) = match encoding {
            Encoding::Identity => (lines.into_bytes(), "", "identity"),
            Encoding::Zstd => (self.codec.compress(lines.as_bytes())?, ".zst", "zstd"),
        };
        let known = self.ledger.live(session)?;
        known.place = Place::Archived;
        let (generation, created_at) = (&known.generation, known.draft.millis + 60_000);
        let stamp = iso(created_at).replace(':', "-");
        let name = format!("{session}.jsonl.{reason}.{stamp}.{generation}{suffix}");
        let digest = sha256(&blob);
        self.connection.execute(
            INSERT_ARCHIVE,
            params![
                session, generation, known.key, reason, encoding, blob, digest, name, created_at
            ],
        )?;
        // Its events and its watermark go with it.
        self.connection.execute("DELETE FROM session_windows WHERE session_id = ?1", [session])?;
        Ok(())
    }
}
