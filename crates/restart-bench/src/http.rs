//! As much of HTTP/1.1 as a probe needs: one request, and enough of the answer to know it.

use crate::{Odd, Outcome};

/// More of an answer is not read.
pub(crate) const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A request on a connection of its own.
pub(crate) fn request(host: &str, path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: restart-bench\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    )
    .into_bytes()
}

/// An answer, as far as it has come.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    bytes: Vec<u8>,
    head: Option<Head>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    body_at: usize,
    body: Body,
}

/// How it is known where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Length(usize),
    Chunked,
    ToTheEnd,
}

impl Answer {
    /// Takes what has come; the outcome, if that is all that was needed.
    pub(crate) fn feed(&mut self, bytes: &[u8], expected: u16) -> Option<Outcome> {
        self.bytes.extend_from_slice(bytes);
        if self.head.is_none() {
            match parse_head(&self.bytes) {
                Ok(head) => self.head = head,
                Err(NoHttp) => return Some(Outcome::Other(Odd::NoHttp)),
            }
        }
        if self.head.is_some_and(|head| self.is_complete(head)) {
            return self.outcome(expected);
        }
        (ANSWER_BYTES_MAX <= self.bytes.len()).then_some(Outcome::Other(Odd::TooLong))
    }

    /// The outcome when no more comes.
    pub(crate) fn end(&self, expected: u16) -> Outcome {
        match self.head {
            Some(Head { body: Body::ToTheEnd, .. }) => {
                self.outcome(expected).unwrap_or(Outcome::Reset)
            }
            // It was cut off.
            _ => Outcome::Reset,
        }
    }

    /// The body, as far as it has come; `None` if it is in pieces.
    pub(crate) fn body(&self) -> Option<&[u8]> {
        let head = self.head?;
        match head.body {
            Body::Length(_) | Body::ToTheEnd => self.bytes.get(head.body_at..),
            Body::Chunked => None,
        }
    }

    fn is_complete(&self, head: Head) -> bool {
        let body = self.bytes.get(head.body_at..).unwrap_or_default();
        match head.body {
            Body::Length(length) => length <= body.len(),
            Body::Chunked => body.ends_with(b"0\r\n\r\n"),
            Body::ToTheEnd => false,
        }
    }

    fn outcome(&self, expected: u16) -> Option<Outcome> {
        let status = self.head?.status;
        Some(if status == expected { Outcome::Ok } else { Outcome::NotReady { status } })
    }
}

/// What came is something else.
struct NoHttp;

/// The head, once it is complete. Interim answers (`100 Continue`) count for nothing.
fn parse_head(bytes: &[u8]) -> Result<Option<Head>, NoHttp> {
    let begin = bytes.get(..bytes.len().min(5)).unwrap_or_default();
    if !b"HTTP/".starts_with(begin) {
        return Err(NoHttp);
    }
    let Some(head_len) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let head = bytes.get(..head_len).unwrap_or_default();
    let head = std::str::from_utf8(head).map_err(|_| NoHttp)?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status: u16 = status.and_then(|status| status.parse().ok()).ok_or(NoHttp)?;
    let body_at = head_len + 4;
    if (100..200).contains(&status) {
        let rest = bytes.get(body_at..).unwrap_or_default();
        let final_head = if rest.is_empty() { None } else { parse_head(rest)? };
        return Ok(final_head.map(|head| Head { body_at: head.body_at + body_at, ..head }));
    }
    let mut body = if matches!(status, 204 | 304) { Body::Length(0) } else { Body::ToTheEnd };
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") && body != Body::Chunked {
            body = Body::Length(value.parse().map_err(|_| NoHttp)?);
        } else if name.eq_ignore_ascii_case("transfer-encoding")
            && value.to_ascii_lowercase().ends_with("chunked")
        {
            body = Body::Chunked;
        }
    }
    Ok(Some(Head { status, body_at, body }))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What comes of an answer that comes in one piece, and then no more.
    fn outcome(text: &str) -> Outcome {
        let mut answer = Answer::default();
        answer.feed(text.as_bytes(), 200).unwrap_or_else(|| answer.end(200))
    }

    #[test]
    fn answers_and_what_is_none() {
        let long = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(ANSWER_BYTES_MAX));
        let head = format!("HTTP/1.1 200 OK\r\nA: {}", "x".repeat(ANSWER_BYTES_MAX));
        let table = [
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", Outcome::Ok),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{", Outcome::Reset),
            ("HTTP/1.0 200 OK\r\n\r\nall that comes", Outcome::Ok),
            ("HTTP/1.1 204 No Content\r\n\r\n", Outcome::NotReady { status: 204 }),
            ("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n", Outcome::NotReady { status: 503 }),
            (
                "HTTP/1.1 301 There\r\nLocation: /x\r\nContent-Length:0\r\n\r\n",
                Outcome::NotReady { status: 301 },
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                Outcome::Ok,
            ),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}", Outcome::Reset),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
                Outcome::Ok,
            ),
            ("HTTP/1.1 200 OK\r\nContent-", Outcome::Reset),
            ("", Outcome::Reset),
            ("HT", Outcome::Reset),
            ("SSH-2.0-x", Outcome::Other(Odd::NoHttp)),
            ("HTTP/1.1 fine\r\n\r\n", Outcome::Other(Odd::NoHttp)),
            ("HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", Outcome::Other(Odd::NoHttp)),
            (&long, Outcome::Other(Odd::TooLong)),
            (&head, Outcome::Other(Odd::TooLong)),
        ];
        for (text, expected) in table {
            assert_eq!(outcome(text), expected, "{}", &text[..text.len().min(60)]);
        }
    }

    #[test]
    fn the_body_is_there_for_whoever_asks() {
        let mut answer = Answer::default();
        assert_eq!(answer.feed(b"HTTP/1.1 200 OK\r\nContent-Le", 200), None);
        assert_eq!(answer.body(), None);
        assert_eq!(answer.feed(b"ngth: 2\r\n\r\n{}", 200), Some(Outcome::Ok));
        assert_eq!(answer.body(), Some(&b"{}"[..]));
    }

    proptest! {
        /// In whatever pieces an answer comes, it is the same.
        #[test]
        fn pieces_make_no_difference(
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
            nth in 0_usize..4,
        ) {
            let text = [
                "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"up\": true}",
                "HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n",
                "nonsense",
            ][nth];
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len())).collect();
            at.extend([0, text.len()]);
            at.sort_unstable();
            let mut answer = Answer::default();
            let pieces = at.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]);
            let found = pieces.filter(|piece| !piece.is_empty()).find_map(|piece| answer.feed(piece, 200));
            prop_assert_eq!(found.unwrap_or_else(|| answer.end(200)), outcome(text));
        }

        #[test]
        fn any_bytes_are_taken(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut answer = Answer::default();
            answer.feed(&bytes, 200);
            answer.end(200);
        }
    }
}
