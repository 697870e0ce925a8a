//! Facts as bytes, in three sections: most reports need only the first, which is small.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Cells, Facts, SourceFacts, sessions::Sessions};
use crate::{Model, Unresolved, saved::Basis};

/// What the numbers in the sections stand for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Tables {
    sources: Vec<SourceRow>,
    models: Vec<ModelRow>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SourceRow {
    name: String,
    unresolved_transcripts: u64,
    unresolved_events: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct ModelRow {
    provider: Option<String>,
    name: Option<String>,
}

/// What is in the sections.
#[derive(Debug, Default)]
pub(crate) struct Sections {
    pub(crate) by_source: Vec<u8>,
    pub(crate) sessions: Vec<u8>,
    pub(crate) by_session: Vec<u8>,
}

impl Facts {
    pub(crate) fn written(&self) -> (Tables, Sections) {
        let sources = self.sources.iter().map(|SourceFacts { name, unresolved }| SourceRow {
            name: name.clone(),
            unresolved_transcripts: unresolved.transcripts,
            unresolved_events: unresolved.events,
        });
        let models = self.models.iter().map(|model| Model::clone(model));
        let tables = Tables {
            sources: sources.collect(),
            models: models.map(|Model { provider, name }| ModelRow { provider, name }).collect(),
        };
        let sections = Sections {
            by_source: self.by_source.bytes().to_vec(),
            sessions: self.sessions.packed().to_vec(),
            by_session: self.by_session.bytes().to_vec(),
        };
        (tables, sections)
    }

    /// The facts that were [written](Self::written). Without the last two sections, they know no
    /// sessions.
    pub(crate) fn read(tables: Tables, sections: Sections, basis: Basis) -> Self {
        let sources = tables.sources.into_iter().map(|row| {
            let SourceRow { name, unresolved_transcripts: transcripts, unresolved_events } = row;
            let unresolved = Unresolved { transcripts, events: unresolved_events };
            SourceFacts { name, unresolved }
        });
        let models = tables.models.into_iter();
        let Sections { by_source, sessions, by_session } = sections;
        Self {
            sources: sources.collect(),
            models: models
                .map(|ModelRow { provider, name }| Arc::new(Model { provider, name }))
                .collect(),
            sessions: Sessions::from_packed(sessions),
            by_source: Cells::from_bytes(by_source),
            by_session: Cells::from_bytes(by_session),
            basis: Some(basis),
        }
    }
}
