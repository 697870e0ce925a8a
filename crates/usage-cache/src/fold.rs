use std::sync::{Mutex, PoisonError};

use crate::{
    Event,
    log::{EventLog, LogBuilder, Logged},
    models::{Model, ModelId, Models},
    rollup::{Rollup, RollupBuilder},
    transcript::Transcript,
};

/// Folds the events of a transcript into what is kept of them.
pub(crate) struct Fold<'m> {
    rollup: RollupBuilder,
    log: LogBuilder,
    /// Shared between threads. It is asked only when the model changes, which in a transcript
    /// is seldom.
    models: &'m Mutex<Models>,
    last_model: Option<(Model, ModelId)>,
}

impl<'m> Fold<'m> {
    /// Goes on from what is known of a transcript.
    pub(crate) fn new(previous: Option<&Transcript>, models: &'m Mutex<Models>) -> Self {
        let nothing = (&Rollup::default(), &EventLog::default());
        let (rollup, log) = previous.map_or(nothing, |known| (&known.rollup, &known.log));
        Self {
            rollup: RollupBuilder::new(rollup),
            log: LogBuilder::new(log),
            models,
            last_model: None,
        }
    }

    pub(crate) fn add(&mut self, event: &Event<'_>) {
        let model = self.model(event);
        match event.identity {
            Some(key) => self.log.put(Logged::new(key, event, model)),
            None => self.rollup.add(event, model),
        }
    }

    fn model(&mut self, event: &Event<'_>) -> ModelId {
        if let Some((model, id)) = &self.last_model
            && model.provider.as_deref() == event.provider.as_deref()
            && model.name.as_deref() == event.model.as_deref()
        {
            return *id;
        }
        let model = Model {
            provider: event.provider.as_deref().map(str::to_owned),
            name: event.model.as_deref().map(str::to_owned),
        };
        let mut models = self.models.lock().unwrap_or_else(PoisonError::into_inner);
        let id = models.intern(model.clone());
        self.last_model = Some((model, id));
        id
    }

    /// What was folded so far.
    pub(crate) fn rollup(&self) -> Rollup {
        self.rollup.rollup()
    }

    /// The events with an identity so far.
    pub(crate) fn log(&self) -> EventLog {
        self.log.log()
    }
}
