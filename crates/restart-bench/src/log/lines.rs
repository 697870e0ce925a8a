/// A line longer than this many bytes, its `\r` counted, is cut; what follows is dropped up to the
/// end of the line. The longest line of the gateways that we have seen has 2,100.
pub const LINE_LIMIT: usize = 64 * 1024;

/// Which of the two a text came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// The standard output.
    Stdout,
    /// The standard error.
    Stderr,
}

/// Puts the lines of two streams together from chunks.
///
/// A line ends with `\n` or `\r\n`; a `\r` alone is a part of it. Seed 003 does the same, except
/// that it decodes each chunk by itself, so that a character split over two of them is lost; here
/// it is not. What is not UTF-8 is replaced by U+FFFD in both.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    stdout: Carry,
    stderr: Carry,
}

impl Lines {
    /// Two streams without text.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next `chunk` of `stream`, and gives each line that ends in it to `on_line`, also
    /// empty ones.
    pub fn push(&mut self, stream: Stream, chunk: &[u8], on_line: impl FnMut(&str)) {
        match stream {
            Stream::Stdout => self.stdout.push(chunk, on_line),
            Stream::Stderr => self.stderr.push(chunk, on_line),
        }
    }

    /// Gives what has no end yet to `on_line`: first that of the standard output, if there is any.
    pub fn flush(&mut self, mut on_line: impl FnMut(&str)) {
        for carry in [&mut self.stdout, &mut self.stderr] {
            if !carry.text.is_empty() {
                carry.end(&mut on_line);
            }
        }
    }

    /// How many lines were cut at [`LINE_LIMIT`].
    pub fn cut(&self) -> u64 {
        self.stdout.cut.saturating_add(self.stderr.cut)
    }
}

/// The line of one stream that has no end yet.
#[derive(Clone, Debug, Default)]
struct Carry {
    text: Vec<u8>,
    is_full: bool,
    cut: u64,
}

impl Carry {
    fn push(&mut self, chunk: &[u8], mut on_line: impl FnMut(&str)) {
        for part in chunk.split_inclusive(|byte| *byte == b'\n') {
            let Some(part) = part.strip_suffix(b"\n") else {
                self.add(part);
                continue;
            };
            self.add(part);
            if !self.is_full && self.text.last() == Some(&b'\r') {
                self.text.pop();
            }
            self.end(&mut on_line);
        }
    }

    fn add(&mut self, part: &[u8]) {
        if self.is_full {
            return;
        }
        let room = LINE_LIMIT - self.text.len();
        let (fits, beyond) = part.split_at_checked(room).unwrap_or((part, &[]));
        self.text.extend_from_slice(fits);
        let Some(next) = beyond.first() else {
            return;
        };
        self.is_full = true;
        self.cut = self.cut.saturating_add(1);
        if !starts_char(*next) {
            let start = self.text.iter().rposition(|byte| starts_char(*byte));
            self.text.truncate(start.filter(|start| LINE_LIMIT < start + 4).unwrap_or(LINE_LIMIT));
        }
    }

    fn end(&mut self, mut on_line: impl FnMut(&str)) {
        on_line(&String::from_utf8_lossy(&self.text));
        self.text.clear();
        self.is_full = false;
    }
}

/// Whether `byte` is not the second or a later one of a character.
fn starts_char(byte: u8) -> bool {
    byte & 0b1100_0000 != 0b1000_0000
}

#[cfg(test)]
mod tests {
    use std::mem;

    use proptest::prelude::*;

    use super::*;

    fn split(chunks: &[&[u8]]) -> (Vec<String>, Vec<String>, u64) {
        let mut lines = Lines::new();
        let mut whole = Vec::new();
        for chunk in chunks {
            lines.push(Stream::Stdout, chunk, |line| whole.push(line.to_owned()));
        }
        let mut rest = Vec::new();
        lines.flush(|line| rest.push(line.to_owned()));
        (whole, rest, lines.cut())
    }

    #[test]
    fn a_line_may_come_in_pieces() {
        // As the test of the seed has it.
        let (whole, rest, _) = split(&[
            b"[gateway] restart trace: restart.ready 12",
            b".5ms total=45.0ms\r",
            b"\n[gateway] ready\npartial",
        ]);
        let line = "[gateway] restart trace: restart.ready 12.5ms total=45.0ms";
        assert_eq!(whole, [line, "[gateway] ready"]);
        assert_eq!(rest, ["partial"]);
    }

    #[test]
    fn what_ends_a_line() {
        let (whole, rest, _) = split(&[b"a\rb\r\r\n\n\r\nc\r"]);
        assert_eq!(whole, ["a\rb\r", "", ""]);
        assert_eq!(rest, ["c\r"]);
    }

    #[test]
    fn a_character_may_come_in_pieces_and_what_is_none_is_replaced() {
        let (whole, ..) = split(&[b"\xe2\x80", b"\xa6 \xff\n"]);
        assert_eq!(whole, ["… \u{fffd}"]);
    }

    #[test]
    fn an_endless_line_is_cut_between_characters_and_counted() {
        let just = "x".repeat(LINE_LIMIT);
        assert_eq!(split(&[just.as_bytes(), b"\nb\n"]).2, 0);
        let long = format!("{}…yyy", "x".repeat(LINE_LIMIT - 1));
        let (whole, _, cut) = split(&[long.as_bytes(), b"z\r\nb\n"]);
        assert_eq!((whole[0].len(), whole[1].as_str(), cut), (LINE_LIMIT - 1, "b", 1));
        let (_, rest, cut) = split(&[just.as_bytes(), b"x"]);
        assert_eq!((rest[0].len(), cut), (LINE_LIMIT, 1));
    }

    #[test]
    fn streams_do_not_mix_and_output_is_flushed_first() {
        let mut lines = Lines::new();
        lines.push(Stream::Stderr, b"err", |_| unreachable!());
        lines.push(Stream::Stdout, b"out", |_| unreachable!());
        let mut flushed = Vec::new();
        lines.flush(|line| flushed.push(line.to_owned()));
        lines.flush(|_| unreachable!());
        assert_eq!(flushed, ["out", "err"]);
    }

    /// Bytes in which all that matters is frequent.
    fn output() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"\n".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"\r".to_vec()),
            Just("…".as_bytes().to_vec()),
            prop::collection::vec(any::<u8>(), 0..4),
            prop::collection::vec(any::<u8>(), 3..4).prop_map(|some| some.repeat(LINE_LIMIT / 3)),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn boundaries_of_chunks_do_not_matter(bytes in output(), at in prop::collection::vec(any::<prop::sample::Index>(), 0..9)) {
            let mut at: Vec<_> = at.iter().map(|at| at.index(bytes.len() + 1)).collect();
            at.sort_unstable();
            at.push(bytes.len());
            let mut start = 0;
            let chunk = |end: &usize| &bytes[mem::replace(&mut start, *end)..*end];
            let chunks: Vec<_> = at.iter().map(chunk).collect();
            prop_assert_eq!(split(&chunks), split(&[&bytes]));
        }

        #[test]
        fn lines_are_those_of_a_regular_expression(text in "[a\\r\\n…]{0,40}") {
            let mut expected: Vec<_> = text.split('\n').map(str::to_owned).collect();
            let rest = expected.pop().filter(|rest| !rest.is_empty());
            for line in &mut expected {
                if line.ends_with('\r') {
                    line.pop();
                }
            }
            prop_assert_eq!(split(&[text.as_bytes()]), (expected, Vec::from_iter(rest), 0));
        }
    }
}
