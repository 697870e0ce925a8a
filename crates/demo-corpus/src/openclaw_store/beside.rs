//! What gathers beside a store.

use super::{
    Agent, AgentFile, DAY_MILLIS, HOUR_MILLIS, Kind, Session, transcripts::transcript, uuid,
};
use crate::draft::iso;

/// For each so many rows there is one of each.
const ROWS_PER_FILE: u32 = 200;

/// No process has this number: Linux ends at 4,194,304.
const DEAD_PID: u32 = 2_147_000_000;

impl Agent {
    /// Half of it is over, of each kind at least one.
    pub(super) fn beside(self) -> impl Iterator<Item = AgentFile> {
        let count = self.rows.div_ceil(ROWS_PER_FILE).max(2);
        let of_each = (0..count).flat_map(move |nth| {
            let is_over = nth.is_multiple_of(2);
            [
                self.orphan(nth, is_over),
                self.archive(nth, is_over),
                self.former(nth),
                self.lock(nth),
                self.temp(nth),
            ]
        });
        of_each.chain(self.others())
    }

    fn orphan(self, nth: u32, is_over: bool) -> AgentFile {
        let mut rng = self.rng(11, nth);
        let age = rng.i64(if is_over { 8..90 } else { 1..6 }) * DAY_MILLIS;
        let id = uuid(&mut rng);
        let content = transcript(&id, self.latest_millis - age, &mut rng);
        self.file(&format!("{id}.jsonl"), content, age, Kind::Orphan, is_over)
    }

    /// Every other one that lasts is compressed, as since OpenClaw 2026.9.
    fn archive(self, nth: u32, is_over: bool) -> AgentFile {
        let mut rng = self.rng(12, nth);
        let age = rng.i64(if is_over { 32..120 } else { 2..28 }) * DAY_MILLIS;
        let id = uuid(&mut rng);
        let (name, content) = self.archived(&id, "deleted", age, &mut rng);
        let compressed = (nth % 4 == 1).then(|| zstd::encode_all(content.as_slice(), 3).ok());
        match compressed.flatten() {
            Some(compressed) => {
                self.file(&format!("{name}.zst"), compressed, age, Kind::Archive, is_over)
            }
            None => self.file(&name, content, age, Kind::Archive, is_over),
        }
    }

    fn former(self, nth: u32) -> AgentFile {
        let mut rng = self.rng(13, nth);
        let age = rng.i64(2..200) * DAY_MILLIS;
        let id = uuid(&mut rng);
        let word = if nth.is_multiple_of(2) { "reset" } else { "bak" };
        let (name, content) = self.archived(&id, word, age, &mut rng);
        self.file(&name, content, age, Kind::Former, false)
    }

    fn archived(
        self,
        id: &str,
        word: &str,
        age: i64,
        rng: &mut fastrand::Rng,
    ) -> (String, Vec<u8>) {
        let millis = self.latest_millis - age;
        let stamp = iso(millis).replace(':', "-");
        let content = transcript(id, millis - HOUR_MILLIS, rng);
        (format!("{id}.jsonl.{word}.{stamp}"), content.into_bytes())
    }

    /// Of a run that was killed, by its row or as all that is left of it.
    fn lock(self, nth: u32) -> AgentFile {
        let mut rng = self.rng(14, nth);
        let age = rng.i64(2..40) * DAY_MILLIS;
        let id = match nth % 2 {
            0 => Session::run(&self, nth).id,
            _ => uuid(&mut rng),
        };
        let created = iso(self.latest_millis - age);
        let content = format!(
            "{{\n  \"pid\": {DEAD_PID},\n  \"createdAt\": \"{created}\",\n  \"starttime\": {}\n}}",
            rng.u32(1_000..900_000)
        );
        self.file(&format!("{id}.jsonl.lock"), content, age, Kind::Lock, true)
    }

    /// The beginning of a store, in the names of older versions and of newer ones.
    fn temp(self, nth: u32) -> AgentFile {
        let mut rng = self.rng(15, nth);
        let age = rng.i64(1..60) * DAY_MILLIS;
        let id = uuid(&mut rng);
        let name = match nth % 2 {
            0 => format!("sessions.json.{id}.tmp"),
            _ => format!("sessions.json.{DEAD_PID}.{id}.tmp"),
        };
        let content = "{\n  \"agent:main:main\": {\n    \"sessionId\": \"".repeat(9);
        self.file(&name, content, age, Kind::Temp, true)
    }

    /// What nobody knows anything about, and a former store.
    fn others(self) -> [AgentFile; 2] {
        let age = 100 * DAY_MILLIS;
        let backup = format!("sessions.json.bak.{}", self.latest_millis - age);
        [
            self.file("notes.txt", "Do not delete.\n", age, Kind::Other, false),
            self.file(&backup, "{}", age, Kind::Other, false),
        ]
    }
}
