//! What a response says about tokens, read from a copy of its bytes as they pass.
//!
//! Nothing here holds a byte back, and memory does not grow with the response: the copy is
//! decompressed, split into events and scanned byte by byte, and only the objects called `usage`
//! are kept until they are read.

mod decode;
mod events;
mod members;
mod wire;

#[cfg(test)]
mod tests;

use std::io;

use hyper::header::{self, HeaderMap, HeaderValue};

use crate::RequestUsage;

use super::Api;
use decode::Decoder;
use events::Events;
use members::{Found, Members};
use wire::Counted;

/// The events that tell that an answer which began well has failed.
const FAILED: [&[u8]; 2] = [b"error", b"response.failed"];

/// What a whole response said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// The tokens, if they were told in a form that is known.
    pub(crate) usage: Option<RequestUsage>,
    /// Whether the response, though it began well, tells an error.
    pub(crate) error: bool,
}

/// Reads one response.
pub(crate) struct Tap {
    decoder: Decoder<Reader>,
}

impl Tap {
    /// For a response of `api` with these header fields, or nothing if it is of a kind that
    /// tells no usage, or is compressed in an unknown way.
    pub(crate) fn new(api: Api, headers: &HeaderMap) -> Option<Self> {
        let framing = Framing::of(headers.get(header::CONTENT_TYPE)?)?;
        let members = Members::default();
        let reader = Reader { framing, members, api, counted: Counted::default(), error: false };
        let decoder = Decoder::new(headers.get(header::CONTENT_ENCODING), reader)?;
        Some(Self { decoder })
    }

    /// Reads the next bytes of the body.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.decoder.push(bytes);
    }

    /// Says what the body told, once it is at its end; or what it had told when it was cut off.
    pub(crate) fn finish(self) -> Told {
        self.decoder.finish(|reader: &Reader| {
            let usage = reader.counted.usage(reader.api);
            Told { usage, error: reader.error }
        })
    }
}

enum Framing {
    /// The body is one JSON text.
    Whole,
    /// The body is a stream of server-sent events.
    Events(Events),
}

impl Framing {
    fn of(content_type: &HeaderValue) -> Option<Self> {
        let text = content_type.to_str().ok()?;
        match text.split(';').next()?.trim().to_ascii_lowercase().as_str() {
            "application/json" => Some(Self::Whole),
            "text/event-stream" => Some(Self::Events(Events::default())),
            _ => None,
        }
    }
}

/// Where decompressed bytes go.
struct Reader {
    framing: Framing,
    members: Members,
    api: Api,
    counted: Counted,
    error: bool,
}

impl Reader {
    fn read(&mut self, bytes: &[u8]) {
        let Self { framing, members, api, counted, error } = self;
        let mut found = |found: Found<'_>| match found {
            Found::Usage(object) => counted.add(*api, object),
            Found::Type(name) => *error |= FAILED.contains(&name),
        };
        match framing {
            Framing::Whole => members.push(bytes, &mut found),
            Framing::Events(events) => events.push(bytes, &mut |data| match data {
                Some(bytes) => members.push(bytes, &mut found),
                None => *members = Members::default(),
            }),
        }
    }
}

impl io::Write for Reader {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.read(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
