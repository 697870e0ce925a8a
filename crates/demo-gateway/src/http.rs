//! As much of HTTP/1.1 as two paths need: a head comes in, an answer goes out.

/// Heads that are longer are refused.
pub(crate) const HEAD_BYTES_MAX: usize = 8_192;

/// What the gateway says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) readiness: Readiness,
    /// When this generation began, in microseconds of the monotonic clock.
    pub(crate) began_us: u64,
}

/// Whether the gateway would like to have requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readiness {
    Ready,
    /// On its way to a restart.
    Draining,
    /// After a restart that went wrong.
    Starting,
}

/// The answer to what has arrived so far, or `None` if more has to come.
pub(crate) fn answer(received: &[u8], status: Status, now_us: u64) -> Option<String> {
    let Some(end) = end_of_head(received) else {
        let is_too_long = HEAD_BYTES_MAX <= received.len();
        return is_too_long.then(|| reply("431 Request Header Fields Too Large", "{}"));
    };
    let head = received.get(..end).unwrap_or_default();
    Some(match target(head) {
        Target::Health => reply("200 OK", r#"{"ok":true,"status":"live"}"#),
        Target::Readiness => readiness(status, now_us),
        Target::Other => reply("404 Not Found", "{}"),
        Target::NotGet => reply("405 Method Not Allowed", "{}"),
        Target::Nonsense => reply("400 Bad Request", "{}"),
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Target {
    Health,
    Readiness,
    Other,
    NotGet,
    Nonsense,
}

/// The empty line after the head. Only what can have arrived with the last read has to be looked
/// at, but heads are short.
fn end_of_head(received: &[u8]) -> Option<usize> {
    received.windows(4).position(|window| window == b"\r\n\r\n")
}

fn target(head: &[u8]) -> Target {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let (method, path, version) = (words.next(), words.next(), words.next());
    let is_http = version.is_some_and(|version| version.starts_with(b"HTTP/1."));
    let (Some(method), Some(path), true, None) = (method, path, is_http, words.next()) else {
        return Target::Nonsense;
    };
    let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
    match (method, path) {
        (b"GET", b"/healthz") => Target::Health,
        (b"GET", b"/readyz") => Target::Readiness,
        (b"GET", _) => Target::Other,
        _ => Target::NotGet,
    }
}

fn readiness(status: Status, now_us: u64) -> String {
    let uptime_ms = now_us.saturating_sub(status.began_us) / 1_000;
    let (line, is_ready, failing) = match status.readiness {
        Readiness::Ready => ("200 OK", true, ""),
        Readiness::Draining => ("503 Service Unavailable", false, "\"gateway-draining\""),
        Readiness::Starting => ("503 Service Unavailable", false, "\"startup-sidecars\""),
    };
    let body = format!(r#"{{"ready":{is_ready},"failing":[{failing}],"uptimeMs":{uptime_ms}}}"#);
    reply(line, &body)
}

fn reply(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const READY: Status = Status { readiness: Readiness::Ready, began_us: 1_000 };

    fn status_and_body(request: &[u8], status: Status) -> Option<(String, String)> {
        let answer = answer(request, status, 3_001_999)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
        assert!(head.contains("Connection: close"), "{head}");
        let code = head.split(' ').nth(1).unwrap();
        Some((code.to_owned(), body.to_owned()))
    }

    #[test]
    fn requests_get_the_code_that_they_deserve() {
        let table: [(&[u8], &str); 12] = [
            (b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", "200"),
            (b"GET /healthz HTTP/1.0\r\n\r\n", "200"),
            (b"GET /readyz?x=1 HTTP/1.1\r\n\r\n", "200"),
            (b"GET / HTTP/1.1\r\n\r\n", "404"),
            (b"GET /healthz/ HTTP/1.1\r\n\r\n", "404"),
            (b"POST /healthz HTTP/1.1\r\n\r\nbody", "405"),
            (b"GET /healthz\r\n\r\n", "400"),
            (b"GET  /healthz HTTP/1.1\r\n\r\n", "400"),
            (b"GET /healthz HTTP/2\r\n\r\n", "400"),
            (b"GET /healthz HTTP/1.1 x\r\n\r\n", "400"),
            (b"\r\n\r\n", "400"),
            (b"\x16\x03\x01\xff\r\n\r\n", "400"),
        ];
        for (request, code) in table {
            let (found, _) = status_and_body(request, READY).unwrap();
            assert_eq!(found, code, "{:?}", String::from_utf8_lossy(request));
        }
    }

    #[test]
    fn bodies_are_those_of_openclaw() {
        let ready = b"GET /readyz HTTP/1.1\r\n\r\n";
        let (_, health) = status_and_body(b"GET /healthz HTTP/1.1\r\n\r\n", READY).unwrap();
        assert_eq!(health, r#"{"ok":true,"status":"live"}"#);
        for (readiness, code, body) in [
            (Readiness::Ready, "200", r#"{"ready":true,"failing":[],"uptimeMs":3000}"#),
            (
                Readiness::Draining,
                "503",
                r#"{"ready":false,"failing":["gateway-draining"],"uptimeMs":3000}"#,
            ),
            (
                Readiness::Starting,
                "503",
                r#"{"ready":false,"failing":["startup-sidecars"],"uptimeMs":3000}"#,
            ),
        ] {
            let found = status_and_body(ready, Status { readiness, ..READY }).unwrap();
            assert_eq!(found, (code.to_owned(), body.to_owned()));
        }
    }

    #[test]
    fn a_head_may_come_in_any_pieces() {
        let request = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
        for end in 0..request.len() {
            assert_eq!(status_and_body(&request[..end], READY), None, "{end}");
        }
        assert!(status_and_body(request, READY).is_some());
    }

    #[test]
    fn a_head_without_an_end_is_refused() {
        let endless = vec![b'a'; HEAD_BYTES_MAX];
        assert_eq!(status_and_body(&endless[1..], READY), None);
        assert_eq!(status_and_body(&endless, READY).unwrap().0, "431");
    }
}
