use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use common_fs::Clock;

use crate::{
    api::{Asked, Content},
    cache::{BlockCache, PointCache, StepCache, Writes},
    config::Config,
    fault::{Fault, Faults},
    request::{Progress, RecordedRequest},
    usage::Usage,
};

/// What all connections share with whoever started the provider.
pub(crate) struct State {
    pub(crate) config: Config,
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
    changed: Condvar,
}

struct Inner {
    blocks: BlockCache,
    points: PointCache,
    text: StepCache,
    faults: Faults,
    /// How many there were, also those that are forgotten.
    count: u64,
    requests: Vec<RecordedRequest>,
}

/// What a request writes once its answer starts.
pub(crate) enum Pending {
    Blocks(Writes),
    Points(Writes),
    Text(Writes),
}

impl State {
    pub(crate) fn new(config: Config, clock: Arc<dyn Clock>) -> Self {
        let faults = config.faults.clone();
        let inner = Inner {
            blocks: BlockCache::default(),
            points: PointCache::default(),
            text: StepCache::default(),
            faults,
            count: 0,
            requests: Vec::new(),
        };
        Self { config, clock, inner: Mutex::new(inner), changed: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Duration {
        self.clock.monotonic()
    }

    /// Records a request under the next number, and says which, and what goes wrong with it unless
    /// it brings a fault itself.
    pub(crate) fn record(&self, mut request: RecordedRequest) -> (u64, Option<Fault>) {
        let mut inner = self.lock();
        inner.count += 1;
        request.number = inner.count;
        request.fault = request.fault.or_else(|| inner.faults.of(request.number));
        let recorded = (request.number, request.fault);
        inner.requests.push(request);
        self.changed.notify_all();
        recorded
    }

    pub(crate) fn change(&self, number: u64, change: impl FnOnce(&mut RecordedRequest)) {
        let mut inner = self.lock();
        // The last ones are those that change.
        let found = inner.requests.iter_mut().rev().find(|request| request.number == number);
        if let Some(request) = found {
            change(request);
        }
        self.changed.notify_all();
    }

    pub(crate) fn set_progress(&self, number: u64, progress: Progress) {
        self.change(number, |request| request.progress = progress);
    }

    pub(crate) fn begin(&self, asked: &Asked, started: Duration) -> (Usage, Pending) {
        let lifetimes = &self.config.lifetimes;
        let mut inner = self.lock();
        match &asked.content {
            Content::Blocks(prompt) => {
                let minimum = self.config.minimum.tokens(&asked.model);
                let (usage, writes) = inner.blocks.begin(prompt, minimum, lifetimes, started);
                (usage, Pending::Blocks(writes))
            }
            Content::Points(prompt) => {
                let (usage, writes) = inner.points.begin(prompt, lifetimes.thirty_minutes, started);
                (usage, Pending::Points(writes))
            }
            Content::Text { prompt, is_extended } => {
                let lifetime = if *is_extended { lifetimes.extended } else { lifetimes.in_memory };
                let (usage, writes) = inner.text.begin(prompt, lifetime, started);
                (usage, Pending::Text(writes))
            }
        }
    }

    pub(crate) fn commit(&self, pending: Pending) {
        let mut inner = self.lock();
        match pending {
            Pending::Blocks(writes) => inner.blocks.commit(writes),
            Pending::Points(writes) => inner.points.commit(writes),
            Pending::Text(writes) => inner.text.commit(writes),
        }
    }

    pub(crate) fn evict(&self) {
        let mut inner = self.lock();
        inner.blocks.clear();
        inner.points.clear();
        inner.text.clear();
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.lock().faults = faults;
    }

    pub(crate) fn fail_next(&self, fault: Fault) {
        let mut inner = self.lock();
        let next = inner.count + 1;
        inner.faults.at.insert(next, fault);
    }

    pub(crate) fn requests(&self) -> Vec<RecordedRequest> {
        self.lock().requests.clone()
    }

    pub(crate) fn forget_requests(&self) {
        self.lock().requests.clear();
    }

    pub(crate) fn wait_until(
        &self,
        patience: Duration,
        done: impl Fn(&[RecordedRequest]) -> bool,
    ) -> bool {
        let waiting = |inner: &mut Inner| !done(&inner.requests);
        let waited = self.changed.wait_timeout_while(self.lock(), patience, waiting);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}
