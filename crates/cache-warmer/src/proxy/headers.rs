//! Which header fields of a message go on (RFC 9110, section 7.6.1).

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};

/// What concerns one connection only, whether or not `Connection` names it.
///
/// `Trailer` is not among them: it is for the recipient, and announces what hyper passes on.
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Fields that tell one account from another, in the order in which they are looked for.
const CREDENTIALS: [HeaderName; 4] = [
    HeaderName::from_static("x-api-key"),
    header::AUTHORIZATION,
    HeaderName::from_static("api-key"),
    header::COOKIE,
];

/// Removes what concerns only the connection on which the message came. Fields of the same name keep
/// their order, which is all that counts.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}

/// Makes the fields of a client's request those of the request to `host`.
///
/// `Expect` is not passed on: this proxy answers it itself, by reading the body.
pub(crate) fn address_to(host: &HeaderValue, headers: &mut HeaderMap) {
    remove_hop_by_hop(headers);
    headers.remove(header::EXPECT);
    headers.insert(header::HOST, host.clone());
}

/// Makes the fields of a forwarded request those of its replay, whose body has another length
/// and whose answer is read here.
pub(crate) fn prepare_replay(headers: &mut HeaderMap) {
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::TRAILER);
    // The provider would take the replay for a repetition of the request it already answered.
    headers.remove("idempotency-key");
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
}

/// What tells the account that pays for a request, if it is told.
pub(crate) fn credentials(headers: &HeaderMap) -> Option<&HeaderValue> {
    CREDENTIALS.iter().find_map(|name| headers.get(name))
}

/// Marks credentials as such, so that nothing that prints header fields prints them.
pub(crate) fn mark_sensitive(headers: &mut HeaderMap) {
    for name in &CREDENTIALS {
        if let header::Entry::Occupied(mut entry) = headers.entry(name) {
            entry.iter_mut().for_each(|value| value.set_sensitive(true));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Fields = &'static [(&'static str, &'static str)];

    fn map(fields: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        headers
    }

    fn fields(headers: &HeaderMap) -> Vec<(&str, &str)> {
        headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect()
    }

    #[test]
    fn hop_by_hop_fields_stay_and_all_others_go_on() {
        let table: [(Fields, Fields); 6] = [
            (&[("accept", "*/*"), ("connection", "close")], &[("accept", "*/*")]),
            (
                &[("connection", "keep-alive, X-Mine"), ("x-mine", "1"), ("x-yours", "2")],
                &[("x-yours", "2")],
            ),
            (
                &[
                    ("connection", "a"),
                    ("connection", "b , ,c"),
                    ("a", "1"),
                    ("b", "1"),
                    ("c", "1"),
                ],
                &[],
            ),
            (
                &[
                    ("keep-alive", "timeout=5"),
                    ("proxy-connection", "keep-alive"),
                    ("proxy-authorization", "Basic x"),
                    ("te", "trailers"),
                    ("transfer-encoding", "chunked"),
                    ("upgrade", "websocket"),
                ],
                &[],
            ),
            (
                &[("set-cookie", "a=1"), ("set-cookie", "b=2"), ("trailer", "x-sum")],
                &[("set-cookie", "a=1"), ("set-cookie", "b=2"), ("trailer", "x-sum")],
            ),
            // Not the name of a field, so there is nothing to remove.
            (&[("connection", "not a name"), ("x", "1")], &[("x", "1")]),
        ];
        for (given, expected) in table {
            let mut headers = map(given);
            remove_hop_by_hop(&mut headers);
            assert_eq!(fields(&headers), expected, "{given:?}");
        }
    }

    #[test]
    fn a_request_is_addressed_to_the_upstream_with_its_credentials() {
        let mut headers = map(&[
            ("host", "127.0.0.1:4000"),
            ("x-api-key", "k"),
            ("expect", "100-continue"),
            ("accept-encoding", "gzip, br"),
        ]);
        address_to(&HeaderValue::from_static("api.example"), &mut headers);
        let expected =
            [("host", "api.example"), ("x-api-key", "k"), ("accept-encoding", "gzip, br")];
        assert_eq!(fields(&headers), expected);
    }

    #[test]
    fn a_replay_keeps_what_the_provider_goes_by() {
        let mut headers = map(&[
            ("authorization", "Bearer t"),
            ("anthropic-beta", "x"),
            ("content-length", "10"),
            ("idempotency-key", "i"),
            ("accept-encoding", "gzip"),
        ]);
        prepare_replay(&mut headers);
        let expected = [
            ("authorization", "Bearer t"),
            ("anthropic-beta", "x"),
            ("accept-encoding", "identity"),
        ];
        for (name, value) in expected {
            assert_eq!(headers.get(name).unwrap(), value);
        }
        assert_eq!(headers.len(), expected.len());
    }

    #[test]
    fn the_account_is_told_by_the_first_kind_of_credential() {
        let both = map(&[("authorization", "Bearer t"), ("x-api-key", "k")]);
        assert_eq!(credentials(&both).unwrap(), "k");
        assert_eq!(credentials(&map(&[("authorization", "Bearer t")])).unwrap(), "Bearer t");
        assert_eq!(credentials(&map(&[("accept", "*/*")])), None);
    }

    #[test]
    fn credentials_are_not_printed() {
        let mut headers = map(&[("authorization", "Bearer t0psecret"), ("x-api-key", "k3y")]);
        mark_sensitive(&mut headers);
        let printed = format!("{headers:?}");
        assert!(!printed.contains("t0psecret") && !printed.contains("k3y"), "{printed}");
    }
}
