use std::{collections::HashMap, sync::Arc};

use super::Conversation;

/// How many conversations are in a piece.
const CHUNK: usize = 256;

const fn split(slot: u32) -> (usize, usize) {
    (slot as usize / CHUNK, slot as usize % CHUNK)
}

/// Conversations by name, and by a number that is shorter.
#[derive(Debug, Default)]
pub(super) struct Names {
    slots: HashMap<Arc<str>, u32>,
    /// In pieces, so that growing copies nothing and leaves at most one piece unused.
    chunks: Vec<Vec<Option<Conversation>>>,
    /// How many places there are.
    places: u32,
    free: Vec<u32>,
}

impl Names {
    pub(super) fn find(&self, name: &str) -> Option<u32> {
        self.slots.get(name).copied()
    }

    /// Finds a conversation, or makes it known; `None` if there are too many.
    pub(super) fn intern(&mut self, name: &str) -> Option<u32> {
        if let Some(slot) = self.find(name) {
            return Some(slot);
        }
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => self.add_place()?,
        };
        let name: Arc<str> = name.into();
        self.slots.insert(Arc::clone(&name), slot);
        if let Some(place) = self.place(slot) {
            *place = Some(Conversation::new(name));
        }
        Some(slot)
    }

    fn add_place(&mut self) -> Option<u32> {
        let slot = self.places;
        self.places = slot.checked_add(1)?;
        let (chunk, _) = split(slot);
        if self.chunks.len() == chunk {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        self.chunks.get_mut(chunk)?.push(None);
        Some(slot)
    }

    fn place(&mut self, slot: u32) -> Option<&mut Option<Conversation>> {
        let (chunk, index) = split(slot);
        self.chunks.get_mut(chunk)?.get_mut(index)
    }

    pub(super) fn remove(&mut self, slot: u32) {
        if let Some(known) = self.place(slot).and_then(Option::take) {
            self.slots.remove(&known.name);
            self.free.push(slot);
        }
        if self.slots.is_empty() {
            *self = Self::default();
        }
    }

    pub(super) fn get(&self, slot: u32) -> Option<&Conversation> {
        let (chunk, index) = split(slot);
        self.chunks.get(chunk)?.get(index)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Conversation> {
        self.place(slot)?.as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Conversation> {
        self.chunks.iter().flatten().flatten()
    }

    pub(super) fn slots(&self) -> Vec<u32> {
        let mut slots: Vec<u32> = self.slots.values().copied().collect();
        slots.sort_unstable();
        slots
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }
}
