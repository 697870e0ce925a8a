use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use common_fs::{
    Access, Fs, Op,
    lines::{Buffer, Limits, Line, LineReader},
    observe::{Call, Decision, Errno, ObservedFs, Observer},
    sim::{Faults, Sim, SimFs},
};
use proptest::prelude::*;

const LIMITS: Limits = Limits { line_bytes_max: 40, lookback_bytes: 16 };

/// What is known of a line: its content, or the length of one that is too long.
#[derive(Debug, PartialEq)]
enum Seen {
    Whole(Vec<u8>),
    TooLong(u64),
}

#[derive(Debug, PartialEq)]
struct Reading {
    lines: Vec<Seen>,
    tail_start: u64,
    before_tail: Vec<u8>,
    read_to: u64,
}

fn read(content: &[u8], start: u64, end: u64, limits: Limits) -> Reading {
    read_on(&holding(content), start, end, limits)
}

fn holding(content: &[u8]) -> SimFs {
    let sim = Sim::new();
    sim.fs.put("/file", content);
    sim.fs
}

fn read_on(fs: &dyn Fs, start: u64, end: u64, limits: Limits) -> Reading {
    let dir = fs.open_dir("/".as_ref()).unwrap();
    let file = dir.open("file".as_ref(), Access::Read).unwrap();
    let mut buffer = Buffer::default();
    let mut reader = LineReader::new(file.as_ref(), start, end, limits, &mut buffer).unwrap();
    let mut lines = Vec::new();
    while let Some(line) = reader.next_line().unwrap() {
        lines.push(match line {
            Line::Whole(bytes) => Seen::Whole(bytes.to_vec()),
            Line::TooLong { len_bytes } => Seen::TooLong(len_bytes),
        });
    }
    let reading = Reading {
        lines,
        tail_start: reader.tail_start(),
        before_tail: reader.before_tail().to_vec(),
        read_to: reader.read_to(),
    };
    reader.finish(&mut buffer);
    reading
}

fn read_all(content: &[u8]) -> Reading {
    read(content, 0, content.len() as u64, LIMITS)
}

/// The same by the plainest means.
fn model(content: &[u8], start: usize, limits: Limits) -> (Vec<Seen>, u64) {
    let mut pieces: Vec<&[u8]> = content[start..].split(|&byte| byte == b'\n').collect();
    let tail = pieces.pop().unwrap();
    let seen = |line: &&[u8]| {
        if limits.line_bytes_max < line.len() {
            Seen::TooLong(line.len() as u64)
        } else {
            Seen::Whole(line.to_vec())
        }
    };
    (pieces.iter().map(seen).collect(), (content.len() - tail.len()) as u64)
}

#[test]
fn only_line_feeds_end_lines() {
    let content = "a\r\nb\u{2028}c\u{2029}\u{85}\u{b}\u{c}\0\nd\re\n\ntail".as_bytes();
    let reading = read_all(content);
    let expected: [&[u8]; 4] =
        [b"a\r", "b\u{2028}c\u{2029}\u{85}\u{b}\u{c}\0".as_bytes(), b"d\re", b""];
    assert_eq!(reading.lines, expected.map(|line| Seen::Whole(line.to_vec())));
    assert_eq!(reading.tail_start, content.len() as u64 - 4);
}

#[test]
fn nothing_is_read_past_the_end() {
    let reading = read(b"one\ntwo\nthree\n", 0, 6, LIMITS);
    assert_eq!(reading.lines, [Seen::Whole(b"one".to_vec())]);
    assert_eq!((reading.tail_start, reading.read_to), (4, 6));
}

#[test]
fn a_file_that_shrank_shows() {
    let reading = read(b"one\n", 0, 100, LIMITS);
    assert_eq!((reading.tail_start, reading.read_to), (4, 4));
    let reading = read(b"one\n", 50, 100, LIMITS);
    assert!(reading.read_to < 50, "{reading:?}");
    assert_eq!(reading.lines, []);
}

/// A file that is cut just before the n-th read, and has grown again before the next one.
struct CutAndGrown {
    fs: SimFs,
    nth: usize,
    cut: usize,
    reads: AtomicUsize,
}

impl Observer for CutAndGrown {
    fn before(&self, call: Call<'_>) -> Decision {
        if call.op == Op::Read {
            let read = self.reads.fetch_add(1, Ordering::Relaxed);
            if read == self.nth {
                self.fs.truncate("/file", self.cut);
            } else if read == self.nth + 2 {
                self.fs.append("/file", &b"other\n".repeat(20));
            }
            return Decision::Short(8);
        }
        Decision::Proceed
    }
}

#[test]
fn what_a_file_grows_after_it_shrank_is_not_read() {
    let content = b"a line\n".repeat(12);
    // While lines are read, and while what stands before them is looked back to.
    for (start, nth, cut) in [(0, 3, 28), (35, 0, 20), (35, 1, 20), (35, 1, 29)] {
        let fs = holding(&content);
        let observer = CutAndGrown { fs: fs.clone(), nth, cut, reads: AtomicUsize::new(0) };
        let fs = ObservedFs::new(fs, Arc::new(observer));
        let dir = fs.open_dir("/".as_ref()).unwrap();
        let file = dir.open("file".as_ref(), Access::Read).unwrap();
        let (end, mut buffer) = (content.len() as u64, Buffer::default());
        let mut reader = LineReader::new(file.as_ref(), start, end, LIMITS, &mut buffer).unwrap();
        let mut ends = 0;
        while ends < 3 {
            match reader.next_line().unwrap() {
                Some(line) => assert_eq!(line, Line::Whole(b"a line")),
                None => ends += 1,
            }
        }
        assert!(reader.read_to() < end, "{start} {cut}: it shows");
        assert!(reader.read_to() <= start.max(cut as u64), "{start} {cut}: {}", reader.read_to());
    }
}

#[test]
fn lines_that_end_where_a_chunk_does_are_whole() {
    const CHUNK: usize = 256 * 1024;
    let limits = Limits { line_bytes_max: 2 * CHUNK, lookback_bytes: 16 };
    for around in [CHUNK - 2, CHUNK - 1, CHUNK, CHUNK + 1] {
        for next in [0, 1, CHUNK - 1, CHUNK, CHUNK + 16] {
            let lines = [vec![b'1'; around], vec![b'2'; next], vec![b'3'; 5], Vec::new()];
            let content = lines.join(&b'\n');
            let reading = read(&content, 0, content.len() as u64, limits);
            let expected: Vec<Seen> = lines[..3].iter().cloned().map(Seen::Whole).collect();
            assert_eq!(reading.lines, expected, "{around} {next}");
            assert_eq!(reading.before_tail, content[content.len() - 16..]);
        }
    }
}

#[test]
fn a_line_longer_than_the_buffer_costs_no_more_memory_than_allowed() {
    let limits = Limits { line_bytes_max: 300_000, lookback_bytes: 16 };
    for len in [299_999, 300_000, 300_001, 3_000_000] {
        let mut content = vec![b'x'; len];
        content.extend_from_slice(b"\nnext\n");
        let reading = read(&content, 0, content.len() as u64, limits);
        let first = match &reading.lines[0] {
            Seen::Whole(line) => (true, line.len()),
            Seen::TooLong(line) => (false, usize::try_from(*line).unwrap()),
        };
        assert_eq!(first, (len <= 300_000, len));
        assert_eq!(reading.lines[1], Seen::Whole(b"next".to_vec()));
        assert_eq!(reading.before_tail, content[content.len() - 16..]);
    }
}

#[test]
fn an_unfinished_line_that_is_too_long_hides_nothing_before_it() {
    let mut content = b"first line\n".to_vec();
    content.extend(vec![b'x'; 1_000_000]);
    let reading = read_all(&content);
    assert_eq!((reading.tail_start, &reading.before_tail[..]), (11, &b"first line\n"[..]));
}

#[test]
fn without_a_limit_any_line_is_returned() {
    let limits = Limits { line_bytes_max: usize::MAX, lookback_bytes: usize::MAX };
    let content = [vec![b'x'; 1_000_000], b"\n".to_vec()].concat();
    let reading = read(&content, 0, content.len() as u64, limits);
    assert_eq!(reading.lines, [Seen::Whole(vec![b'x'; 1_000_000])]);
}

/// Text with lines around the limit.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        Just(vec![b'y'; 39]),
        Just(vec![b'y'; 40]),
        Just(vec![b'y'; 41]),
        Just(Vec::new()),
    ];
    prop::collection::vec(line, 0..20).prop_map(|lines| lines.join(&b'\n'))
}

proptest! {
    #[test]
    fn reading_agrees_with_splitting(content in text(), lookback_bytes in 0_usize..64) {
        let limits = Limits { lookback_bytes, ..LIMITS };
        let reading = read(&content, 0, content.len() as u64, limits);
        let (lines, tail_start) = model(&content, 0, limits);
        prop_assert_eq!(&reading.lines, &lines);
        prop_assert_eq!(reading.tail_start, tail_start);
        prop_assert_eq!(reading.read_to, content.len() as u64);
        let tail = usize::try_from(tail_start).unwrap();
        let before = &content[tail.saturating_sub(lookback_bytes)..tail];
        prop_assert_eq!(&reading.before_tail[..], before);
    }

    #[test]
    fn short_and_interrupted_reads_change_nothing(
        content in text(),
        step in 1_usize..50,
        interrupted in 2_usize..10,
        from in any::<prop::sample::Index>(),
    ) {
        let (_, start) = model(&content[..from.index(content.len() + 1)], 0, LIMITS);
        let end = content.len() as u64;
        let faults = Faults::none().short_reads(step).fail(interrupted, Errno::INTR);
        let fs = ObservedFs::new(holding(&content), Arc::new(faults));
        let reading = read_on(&fs, start, end, LIMITS);
        prop_assert_eq!(reading, read(&content, start, end, LIMITS));
    }

    #[test]
    fn reading_in_two_parts_is_reading_once(content in text(), cut in any::<prop::sample::Index>()) {
        let cut = cut.index(content.len() + 1) as u64;
        let first = read(&content, 0, cut, LIMITS);
        let second = read(&content, first.tail_start, content.len() as u64, LIMITS);
        let whole = read_all(&content);
        let lines: Vec<Seen> = first.lines.into_iter().chain(second.lines).collect();
        prop_assert_eq!(lines, whole.lines);
        prop_assert_eq!(second.tail_start, whole.tail_start);
        prop_assert_eq!(second.before_tail, whole.before_tail);
    }
}
