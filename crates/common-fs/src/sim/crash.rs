//! What a power cut leaves of a file system.

use std::collections::BTreeMap;

use super::state::{Body, DataChange, DirBody, Fate, FileBody, NodeId, State};

/// Up to so many states are enumerated completely.
const STATES_MAX: usize = 4_096;
/// Of more, so many are drawn.
const SAMPLE: u64 = 256;

/// The parts of a long write fare each in its own way. A short one has two.
const PART_BYTES: usize = 4_096;
const PARTS_MAX: usize = 4;

/// How a change that was not flushed may have fared: not at all, or in one of so many other
/// ways. For names and lengths there is one.
const LOST: usize = 0;
const STORED: usize = 1;

/// In how many ways each change may have fared that is not certain.
fn open_questions(state: &State) -> Vec<Question> {
    let mut questions = Vec::new();
    for node in state.nodes.values() {
        match &node.body {
            Body::File(file) => {
                let uncertain = file.pending.iter().filter(|(_, fate)| *fate != Fate::Stored);
                questions.extend(uncertain.map(|(change, _)| Question::about(change)));
            }
            Body::Dir(dir) => questions.extend(dir.pending.iter().map(|_| Question::YES_OR_NO)),
            Body::Symlink(_) | Body::Special(_) => (),
        }
    }
    questions
}

#[derive(Clone, Copy)]
struct Question {
    ways: usize,
    /// The answer that means that all of the change is stored.
    stored: usize,
}

impl Question {
    const YES_OR_NO: Self = Self { ways: 2, stored: STORED };

    /// A write is stored in any subset of its parts, the n-th bit of the answer standing for the
    /// n-th part. Without the last part, the file may have its new length all the same: these
    /// answers follow after the subsets.
    fn about(change: &DataChange) -> Self {
        match change {
            DataChange::SetLen(_) => Self::YES_OR_NO,
            DataChange::Write { bytes, .. } if bytes.is_empty() => Self { ways: 1, stored: LOST },
            DataChange::Write { bytes, .. } => {
                let subsets = 1 << parts(bytes.len());
                Self { ways: subsets + subsets / 2, stored: subsets - 1 }
            }
        }
    }
}

fn parts(len: usize) -> usize {
    (len / PART_BYTES).clamp(2, PARTS_MAX).min(len)
}

pub(super) fn states(state: &State) -> Vec<State> {
    let questions = open_questions(state);
    let count = questions.iter().try_fold(1_usize, |count, asked| count.checked_mul(asked.ways));
    if let Some(count) = count.filter(|&count| count <= STATES_MAX) {
        return (0..count).map(|nth| settle(state, &digits(nth, &questions))).collect();
    }
    let drawn = (0..SAMPLE).map(|seed| draw(seed, &questions));
    extremes(&questions).into_iter().chain(drawn).map(|answers| settle(state, &answers)).collect()
}

/// Nothing is stored, everything, each change alone, and all but each.
fn extremes(questions: &[Question]) -> Vec<Vec<usize>> {
    let none = vec![LOST; questions.len()];
    let all: Vec<usize> = questions.iter().map(|asked| asked.stored).collect();
    let with = |answers: &[usize], nth, answer| {
        let answers = answers.iter().enumerate();
        answers.map(|(at, &other)| if at == nth { answer } else { other }).collect()
    };
    let mut extremes = vec![none.clone(), all.clone()];
    for (nth, asked) in questions.iter().enumerate() {
        extremes.push(with(&none, nth, asked.stored));
        extremes.push(with(&all, nth, LOST));
    }
    extremes
}

pub(super) fn state(state: &State, seed: u64) -> State {
    settle(state, &draw(seed, &open_questions(state)))
}

/// The `nth` combination of answers.
fn digits(mut nth: usize, questions: &[Question]) -> Vec<usize> {
    questions
        .iter()
        .map(|asked| {
            let digit = nth % asked.ways;
            nth /= asked.ways;
            digit
        })
        .collect()
}

/// SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014).
fn draw(seed: u64, questions: &[Question]) -> Vec<usize> {
    let mut state = seed;
    questions
        .iter()
        .map(|asked| {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut mixed = state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            usize::try_from((mixed ^ (mixed >> 31)) % asked.ways as u64).unwrap_or(LOST)
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
                for (change, fate) in &file.pending {
                    match fate {
                        Fate::Stored => change.apply(&mut content),
                        Fate::Dirty | Fate::Failed => {
                            apply_in_part(change, answers.next().unwrap_or(LOST), &mut content);
                        }
                    }
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

/// Applies what storage has of a change; see [`Question::about`].
fn apply_in_part(change: &DataChange, answer: usize, content: &mut Vec<u8>) {
    let DataChange::Write { at, bytes } = change else {
        if answer == STORED {
            change.apply(content);
        }
        return;
    };
    let (at, len, parts) = (*at, bytes.len(), parts(bytes.len()));
    let subsets = 1 << parts;
    for part in (0..parts).filter(|part| (answer % subsets) >> part & 1 == 1) {
        let (start, end) = (part * len / parts, (part + 1) * len / parts);
        let bytes = bytes.get(start..end).unwrap_or_default().to_vec();
        DataChange::Write { at: at + start, bytes }.apply(content);
    }
    if subsets <= answer && content.len() < at + len {
        content.resize(at + len, 0);
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
