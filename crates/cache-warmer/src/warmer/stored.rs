use std::sync::Arc;

use super::Warmer;
use crate::{Action, Interval, Settings};

impl Warmer {
    pub(super) fn settings_loaded(&mut self, slot: u32, loaded: Settings) {
        let Some(known) = self.names.get_mut(slot) else { return };
        // What the user has done since counts more.
        if known.version != 0 || known.closed {
            return;
        }
        (known.settings, known.wanted, known.stored) = (loaded, loaded, loaded);
        self.plan(slot);
    }

    pub(super) fn enabled_set(&mut self, slot: u32, enabled: bool) {
        let Some(known) = self.names.get_mut(slot) else { return };
        known.wanted.enabled = enabled;
        if enabled {
            known.closed = false;
            known.blocked = None;
        } else {
            known.settings.enabled = false;
            self.cancel(slot);
        }
        self.plan(slot);
        self.persist_if_needed(slot);
    }

    pub(super) fn interval_set(&mut self, slot: u32, interval: Option<Interval>) {
        let Some(known) = self.names.get_mut(slot) else { return };
        known.wanted.interval = interval;
        self.persist_if_needed(slot);
    }

    /// Tries once more to write down what could not be written.
    pub(super) fn persist_unsaved(&mut self) {
        for slot in self.names.slots() {
            if self.names.get(slot).is_some_and(|known| known.unsaved) {
                self.persist_if_needed(slot);
            }
        }
    }

    /// Asks for what is wanted to be written down, unless it is already or is going to be.
    pub(super) fn persist_if_needed(&mut self, slot: u32) {
        let Some(known) = self.names.get_mut(slot) else { return };
        if !known.is_pending() && known.stored == known.wanted {
            return;
        }
        // An older change may still be under way, so this one goes after it in any case.
        known.version = known.version.wrapping_add(1);
        self.actions.push(Action::Persist {
            conversation: Arc::clone(&known.name),
            version: known.version,
            settings: known.wanted,
        });
    }

    pub(super) fn persisted(&mut self, slot: u32, version: u32, settings: Settings) {
        let Some(known) = self.names.get_mut(slot) else { return };
        if version <= known.answered_version || known.version < version {
            return;
        }
        known.answered_version = version;
        known.stored = settings;
        // Switching off holds at once, so what was written before must not switch it on again.
        let in_force = Settings { enabled: settings.enabled && known.wanted.enabled, ..settings };
        let was = (known.settings, known.unsaved);
        known.settings = in_force;
        known.unsaved = false;
        let is_changed = was != (in_force, false);
        if known.closed {
            return self.leave(slot);
        }
        if is_changed {
            self.mark_changed(slot);
            self.plan(slot);
        }
    }

    /// What could not be written down does not hold, except that what was switched off stays off.
    pub(super) fn persist_failed(&mut self, slot: u32, version: u32) {
        let Some(known) = self.names.get_mut(slot) else { return };
        if version != known.version || !known.is_pending() {
            return;
        }
        known.answered_version = version;
        known.wanted = known.settings;
        known.unsaved = true;
        let closed = known.closed;
        self.mark_changed(slot);
        if closed {
            self.leave(slot);
        }
    }

    /// A closed conversation goes once there is an answer about its settings, unless somebody has
    /// gone on with it since.
    pub(super) fn leave(&mut self, slot: u32) {
        let Some(known) = self.names.get_mut(slot) else { return };
        // As long as the file says that it is on, somebody has to remember that it is not.
        let is_on_in_file = known.unsaved && known.stored.enabled;
        if known.is_pending() || is_on_in_file {
            return;
        }
        if known.active {
            known.closed = false;
            self.plan(slot);
        } else {
            self.forget(slot);
        }
    }
}
