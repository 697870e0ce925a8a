//! Connections of clients.

use std::{convert::Infallible, future::Future, net::SocketAddr, pin::pin, time::Duration};

use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time,
};

use super::client::Body;

/// For how long nothing is accepted after that failed: most often there are no file descriptors
/// left, and connections that end give some back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Answers what comes to a listener until `shutdown`, and then, for up to `grace`, what is being
/// answered. Says how many connections were cut off.
pub(crate) async fn serve<F, A>(
    listener: TcpListener,
    answer: F,
    shutdown: impl Future<Output = ()>,
    grace: Duration,
) -> usize
where
    F: Fn(Request<Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
{
    let (stop, stopping) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, answer.clone(), stopping.clone()));
                }
                Err(_) => time::sleep(ACCEPT_PAUSE).await,
            },
            Some(_) = connections.join_next() => (),
        }
    }
    drop(listener);
    // There is a receiver: the one this function holds.
    stop.send(()).ok();
    let all = async { while connections.join_next().await.is_some() {} };
    time::timeout(grace, all).await.ok();
    connections.len()
}

async fn connection<F, A>(stream: TcpStream, answer: F, mut stopping: watch::Receiver<()>)
where
    F: Fn(Request<Incoming>) -> A,
    A: Future<Output = Result<Response<Body>, Infallible>>,
{
    // Events are small, and must not wait for each other.
    stream.set_nodelay(true).ok();
    let mut builder = http1::Builder::new();
    // A client may keep an idle connection for as long as it likes, as nobody else gets here: one
    // that is closed while it sends its next request would have to try again.
    builder.header_read_timeout(None);
    // The provider says when it answered, or does not.
    builder.auto_date_header(false);
    let connection = builder.serve_connection(TokioIo::new(stream), service_fn(answer));
    let mut connection = pin!(connection);
    // What goes wrong on a connection ends it, and that is how the client learns of it.
    tokio::select! {
        ended = connection.as_mut() => {
            ended.ok();
            return;
        }
        // The only change there is.
        _ = stopping.changed() => (),
    }
    connection.as_mut().graceful_shutdown();
    connection.await.ok();
}

/// Binds a listener that only this machine can reach.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    if !address.ip().is_loopback() {
        return Err(BindError::NotLoopback { address });
    }
    TcpListener::bind(address).await.map_err(|source| BindError::Io { address, source })
}

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Others could send requests with their credentials, or none, through this proxy.
    #[error(
        "{address} can be reached from other machines; listen on a loopback address such as \
         127.0.0.1:{}", address.port()
    )]
    NotLoopback {
        /// What was asked for.
        address: SocketAddr,
    },
    /// The system refused.
    #[error("cannot listen on {address}")]
    Io {
        /// What was asked for.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}
