//! What goes in comes out.

use std::sync::Arc;

use cache_warmer::proxy::{Proxy, ProxyError, Upstream};
use common_fs::Host;
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc},
};

use crate::rig::{BODY_MAX, Running, field, options, request, upstream};

const STREAM: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                      transfer-encoding: chunked\r\n\r\n";

const TURN: &str = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;

#[tokio::test]
async fn a_request_and_its_answer_pass_unchanged() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let address = upstream(move |mut connection| {
        let seen = seen.clone();
        async move {
            seen.send(connection.message().await).unwrap();
            connection
                .send(
                    "HTTP/1.1 418 Short And Stout\r\nContent-Length: 4\r\nX-Kept: a\r\nx-kept: b\r\n\
                     Connection: x-dropped\r\nX-Dropped: c\r\nContent-Encoding: unheard-of\r\n\r\n\0\x01\x02\x7f",
                )
                .await;
        }
    })
    .await;
    let proxy = Running::start(options(&format!("{address}/base"))).await;
    let mut client = proxy.connect().await;
    let fields = "Authorization: Bearer t\r\nAccept-Encoding: gzip, br\r\nConnection: x-mine\r\n\
                  X-Mine: 1\r\nX-Yours: 2\r\n";
    client.send(request("/v1/embeddings?a=%20b", fields, "\u{1}\u{2}body")).await;

    let (head, body) = requests.recv().await.unwrap();
    assert!(head.starts_with("POST /base/v1/embeddings?a=%20b HTTP/1.1\r\n"), "{head}");
    let host = address.strip_prefix("http://").unwrap();
    for (name, expected) in [
        ("host", Some(host)),
        ("authorization", Some("Bearer t")),
        ("accept-encoding", Some("gzip, br")),
        ("content-length", Some("6")),
        ("x-mine", None),
        ("x-yours", Some("2")),
    ] {
        assert_eq!(field(&head, name), expected, "{name}");
    }
    assert_eq!(body, b"\x01\x02body");

    let (head, body) = client.message().await;
    assert!(head.starts_with("HTTP/1.1 418 "), "{head}");
    assert!(head.contains("x-kept: a\r\nx-kept: b\r\n"), "{head}");
    assert_eq!(field(&head, "content-encoding"), Some("unheard-of"));
    assert_eq!(field(&head, "x-dropped"), None);
    assert_eq!(body, b"\0\x01\x02\x7f");
}

#[tokio::test]
async fn each_event_arrives_before_the_next_is_sent() {
    // The upstream sends an event only once the client has the one before.
    let (next, wanted) = mpsc::unbounded_channel::<Vec<u8>>();
    let wanted = Arc::new(Mutex::new(wanted));
    let address = upstream(move |mut connection| {
        let wanted = Arc::clone(&wanted);
        async move {
            connection.message().await;
            connection.send(STREAM).await;
            while let Some(event) = wanted.lock().await.recv().await {
                connection.send(format!("{:x}\r\n", event.len())).await;
                connection.send(&event).await;
                connection.send("\r\n").await;
            }
            connection.send("0\r\n\r\n").await;
        }
    })
    .await;
    let proxy = Running::start(options(&address)).await;
    let mut client = proxy.connect().await;
    client.send(request("/v1/messages", "", TURN)).await;
    let head = client.head().await;
    assert_eq!(field(&head, "transfer-encoding"), Some("chunked"));
    for number in 0..100 {
        let event = format!("data: {{\"number\":{number}}}\n\n").into_bytes();
        next.send(event.clone()).unwrap();
        assert_eq!(client.chunk().await, event);
    }
    drop(next);
    assert_eq!(client.chunk().await, b"");
}

#[tokio::test]
async fn big_bodies_pass_in_both_directions() {
    let address = upstream(|mut connection| async move {
        let (head, body) = connection.message().await;
        assert_eq!(field(&head, "transfer-encoding"), Some("chunked"));
        connection.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len())).await;
        connection.send(body).await;
    })
    .await;
    let proxy = Running::start(options(&address)).await;
    let client = proxy.connect().await;
    let body: Vec<u8> = (0..20_000_000_u32).map(|number| (number % 251) as u8).collect();
    let mut sent =
        b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n"
            .to_vec();
    for chunk in body.chunks(1_234_567) {
        sent.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        sent.extend_from_slice(chunk);
        sent.extend_from_slice(b"\r\n");
    }
    sent.extend_from_slice(b"0\r\n\r\n");
    let (reading, mut writing) = client.0.into_split();
    let sending = tokio::spawn(async move {
        tokio::io::AsyncWriteExt::write_all(&mut writing, &sent).await.unwrap();
        writing
    });
    let mut reading = tokio::io::BufReader::new(reading);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tokio::io::AsyncReadExt::read_u8(&mut reading).await.unwrap());
    }
    let mut back = vec![0; body.len()];
    tokio::io::AsyncReadExt::read_exact(&mut reading, &mut back).await.unwrap();
    assert!(back == body, "every byte is there");
    drop(sending.await.unwrap());
    let status = proxy.status(|status| status["counts"]["passedTooLong"] == 1).await;
    assert_eq!(status["held"]["requests"], 0);
    assert!(BODY_MAX < body.len());
}

#[tokio::test]
async fn when_the_client_leaves_the_upstream_learns_it() {
    let (gone, mut left) = mpsc::unbounded_channel();
    let address = upstream(move |mut connection| {
        let gone = gone.clone();
        async move {
            connection.message().await;
            connection.send(STREAM).await;
            connection.send("6\r\nevent1\r\n").await;
            // It ends when the proxy closes its side.
            gone.send(connection.rest().await).unwrap();
        }
    })
    .await;
    let proxy = Running::start(options(&address)).await;
    let mut client = proxy.connect().await;
    client.send(request("/v1/messages", "", TURN)).await;
    client.head().await;
    assert_eq!(client.chunk().await, b"event1");
    drop(client);
    assert_eq!(left.recv().await.unwrap(), b"");
    let status = proxy.status(|status| status["counts"]["turnsFailed"] == 1).await;
    assert_eq!(status["counts"]["turns"], 0);
}

#[tokio::test]
async fn when_the_client_leaves_before_the_answer_the_upstream_learns_it() {
    let (gone, mut left) = mpsc::unbounded_channel();
    let (came, mut asked) = mpsc::unbounded_channel();
    let address = upstream(move |mut connection| {
        let (gone, came) = (gone.clone(), came.clone());
        async move {
            connection.message().await;
            came.send(()).unwrap();
            gone.send(connection.rest().await).unwrap();
        }
    })
    .await;
    let proxy = Running::start(options(&address)).await;
    let mut client = proxy.connect().await;
    client.send(request("/v1/messages", "", TURN)).await;
    asked.recv().await.unwrap();
    drop(client);
    assert_eq!(left.recv().await.unwrap(), b"");
    proxy.status(|status| status["counts"]["turnsFailed"] == 1).await;
}

#[tokio::test]
async fn when_the_upstream_drops_an_answer_the_client_does_not_take_it_for_whole() {
    let address = upstream(|mut connection| async move {
        connection.message().await;
        connection.send(STREAM).await;
        connection.send("6\r\nevent1\r\n").await;
    })
    .await;
    let proxy = Running::start(options(&address)).await;
    let mut client = proxy.connect().await;
    client.send(request("/v1/messages", "", TURN)).await;
    client.head().await;
    // All that came, and no last chunk.
    assert_eq!(client.rest().await, b"6\r\nevent1\r\n");
    proxy.status(|status| status["counts"]["turnsFailed"] == 1).await;
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_told_in_the_form_of_the_provider() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let proxy = Running::start(options(&format!("http://{address}"))).await;
    let mut client = proxy.connect().await;
    for path in ["/v1/messages", "/v1/chat/completions"] {
        client.send(request(path, "", TURN)).await;
        let (head, body) = client.message().await;
        assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let message = body.pointer("/error/message").unwrap().as_str().unwrap();
        assert!(message.contains(&format!("http://{address}: nothing listens there")), "{message}");
        assert_eq!(body["type"] == "error", path == "/v1/messages");
    }
    // Nothing was sent, so no turn began.
    let status = proxy.status(|_| true).await;
    assert_eq!(status["counts"]["turnsFailed"], 0);
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_not_the_fault_of_the_upstream() {
    let address = upstream(|mut connection| async move { drop(connection.rest().await) }).await;
    let proxy = Running::start(options(&address)).await;
    let malformed = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n\
             5\r\nhello\r\nno length\r\n"
        )
    };
    let connect = "CONNECT api.example:443 HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".to_owned();
    for (sent, said, is_anthropic) in [
        (malformed("/v1/messages"), "the body of the request is malformed", true),
        (malformed("/v1/responses"), "the body of the request is malformed", false),
        (connect, "this is a reverse proxy", false),
    ] {
        let mut client = proxy.connect().await;
        client.send(&sent).await;
        let (head, body) = client.message().await;
        assert!(head.starts_with("HTTP/1.1 400 "), "{sent}: {head}");
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"]["type"], "invalid_request_error");
        assert_eq!(body["type"] == "error", is_anthropic);
        assert!(body["error"]["code"].is_null());
        let message = body["error"]["message"].as_str().unwrap();
        assert!(message.contains(said), "{message}");
    }
}

#[tokio::test]
async fn turns_for_which_there_is_no_room_pass_and_are_not_kept() {
    let address = upstream(|mut connection| async move {
        while let Some((_, body)) = connection.request().await {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            connection.send([head.as_bytes(), &body].concat()).await;
        }
    })
    .await;
    let mut options = options(&address);
    // For the body, but not for its replay too.
    for bytes in [TURN.len() - 1, TURN.len() + 50] {
        options.captures.bytes = bytes;
        let proxy = Running::start(options.clone()).await;
        let mut client = proxy.connect().await;
        for count in 1..=2 {
            client.send(request("/v1/messages", "", TURN)).await;
            assert_eq!(client.message().await.1, TURN.as_bytes());
            proxy.status(|status| status["counts"]["passedWithoutRoom"] == count).await;
        }
    }
    // With room for one, each finds what the one before has given back.
    options.captures.bytes = 2 * TURN.len() + 128;
    let proxy = Running::start(options).await;
    let mut client = proxy.connect().await;
    for count in 1..=3 {
        client.send(request("/v1/messages", "", TURN)).await;
        client.message().await;
        let known = |counts: &serde_json::Value| {
            Some(counts["turns"].as_u64()? + counts["passedWithoutRoom"].as_u64()?)
        };
        let status = proxy.status(|status| known(&status["counts"]) == Some(count)).await;
        assert_eq!(status["counts"]["turns"], count);
    }
}

#[tokio::test]
async fn an_upstream_that_does_not_speak_tls_is_told() {
    let address = upstream(|mut connection| async move {
        connection.exactly(5).await;
        connection.send("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    })
    .await;
    let mut options = options(&address);
    options.anthropic = Upstream::parse(&address.replace("http:", "https:")).unwrap();
    options.extra_roots = Some(include_bytes!("root.pem").to_vec());
    let proxy = Running::start(options).await;
    let mut client = proxy.connect().await;
    client.send(request("/v1/messages", "", TURN)).await;
    let (head, body) = client.message().await;
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    let body = String::from_utf8(body).unwrap();
    assert!(body.contains("does not speak TLS"), "{body}");
}

#[tokio::test]
async fn answers_under_way_are_finished_when_it_stops() {
    let (next, wanted) = mpsc::unbounded_channel::<()>();
    let wanted = Arc::new(Mutex::new(wanted));
    let address = upstream(move |mut connection| {
        let wanted = Arc::clone(&wanted);
        async move {
            connection.message().await;
            connection.send(STREAM).await;
            connection.send("6\r\nevent1\r\n").await;
            wanted.lock().await.recv().await;
            connection.send("6\r\nevent2\r\n0\r\n\r\n").await;
        }
    })
    .await;
    let proxy = Running::start(options(&address)).await;
    let mut client = proxy.connect().await;
    client.send(request("/v1/messages", "", TURN)).await;
    client.head().await;
    assert_eq!(client.chunk().await, b"event1");
    let listens = proxy.address;
    let stopped = proxy.stop();
    // It stops listening before the answer is over.
    while tokio::net::TcpStream::connect(listens).await.is_ok() {}
    next.send(()).unwrap();
    assert_eq!(client.chunk().await, b"event2");
    assert_eq!(client.chunk().await, b"");
    assert_eq!(stopped.await.unwrap(), 0);
}

#[tokio::test]
async fn it_listens_on_this_machine_only() {
    let mut options = options("http://127.0.0.1:9");
    options.listen = "0.0.0.0:8080".parse().unwrap();
    let Err(error) = Proxy::bind(options, Host::real(), Arc::new(|_: &str| ())).await else {
        panic!("it listens on all addresses");
    };
    assert!(matches!(error, ProxyError::Bind(_)));
    assert!(error.to_string().contains("listen on a loopback address such as 127.0.0.1:8080"));
}

#[tokio::test]
async fn it_does_not_ask_itself() {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    drop(socket);
    let mut options = options(&format!("http://localhost:{}", address.port()));
    options.listen = address;
    let Err(error) = Proxy::bind(options, Host::real(), Arc::new(|_: &str| ())).await else {
        panic!("it would ask itself for ever");
    };
    assert!(matches!(error, ProxyError::Itself { .. }), "{error}");
}

#[tokio::test]
async fn pages_of_the_web_do_not_get_through() {
    let proxy = Running::start(options("http://127.0.0.1:9")).await;
    for fields in ["host: attacker.example", "host: localhost\r\norigin: http://attacker.example"] {
        let mut client = proxy.connect().await;
        client.send(format!("POST /v1/messages HTTP/1.1\r\n{fields}\r\n\r\n")).await;
        let (head, _) = client.message().await;
        assert!(head.starts_with("HTTP/1.1 403 "), "{head}");
    }
}

#[tokio::test]
async fn turns_are_told_from_other_requests() {
    let address = upstream(|mut connection| async move {
        loop {
            connection.message().await;
            let body = r#"{"usage":{"input_tokens":1}}"#;
            let length = body.len();
            let kind = "content-type: application/json";
            let head = format!("HTTP/1.1 200 OK\r\n{kind}\r\ncontent-length: {length}\r\n\r\n");
            connection.send(format!("{head}{body}")).await;
        }
    })
    .await;
    let proxy = Running::start(options(&address)).await;
    let mut client = proxy.connect().await;
    for (path, fields, body) in [
        ("/v1/messages", "", TURN),
        ("/v1/messages", "", TURN),
        ("/v1/messages/count_tokens", "", TURN),
        ("/v1/messages", "content-encoding: zstd\r\n", TURN),
        ("/v1/messages", "", "no JSON"),
        ("/v1/messages", "", "{}"),
    ] {
        client.send(request(path, fields, body)).await;
        assert!(client.message().await.0.starts_with("HTTP/1.1 200 "));
    }
    let status = proxy
        .status(|status| {
            status["counts"]["passedUnidentified"] == 2 && status["counts"]["turns"] == 2
        })
        .await;
    assert_eq!(status["held"]["requests"], 1);
    assert_eq!(status["counts"]["passedCompressed"], 1);
}
