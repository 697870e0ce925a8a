//! Work on what is still being found.

use std::sync::{Mutex, PoisonError, mpsc};

use super::join;

/// Applies `work` to each item that `find` hands over; the results are in the order in which they
/// were handed over.
///
/// The calling thread finds, and then works with the others, which begin as soon as `items_min`
/// were found. With one thread it works when all is found, in order.
pub(crate) fn map_meanwhile<T: Send, R: Send, F>(
    threads: usize,
    items_min: usize,
    find: impl FnOnce(&mut dyn FnMut(T)) -> F,
    work: impl Fn(T) -> R + Sync,
) -> (F, Vec<R>) {
    let (sender, receiver) = mpsc::channel();
    let receiver = Mutex::new(receiver);
    let next = || receiver.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
    let part = || {
        let items = std::iter::from_fn(next);
        items.map(|(number, item)| (number, work(item))).collect::<Vec<(usize, R)>>()
    };
    std::thread::scope(|scope| {
        // Whatever ends this, the others learn that nothing more comes.
        let sender = sender;
        let mut running = Vec::new();
        let mut number = 0;
        let found = find(&mut |item| {
            // The receiver outlives it.
            sender.send((number, item)).ok();
            number += 1;
            if number == items_min {
                running.extend((1..threads).map(|_| scope.spawn(part)));
            }
        });
        drop(sender);
        let mut results = part();
        results.extend(running.into_iter().flat_map(join));
        results.sort_unstable_by_key(|(number, _)| *number);
        (found, results.into_iter().map(|(_, result)| result).collect())
    })
}

#[cfg(test)]
mod tests {
    use std::{panic::catch_unwind, time::Duration};

    use super::*;

    fn doubled(threads: usize, items: usize, work: impl Fn(usize) -> usize + Sync) -> Vec<usize> {
        let find = |hand_over: &mut dyn FnMut(usize)| {
            (0..items).for_each(hand_over);
            "found"
        };
        let (found, results) = map_meanwhile(threads, 10, find, work);
        assert_eq!(found, "found");
        results
    }

    #[test]
    fn results_are_in_the_order_of_the_items() {
        for threads in [0, 1, 2, 8] {
            for items in [0, 1, 10, 10_001] {
                let expected: Vec<usize> = (0..items).map(|item| item * 2).collect();
                assert_eq!(doubled(threads, items, |item| item * 2), expected);
            }
        }
    }

    #[test]
    fn with_one_thread_nothing_is_worked_on_before_all_is_found() {
        let order = Mutex::new(Vec::new());
        let note = |what| order.lock().unwrap().push(what);
        let find = |hand_over: &mut dyn FnMut(&'static str)| {
            for item in ["work on a", "work on b"] {
                note("find");
                hand_over(item);
            }
        };
        map_meanwhile(1, 1, find, note);
        assert_eq!(*order.lock().unwrap(), ["find", "find", "work on a", "work on b"]);
    }

    #[test]
    fn work_begins_before_all_is_found() {
        let (began, begun) = mpsc::channel();
        let find = |hand_over: &mut dyn FnMut(())| {
            (0..3).for_each(|_| hand_over(()));
            begun.recv_timeout(Duration::from_mins(1)).unwrap();
        };
        let began = Mutex::new(began);
        map_meanwhile(2, 3, find, |()| began.lock().unwrap().send(()).unwrap());
    }

    #[test]
    fn a_panic_goes_on_in_the_caller() {
        for threads in [1, 2, 5] {
            let working = catch_unwind(|| doubled(threads, 100, |item| 1 / (99 - item)));
            assert!(working.is_err());
            let find = |hand_over: &mut dyn FnMut(usize)| {
                (0..100).for_each(hand_over);
                panic!("while finding");
            };
            let finding = catch_unwind(|| map_meanwhile(threads, 10, find, |item| item));
            assert!(finding.is_err());
        }
    }
}
