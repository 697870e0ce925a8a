use common_fs::{
    Access, Fs as _,
    lines::{Buffer, Limits, Line, LineReader},
    sim::Sim,
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
    let sim = Sim::new();
    sim.fs.put("/file", content);
    let dir = sim.fs.open_dir("/".as_ref()).unwrap();
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
