//! The same work on many things, on several threads, in no more than three ways.

mod meanwhile;

use std::{
    ops::ControlFlow,
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
};

pub(crate) use meanwhile::map_meanwhile;

/// Applies `work` to each item; the results are in the order of the items. No thread is started
/// for less than `items_min` of them.
pub(crate) fn map<T: Sync, R: Send>(
    items: &[T],
    threads: usize,
    items_min: usize,
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let threads = threads.min(items.len() / items_min.max(1)).max(1);
    if threads == 1 {
        return items.iter().map(work).collect();
    }
    let work = &work;
    std::thread::scope(|scope| {
        let part = |items: &'_ [T]| items.iter().map(work).collect::<Vec<R>>();
        let chunks = items.chunks(items.len().div_ceil(threads));
        let running: Vec<_> = chunks.map(|chunk| scope.spawn(move || part(chunk))).collect();
        running.into_iter().flat_map(join).collect()
    })
}

/// The result of a thread; its panic goes on in this one.
pub(crate) fn join<R>(handle: std::thread::ScopedJoinHandle<'_, R>) -> R {
    handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// How many messages may wait per thread: enough to go on while one that was taken is written to
/// a disk.
const WAITING: usize = 16;

/// Lets each item be worked on, and hands all messages of that work to `take`, on the calling
/// thread, until it breaks off.
///
/// `work` is given a scratch value of its thread, and sends messages as often as it likes; when
/// sending breaks off, it should return soon. With one thread everything happens in order on
/// the calling thread.
pub(crate) fn for_each<'i, T: Sync, S: Default, M: Send>(
    items: &'i [T],
    threads: usize,
    work: impl Fn(&'i T, &mut S, &mut dyn FnMut(M) -> ControlFlow<()>) + Sync,
    mut take: impl FnMut(M) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let threads = threads.min(items.len());
    if threads <= 1 {
        let mut scratch = S::default();
        let mut flow = ControlFlow::Continue(());
        for item in items {
            work(item, &mut scratch, &mut |message| {
                if flow.is_continue() {
                    flow = take(message);
                }
                flow
            });
            flow?;
        }
        return flow;
    }
    let (next, stopped) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (work, next, stopped) = (&work, &next, &stopped);
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel(threads * WAITING);
        for _ in 0..threads {
            let sender = sender.clone();
            scope.spawn(move || {
                let mut scratch = S::default();
                let mut send = |message| {
                    let received = !stopped.load(Ordering::Relaxed) && sender.send(message).is_ok();
                    if received { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
                };
                while !stopped.load(Ordering::Relaxed)
                    && let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    work(item, &mut scratch, &mut send);
                }
            });
        }
        drop(sender);
        for message in &receiver {
            if take(message).is_break() {
                stopped.store(true, Ordering::Relaxed);
                // A thread that waits for room in the channel finds it closed.
                drop(receiver);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_keeps_the_order() {
        let items: Vec<usize> = (0..10_001).collect();
        for threads in [1, 2, 3, 8] {
            let doubled = map(&items, threads, 1_000, |item| item * 2);
            assert_eq!(doubled, map(&items, 1, 1, |item| item * 2));
        }
        assert_eq!(map(&[], 4, 0, |item: &usize| *item), Vec::<usize>::new());
    }

    #[test]
    fn every_message_arrives_once() {
        let items: Vec<u32> = (0..1_000).collect();
        for threads in [1, 2, 5] {
            let mut seen = Vec::new();
            let work = |item: &u32, (): &mut (), send: &mut dyn FnMut(u32) -> ControlFlow<()>| {
                for part in 0..2 {
                    assert!(send(item * 2 + part).is_continue());
                }
            };
            let flow = for_each(&items, threads, work, |message| {
                seen.push(message);
                ControlFlow::Continue(())
            });
            assert!(flow.is_continue());
            seen.sort_unstable();
            assert_eq!(seen, (0..2_000).collect::<Vec<u32>>());
        }
    }

    #[test]
    fn breaking_off_ends_all_threads() {
        let items: Vec<u32> = (0..10_000).collect();
        for threads in [1, 2, 5] {
            let mut seen = 0;
            let work = |item: &u32, (): &mut (), send: &mut dyn FnMut(u32) -> ControlFlow<()>| {
                // Whoever goes on after the end would never return.
                while send(*item).is_continue() {}
            };
            let flow = for_each(&items, threads, work, |_| {
                seen += 1;
                if seen < 100 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            assert!(flow.is_break());
            assert_eq!(seen, 100);
        }
    }
}
