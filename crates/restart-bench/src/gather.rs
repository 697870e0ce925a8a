//! All that is seen of a server, from several threads, put in order.

use std::{io, sync::mpsc, time::Duration};

use common_fs::{Clock as _, SystemClock};

use crate::{
    MainProcess, Micros, ProbeTarget, Prober, Told, Watched, Watcher,
    clock::now,
    record::{Endpoint, Line, Observation, Seen, Settings},
};

/// From one look at what was seen to the next. All that is seen has its own time.
const LOOK: Duration = Duration::from_millis(50);

/// From one look at the processes of the server to the next.
const WATCH_EVERY: Duration = Duration::from_millis(100);

/// More lines of a log are not kept for one restart.
const LINES_MAX: usize = 20_000;

/// Something that was seen.
pub(crate) enum Event {
    Probe(Told),
    Watched(Watched),
    Line(Seen<Line>),
}

/// Where the endpoints of a server are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// Whether it lives.
    pub health: Option<ProbeTarget>,
    /// Whether it is ready.
    pub ready: Option<ProbeTarget>,
}

impl Endpoints {
    /// The one that tells most of the clients.
    pub fn main(&self) -> Option<&ProbeTarget> {
        self.ready.as_ref().or(self.health.as_ref())
    }
}

/// The threads that look, and what they have seen since the last [`take`](Self::take).
pub(crate) struct Gatherer {
    events: mpsc::Receiver<Event>,
    prober: Prober,
    watcher: Option<Watcher>,
    endpoints: Endpoints,
    seen: Observation,
    /// Since when the main endpoint has been of use without a pause.
    ok_since_us: Option<Micros>,
}

impl Gatherer {
    /// Begins to probe, and to look at a process.
    pub(crate) fn start(
        endpoints: &Endpoints,
        settings: &Settings,
        main: MainProcess,
        events: (mpsc::Sender<Event>, mpsc::Receiver<Event>),
    ) -> io::Result<Self> {
        let (tell, events) = events;
        let targets: Vec<ProbeTarget> =
            [&endpoints.health, &endpoints.ready].into_iter().flatten().cloned().collect();
        let port = endpoints.main().map(|target| target.address.port());
        let told = tell.clone();
        let prober = Prober::start(targets, settings.clone(), move |what| {
            // Who does not listen any more is about to stop it.
            told.send(Event::Probe(what)).ok();
        })?;
        let watch = |port| {
            Watcher::start(main, port, WATCH_EVERY, move |what| {
                tell.send(Event::Watched(what)).ok();
            })
        };
        let watcher = port.map(watch).transpose()?;
        let mut gatherer = Self {
            events,
            prober,
            watcher,
            endpoints: endpoints.clone(),
            seen: Observation::default(),
            ok_since_us: None,
        };
        gatherer.take();
        Ok(gatherer)
    }

    /// Takes in what is seen until `is_enough`; asked every few milliseconds.
    pub(crate) fn until(&mut self, mut is_enough: impl FnMut(&Self) -> bool) {
        loop {
            // To wake up for each probe would cost more than the probe.
            SystemClock.sleep(LOOK);
            while let Ok(event) = self.events.try_recv() {
                self.note(event);
            }
            if is_enough(self) {
                return;
            }
        }
    }

    /// What was seen since the last time.
    pub(crate) fn seen(&self) -> &Observation {
        &self.seen
    }

    /// Since when the main endpoint has been of use without a pause, if it is.
    pub(crate) fn ok_since_us(&self) -> Option<Micros> {
        self.ok_since_us
    }

    /// Gives what was seen away. What was last known of the processes counts as seen once more.
    pub(crate) fn take(&mut self) -> Observation {
        let at_us = now();
        let endpoint = |target: &ProbeTarget| Endpoint { url: target.url(), ..Endpoint::default() };
        let next = Observation {
            from_us: at_us,
            until_us: at_us,
            health: self.endpoints.health.as_ref().map(endpoint),
            ready: self.endpoints.ready.as_ref().map(endpoint),
            serving: self.seen.serving.last().cloned().into_iter().collect(),
            listeners: self.seen.listeners.last().cloned().into_iter().collect(),
            resources: self.seen.resources.last().copied().into_iter().collect(),
            lines: Vec::new(),
        };
        let mut seen = std::mem::replace(&mut self.seen, next);
        seen.until_us = at_us;
        for endpoint in [&mut seen.health, &mut seen.ready].into_iter().flatten() {
            endpoint.probes.sort_by_key(|probe| probe.intended_us);
        }
        seen
    }

    /// Ends all threads.
    pub(crate) fn stop(self) -> io::Result<()> {
        if let Some(watcher) = self.watcher {
            watcher.stop();
        }
        self.prober.stop()
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Probe(told) => self.note_probe(told),
            Event::Watched(Watched::Serving(seen)) => self.seen.serving.push(seen),
            Event::Watched(Watched::Listeners(seen)) => self.seen.listeners.push(seen),
            Event::Watched(Watched::Resources(seen)) => self.seen.resources.push(seen),
            Event::Line(seen) if self.seen.lines.len() < LINES_MAX => self.seen.lines.push(seen),
            Event::Line(_) => (),
        }
    }

    fn note_probe(&mut self, told: Told) {
        let (Told::Ended { target, .. } | Told::Dropped { target, .. }) = told;
        let last = usize::from(self.endpoints.health.is_some() && self.endpoints.ready.is_some());
        let ((0, Observation { health: Some(endpoint), .. })
        | (_, Observation { ready: Some(endpoint), .. })) = (target, &mut self.seen)
        else {
            return;
        };
        match told {
            Told::Ended { probe, .. } => {
                if target == last {
                    let since = self.ok_since_us.unwrap_or(probe.started_us);
                    self.ok_since_us = probe.outcome.is_ok().then_some(since);
                }
                endpoint.probes.push(probe);
            }
            Told::Dropped { intended_us, .. } => endpoint.dropped_us.push(intended_us),
        }
    }
}
