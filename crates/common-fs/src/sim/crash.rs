//! What a power cut leaves of a file system.

use std::collections::BTreeMap;

use super::state::{Body, DataChange, DirBody, FileBody, NodeId, State};

/// Up to so many states are enumerated completely.
const STATES_MAX: usize = 4_096;
/// Of more, so many are drawn.
const SAMPLE: u64 = 256;

/// How a change that was not flushed may have fared.
const LOST: usize = 0;
const STORED: usize = 1;
/// A write, of which only the first half was stored,
const TORN: usize = 2;
/// or only the new length.
const ZEROS: usize = 3;

/// Where the changes are that were not flushed, and in how many ways each may have fared.
fn open_questions(state: &State) -> Vec<usize> {
    let mut ways = Vec::new();
    for node in state.nodes.values() {
        match &node.body {
            Body::File(file) => ways.extend(file.pending.iter().map(|change| match change {
                DataChange::Write { bytes, .. } if bytes.len() < 2 => STORED + 1,
                DataChange::Write { .. } => ZEROS + 1,
                DataChange::SetLen(_) => STORED + 1,
            })),
            Body::Dir(dir) => ways.extend(dir.pending.iter().map(|_| STORED + 1)),
            Body::Symlink(_) | Body::Special(_) => (),
        }
    }
    ways
}

pub(super) fn states(state: &State) -> Vec<State> {
    let ways = open_questions(state);
    let count = ways.iter().try_fold(1_usize, |count, ways| count.checked_mul(*ways));
    if let Some(count) = count.filter(|&count| count <= STATES_MAX) {
        return (0..count).map(|nth| settle(state, &digits(nth, &ways))).collect();
    }
    let extremes = [vec![LOST; ways.len()], vec![STORED; ways.len()]];
    let drawn = (0..SAMPLE).map(|seed| draw(seed, &ways));
    extremes.into_iter().chain(drawn).map(|answers| settle(state, &answers)).collect()
}

pub(super) fn state(state: &State, seed: u64) -> State {
    settle(state, &draw(seed, &open_questions(state)))
}

/// The `nth` combination of answers.
fn digits(mut nth: usize, ways: &[usize]) -> Vec<usize> {
    ways.iter()
        .map(|ways| {
            let digit = nth % ways;
            nth /= ways;
            digit
        })
        .collect()
}

/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014).
fn draw(seed: u64, ways: &[usize]) -> Vec<usize> {
    let mut state = seed;
    ways.iter()
        .map(|&ways| {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut mixed = state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            usize::try_from((mixed ^ (mixed >> 31)) % ways as u64).unwrap_or(LOST)
        })
        .collect()
}

/// The file system after a power cut that answered the open questions so.
fn settle(before: &State, answers: &[usize]) -> State {
    let mut answers = answers.iter().copied();
    let mut after = before.clone();
    for node in after.nodes.values_mut() {
        match &mut node.body {
            Body::File(file) => {
                let mut content = std::mem::take(&mut file.durable);
                for change in &file.pending {
                    stored(change, answers.next().unwrap_or(LOST)).apply(&mut content);
                }
                *file = FileBody { live: content.clone(), durable: content, pending: Vec::new() };
            }
            Body::Dir(dir) => {
                let mut names = std::mem::take(&mut dir.durable);
                for change in &dir.pending {
                    if answers.next() == Some(STORED) {
                        for (name, node) in change {
                            match node {
                                Some(node) => names.insert(name.clone(), *node),
                                None => names.remove(name),
                            };
                        }
                    }
                }
                *dir = DirBody { live: names.clone(), durable: names, pending: Vec::new() };
            }
            Body::Symlink(_) | Body::Special(_) => (),
        }
    }
    after.open.clear();
    after.locks.clear();
    forget_unreachable(&mut after);
    after
}

/// What storage has of a change.
fn stored(change: &DataChange, answer: usize) -> DataChange {
    match change {
        DataChange::Write { at, bytes } => {
            let mut bytes = bytes.clone();
            match answer {
                STORED => (),
                TORN => bytes.truncate(bytes.len() / 2),
                ZEROS => bytes.fill(0),
                _ => bytes.clear(),
            }
            // Nothing written extends nothing.
            let at = if bytes.is_empty() { 0 } else { *at };
            DataChange::Write { at, bytes }
        }
        DataChange::SetLen(len) if answer == STORED => DataChange::SetLen(*len),
        DataChange::SetLen(_) => DataChange::Write { at: 0, bytes: Vec::new() },
    }
}

fn forget_unreachable(state: &mut State) {
    let mut links: BTreeMap<NodeId, u64> = BTreeMap::new();
    let mut todo = vec![state.root];
    while let Some(id) = todo.pop() {
        let Some(Body::Dir(dir)) = state.nodes.get(&id).map(|node| &node.body) else { continue };
        for &child in dir.live.values() {
            let count = links.entry(child).or_default();
            *count += 1;
            if *count == 1 {
                todo.push(child);
            }
        }
    }
    let root = state.root;
    state.nodes.retain(|id, _| *id == root || links.contains_key(id));
    for (id, node) in &mut state.nodes {
        node.links = links.get(id).copied().unwrap_or_default();
    }
    state.renumber();
}
