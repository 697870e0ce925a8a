use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use common_fs::{Clock, SystemClock};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{runtime, sync::oneshot, time::sleep};

use crate::{
    config::Config,
    fault::{Fault, Faults},
    request::RecordedRequest,
    service,
    state::State,
};

/// How long nobody is accepted after that has failed, as when there are too many files open.
const PAUSE: Duration = Duration::from_millis(10);

/// Why a provider did not start.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}")]
pub struct StartError {
    what: &'static str,
    #[source]
    source: io::Error,
}

fn cannot(what: &'static str) -> impl FnOnce(io::Error) -> StartError {
    move |source| StartError { what, source }
}

/// A provider that serves, on a thread of its own, until this is dropped.
#[must_use = "it serves until this is dropped"]
pub struct FakeProvider {
    address: SocketAddr,
    state: Arc<State>,
    /// Dropped to make it stop.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl FakeProvider {
    /// Starts one that lets its caches expire by the clock of the machine.
    pub fn start(config: Config) -> Result<Self, StartError> {
        Self::start_with_clock(config, Arc::new(SystemClock))
    }

    /// Starts one that lets its caches expire by another clock. The pauses of a configuration or a
    /// fault are real ones.
    pub fn start_with_clock(config: Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port));
        let listener = listener.map_err(cannot("listen on that port of 127.0.0.1"))?;
        listener.set_nonblocking(true).map_err(cannot("listen without blocking"))?;
        let address = listener.local_addr().map_err(cannot("tell on which port it listens"))?;
        let runtime = runtime::Builder::new_current_thread().enable_io().enable_time().build();
        let runtime = runtime.map_err(cannot("start its event loop"))?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener)
        };
        let listener = listener.map_err(cannot("wait for connections"))?;
        let state = Arc::new(State::new(config, clock));
        let (stop, stopped) = oneshot::channel();
        let accepting = accept(listener, Arc::clone(&state));
        let serve = move || {
            runtime.block_on(async {
                tokio::spawn(accepting);
                // An error says that the sender was dropped, which is how it ends.
                stopped.await.ok();
            });
        };
        let thread = thread::Builder::new().name("fake-provider".to_owned()).spawn(serve);
        let thread = thread.map_err(cannot("start its thread"))?;
        Ok(Self { address, state, stop: Some(stop), thread: Some(thread) })
    }

    /// Such as `http://127.0.0.1:4010`, without `/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All requests to models so far, in the order in which their bodies were complete.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.state.requests()
    }

    /// Forgets the requests so far, which are kept with all their bodies. Their numbers are not
    /// given again.
    pub fn forget_requests(&self) {
        self.state.forget_requests();
    }

    /// Waits until the requests are as a test expects them, and says whether they ever were.
    pub fn wait_until(
        &self,
        patience: Duration,
        done: impl Fn(&[RecordedRequest]) -> bool,
    ) -> bool {
        self.state.wait_until(patience, done)
    }

    /// Lets requests go wrong from now on, in place of what was said before.
    pub fn set_faults(&self, faults: Faults) {
        self.state.set_faults(faults);
    }

    /// Lets the next request go wrong.
    pub fn fail_next(&self, fault: Fault) {
        self.state.fail_next(fault);
    }

    /// Empties the caches, as a provider may at any time.
    pub fn evict(&self) {
        self.state.evict();
    }

    /// Serves until the process ends.
    pub fn serve(mut self) {
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Drop for FakeProvider {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

async fn accept(listener: tokio::net::TcpListener, state: Arc<State>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                stream.set_nodelay(true).ok();
                let state = Arc::clone(&state);
                let service =
                    service_fn(move |request| service::respond(Arc::clone(&state), request));
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(async {
                    // That a client leaves, or that a fault breaks the connection, is nothing to
                    // tell; the requests say what became of them.
                    connection.await.ok();
                });
            }
            Err(_) => sleep(PAUSE).await,
        }
    }
}
