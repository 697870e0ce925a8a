use std::io;

use rusqlite::{Connection, Result, params};
use sha2::{Digest as _, Sha256};
use zstd::bulk::Compressor;

use super::Error;

/// Shorter events are never compressed.
const COMPRESS_BYTES_MIN: usize = 1_024;

/// Compression has to save this much, and a tenth.
const SAVED_BYTES_MIN: usize = 64;

/// No event is longer, compressed or not.
const EVENT_BYTES_MAX: usize = 4_194_304;

const INSERT: &str = "
INSERT INTO transcript_events (session_id, seq, event_json, created_at, event_zstd,
    event_utf8_bytes, navigation_json)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

const SELECT: &str = "
SELECT event_json, event_zstd, event_utf8_bytes, created_at FROM transcript_events
WHERE session_id = ?1 ORDER BY seq";

/// An event as it is stored, before it is decided how.
#[derive(Clone, Debug)]
pub(super) struct Payload {
    pub(super) json: String,
    pub(super) created_at: i64,
}

/// Compresses as OpenClaw does: one frame with its size and a checksum.
pub(super) struct Codec(Compressor<'static>);

impl Codec {
    pub(super) fn new() -> io::Result<Self> {
        let mut compressor = Compressor::new(1)?;
        compressor.include_checksum(true)?;
        compressor.include_contentsize(true)?;
        Ok(Self(compressor))
    }

    pub(super) fn compress(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        self.0.compress(bytes)
    }

    /// The frame for an event, or `None` if it is stored as it is.
    pub(super) fn compress_event(&mut self, json: &str) -> io::Result<Option<Vec<u8>>> {
        let may = (COMPRESS_BYTES_MIN..=EVENT_BYTES_MAX).contains(&json.len())
            && !json.contains("\\u")
            && !json.contains('\0');
        if !may {
            return Ok(None);
        }
        let frame = self.compress(json.as_bytes())?;
        let saved = json.len().saturating_sub(frame.len());
        Ok((SAVED_BYTES_MIN.max(json.len().div_ceil(10)) <= saved).then_some(frame))
    }

    /// Appends events to a session. The one with `seq` 0 is its header.
    pub(super) fn insert(
        &mut self,
        connection: &Connection,
        session: &str,
        first_seq: usize,
        payloads: &[Payload],
    ) -> Result<(), Error> {
        let mut insert = connection.prepare(INSERT)?;
        for (seq, Payload { json, created_at }) in (first_seq..).zip(payloads) {
            let frame = if seq == 0 { None } else { self.compress_event(json)? };
            let plain = frame.is_none().then_some(json);
            let navigation = frame.is_some().then(|| navigation(json));
            let (seq, bytes) = (signed(seq), signed(json.len()));
            insert.execute(params![session, seq, plain, created_at, frame, bytes, navigation])?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Codec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Codec").finish()
    }
}

/// All events of a session, in order.
pub(super) fn select(connection: &Connection, session: &str) -> Result<Vec<Payload>, Error> {
    let mut select = connection.prepare(SELECT)?;
    let mut rows = select.query([session])?;
    let mut payloads = Vec::new();
    while let Some(row) = rows.next()? {
        let json = match row.get::<_, Option<String>>(0)? {
            Some(json) => json,
            None => decompress(&row.get::<_, Vec<u8>>(1)?, row.get(2)?)?,
        };
        payloads.push(Payload { json, created_at: row.get(3)? });
    }
    Ok(payloads)
}

fn decompress(frame: &[u8], bytes: i64) -> Result<String, Error> {
    let capacity = usize::try_from(bytes).unwrap_or(0);
    let json = zstd::bulk::decompress(frame, capacity)?;
    String::from_utf8(json).map_err(|error| io::Error::other(error).into())
}

/// What OpenClaw keeps readable of a compressed event, so that it can walk the transcript.
fn navigation(json: &str) -> String {
    let bytes = json.len();
    format!(
        "{{\"version\":1,\"report\":{{\"kind\":\"canonical\"}},\"navigation\":{{}},\"reset\":{{}},\"model\":{{}},\"modelBytes\":{bytes},\"modelWithoutCheckpointBytes\":{bytes},\"withoutCustomDataBytes\":{bytes}}}"
    )
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// A size as SQLite wants it. Nothing here comes near the limit.
pub(super) fn signed(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}
