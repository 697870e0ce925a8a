//! The proxy as a process.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
};

/// A proxy that nobody else can see, in front of an upstream that is not there.
struct Proxy {
    process: Child,
    address: String,
    /// All that it says, once it has ended.
    said: BufReader<std::process::ChildStderr>,
}

fn command(state: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cache-warmer"));
    command.env("UPKEEP_STATE_DIR", state).arg("proxy").args(args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Proxy {
    fn start(state: &Path, args: &[&str]) -> Self {
        let upstream = "http://127.0.0.1:9";
        let usual = ["--listen", "127.0.0.1:0", "--anthropic-upstream", upstream];
        let more = ["--openai-upstream", upstream, "--grace", "1s"];
        let mut process = command(state, &[&usual[..], &more[..], args].concat()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").unwrap().to_owned();
        let said = BufReader::new(process.stderr.take().unwrap());
        Self { process, address, said }
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let fields = format!("host: 127.0.0.1\r\nconnection: close\r\ncontent-length: {length}");
        write!(stream, "{method} {path} HTTP/1.1\r\n{fields}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Waits until it has ended, and says how and what it had to say.
    fn end(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.said.read_to_string(&mut said).unwrap();
        (self.process.wait().unwrap().code(), said)
    }

    fn signal(self, name: &str) -> (Option<i32>, String) {
        let kill = Command::new("kill").args(["-s", name, &self.process.id().to_string()]).status();
        assert!(kill.unwrap().success());
        self.end()
    }
}

#[test]
fn what_was_switched_off_stays_off_whenever_it_is_killed() {
    let state = tempfile::tempdir().unwrap();
    let first = Proxy::start(state.path(), &["--warm"]);
    assert!(first.ask("GET", "/__cache-warmer/status", "").contains("\"state\":\"on\""));
    let answer = first.ask("PUT", "/__cache-warmer/warming", "{\"enabled\":false}");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(first.signal("KILL").0, None);

    let second = Proxy::start(state.path(), &["--warm"]);
    assert!(second.ask("GET", "/__cache-warmer/status", "").contains("\"state\":\"off\""));
    // A third one, meanwhile, may not warm either.
    let third = Proxy::start(state.path(), &["--warm"]);
    let status = third.ask("GET", "/__cache-warmer/status", "");
    assert!(status.contains("\"state\":\"unavailable\""), "{status}");
    let (code, said) = third.signal("TERM");
    assert_eq!(code, Some(0));
    assert!(said.contains("another program keeps prompts warm from"), "{said}");
    let (code, said) = second.signal("INT");
    assert_eq!(code, Some(130));
    assert!(said.contains("warming was switched off and stays off"), "{said}");
}

#[test]
fn it_begins_without_warming_and_says_how_to_have_it() {
    let state = tempfile::tempdir().unwrap();
    let proxy = Proxy::start(state.path(), &[]);
    assert!(proxy.ask("GET", "/__cache-warmer/status", "").contains("\"state\":\"off\""));
    let metrics = proxy.ask("GET", "/__cache-warmer/metrics", "");
    assert!(metrics.contains("\ncache_warmer_proxy_turns_total 0\n"), "{metrics}");
    let (code, said) = proxy.signal("TERM");
    assert_eq!(code, Some(0));
    assert!(said.contains("run it with --warm"), "{said}");
}

#[test]
fn what_it_cannot_do_is_told_and_nothing_begins() {
    let state = tempfile::tempdir().unwrap();
    for (args, code, told) in [
        (&["--listen", "0.0.0.0:4545"][..], 1, "can be reached from other machines"),
        (&["--listen", "4545"], 2, "invalid value '4545'"),
        (&["--anthropic-upstream", "api.anthropic.com"], 2, "is not an address such as https://"),
        (&["--budget-usd-per-day=-1"], 2, "write an amount in dollars"),
        (&["--budget-usd-per-day", "much"], 2, "write an amount in dollars"),
        (&["--ca-file", "/nonexistent"], 1, "/nonexistent"),
        (&["--providers", "/dev/null"], 1, "cannot use `/dev/null`"),
        (&["--warm", "--dry-run"], 2, "cannot be used with"),
    ] {
        let output = command(state.path(), args).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(told), "{args:?}: {said}");
    }
}
