//! Probes on a fixed schedule, whatever becomes of those before.

mod flight;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use rustix::{
    event::{PollFd, Timespec, poll},
    io::Errno,
};

use self::flight::Flight;
use crate::{Micros, Probe, clock::now, http::request, record::Settings};

/// Where probes go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeTarget {
    /// Where somebody should listen.
    pub address: SocketAddr,
    /// What is asked for.
    pub path: String,
    /// The status of the answer of a server that is of use.
    pub expected_status: u16,
    /// The number in a JSON answer that says for how many milliseconds the server is up.
    pub uptime_key: Option<String>,
}

impl ProbeTarget {
    /// The address of the endpoint.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.path)
    }
}

/// What a prober tells while it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// A probe has ended.
    Ended {
        /// The number of its target.
        target: usize,
        /// How.
        probe: Probe,
    },
    /// A probe was not sent, as too many are on their way.
    Dropped {
        /// The number of its target.
        target: usize,
        /// When it was to begin.
        intended_us: Micros,
    },
}

/// A thread that probes. It ends when it is [stopped](Self::stop).
#[must_use = "it probes until it is stopped"]
pub struct Prober {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<io::Result<()>>,
}

impl Prober {
    /// Begins to probe all targets, each at the same moments, and tells what becomes of the probes.
    pub fn start(
        targets: Vec<ProbeTarget>,
        settings: Settings,
        told: impl Fn(Told) + Send + 'static,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let thread = std::thread::Builder::new().name("prober".to_owned()).spawn(move || {
            let request = |to: &ProbeTarget| request(&to.address.to_string(), &to.path);
            let requests = targets.iter().map(|to| request(to).into()).collect();
            let (told, flights) = (Box::new(told), Vec::new());
            Probing { targets, requests, settings, told, flights }.run(&asked)
        })?;
        Ok(Self { stop, thread })
    }

    /// Sends no more, and returns when all that were sent have ended: as long as one may wait.
    pub fn stop(self) -> io::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the prober has panicked")))
    }
}

struct Probing {
    targets: Vec<ProbeTarget>,
    /// What is sent to each of them.
    requests: Vec<Arc<[u8]>>,
    settings: Settings,
    told: Box<dyn Fn(Told)>,
    flights: Vec<Flight>,
}

impl Probing {
    fn run(mut self, stop: &AtomicBool) -> io::Result<()> {
        let mut slot = now();
        loop {
            let stopped = stop.load(Ordering::Relaxed);
            if stopped && self.flights.is_empty() {
                return Ok(());
            }
            // Also those that should have been sent meanwhile.
            while !stopped && slot <= now() {
                for target in 0..self.targets.len() {
                    self.send(target, slot);
                }
                slot = slot.plus(self.settings.every_us.max(Micros(1)));
            }
            let first_deadline = self.flights.iter().map(|flight| flight.deadline_us).min();
            let next = if stopped { None } else { Some(slot) };
            let wake = [first_deadline, next].into_iter().flatten().min();
            let ready = self.wait(wake.map_or(Micros::ZERO, |wake| wake.since(now())))?;
            self.go_on(&ready);
        }
    }

    fn send(&mut self, target: usize, intended_us: Micros) {
        let on_way = self.flights.iter().filter(|flight| flight.target == target).count();
        let is_full = usize::try_from(self.settings.in_flight_max).is_ok_and(|max| max <= on_way);
        let both = self.targets.get(target).zip(self.requests.get(target));
        let Some((to, request)) = both else { return };
        if is_full {
            (self.told)(Told::Dropped { target, intended_us });
            return;
        }
        let request = Arc::clone(request);
        match Flight::begin(target, to, request, intended_us, self.settings.timeout_us) {
            Ok(flight) => self.flights.push(flight),
            Err(probe) => (self.told)(Told::Ended { target, probe }),
        }
    }

    /// Waits until something happens on a connection, or so long, and says on which.
    fn wait(&self, span: Micros) -> io::Result<Vec<bool>> {
        let mut fds: Vec<PollFd<'_>> = self.flights.iter().map(Flight::waits_for).collect();
        let span = Timespec {
            tv_sec: i64::try_from(span.0 / 1_000_000).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(span.0 % 1_000_000 * 1_000).unwrap_or(0),
        };
        match poll(&mut fds, Some(&span)) {
            Ok(_) | Err(Errno::INTR) => Ok(fds.iter().map(|fd| !fd.revents().is_empty()).collect()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Goes on with those on which something has happened, and with those whose time is over.
    fn go_on(&mut self, ready: &[bool]) {
        let Self { targets, told, flights, .. } = self;
        let (now, mut ready) = (now(), ready.iter());
        flights.retain_mut(|flight| {
            let is_ready = ready.next().is_some_and(|is_ready| *is_ready);
            if !is_ready && now < flight.deadline_us {
                return true;
            }
            let Some(to) = targets.get(flight.target) else { return false };
            let Some(probe) = flight.go_on(to) else { return true };
            told(Told::Ended { target: flight.target, probe });
            false
        });
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::{TcpListener, TcpStream},
        sync::mpsc,
        time::Duration,
    };

    use super::*;
    use crate::{Odd, Outcome};

    const TIMEOUT: Micros = Micros::from_millis(300);

    fn settings() -> Settings {
        Settings {
            every_us: Micros::from_millis(5),
            timeout_us: TIMEOUT,
            stable_for_us: Micros::ZERO,
            merge_gap_us: Micros::ZERO,
            in_flight_max: 8,
        }
    }

    fn target(address: SocketAddr) -> ProbeTarget {
        let uptime_key = Some("uptimeMs".to_owned());
        ProbeTarget { address, path: "/readyz".to_owned(), expected_status: 200, uptime_key }
    }

    /// What the first probes tell of a server that does this with each connection.
    fn probe(count: usize, serve: fn(TcpStream)) -> Vec<Probe> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let connection = connection.unwrap();
                std::thread::spawn(move || serve(connection));
            }
        });
        first(count, address)
    }

    fn start(targets: Vec<ProbeTarget>, told: mpsc::Sender<Told>) -> Prober {
        let tell = move |what| {
            told.send(what).ok();
        };
        Prober::start(targets, settings(), tell).unwrap()
    }

    fn first(count: usize, address: SocketAddr) -> Vec<Probe> {
        let (told, tells) = mpsc::channel();
        let prober = start(vec![target(address)], told);
        let ended = tells.iter().filter_map(|told| match told {
            Told::Ended { probe, .. } => Some(probe),
            Told::Dropped { .. } => None,
        });
        let probes = ended.take(count).collect();
        prober.stop().unwrap();
        probes
    }

    fn answer(mut connection: TcpStream, text: &[u8]) {
        let mut request = [0; 1_000];
        let _request = connection.read(&mut request).unwrap();
        connection.write_all(text).ok();
    }

    #[test]
    fn servers_of_all_kinds_are_told_apart() {
        type Serve = fn(TcpStream);
        let table: [(Outcome, Serve); 7] = [
            (Outcome::Ok, |to| answer(to, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")),
            (Outcome::NotReady { status: 503 }, |to| {
                answer(to, b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
            }),
            (Outcome::Reset, |to| answer(to, b"")),
            (Outcome::Other(Odd::NoHttp), |to| answer(to, b"hello\r\n")),
            (Outcome::Timeout, |mut to| {
                // It never says anything.
                to.read_to_end(&mut Vec::new()).ok();
            }),
            (Outcome::Timeout, |mut to| {
                to.write_all(b"HTTP/1.1 200 OK\r\n").ok();
                to.read_to_end(&mut Vec::new()).ok();
            }),
            (Outcome::Other(Odd::TooLong), |mut to| {
                to.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok();
                while to.write_all(&[b'x'; 4_096]).is_ok() {}
            }),
        ];
        for (expected, serve) in table {
            let probes = probe(1, serve);
            assert_eq!(probes[0].outcome, expected);
            assert!(probes[0].intended_us <= probes[0].started_us);
            assert!(probes[0].started_us <= probes[0].finished_us);
        }
    }

    #[test]
    fn where_nobody_listens_it_is_refused() {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let probes = first(3, address);
        assert!(probes.iter().all(|probe| probe.outcome == Outcome::Refused), "{probes:?}");
    }

    #[test]
    fn a_server_that_hangs_does_not_change_the_schedule() {
        let (told, tells) = mpsc::channel();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let targets = vec![target(listener.local_addr().unwrap())];
        let prober = start(targets, told);
        let told: Vec<Told> = tells.iter().take(40).collect();
        prober.stop().unwrap();
        let mut intended: Vec<Micros> = told
            .iter()
            .map(|told| match told {
                Told::Ended { probe, .. } => probe.intended_us,
                Told::Dropped { intended_us, .. } => *intended_us,
            })
            .collect();
        intended.sort();
        let dropped = told.iter().filter(|told| matches!(told, Told::Dropped { .. })).count();
        // Eight are on their way; all others are told of, none is left out.
        assert!(20 < dropped, "{dropped}");
        let first = intended[0];
        assert!(intended.iter().all(|at| at.since(first).0 % 5_000 == 0), "{intended:?}");
    }

    #[test]
    fn the_uptime_of_a_server_is_read() {
        let probes = probe(1, |to| {
            answer(
                to,
                b"HTTP/1.1 200 OK\r\nContent-Length: 28\r\n\r\n{\"x\":[1],\"uptimeMs\":  4450.7}",
            );
        });
        assert_eq!((probes[0].outcome, probes[0].uptime_ms), (Outcome::Ok, Some(4_450)));
        assert!(
            Duration::from(probes[0].finished_us.since(probes[0].started_us))
                < Duration::from_secs(1)
        );
    }
}
