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
    /// `None` once the body turned out not to be in the coding that was announced.
    coding: Option<Coding<W>>,
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
        Some(Self { coding: Some(coding) })
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let Some(coding) = &mut self.coding else { return };
        let written = match coding {
            Coding::Identity(sink) => sink.write_all(bytes),
            Coding::Gzip(decoder) => decoder.write_all(bytes),
            Coding::Deflate(decoder) => decoder.write_all(bytes),
            Coding::Brotli(decoder) => decoder.write_all(bytes),
            Coding::Zstd(decoder) => decoder.write_all(bytes),
        };
        if written.is_err() {
            self.coding = None;
        }
    }

    /// Gives the sink back with all of the body in it, or nothing if the body was damaged.
    pub(super) fn finish(self) -> Option<W> {
        match self.coding? {
            Coding::Identity(sink) => Some(sink),
            Coding::Gzip(decoder) => decoder.finish().ok(),
            Coding::Deflate(decoder) => decoder.finish().ok(),
            Coding::Brotli(mut decoder) => {
                decoder.close().ok()?;
                decoder.into_inner().ok()
            }
            Coding::Zstd(mut decoder) => {
                decoder.flush().ok()?;
                Some(decoder.into_inner())
            }
        }
    }
}
