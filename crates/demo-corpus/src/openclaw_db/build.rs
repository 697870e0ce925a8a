use std::path::Path;

use super::{AgentDb, Encoding, Error, Truth};
use crate::Corpus;

/// How many sessions go into one transaction.
const BATCH_SESSIONS: u32 = 256;

/// Makes the database of the agent `main` with as many sessions as the corpus has, and some that
/// forks and resets add. Of a hundred sessions about thirteen meet something: their transcripts
/// move to archives, or are forked, rewound, rewritten or reset. The same for the same corpus.
pub fn corpus(corpus: &Corpus, state_dir: &Path) -> Result<(AgentDb, Truth), Error> {
    let mut db = AgentDb::create(state_dir, "main")?;
    // Nobody else has the database yet, and what goes through a log is written twice.
    db.connection.pragma_update(None, "journal_mode", "off")?;
    db.connection.pragma_update(None, "synchronous", "off")?;
    let mut first = 0;
    while first < corpus.sessions {
        let end = first.saturating_add(BATCH_SESSIONS).min(corpus.sessions);
        db.transaction(|db| (first..end).try_for_each(|nth| session(db, corpus, nth)))?;
        first = end;
    }
    db.connection.pragma_update(None, "journal_mode", "wal")?;
    db.connection.pragma_update(None, "synchronous", "normal")?;
    let truth = db.truth();
    Ok((db, truth))
}

fn session(db: &mut AgentDb, corpus: &Corpus, nth: u32) -> Result<(), Error> {
    let id = db.add_session(corpus, nth)?;
    let new_id = format!("{:08x}-{nth:04x}-4000-8001-{nth:012x}", nth.wrapping_mul(0x9e37_79b9));
    let middle = db.events(&id).len() / 2;
    match nth % 100 {
        3 | 4 => db.move_to_cold_file(&id),
        5 => db.move_to_cold_blob(&id),
        6 => db.delete_session(&id, Encoding::Zstd),
        7 => db.delete_session(&id, Encoding::Identity),
        8 | 9 => {
            db.delete_session(&id, Encoding::Zstd)?;
            db.publish(&id)?;
            if nth % 100 == 9 { db.forget_blob(&id) } else { Ok(()) }
        }
        10 => {
            db.fork(&id, &new_id, middle)?;
            db.append(&new_id, 3)
        }
        11 | 12 => {
            let events = db.events(&id);
            db.rewind(&id, events.get(middle).map_or("", String::as_str))?;
            db.append(&id, 3)?;
            // What is abandoned here is visible there.
            if nth % 100 == 12 { db.fork(&id, &new_id, 2 * middle) } else { Ok(()) }
        }
        13 => db.rewrite(&id, 0),
        14 => db.reset(&id, &new_id, Encoding::Zstd),
        _ => Ok(()),
    }
}
