//! Requests to the upstreams.

use std::{io, iter, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as Pool, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// The body of a request or of an answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// Connections to the upstreams, over HTTP/1.1.
pub(crate) type Client = Pool<HttpsConnector<HttpConnector>, Body>;

/// For how long to wait until there is a connection.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// For how long an idle connection is kept. The upstreams close theirs after a minute or more, and
/// a request that meets the close cannot be repeated once its body was read.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// Why no connection to an upstream can be made secure.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// There is no certificate to trust.
    #[error(
        "there are no trusted certificates on this machine; install `ca-certificates`, or set \
         SSL_CERT_FILE"
    )]
    NoRoots,
    /// The extra certificates cannot be read.
    #[error("these are no certificates in the form of PEM: {0}")]
    Extra(String),
    /// They cannot be used.
    #[error("the certificates cannot be used")]
    Certificate(#[from] rustls::Error),
}

/// Makes a client that trusts what the machine trusts (and what `SSL_CERT_FILE` names), and the
/// certificates in `extra`, a text in the form of PEM.
pub(crate) fn client(needs_tls: bool, extra: Option<&[u8]>) -> Result<Client, TlsError> {
    let mut roots = RootCertStore::empty();
    if needs_tls {
        // Of those that cannot be read, the ones that can are enough.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    for certificate in CertificateDer::pem_slice_iter(extra.unwrap_or_default()) {
        let certificate = certificate.map_err(|error| TlsError::Extra(error.to_string()))?;
        roots.add(certificate)?;
    }
    if extra.is_some() && roots.is_empty() {
        return Err(TlsError::Extra("there is none".to_owned()));
    }
    if needs_tls && roots.is_empty() {
        return Err(TlsError::NoRoots);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_MAX));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Ok(Pool::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_MAX)
        .set_host(false)
        .build(connector))
}

/// Whether a request failed because its own body could not be read: the client sent it wrongly, or
/// went away.
pub(crate) fn is_about_body(error: &hyper_util::client::legacy::Error) -> bool {
    let first = std::error::Error::source(error);
    let mut causes = iter::successors(first, |cause| cause.source());
    causes.any(|cause| cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_user))
}

/// Says why an upstream did not answer, and what to do.
pub(crate) fn explain(error: &hyper_util::client::legacy::Error) -> String {
    let mut causes = Vec::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        causes.push(cause);
        next = cause.source();
    }
    let io = causes.iter().rev().find_map(|cause| cause.downcast_ref::<io::Error>());
    let tls = causes.iter().any(|cause| {
        cause.is::<rustls::Error>() || cause.downcast_ref::<io::Error>().is_some_and(is_about_tls)
    });
    let cause = causes.last().map_or_else(|| error.to_string(), ToString::to_string);
    let name = causes.iter().any(|cause| cause.to_string().starts_with("dns error"));
    let advice = if tls {
        "its certificate is not trusted, or it does not speak TLS; check the address, and whether \
         a company certificate must be given with `--ca-file`"
    } else if name {
        "its name cannot be resolved; check the address for a slip, and the network"
    } else if !error.is_connect() {
        "it closed the connection before it answered; try again"
    } else {
        match io.map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => {
                "nothing listens there; check the address and the port"
            }
            Some(io::ErrorKind::TimedOut) => "it does not answer; check the network",
            _ => "it cannot be reached; check the address and the network",
        }
    };
    format!("{advice} ({cause})")
}

/// Whether an error of TLS is within this one, which may wrap it several times.
fn is_about_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| {
        inner.is::<rustls::Error>() || inner.downcast_ref::<io::Error>().is_some_and(is_about_tls)
    })
}
