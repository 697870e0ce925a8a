//! What holds for every order of events: I1 to I10 of the specification.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*};

use super::*;

const NAMES: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Copy, Debug)]
enum Step {
    Start(usize),
    /// Whether all was written, and how long the request took.
    Answer(usize, bool, u64),
    Settle(usize),
    Enable(usize),
    Disable(usize),
    Interval(usize, f64),
    Close(usize),
    /// One of the pings under way is answered.
    Complete(usize, RequestUsage),
    /// One that is over is answered once more.
    CompleteOld(usize, RequestUsage),
    Fail(usize, Failure),
    ByHand(usize),
    Pass(u64),
    /// Only the clock on the wall moves.
    SetWall(i64),
    /// The head of a request comes.
    Arrive,
    /// It is known by now.
    Arrived,
    /// A client is told to slow down.
    Limit(Option<u64>),
    Write,
    FillDisk(bool),
    Restart,
}

fn usages() -> impl Strategy<Value = RequestUsage> {
    prop_oneof![
        4 => Just(read()),
        1 => Just(wrote()),
        1 => Just(RequestUsage { read: 40_000, write_5m: 60_000, ..RequestUsage::default() }),
        1 => Just(RequestUsage { write_5m: 30_000, write_1h: 70_000, ..RequestUsage::default() }),
        1 => Just(RequestUsage { write_1h: PREFIX, ..RequestUsage::default() }),
        1 => Just(RequestUsage { uncached: PREFIX, ..RequestUsage::default() }),
    ]
}

fn failures() -> impl Strategy<Value = Failure> {
    prop_oneof![
        Just(Failure::RateLimited { retry_after: None }),
        Just(Failure::RateLimited { retry_after: Some(Millis(7000)) }),
        Just(Failure::Server),
        Just(Failure::Timeout),
        Just(Failure::Interrupted),
        Just(Failure::Refused),
        Just(Failure::Unauthorized),
        Just(Failure::PrefixChanged),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let name = 0..NAMES.len();
    prop_oneof![
        3 => name.clone().prop_map(Step::Start),
        4 => (name.clone(), any::<bool>(), 0..100_000_u64).prop_map(|(n, w, t)| Step::Answer(n, w, t)),
        4 => name.clone().prop_map(Step::Settle),
        4 => name.clone().prop_map(Step::Enable),
        1 => name.clone().prop_map(Step::Disable),
        1 => (name.clone(), prop_oneof![Just(f64::NAN), 1.0..400_000.0]).prop_map(|(n, i)| Step::Interval(n, i)),
        1 => name.clone().prop_map(Step::Close),
        6 => (0..4_usize, usages()).prop_map(|(n, u)| Step::Complete(n, u)),
        1 => (0..40_usize, usages()).prop_map(|(n, u)| Step::CompleteOld(n, u)),
        2 => (0..4_usize, failures()).prop_map(|(n, f)| Step::Fail(n, f)),
        1 => name.prop_map(Step::ByHand),
        8 => (0..300_000_u64).prop_map(Step::Pass),
        1 => Just(Step::Pass(100_000_000)),
        1 => (-100_000_000..100_000_000_i64).prop_map(Step::SetWall),
        2 => Just(Step::Arrive),
        3 => Just(Step::Arrived),
        1 => prop::option::of(0..40_000_u64).prop_map(Step::Limit),
        6 => Just(Step::Write),
        1 => any::<bool>().prop_map(Step::FillDisk),
        1 => Just(Step::Restart),
    ]
}

/// What somebody remembers who only watches.
#[derive(Default)]
struct Watcher {
    active: BTreeSet<&'static str>,
    /// Who was switched on last, rather than off or closed.
    wanted: BTreeSet<&'static str>,
    /// When the last real request of each started, since the program did.
    started: BTreeMap<&'static str, u64>,
    /// When the last request that was answered started.
    anchors: BTreeMap<&'static str, u64>,
    /// Pings since then.
    pings: BTreeMap<&'static str, u32>,
    under_way: Vec<(&'static str, Generation)>,
    over: Vec<(&'static str, Generation)>,
    seen: usize,
    cancelled: usize,
    /// Requests whose heads came, and of which nobody knows yet whose they are.
    arriving: u32,
    /// Until when a client was told to wait.
    limited_until: u64,
}

const DAY: NanoDollars = NanoDollars(1_300_000_000);

fn policy() -> Policy {
    let budget =
        Budget { conversation: Some(NanoDollars(900_000_000)), day: Some(DAY), total: None };
    Policy { budget, jitter_percent: 5, flights_max: 2, ..plain() }
}

impl Watcher {
    fn name(name: &str) -> &'static str {
        NAMES.into_iter().find(|known| *known == name).unwrap()
    }

    /// Takes note of what was sent and cancelled.
    fn watch(&mut self, world: &World) {
        for (name, generation) in world.cancelled.iter().skip(self.cancelled) {
            self.settle(Self::name(name), *generation);
        }
        self.cancelled = world.cancelled.len();
        for (name, generation) in world.sent.iter().skip(self.seen) {
            let name = Self::name(name);
            // I1
            assert!(!self.active.contains(name), "{name} is being worked in");
            assert!(self.wanted.contains(name), "{name} is not switched on");
            assert!(self.started.contains_key(name), "nothing was seen of {name}");
            let age = world.now.monotonic.0 - self.anchors[name];
            assert!(age <= 285_000, "{name} is cold");
            assert_eq!(self.arriving, 0, "{name} may have its next turn");
            assert!(self.limited_until <= world.now.monotonic.0, "{name} was told to wait");
            // I2
            assert!(self.under_way.iter().all(|(other, _)| *other != name), "{name} twice");
            self.under_way.push((name, *generation));
            assert!(self.under_way.len() <= 2, "too many at once");
            // I8
            let pings = self.pings.entry(name).or_default();
            *pings += 1;
            assert!(*pings <= 11, "{name} has too many pings");
        }
        self.seen = world.sent.len();
    }

    fn settle(&mut self, name: &'static str, generation: Generation) {
        self.under_way.retain(|ping| *ping != (name, generation));
        self.over.push((name, generation));
    }

    fn check(&self, world: &World) {
        let mut armed = 0;
        for name in NAMES {
            let status = world.status(name);
            // I3
            let is_armed = [Reason::Scheduled, Reason::BackingOff].contains(&status.reason);
            assert_eq!(is_armed, status.next_warm_at.is_some(), "{status:?}");
            assert!(status.next_warm_at.is_none_or(|at| world.now.wall < at), "{status:?}");
            // I4
            assert!(!status.enabled || self.wanted.contains(name), "{name}: {status:?}");
            // I6
            let is_under_way = self.under_way.iter().any(|(other, _)| *other == name);
            assert_eq!(status.reason == Reason::InFlight, is_under_way, "{name}: {status:?}");
            armed += usize::from(is_armed || is_under_way);
        }
        let load = world.warmer.load();
        assert_eq!(load.in_flight, self.under_way.len());
        assert!(armed <= load.timers && load.timers <= NAMES.len(), "{load:?}");
        // I7
        assert!(world.warmer.ledger().today.spent <= DAY, "{:?}", world.warmer.ledger());
    }
}

fn run(steps: Vec<Step>) {
    let mut world = World::new(policy());
    world.writes_at_once = false;
    let mut watcher = Watcher::default();
    for step in steps {
        perform(&mut world, &mut watcher, step);
        watcher.watch(&world);
        watcher.check(&world);
    }
    // I5
    world.disk_is_full = false;
    while !world.writing.is_empty() {
        world.write_next();
    }
    for name in NAMES {
        let status = world.status(name);
        let stored = world.disk.get(name).copied().unwrap_or(Settings::OFF);
        if !status.unsaved && world.warmer.names.find(name).is_some() {
            assert_eq!(
                (status.enabled, status.interval),
                (stored.enabled, stored.interval),
                "{name}"
            );
        }
        assert!(!status.enabled || stored.enabled, "{name} is on, but not durably");
    }
}

fn perform(world: &mut World, watcher: &mut Watcher, step: Step) {
    match step {
        Step::Start(name) => {
            watcher.active.insert(NAMES[name]);
            world.start(NAMES[name]);
        }
        Step::Answer(name, all_written, took) => {
            let name = NAMES[name];
            let started = world.now.monotonic.0.saturating_sub(took);
            // Requests of a conversation come one after the other.
            if watcher.anchors.get(name).is_none_or(|anchor| *anchor <= started) {
                watcher.started.insert(name, started);
                watcher.anchors.insert(name, started);
                watcher.pings.insert(name, 0);
                world.answer(name, if all_written { wrote() } else { read() }, took);
            }
        }
        Step::Settle(name) => {
            watcher.active.remove(NAMES[name]);
            world.settle(NAMES[name]);
        }
        Step::Enable(name) => {
            watcher.wanted.insert(NAMES[name]);
            world.enable(NAMES[name]);
        }
        Step::Disable(name) => {
            watcher.wanted.remove(NAMES[name]);
            world.disable(NAMES[name]);
        }
        Step::Interval(name, interval) => world.interval(NAMES[name], interval),
        Step::Close(name) => {
            watcher.wanted.remove(NAMES[name]);
            watcher.active.remove(NAMES[name]);
            world.event(NAMES[name], Happened::Closed);
        }
        Step::Complete(nth, usage) => {
            if let Some((name, generation)) = watcher.under_way.get(nth).copied() {
                watcher.settle(name, generation);
                if usage.read != 0 || usage.written() != 0 {
                    watcher.anchors.insert(name, world.now.monotonic.0);
                }
                let took = Millis::ZERO;
                world.event(name, Happened::WarmCompleted { generation, usage, took });
            }
        }
        Step::CompleteOld(nth, usage) => {
            if let Some((name, generation)) = watcher.over.get(nth).copied() {
                // I9. What is due by now happens in any case.
                world.until(world.now.monotonic.0);
                watcher.watch(world);
                let before = world.status(name);
                let late = Happened::WarmCompleted { generation, usage, took: Millis::ZERO };
                let actions = world.warmer.handle(Event::Conversation(name, late), world.now);
                world.perform(actions);
                let after = world.status(name);
                // Unless it has exhausted the budget, as it was paid for.
                if world.warmer.ledger().today.spent.plus(NanoDollars(600_240_000)) <= DAY {
                    assert_eq!(before, after, "{name}");
                }
            }
        }
        Step::Fail(nth, failure) => {
            if let Some((name, generation)) = watcher.under_way.get(nth).copied() {
                watcher.settle(name, generation);
                if !failure.may_cost() {
                    *watcher.pings.entry(name).or_default() -= 1;
                }
                world.event(name, Happened::WarmFailed { generation, failure });
            }
        }
        Step::ByHand(name) => {
            let name = NAMES[name];
            let is_idle = !watcher.active.contains(name);
            if is_idle
                && watcher.started.contains_key(name)
                && world.warmer.names.find(name).is_some()
            {
                watcher.anchors.insert(name, world.now.monotonic.0);
            }
            // For nothing, so that the budget is that of the pings.
            let usage = RequestUsage { read: 1, ..RequestUsage::default() };
            world.event(name, Happened::WarmedByHand { usage, took: Millis::ZERO });
        }
        Step::Pass(millis) => pass(world, watcher, millis),
        Step::SetWall(millis) => {
            let wall = world.now.wall.unix_millis().saturating_add(millis).max(0);
            world.now.wall = common_fs::Timestamp::from_unix_millis(wall).unwrap();
            // The time may have passed, as far as the warmer can tell.
            watcher.limited_until = 0;
            pass(world, watcher, 0);
        }
        Step::Arrive | Step::Arrived | Step::Limit(_) => of_account(world, watcher, step),
        Step::Write => world.write_next(),
        Step::FillDisk(is_full) => world.disk_is_full = is_full,
        Step::Restart => {
            // What was asked for and not yet written is gone.
            let stored = |name: &&str| world.disk.get(*name).is_some_and(|stored| stored.enabled);
            watcher.wanted = NAMES.into_iter().filter(stored).collect();
            watcher.active.clear();
            watcher.started.clear();
            watcher.under_way.clear();
            (watcher.arriving, watcher.limited_until) = (0, 0);
            world.restart();
        }
    }
}

/// What is told of the one account that there is.
fn of_account(world: &mut World, watcher: &mut Watcher, step: Step) {
    let account = Account(1);
    let event = match step {
        Step::Arrive => {
            watcher.arriving += 1;
            Event::Arriving(account)
        }
        Step::Arrived => {
            watcher.arriving = watcher.arriving.saturating_sub(1);
            Event::Arrived(account)
        }
        Step::Limit(millis) => {
            // What is due by now happens in any case.
            world.until(world.now.monotonic.0);
            watcher.watch(world);
            let until = world.now.monotonic.0 + millis.unwrap_or(5_000);
            watcher.limited_until = watcher.limited_until.max(until);
            Event::RateLimited { account, retry_after: millis.map(Millis) }
        }
        _ => return,
    };
    let actions = world.warmer.handle(event, world.now);
    world.perform(actions);
}

/// Both clocks go on, from wherever they are; what is due happens in time.
fn pass(world: &mut World, watcher: &mut Watcher, millis: u64) {
    let end = world.now.monotonic.0 + millis;
    loop {
        let due =
            world.warmer.next_due().map_or(end, |due| due.0).clamp(world.now.monotonic.0, end);
        let step = Millis(due - world.now.monotonic.0);
        world.now = Now { monotonic: Millis(due), wall: world.now.wall.plus(step.into()) };
        let actions = world.warmer.handle(Event::Tick, world.now);
        world.perform(actions);
        watcher.watch(world);
        watcher.check(world);
        if due == end {
            break;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn i1_to_i9_hold_for_every_order(steps in vec(steps(), 1..120)) {
        run(steps);
    }

    /// I10: with a cache that tells the truth, no ping ever writes, whatever the turns look like.
    #[test]
    fn i10_no_ping_finds_the_entry_gone(
        turns in vec((0..250_000_u64, 0..4_000_000_u64), 1..12),
        delay in 0..9_000_u64,
        name in "[a-z]{1,8}",
    ) {
        let mut world = World::new(Policy { jitter_percent: 5, ..plain() });
        world.enable(&name);
        let mut expires = 0;
        for (took, idle) in turns {
            world.start(&name);
            let started = world.now.monotonic.0;
            world.pass(took);
            let usage = if started < expires { read() } else { wrote() };
            expires = started + 300_000;
            world.answer(&name, usage, took);
            world.settle(&name);
            let end = world.now.monotonic.0 + idle;
            while let Some(due) = world.warmer.next_due()
                && due.0 + delay <= end
            {
                let sent = world.sent.len();
                world.until(due.0);
                if sent < world.sent.len() {
                    // It arrives after the delay.
                    world.pass(delay);
                    let arrived = world.now.monotonic.0;
                    let usage = if arrived < expires { read() } else { wrote() };
                    expires = arrived + 300_000;
                    let (name, generation) = world.sent.last().cloned().unwrap();
                    let took = Millis(delay);
                    world.event(&name, Happened::WarmCompleted { generation, usage, took });
                }
            }
            world.until(end);
        }
        let ledger = world.warmer.ledger();
        prop_assert_eq!(ledger.pings.get(&Verdict::Miss), None);
        // And whatever is called saved was not spent on writing.
        prop_assert_eq!(ledger.tokens.written(), 0);
    }
}
