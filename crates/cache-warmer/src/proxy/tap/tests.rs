use std::io::Write as _;

use proptest::prelude::*;

use super::*;

const ANTHROPIC_STREAM: &str = concat!(
    "event: message_start\n",
    r#"data: {"type":"message_start","message":{"id":"msg_1","type":"message","content":[],"#,
    r#""usage":{"input_tokens":7,"cache_creation_input_tokens":30,"cache_read_input_tokens":500,"#,
    r#""cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20},"#,
    r#""output_tokens":1}}}"#,
    "\n\nevent: ping\ndata: {\"type\": \"ping\"}\n\n",
    r#"data: {"type":"content_block_delta","delta":{"text":"\"usage\":{\"input_tokens\":9}"}}"#,
    "\n\n: a comment\n",
    r#"data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":42}}"#,
    "\n\ndata: {\"type\":\"message_stop\"}\n\n",
);

const CHAT_STREAM: &str = concat!(
    "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}],\"usage\":null}\r\n\r\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":2006,\"completion_tokens\":300,",
    "\"prompt_tokens_details\":{\"cached_tokens\":1920}}}\r\n\r\ndata: [DONE]\r\n\r\n",
);

const RESPONSES_STREAM: &str = concat!(
    "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"usage\":null}}\n\n",
    "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":{\"output\":[",
    "{\"usage\":{\"input_tokens\":1}}],\"usage\":{\"input_tokens\":100,\"input_tokens_details\":",
    "{\"cached_tokens\":60,\"cache_write_tokens\":30},\"output_tokens\":5}}}\n\n",
);

fn usage(uncached: u64, read: u64, writes: [u64; 2], output: u64) -> RequestUsage {
    let [write_5m, write_1h] = writes;
    RequestUsage { uncached, read, write_5m, write_1h, output }
}

fn headers(content_type: &'static str, encoding: Option<&'static str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    headers
}

fn told<'a>(api: Api, headers: &HeaderMap, pieces: impl IntoIterator<Item = &'a [u8]>) -> Told {
    let mut tap = Tap::new(api, headers).unwrap();
    pieces.into_iter().for_each(|piece| tap.push(piece));
    tap.finish()
}

#[test]
fn usage_is_read_from_what_the_providers_send() {
    let (json, stream) = ("application/json", "text/event-stream; charset=utf-8");
    let table = [
        (Api::Anthropic, stream, ANTHROPIC_STREAM, Some(usage(7, 500, [10, 20], 42))),
        (Api::OpenAi, stream, CHAT_STREAM, Some(usage(86, 1920, [0, 0], 300))),
        (Api::OpenAi, stream, RESPONSES_STREAM, Some(usage(10, 60, [30, 0], 5))),
        (
            Api::Anthropic,
            json,
            r#"{"type":"message","usage":{"input_tokens":3,"cache_creation_input_tokens":2000,
                "cache_read_input_tokens":null,"output_tokens":0,"service_tier":"standard"}}"#,
            Some(usage(3, 0, [2000, 0], 0)),
        ),
        (
            Api::OpenAi,
            json,
            r#"{"object":"chat.completion","usage":{"prompt_tokens":10,"completion_tokens":1}}"#,
            Some(usage(10, 0, [0, 0], 1)),
        ),
        // More from the cache than there was: never below zero.
        (
            Api::OpenAi,
            json,
            r#"{"usage":{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":11}}}"#,
            Some(usage(0, 10, [0, 0], 0)),
        ),
        (Api::Anthropic, json, r#"{"usage":{"input_tokens":-1}}"#, None),
        (Api::Anthropic, json, r#"{"usage":{"input_tokens":1.5e3}}"#, None),
        (Api::Anthropic, json, r#"{"usage":{"output_tokens":1}}"#, None),
        (Api::Anthropic, json, r#"{"content":[{"usage":{"input_tokens":1}}]}"#, None),
        (Api::Anthropic, json, r#"[{"usage":{"input_tokens":1}}]"#, None),
        (Api::Anthropic, json, r#"{"usage":[{"input_tokens":1}]}"#, None),
        (Api::Anthropic, json, "", None),
        (Api::Anthropic, json, "}}]]\"\\", None),
        (Api::Anthropic, stream, "data: {\"usage\":{\"input_tokens\":1", None),
    ];
    for (api, content_type, body, usage) in table {
        let told = told(api, &headers(content_type, None), [body.as_bytes()]);
        assert_eq!(told, Told { usage, error: false }, "{body}");
    }
}

#[test]
fn an_error_within_a_stream_is_told() {
    let body = "data: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n";
    let told = told(Api::Anthropic, &headers("text/event-stream", None), [body.as_bytes()]);
    assert_eq!(told, Told { usage: None, error: true });
}

#[test]
fn a_response_that_cannot_be_read_is_not_read() {
    assert!(Tap::new(Api::OpenAi, &HeaderMap::new()).is_none());
    assert!(Tap::new(Api::OpenAi, &headers("audio/mpeg", None)).is_none());
    for encoding in ["compress", "gzip, br"] {
        let headers = headers("application/json", Some(encoding));
        assert!(Tap::new(Api::OpenAi, &headers).is_none(), "{encoding}");
    }
}

#[test]
fn a_usage_that_does_not_end_is_not_kept() {
    let mut tap = Tap::new(Api::OpenAi, &headers("application/json", None)).unwrap();
    tap.push(br#"{"usage":{"prompt_tokens":10,"x":""#);
    for _ in 0..1_000 {
        tap.push(&[b'x'; 1_000]);
    }
    tap.push(br#""}}"#);
    assert_eq!(tap.finish().usage, None);
}

fn compressed(encoding: &str, body: &[u8]) -> Vec<u8> {
    match encoding {
        "gzip" => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        "deflate" => {
            let mut encoder =
                flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        "zstd" => zstd::encode_all(body, 1).unwrap(),
        "br" => brotli_stored(body),
        _ => body.to_vec(),
    }
}

/// Brotli without compression (RFC 7932, section 9.2): the decompressor is what is used here.
fn brotli_stored(body: &[u8]) -> Vec<u8> {
    // WBITS 16 is the bit 0. Then one metablock: not the last, 4 nibbles of length - 1, and
    // uncompressed; then the empty last one.
    assert!(!body.is_empty() && body.len() <= 1 << 16);
    let header = (u32::try_from(body.len() - 1).unwrap() << 4) | (1 << 20);
    let [low, middle, high, _] = header.to_le_bytes();
    let mut stored = vec![low, middle, high];
    stored.extend_from_slice(body);
    stored.push(0b11);
    stored
}

/// All of a body but what is after its first event, of which the end is missing.
fn cut_off(encoding: &str, first: &[u8], rest: &[u8]) -> Vec<u8> {
    match encoding {
        "gzip" => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(first).unwrap();
            encoder.flush().unwrap();
            let length = encoder.get_ref().len();
            encoder.write_all(rest).unwrap();
            let mut whole = encoder.finish().unwrap();
            whole.truncate(length + 5);
            whole
        }
        "deflate" => {
            let mut encoder =
                flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(first).unwrap();
            encoder.flush().unwrap();
            encoder.get_ref().clone()
        }
        "zstd" => {
            let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
            encoder.write_all(first).unwrap();
            encoder.flush().unwrap();
            let length = encoder.get_ref().len();
            encoder.write_all(rest).unwrap();
            let mut whole = encoder.finish().unwrap();
            whole.truncate(length + 5);
            whole
        }
        // Without the metablock that is the last one.
        "br" => brotli_stored(first).into_iter().take(3 + first.len()).collect(),
        _ => first.to_vec(),
    }
}

#[test]
fn a_body_that_is_cut_off_tells_what_came_before() {
    let (first, rest) = ANTHROPIC_STREAM.split_at(ANTHROPIC_STREAM.find("event: ping").unwrap());
    for encoding in ["identity", "gzip", "deflate", "br", "zstd"] {
        let headers = headers("text/event-stream", Some(encoding));
        let body = cut_off(encoding, first.as_bytes(), rest.as_bytes());
        // It may also be cut into pieces.
        for pieces in [vec![body.as_slice()], body.chunks(1).collect()] {
            let told = told(Api::Anthropic, &headers, pieces);
            assert_eq!(told.usage, Some(usage(7, 500, [10, 20], 1)), "{encoding}");
        }
    }
}

#[test]
fn a_body_that_is_damaged_somewhere_tells_what_came_before() {
    let (first, rest) = ANTHROPIC_STREAM.split_at(ANTHROPIC_STREAM.find("event: ping").unwrap());
    for encoding in ["gzip", "deflate", "br", "zstd"] {
        let headers = headers("text/event-stream", Some(encoding));
        let mut body = cut_off(encoding, first.as_bytes(), rest.as_bytes());
        let length = body.len();
        body.extend([0xff; 500]);
        let (before, damage) = body.split_at(length);
        for pieces in [vec![before, damage], body.chunks(1).collect()] {
            let told = told(Api::Anthropic, &headers, pieces.iter().copied());
            let expected = Some(usage(7, 500, [10, 20], 1));
            assert_eq!(told.usage, expected, "{encoding} in {} pieces", pieces.len());
        }
    }
}

#[test]
fn a_body_that_is_damaged_from_the_start_tells_nothing() {
    for encoding in ["gzip", "deflate", "br", "zstd"] {
        let headers = headers("text/event-stream", Some(encoding));
        let mut body = compressed(encoding, ANTHROPIC_STREAM.as_bytes());
        let told_whole = told(Api::Anthropic, &headers, [body.as_slice()]);
        assert_eq!(told_whole.usage, Some(usage(7, 500, [10, 20], 42)), "{encoding}");
        body.fill(0x55);
        assert_eq!(told(Api::Anthropic, &headers, [body.as_slice()]), Told::default());
    }
}

proptest! {
    #[test]
    fn any_split_of_the_bytes_tells_the_same(
        case in 0_usize..3,
        encoding in prop::sample::select(vec!["identity", "gzip", "deflate", "br", "zstd"]),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let (api, body) = [
            (Api::Anthropic, ANTHROPIC_STREAM),
            (Api::OpenAi, CHAT_STREAM),
            (Api::OpenAi, RESPONSES_STREAM),
        ][case];
        let headers = headers("text/event-stream", Some(encoding));
        let body = compressed(encoding, body.as_bytes());
        let whole = told(api, &headers, [body.as_slice()]);
        prop_assert!(whole.usage.is_some());
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
        cuts.extend([0, body.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| &body[cut[0]..cut[1]]);
        prop_assert_eq!(told(api, &headers, pieces), whole);
    }

    #[test]
    fn no_bytes_make_it_panic(pieces in prop::collection::vec(
        prop::collection::vec(prop::sample::select(br#"{}[]",:\ data usage 1"#.to_vec()), 0..50), 0..10,
    ), events in any::<bool>()) {
        let content_type = if events { "text/event-stream" } else { "application/json" };
        told(Api::Anthropic, &headers(content_type, None), pieces.iter().map(Vec::as_slice));
    }
}
