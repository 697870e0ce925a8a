use std::sync::Arc;

use common_fs::Timestamp;

use crate::{Model, ModelUsage, Usage};

/// What was used of something, while it is being summed up.
pub(super) struct Used {
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) usage: Usage,
    /// A few, of which each is in the table of the facts once.
    models: Vec<ModelUsage>,
}

impl Used {
    /// Nothing yet, at a time when something was used.
    pub(super) fn at(time: Timestamp) -> Self {
        Self { first: time, last: time, usage: Usage::default(), models: Vec::with_capacity(1) }
    }

    pub(super) fn add(
        &mut self,
        (first, last): (Timestamp, Timestamp),
        model: &Arc<Model>,
        usage: Usage,
    ) {
        self.first = self.first.min(first);
        self.last = self.last.max(last);
        self.usage = self.usage + usage;
        match self.models.iter_mut().find(|known| Arc::ptr_eq(&known.model, model)) {
            Some(known) => known.usage = known.usage + usage,
            None => self.models.push(ModelUsage { model: Arc::clone(model), usage }),
        }
    }

    /// By model, the costliest first.
    pub(super) fn into_models(mut self) -> Vec<ModelUsage> {
        ModelUsage::sort(&mut self.models);
        self.models
    }
}
