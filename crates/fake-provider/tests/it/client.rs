//! As little of an HTTP client as shows every byte that comes.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use fake_provider::FakeProvider;
use serde_json::Value;

/// How long a test waits for what has to come before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) const ANTHROPIC: &str = "x-api-key: key\r\nanthropic-version: 2023-06-01\r\n";
pub(crate) const OPENAI: &str = "authorization: Bearer key\r\n";

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the body ended as it said it would.
    pub(crate) is_complete: bool,
}

/// A response of which the body is still to come.
pub(crate) struct Begun {
    reader: BufReader<TcpStream>,
    response: Response,
}

/// Sends a request with more header lines, each with its line end.
pub(crate) fn send(provider: &FakeProvider, request: &str, headers: &str, body: &str) -> TcpStream {
    send_to(provider.address(), request, headers, body)
}

fn send_to(address: SocketAddr, request: &str, headers: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let head = format!(
        "{request} HTTP/1.1\r\nhost: fake\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    stream
}

/// The head of the response; none if the connection ends before it.
pub(crate) fn begin(stream: TcpStream) -> Option<Begun> {
    let mut reader = BufReader::new(stream);
    let status = line(&mut reader)?;
    let status = status.split(' ').nth(1).unwrap().parse().unwrap();
    let mut headers = Vec::new();
    while let Some(line) = line(&mut reader).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").unwrap();
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let response = Response { status, headers, body: Vec::new(), is_complete: false };
    Some(Begun { reader, response })
}

fn line(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    // A connection that breaks is one that ends.
    reader.read_line(&mut line).ok().filter(|count| 0 < *count)?;
    Some(line.trim_end().to_owned())
}

impl Begun {
    /// One chunk of the body; none after the last one, or if the connection ends before that.
    pub(crate) fn chunk(&mut self) -> Option<String> {
        let size = usize::from_str_radix(&line(&mut self.reader)?, 16).unwrap();
        let mut chunk = vec![0; size];
        self.reader.read_exact(&mut chunk).ok()?;
        line(&mut self.reader)?;
        if size == 0 {
            self.response.is_complete = true;
            return None;
        }
        self.response.body.extend(&chunk);
        Some(String::from_utf8(chunk).unwrap())
    }

    pub(crate) fn finish(mut self) -> Response {
        if self.response.header("transfer-encoding") == Some("chunked") {
            while self.chunk().is_some() {}
        } else {
            let length: usize = self.response.header("content-length").unwrap().parse().unwrap();
            self.reader.read_to_end(&mut self.response.body).ok();
            self.response.is_complete = self.response.body.len() == length;
        }
        self.response
    }
}

/// Sends a request and waits for all of the response.
pub(crate) fn post(
    provider: &FakeProvider,
    path: &str,
    headers: &str,
    body: &Value,
) -> Option<Response> {
    post_to(provider.address(), path, headers, body)
}

pub(crate) fn post_to(
    address: SocketAddr,
    path: &str,
    headers: &str,
    body: &Value,
) -> Option<Response> {
    let stream = send_to(address, &format!("POST {path}"), headers, &body.to_string());
    begin(stream).map(Begun::finish)
}

pub(crate) fn get(provider: &FakeProvider, path: &str, headers: &str) -> Response {
    begin(send(provider, &format!("GET {path}"), headers, "")).unwrap().finish()
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(header, _)| header == name);
        header.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The events of a stream: their names, where they have one, and their data.
    pub(crate) fn events(&self) -> Vec<(String, String)> {
        let event = |event: &str| {
            let (name, data) = event.split_once('\n').unwrap_or(("", event));
            let name = name.strip_prefix("event: ").unwrap_or_default();
            (name.to_owned(), data.strip_prefix("data: ").unwrap().to_owned())
        };
        let text = self.text().strip_suffix("\n\n").unwrap();
        text.split("\n\n").map(event).collect()
    }
}

/// What is at a path such as `usage.input_tokens`.
pub(crate) fn at<'json>(json: &'json Value, path: &str) -> &'json Value {
    let at = path.split('.').try_fold(json, |json, name| {
        name.parse().map_or_else(|_| json.get(name), |index: usize| json.get(index))
    });
    at.unwrap_or(&Value::Null)
}
