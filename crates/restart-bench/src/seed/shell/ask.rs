//! One request of a probe (seed 003, `requestStatus`), on a connection of its own.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use crate::{
    Micros, Odd, Outcome as Answered,
    clock::now,
    http::{Answer, request},
    seed::{Outcome, PROBE_TIMEOUT, ProbePath, error_kind},
};

/// An answer that comes in drops would never be idle for long enough to end.
const LONGEST: Micros = Micros::from_millis(10_000);

const OK: u16 = 200;

/// Asks a gateway, and waits while it is idle for less than [`PROBE_TIMEOUT`]. That counts for each
/// step: to connect, and to get a piece of the answer. `is_over` is asked after each of them.
pub(super) fn ask(port: u16, path: ProbePath, is_over: &dyn Fn() -> bool) -> Outcome {
    let until = now().plus(LONGEST);
    let is_over = || is_over() || until <= now();
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    outcome(answer(to, path, PROBE_TIMEOUT, &is_over))
}

fn outcome(answered: io::Result<Answered>) -> Outcome {
    match answered {
        Ok(Answered::Ok) => Outcome::Status(OK),
        Ok(Answered::NotReady { status }) => Outcome::Status(status),
        Ok(answered) => Outcome::Error(kind(answered).to_owned()),
        Err(error) => Outcome::Error(error_kind(error.kind()).to_owned()),
    }
}

fn answer(
    to: SocketAddr,
    path: ProbePath,
    idle_max: Duration,
    is_over: &dyn Fn() -> bool,
) -> io::Result<Answered> {
    let mut socket = TcpStream::connect_timeout(&to, idle_max)?;
    socket.set_read_timeout(Some(idle_max))?;
    socket.set_write_timeout(Some(idle_max))?;
    socket.write_all(&request(&to.to_string(), path.path()))?;
    let mut answer = Answer::default();
    let mut buffer = [0; 16 * 1024];
    while !is_over() {
        let read = match socket.read(&mut buffer) {
            Ok(0) => return Ok(answer.end(OK)),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if let Some(answered) = answer.feed(buffer.get(..read).unwrap_or_default(), OK) {
            return Ok(answered);
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// What Node says of such an answer.
const fn kind(answered: Answered) -> &'static str {
    match answered {
        Answered::Refused => "econnrefused",
        Answered::Reset => "econnreset",
        Answered::Timeout => "timeout",
        Answered::Other(Odd::NoHttp) => "hpe_invalid_constant",
        // Node would read on.
        Answered::Other(Odd::TooLong) => "too-long",
        Answered::Other(_) | Answered::Ok | Answered::NotReady { .. } => "error",
    }
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// Longer than a machine with much else to do takes for anything here.
    const PATIENT: Duration = Duration::from_mins(1);

    /// What comes of a request to a server that does `serve`.
    fn of(idle_max: Duration, serve: impl FnOnce(TcpStream) + Send) -> Outcome {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap();
        thread::scope(|scope| {
            scope.spawn(|| serve(listener.accept().unwrap().0));
            outcome(answer(to, ProbePath::Readyz, idle_max, &|| false))
        })
    }

    fn says(text: &'static [u8]) -> impl FnOnce(TcpStream) + Send {
        move |mut to: TcpStream| {
            let mut request = [0; 1_000];
            let read = to.read(&mut request).unwrap();
            assert!(request[..read].starts_with(b"GET /readyz HTTP/1.1\r\n"));
            to.write_all(text).unwrap();
        }
    }

    #[test]
    fn answers_have_the_names_of_node() {
        let error = |kind: &str| Outcome::Error(kind.to_owned());
        let table: [(&[u8], Outcome); 6] = [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", Outcome::Status(200)),
            (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", Outcome::Status(503)),
            (b"HTTP/1.1 204 Nothing\r\n\r\n", Outcome::Status(204)),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", error("econnreset")),
            (b"", error("econnreset")),
            (b"hello\r\n", error("hpe_invalid_constant")),
        ];
        for (text, expected) in table {
            assert_eq!(of(PATIENT, says(text)), expected, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn a_server_that_is_idle_is_a_timeout() {
        let idle = |mut to: TcpStream| {
            to.write_all(b"HTTP/1.1 200 OK\r\n").ok();
            to.read_to_end(&mut Vec::new()).ok();
        };
        let outcome = of(Duration::from_millis(20), idle);
        assert_eq!(outcome, Outcome::Error("timeout".to_owned()));
    }

    #[test]
    fn nobody_waits_for_drops_when_it_is_over() {
        let drops = |mut to: TcpStream| {
            to.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok();
            while to.write_all(b"x").is_ok() {}
        };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::scope(|scope| {
            scope.spawn(|| drops(listener.accept().unwrap().0));
            let outcome = ask(port, ProbePath::Healthz, &|| true);
            assert_eq!(outcome, Outcome::Error("timeout".to_owned()));
        });
    }

    #[test]
    fn errors_have_the_names_of_node() {
        let refused = outcome(Err(io::ErrorKind::ConnectionRefused.into()));
        assert_eq!(refused, Outcome::Error("econnrefused".to_owned()));
    }
}
