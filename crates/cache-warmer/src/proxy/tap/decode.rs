use std::io::Write;

use brotli_decompressor::DecompressorWriter;
use flate2::write::{MultiGzDecoder, ZlibDecoder};
use hyper::header::HeaderValue;
use zstd::stream::write::Decoder as ZstdDecoder;

/// The buffer through which brotli writes, in bytes.
const BROTLI_BUFFER: usize = 4 << 10;

/// Undoes the content coding of a body as it passes.
///
/// The decoders write straight into `W`, so what a small body expands to is never held.
pub(super) struct Decoder<W: Write> {
    coding: Coding<W>,
    /// The body turned out not to be in the coding that was announced.
    is_damaged: bool,
}

enum Coding<W: Write> {
    Identity(W),
    Gzip(Box<MultiGzDecoder<W>>),
    Deflate(Box<ZlibDecoder<W>>),
    Brotli(Box<DecompressorWriter<W>>),
    Zstd(Box<ZstdDecoder<'static, W>>),
}

impl<W: Write> Decoder<W> {
    /// For a body with this `Content-Encoding`, if it is a single one of those that are known.
    pub(super) fn new(encoding: Option<&HeaderValue>, sink: W) -> Option<Self> {
        let encoding = encoding.map_or(Ok("identity"), HeaderValue::to_str).ok()?;
        let coding = match encoding.trim().to_ascii_lowercase().as_str() {
            "identity" => Coding::Identity(sink),
            "gzip" | "x-gzip" => Coding::Gzip(Box::new(MultiGzDecoder::new(sink))),
            "deflate" => Coding::Deflate(Box::new(ZlibDecoder::new(sink))),
            "br" => Coding::Brotli(Box::new(DecompressorWriter::new(sink, BROTLI_BUFFER))),
            "zstd" => Coding::Zstd(Box::new(ZstdDecoder::new(sink).ok()?)),
            _ => return None,
        };
        Some(Self { coding, is_damaged: false })
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.is_damaged {
            return;
        }
        let written = match &mut self.coding {
            Coding::Identity(sink) => sink.write_all(bytes),
            Coding::Gzip(decoder) => decoder.write_all(bytes),
            Coding::Deflate(decoder) => decoder.write_all(bytes),
            Coding::Brotli(decoder) => decoder.write_all(bytes),
            Coding::Zstd(decoder) => decoder.write_all(bytes),
        };
        self.is_damaged = written.is_err();
    }

    /// Looks at the sink, with all in it that can be decoded: of a body that was cut off, what
    /// came before; of one that is damaged, what came before the piece with the damage.
    pub(super) fn finish<T>(self, look: impl FnOnce(&W) -> T) -> T {
        // What a decoder still holds goes to the sink; that it would like to have more is known.
        match self.coding {
            Coding::Identity(sink) => look(&sink),
            Coding::Gzip(mut decoder) => {
                decoder.flush().ok();
                look(decoder.get_ref())
            }
            Coding::Deflate(mut decoder) => {
                decoder.flush().ok();
                look(decoder.get_ref())
            }
            Coding::Brotli(mut decoder) => {
                decoder.flush().ok();
                look(decoder.get_ref())
            }
            Coding::Zstd(mut decoder) => {
                decoder.flush().ok();
                look(decoder.get_ref())
            }
        }
    }
}
