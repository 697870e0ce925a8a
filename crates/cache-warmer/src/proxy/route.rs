//! Where a request goes, and what kind of request it is.

use std::net::{IpAddr, SocketAddr};

use hyper::{
    HeaderMap, Method, Uri,
    header::HeaderValue,
    http::uri::{Authority, PathAndQuery, Scheme},
};

/// The two families of interfaces, each with its own upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// That of Anthropic.
    Anthropic,
    /// That of OpenAI.
    OpenAi,
}

impl Api {
    /// The name of the provider, for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "Anthropic",
            Self::OpenAi => "OpenAI",
        }
    }
}

/// What answers a turn of a conversation, so that its prompt can be kept warm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `POST /v1/messages`.
    Messages,
    /// `POST /v1/chat/completions`.
    ChatCompletions,
    /// `POST /v1/responses`.
    Responses,
}

/// The route of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) api: Api,
    /// The endpoint, if it is one that answers turns; all else is only passed through.
    pub(crate) turn: Option<Endpoint>,
}

/// Finds the route of a request by its path, and where that does not tell, by its header fields.
///
/// | path (with or without `/v1`) | upstream |
/// |---|---|
/// | `/messages`, and all below it | Anthropic |
/// | `/chat/completions`, `/responses`, and all below them | OpenAI |
/// | all others, with `anthropic-version` or `x-api-key` | Anthropic |
/// | all others | OpenAI |
pub(crate) fn route(method: &Method, path: &str, headers: &HeaderMap) -> Route {
    let path = path.strip_prefix("/v1").filter(|rest| rest.starts_with('/')).unwrap_or(path);
    let below = |base: &str| {
        path.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let (api, endpoint) = if below("/messages") {
        (Api::Anthropic, (path == "/messages").then_some(Endpoint::Messages))
    } else if below("/chat/completions") {
        (Api::OpenAi, (path == "/chat/completions").then_some(Endpoint::ChatCompletions))
    } else if below("/responses") {
        (Api::OpenAi, (path == "/responses").then_some(Endpoint::Responses))
    } else if headers.contains_key("anthropic-version") || headers.contains_key("x-api-key") {
        (Api::Anthropic, None)
    } else {
        (Api::OpenAi, None)
    };
    Route { api, turn: endpoint.filter(|_| method == Method::POST) }
}

/// The base address of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    scheme: Scheme,
    authority: Authority,
    host: HeaderValue,
    /// Before all paths; empty, or begins with a slash and does not end with one.
    base: String,
}

/// Why an address is none of a provider.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// It is no address at all.
    #[error("`{address}` is not an address such as https://api.anthropic.com")]
    Malformed {
        /// What was given.
        address: String,
    },
    /// It has a query, or a user's name.
    #[error("`{address}` must have nothing but a scheme, a host, a port and a path")]
    Excess {
        /// What was given.
        address: String,
    },
}

impl Upstream {
    /// Reads an address such as `https://api.anthropic.com` or `http://127.0.0.1:8080/base`.
    pub fn parse(address: &str) -> Result<Self, UpstreamError> {
        let malformed = || UpstreamError::Malformed { address: address.to_owned() };
        let uri: Uri = address.parse().map_err(|_| malformed())?;
        let parts = uri.into_parts();
        let scheme = parts.scheme.ok_or_else(malformed)?;
        let authority = parts.authority.ok_or_else(malformed)?;
        if ![Scheme::HTTP, Scheme::HTTPS].contains(&scheme) || authority.host().is_empty() {
            return Err(malformed());
        }
        let path = parts.path_and_query;
        let query = path.as_ref().is_some_and(|path| path.query().is_some());
        if query || authority.as_str().contains('@') {
            return Err(UpstreamError::Excess { address: address.to_owned() });
        }
        let base = path.map(|path| path.path().trim_end_matches('/').to_owned());
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| malformed())?;
        Ok(Self { scheme, authority, host, base: base.unwrap_or_default() })
    }

    /// Whether connections to it are secure.
    pub(crate) fn is_tls(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// Whether that is the program which listens there, as far as its name tells.
    pub(crate) fn is_at(&self, address: SocketAddr) -> bool {
        let port = self.authority.port_u16().unwrap_or(if self.is_tls() { 443 } else { 80 });
        port == address.port() && is_loopback(self.authority.as_str())
    }

    /// The value of the `Host` field of requests to it.
    pub(crate) fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// Where a request for `target` goes.
    pub(crate) fn uri(&self, target: &Uri) -> Option<Uri> {
        let path = target.path_and_query().map_or("/", PathAndQuery::as_str);
        let path = match self.base.as_str() {
            "" => path.parse(),
            base => format!("{base}{path}").parse::<PathAndQuery>(),
        };
        let uri = Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone());
        uri.path_and_query(path.ok()?).build().ok()
    }
}

/// Whether a host, with or without a port, is this machine as seen from itself.
pub(crate) fn is_loopback(host: &str) -> bool {
    let Ok(uri) = host.parse::<Uri>() else { return false };
    let name = uri.host().unwrap_or("");
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

impl std::fmt::Display for Upstream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}://{}{}", self.scheme, self.authority, self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_tell_the_upstream_and_what_is_a_turn() {
        use Api::{Anthropic, OpenAi};
        use Endpoint::{ChatCompletions, Messages, Responses};
        let table = [
            ("POST", "/v1/messages", Anthropic, Some(Messages)),
            ("POST", "/messages", Anthropic, Some(Messages)),
            ("GET", "/v1/messages", Anthropic, None),
            ("POST", "/v1/messages/count_tokens", Anthropic, None),
            ("POST", "/v1/messages/batches", Anthropic, None),
            ("POST", "/v1/messagesque", OpenAi, None),
            ("POST", "/v1/chat/completions", OpenAi, Some(ChatCompletions)),
            ("GET", "/v1/chat/completions/x", OpenAi, None),
            ("POST", "/v1/responses", OpenAi, Some(Responses)),
            ("POST", "/responses", OpenAi, Some(Responses)),
            ("POST", "/v1/responses/compact", OpenAi, None),
            ("POST", "/v1/embeddings", OpenAi, None),
            ("GET", "/v1", OpenAi, None),
            ("GET", "/", OpenAi, None),
        ];
        for (method, path, api, turn) in table {
            let method: Method = method.parse().unwrap();
            assert_eq!(route(&method, path, &HeaderMap::new()), Route { api, turn }, "{path}");
        }
    }

    #[test]
    fn header_fields_tell_where_the_path_does_not() {
        for (name, api) in [
            ("anthropic-version", Api::Anthropic),
            ("x-api-key", Api::Anthropic),
            ("authorization", Api::OpenAi),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static("x"));
            assert_eq!(route(&Method::GET, "/v1/models", &headers).api, api, "{name}");
            let chat = route(&Method::POST, "/v1/chat/completions", &headers);
            assert_eq!(chat.api, Api::OpenAi, "the path goes before {name}");
        }
    }

    #[test]
    fn a_target_is_put_behind_the_base_of_the_upstream() {
        let table = [
            (
                "https://api.example",
                "/v1/messages?beta=true",
                "https://api.example/v1/messages?beta=true",
            ),
            ("https://api.example/", "/v1/x", "https://api.example/v1/x"),
            ("http://127.0.0.1:80/a/b/", "/v1/x", "http://127.0.0.1:80/a/b/v1/x"),
            ("http://[::1]:9", "/", "http://[::1]:9/"),
        ];
        for (upstream, target, expected) in table {
            let uri = Upstream::parse(upstream).unwrap().uri(&target.parse().unwrap()).unwrap();
            assert_eq!(uri.to_string(), expected);
        }
    }

    #[test]
    fn what_is_no_upstream_is_refused_with_what_was_given() {
        for address in
            ["", "api.example", "/v1", "ftp://x", "https://", "https://u:p@x", "https://x/?q", "::"]
        {
            let error = Upstream::parse(address).unwrap_err().to_string();
            assert!(error.contains(&format!("`{address}`")), "{error}");
        }
    }
}
