use std::{cmp::Reverse, path::Path};

use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};

use super::Numbered;
use crate::{
    Name, OpenClaw, Origin, Source as _, openclaw, rollup::Rollup, transcript::Transcript,
};

/// A session, as what is known of it in a database and in files.
#[derive(Default)]
struct Session<'t> {
    /// Several, if other ledgers know it as well.
    in_database: Vec<Numbered<'t>>,
    in_files: Vec<Numbered<'t>>,
}

/// The transcripts of OpenClaw's sessions that are also known from elsewhere, and do not count.
///
/// A session moves from a file into the database of its agent. (When it is deleted, it is archived
/// in a file again; but events in that have an identity, and count once like all of these.) What
/// is in the database counts; where it is gone from there, it or its files do,
/// whichever knows more, and files that exist before what does not.
pub(super) fn stored_twice(
    transcripts: &[Numbered<'_>],
    shares: &HashMap<usize, Rollup>,
) -> HashSet<usize> {
    let agents: HashSet<&Path> = transcripts
        .iter()
        .filter_map(|numbered| openclaw::agent_of_database(numbered.dir))
        .collect();
    if agents.is_empty() {
        return HashSet::new();
    }
    let mut sessions: HashMap<(&Path, &[u8]), Session<'_>> = HashMap::new();
    for numbered in transcripts {
        if let Some(agent) = openclaw::agent_of_database(numbered.dir) {
            let key = (agent, numbered.name.as_encoded_bytes());
            sessions.entry(key).or_default().in_database.push(*numbered);
        } else if let Some(agent) = openclaw::agent_of_files(numbered.dir)
            && agents.contains(agent)
            && let Name::Transcript(name) = OpenClaw.classify(numbered.name)
            && let Some(session) = name.session
            && is_of_file(name.origin, numbered.transcript)
        {
            sessions.entry((agent, session)).or_default().in_files.push(*numbered);
        }
    }
    sessions.values().flat_map(|session| session.without(shares)).collect()
}

/// Whether a transcript was a file before it was archived, or is one still.
fn is_of_file(origin: Origin, transcript: &Transcript) -> bool {
    match origin {
        Origin::Appended | Origin::Finished => true,
        Origin::AppendedOrDatabase => transcript.as_file,
        Origin::Database => false,
    }
}

impl Session<'_> {
    /// Those that do not count.
    fn without(&self, shares: &HashMap<usize, Rollup>) -> Vec<usize> {
        if self.in_files.is_empty() {
            return Vec::new();
        }
        let events = |numbered: &Numbered<'_>| {
            let rollup = shares.get(&numbered.number).unwrap_or(&numbered.transcript.rollup);
            let added_up: u64 = rollup.buckets().iter().map(|bucket| bucket.events).sum();
            added_up + numbered.transcript.log.keys().len() as u64
        };
        let is_present = |numbered: &Numbered<'_>| numbered.transcript.gone_since.is_none();
        let best = self.in_database.iter().max_by_key(|numbered| {
            (is_present(numbered), events(numbered), Reverse(numbered.number))
        });
        let Some(stored) = best else { return Vec::new() };
        let in_files: u64 = self.in_files.iter().map(events).sum();
        let files_exist = self.in_files.iter().any(is_present);
        let counts = is_present(stored) || (in_files, files_exist) <= (events(stored), false);
        let without = if counts { &self.in_files } else { &self.in_database };
        without.iter().map(|numbered| numbered.number).collect()
    }
}
