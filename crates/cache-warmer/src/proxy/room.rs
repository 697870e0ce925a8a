//! A bound on what the requests under way hold in memory, all together.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// How many bytes are left.
#[derive(Debug)]
pub(crate) struct Room(AtomicUsize);

impl Room {
    /// Room for so many bytes.
    pub(crate) fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self(AtomicUsize::new(bytes)))
    }
}

/// A part of a room, which is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    room: Arc<Room>,
    bytes: usize,
}

impl Held {
    /// Nothing yet.
    pub(crate) fn nothing(room: &Arc<Room>) -> Self {
        Self { room: Arc::clone(room), bytes: 0 }
    }

    /// Takes so many bytes more, if they are left.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let (order, room) = (Ordering::Relaxed, &self.room.0);
        let is_taken = room.fetch_update(order, order, |left| left.checked_sub(bytes)).is_ok();
        if is_taken {
            self.bytes += bytes;
        }
        is_taken
    }

    /// Gives all but so many bytes back.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let more = self.bytes.saturating_sub(bytes);
        self.bytes -= more;
        self.room.0.fetch_add(more, Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_comes_back() {
        let room = Room::new(100);
        let (mut one, mut other) = (Held::nothing(&room), Held::nothing(&room));
        assert!(one.grow(60) && other.grow(40));
        assert!(!other.grow(1));
        one.shrink_to(50);
        assert!(other.grow(10) && !other.grow(1));
        drop(other);
        assert!(one.grow(50) && !one.grow(1));
        drop(one);
        assert!(Held::nothing(&room).grow(100));
    }
}
