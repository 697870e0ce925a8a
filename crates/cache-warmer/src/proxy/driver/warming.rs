use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use common_fs::Clock;
use tokio::task::{AbortHandle, JoinSet};

use super::known::{Known, TurnEnd};
use crate::{
    Action, Answered, Event, Failure, Fingerprint, Generation, Happened, Ledger, Millis, Now,
    Providers, Reason, RequestUsage, Status, WarmMethod, Warmer,
    proxy::{
        ConversationId, Identity, Say,
        client::Client,
        ping::ping,
        state::{State, WriteError},
    },
};

/// Reasons that users want to hear of, as they end something that they asked for.
const TOLD: [Reason; 9] = [
    Reason::PriceUnknown,
    Reason::ConversationBudget,
    Reason::DayBudget,
    Reason::TotalBudget,
    Reason::BreakerOpen,
    Reason::Refused,
    Reason::Unauthorized,
    Reason::RetriesSpent,
    Reason::StateUnwritable,
];

/// What sends replays.
pub(crate) struct Pinger {
    pub(crate) client: Client,
    pub(crate) clock: &'static dyn Clock,
}

/// Whether anything is sent.
#[derive(Debug)]
pub(crate) enum Switch {
    /// The user wants warming.
    On(State),
    /// The user does not want it.
    Off(State),
    /// It is only told what would be sent.
    DryRun,
    /// It is not possible, or not asked for, and this is why.
    Unavailable(String),
}

/// Why warming is not switched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SwitchError {
    /// There is nothing to switch.
    #[error("{0}")]
    Unavailable(String),
    /// It is not written down. What was to be switched off is off until the proxy ends.
    #[error("cannot write that down")]
    Write(#[from] WriteError),
}

/// A replay that is over.
pub(crate) struct Pinged {
    conversation: Arc<str>,
    generation: Generation,
    result: Result<RequestUsage, Failure>,
    took: Millis,
}

/// The warmer, and what it needs to act.
pub(crate) struct Warming {
    warmer: Warmer,
    providers: Providers,
    switch: Switch,
    pinger: Pinger,
    pings: JoinSet<Pinged>,
    flights: HashMap<Generation, AbortHandle>,
    /// Conversations that are switched on.
    enabled: HashSet<ConversationId>,
    /// Why those are not kept warm whose users were told so.
    told: HashMap<ConversationId, Reason>,
    /// What is written down.
    written: Ledger,
    writable: bool,
    say: Say,
}

impl Warming {
    pub(crate) fn new(
        warmer: Warmer,
        providers: Providers,
        switch: Switch,
        pinger: Pinger,
        say: Say,
    ) -> Self {
        let written = warmer.ledger().clone();
        Self {
            warmer,
            providers,
            switch,
            pinger,
            pings: JoinSet::new(),
            flights: HashMap::new(),
            enabled: HashSet::new(),
            told: HashMap::new(),
            written,
            writable: true,
            say,
        }
    }

    pub(crate) fn warmer(&self) -> &Warmer {
        &self.warmer
    }

    pub(crate) fn state(&self) -> &Switch {
        &self.switch
    }

    pub(crate) fn next_due(&self) -> Option<Millis> {
        self.warmer.next_due()
    }

    /// A turn begins.
    pub(crate) async fn started(&mut self, id: ConversationId, known: &Known, now: Now) {
        if matches!(self.switch, Switch::On(_) | Switch::DryRun) && self.enabled.insert(id) {
            self.tell(id, Happened::EnabledSet(true), known, now).await;
        }
        self.tell(id, Happened::TurnStarted, known, now).await;
    }

    /// A turn ended whose request came as long ago as `took`.
    pub(crate) async fn ended(
        &mut self,
        identity: &Identity,
        end: &TurnEnd,
        took: Millis,
        known: &Known,
        now: Now,
    ) {
        let id = identity.conversation;
        if let Some((usage, prefix)) = end.answered {
            let provider = identity.provider();
            let answered = Answered {
                usage,
                took,
                model: self.providers.model(provider, &identity.model).ok().cloned(),
                tier: identity.tier,
                prefix,
                account: identity.account,
                subagent: identity.is_subagent,
            };
            self.tell(id, Happened::Answered(answered), known, now).await;
        }
        if end.settled {
            self.tell(id, Happened::TurnSettled, known, now).await;
        }
        if end.unauthorized {
            (self.say)(&format!(
                "conversation {}: the provider refused the credentials, so it is not kept warm",
                id.short()
            ));
        }
    }

    /// Conversations are not known any more.
    pub(crate) async fn closed(&mut self, ids: Vec<ConversationId>, known: &Known, now: Now) {
        for id in ids {
            self.enabled.remove(&id);
            self.told.remove(&id);
            self.tell(id, Happened::Closed, known, now).await;
        }
    }

    /// Switches warming on or off for all conversations, and writes that down.
    ///
    /// Off holds at once; on holds once it is written down.
    pub(crate) async fn switch(
        &mut self,
        on: bool,
        known: &Known,
        now: Now,
    ) -> Result<(), SwitchError> {
        if !on {
            for id in std::mem::take(&mut self.enabled) {
                self.tell(id, Happened::EnabledSet(false), known, now).await;
            }
        }
        let gone = Switch::Unavailable("it stops".to_owned());
        let (state, was_on) = match std::mem::replace(&mut self.switch, gone) {
            Switch::On(state) => (state, true),
            Switch::Off(state) => (state, false),
            other => {
                let why = match &other {
                    Switch::Unavailable(why) => why.clone(),
                    _ => "this is a dry run: nothing is sent".to_owned(),
                };
                self.switch = other;
                return Err(SwitchError::Unavailable(why));
            }
        };
        let written = state.write_wish(on).await;
        let is_on = on && (was_on || written.is_ok());
        self.switch = if is_on { Switch::On(state) } else { Switch::Off(state) };
        if is_on {
            for id in known.ids() {
                if self.enabled.insert(id) {
                    self.tell(id, Happened::EnabledSet(true), known, now).await;
                }
            }
        }
        Ok(written?)
    }

    /// Nothing is sent any more.
    pub(crate) async fn stop(&mut self, known: &Known, now: Now) {
        self.handle(Event::Disposed, known, now).await;
        self.pings.abort_all();
    }

    /// Gives the claim to the state back, once nothing is to be written any more.
    pub(crate) async fn close(self) {
        if let Switch::On(state) | Switch::Off(state) = self.switch {
            state.close().await;
        }
    }

    /// The next replay that is over; nothing if none is under way.
    pub(crate) async fn pinged(&mut self) -> Option<Pinged> {
        loop {
            // One that was cancelled has nothing to tell.
            if let Ok(done) = self.pings.join_next().await? {
                return Some(done);
            }
        }
    }

    /// A replay is over.
    pub(crate) async fn completed(&mut self, done: Pinged, known: &Known, now: Now) {
        let Pinged { conversation, generation, result, took } = done;
        self.flights.remove(&generation);
        let short = ConversationId::shorten(&conversation);
        let happened = match result {
            Ok(usage) => {
                (self.say)(&format!(
                    "conversation {short}: a ping read {} tokens and wrote {}",
                    usage.read,
                    usage.written()
                ));
                Happened::WarmCompleted { generation, usage, took }
            }
            Err(failure) => {
                (self.say)(&format!("conversation {short}: a ping failed: {}", failure.name()));
                Happened::WarmFailed { generation, failure }
            }
        };
        self.handle(Event::Conversation(&conversation, happened), known, now).await;
    }

    async fn tell(&mut self, id: ConversationId, happened: Happened, known: &Known, now: Now) {
        let name = id.to_string();
        self.handle(Event::Conversation(&name, happened), known, now).await;
    }

    /// Tells the warmer, and does what it says.
    pub(crate) async fn handle(&mut self, event: Event<'_>, known: &Known, now: Now) {
        let mut actions = self.warmer.handle(event, now);
        loop {
            // What pings may cost is on stable storage before they are sent.
            actions.extend(self.write_ledger(now).await);
            if actions.is_empty() {
                return;
            }
            let mut next = Vec::new();
            for action in std::mem::take(&mut actions) {
                if let Some((conversation, happened)) = self.perform(action, known, now) {
                    let event = Event::Conversation(&conversation, happened);
                    next.append(&mut self.warmer.handle(event, now));
                }
            }
            actions = next;
        }
    }

    /// Writes the ledger if it has changed, with what is under way as if it were spent: if the
    /// proxy is killed, nobody will know better.
    async fn write_ledger(&mut self, now: Now) -> Vec<Action> {
        let (Switch::On(state) | Switch::Off(state)) = &self.switch else { return Vec::new() };
        let mut ledger = self.warmer.ledger().clone();
        ledger.spend(self.warmer.reserved());
        if ledger == self.written && self.writable {
            return Vec::new();
        }
        let written = state.write_ledger(ledger.clone()).await;
        let writable = written.is_ok();
        if let Err(error) = &written
            && self.writable
        {
            (self.say)(&format!(
                "the ledger cannot be written, so nothing is kept warm until it can: {}",
                in_full(error)
            ));
        }
        if writable {
            self.written = ledger;
        }
        if writable == self.writable {
            return Vec::new();
        }
        self.writable = writable;
        if writable {
            (self.say)("the ledger can be written again");
        }
        self.warmer.handle(Event::StateWritable(writable), now)
    }

    /// Does what an action says, and tells what is to be reported of it at once.
    fn perform(&mut self, action: Action, known: &Known, now: Now) -> Option<(Arc<str>, Happened)> {
        match action {
            // A conversation has no settings of its own: whether it is kept warm follows from
            // what was written down for all.
            Action::Persist { conversation, version, settings } => {
                Some((conversation, Happened::Persisted { version, settings }))
            }
            Action::Cancel { conversation: _, generation } => {
                // Dropping the request closes its connection.
                if let Some(flight) = self.flights.remove(&generation) {
                    flight.abort();
                }
                None
            }
            Action::Notify { conversation, status } => {
                self.notify(&conversation, &status);
                None
            }
            Action::Send { conversation, generation, prefix, method } => {
                let sent = self.send(&conversation, generation, prefix, method, known, now);
                match sent {
                    Ok(happened) => happened,
                    Err(failure) => Some(Happened::WarmFailed { generation, failure }),
                }
                .map(|happened| (conversation, happened))
            }
        }
    }

    fn send(
        &mut self,
        conversation: &Arc<str>,
        generation: Generation,
        prefix: Fingerprint,
        method: WarmMethod,
        known: &Known,
        now: Now,
    ) -> Result<Option<Happened>, Failure> {
        if method == WarmMethod::ExtendTtl {
            // No endpoint that is replayed has such a thing.
            return Err(Failure::Refused);
        }
        let id = ConversationId::parse(conversation).ok_or(Failure::PrefixChanged)?;
        let replay = known.replay(id, prefix).ok_or(Failure::PrefixChanged)?;
        if let Switch::DryRun = self.switch {
            let usage = assumed(known.usage(id).unwrap_or_default());
            (self.say)(&format!(
                "conversation {}: would send a ping now, to read {} tokens",
                id.short(),
                usage.read
            ));
            return Ok(Some(Happened::WarmCompleted { generation, usage, took: Millis::ZERO }));
        }
        if !self.writable {
            return Err(Failure::Connection);
        }
        let (client, clock) = (self.pinger.client.clone(), self.pinger.clock);
        let (replay, conversation) = (replay.clone(), Arc::clone(conversation));
        let flight = self.pings.spawn(async move {
            let result = ping(&client, &replay).await;
            let took = Millis::from(clock.monotonic()).since(now.monotonic);
            Pinged { conversation, generation, result, took }
        });
        self.flights.insert(generation, flight);
        Ok(None)
    }

    fn notify(&mut self, conversation: &str, status: &Status) {
        let Some(id) = ConversationId::parse(conversation) else { return };
        if !TOLD.contains(&status.reason) {
            self.told.remove(&id);
            return;
        }
        if self.told.insert(id, status.reason) != Some(status.reason) {
            (self.say)(&format!(
                "conversation {}: not kept warm: {}",
                id.short(),
                status.reason.explain()
            ));
        }
    }
}

/// What a ping would use if its entry is there, as a dry run has to assume.
fn assumed(last: RequestUsage) -> RequestUsage {
    let cached = if last.cached() == 0 { last.prompt() } else { last.cached() };
    RequestUsage { read: cached, uncached: last.prompt() - cached, ..RequestUsage::default() }
}

/// An error with its causes.
pub(crate) fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    text
}
