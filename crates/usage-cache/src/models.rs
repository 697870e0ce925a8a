use foldhash::HashMap;

/// Which model answered, in the words of the transcript.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Model {
    /// Who was asked, for example `anthropic`.
    pub provider: Option<String>,
    /// For which model, for example `claude-opus-4-20250514`.
    pub name: Option<String>,
}

/// A [`Model`] in a [`Models`] table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ModelId(u32);

impl ModelId {
    /// The place in [`Models::list`].
    pub(crate) fn index(self) -> u32 {
        self.0
    }
}

/// All models that were seen; each is stored once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Models {
    list: Vec<Model>,
    ids: HashMap<Model, ModelId>,
}

impl Models {
    pub(crate) fn intern(&mut self, model: Model) -> ModelId {
        if let Some(&id) = self.ids.get(&model) {
            return id;
        }
        // Nobody has four billion models; if so, the rest shares the last number.
        let id = ModelId(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
        self.list.push(model.clone());
        self.ids.insert(model, id);
        id
    }

    /// All of them, by [`ModelId::index`].
    pub(crate) fn list(&self) -> &[Model] {
        &self.list
    }

    pub(crate) fn get(&self, id: ModelId) -> Option<&Model> {
        self.list.get(usize::try_from(id.0).ok()?)
    }
}
