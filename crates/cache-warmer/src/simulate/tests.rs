use proptest::prelude::*;

use super::*;
use crate::{
    Account, Action, Answered, Event, Fingerprint, Happened, Ledger, NanoDollars, Now, Policy,
    RequestUsage, Warmer,
};

const ALL: [SimulatedPolicy; 7] = [
    SimulatedPolicy::None,
    SimulatedPolicy::Seed240,
    SimulatedPolicy::SkiRental,
    SimulatedPolicy::Histogram,
    SimulatedPolicy::OneHourTier,
    SimulatedPolicy::Hindsight,
    SimulatedPolicy::Fixed(2),
];

/// One dollar in the units of most amounts here: thousandths of a cent.
const fn milli_cents(amount: i64) -> NanoDollars {
    NanoDollars(amount * 10_000)
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::clamped(seconds, 0)
}

/// A request that takes no time.
fn request(seconds: i64, usage: RequestUsage) -> Request {
    Request { started: at(seconds), ended: at(seconds), usage }
}

fn wrote(tokens: u64) -> RequestUsage {
    RequestUsage { write_5m: tokens, ..RequestUsage::default() }
}

fn read(tokens: u64) -> RequestUsage {
    RequestUsage { read: tokens, ..RequestUsage::default() }
}

fn history(requests: &[Request]) -> History {
    History {
        id: "test:1".to_owned(),
        provider: "anthropic".to_owned(),
        model: "claude-opus-4-5".to_owned(),
        is_subagent: false,
        requests: requests.to_vec(),
    }
}

fn settings(seconds: i64) -> Settings {
    Settings::new(at(seconds))
}

/// What comes of one policy in one conversation.
fn outcome(history: &History, policy: SimulatedPolicy, settings: &Settings) -> Outcome {
    let histories = std::slice::from_ref(history);
    let simulation = simulate(histories, &[policy], &Providers::builtin(), settings);
    simulation.conversations[0].outcomes[0]
}

/// 100,000 tokens of claude-opus-4-5 cost 62.5 cents to write for five minutes, 100 for an hour,
/// and 5 to read: eleven pings pay. A ping is due 270 seconds after the last request.
#[test]
fn pauses_of_all_lengths() {
    use SimulatedPolicy::{Fixed, Hindsight, None, OneHourTier, Seed240, SkiRental};
    // The pause in seconds; the policy; pings; saved and spent in cents; hits, expired.
    let table = [
        (300, None, 0, 0.0, 0.0, 0, 0),
        (301, None, 0, 0.0, 0.0, 0, 1),
        (301, SkiRental, 1, 57.5, 5.0, 1, 0),
        (269, SkiRental, 0, 0.0, 0.0, 0, 0),
        // A ping at 270 s was in vain: the next request came in time anyway.
        (290, SkiRental, 1, 0.0, 5.0, 0, 0),
        (570, SkiRental, 2, 57.5, 10.0, 1, 0),
        // Eleven pings reach until 11 x 270 + 300.
        (3_270, SkiRental, 11, 57.5, 55.0, 1, 0),
        (3_271, SkiRental, 11, 0.0, 55.0, 0, 1),
        (80_000, SkiRental, 11, 0.0, 55.0, 0, 1),
        (571, Fixed(1), 1, 0.0, 5.0, 0, 1),
        (570, Fixed(1), 1, 57.5, 5.0, 1, 0),
        // One ping reaches until 570 s, so the second one is not needed.
        (570, Hindsight, 1, 57.5, 5.0, 1, 0),
        (571, Hindsight, 2, 57.5, 10.0, 1, 0),
        (290, Hindsight, 0, 0.0, 0.0, 0, 0),
        (3_271, Hindsight, 0, 0.0, 0.0, 0, 1),
        // With a token of answer for each ping.
        (3_600, Seed240, 14, 57.5, 70.035, 1, 0),
        // All that is written costs 37.5 cents more: twice, if it is written again.
        (300, OneHourTier, 0, 0.0, 37.5, 0, 0),
        (3_600, OneHourTier, 0, 57.5, 37.5, 1, 0),
        (3_601, OneHourTier, 0, 0.0, 75.0, 0, 1),
    ];
    for (pause, policy, pings, saved, spent, hits, expired) in table {
        let usage = if pause <= 300 { read(100_000) } else { wrote(100_000) };
        let history = history(&[request(0, wrote(100_000)), request(pause, usage)]);
        let got = outcome(&history, policy, &settings(pause));
        let cents = |amount: NanoDollars| amount.dollars() * 100.0;
        let label = format!("{policy:?} after {pause} s: {got:?}");
        assert_eq!((got.pings, got.hits, got.expired), (pings, hits, expired), "{label}");
        assert!((cents(got.saved) - saved).abs() < 1e-9, "{label}");
        assert!((cents(got.spent()) - spent).abs() < 1e-9, "{label}");
    }
}

#[test]
fn a_conversation_that_ends_costs_pings_until_it_is_closed() {
    let history = history(&[request(0, wrote(100_000))]);
    let pings = |policy, hours: i64| outcome(&history, policy, &settings(hours * 3_600)).pings;
    // Every 240 seconds, up to the moment at which it counts as closed.
    assert_eq!(pings(SimulatedPolicy::Seed240, 1), 14);
    assert_eq!(pings(SimulatedPolicy::Seed240, 24), 359);
    assert_eq!(pings(SimulatedPolicy::Seed240, 1_000), 359);
    assert_eq!(pings(SimulatedPolicy::SkiRental, 1_000), 11);
    assert_eq!(pings(SimulatedPolicy::Hindsight, 1_000), 0);
}

#[test]
fn the_lifetime_begins_with_the_request_and_not_with_its_answer() {
    // 90 seconds of answer: the first ping of the seed comes 330 seconds after the request, too
    // late, and so writes everything anew.
    let long = Request { started: at(0), ended: at(90), usage: wrote(100_000) };
    let history = history(&[long, request(400, wrote(100_000))]);
    let seed = outcome(&history, SimulatedPolicy::Seed240, &settings(400));
    assert_eq!((seed.pings, seed.late_pings, seed.hits), (1, 1, 1));
    assert_eq!(seed.spent_on_pings, milli_cents(62_500 + 2).plus(NanoDollars(5_000)));
    let ours = outcome(&history, SimulatedPolicy::SkiRental, &settings(400));
    assert_eq!((ours.pings, ours.late_pings, ours.hits), (1, 0, 1));
    assert_eq!(ours.spent_on_pings, milli_cents(5_000));
}

#[test]
fn nothing_is_credited_that_warming_did_not_do() {
    // The prompt became shorter: it was compacted, and the prefix is another one.
    let compacted = history(&[request(0, wrote(100_000)), request(600, wrote(30_000))]);
    // The entry was there although its time was over.
    let lucky = history(&[request(0, wrote(100_000)), request(600, read(100_000))]);
    // The entry was gone although it had time.
    let evicted = history(&[request(0, wrote(100_000)), request(200, wrote(100_000))]);
    for history in [compacted, lucky, evicted] {
        let got = outcome(&history, SimulatedPolicy::SkiRental, &settings(600));
        assert_eq!((got.saved, got.hits), (NanoDollars::ZERO, 0), "{history:?}");
    }
}

#[test]
fn a_part_that_was_read_anyway_is_not_saved_again() {
    // The system prompt is shared with other conversations, and was still there.
    let usage = RequestUsage { read: 20_000, write_5m: 81_000, ..RequestUsage::default() };
    let history = history(&[request(0, wrote(100_000)), request(301, usage)]);
    let got = outcome(&history, SimulatedPolicy::SkiRental, &settings(301));
    // 80,000 tokens are read instead of written, for 5.75 dollars a million less.
    assert_eq!(got.saved, milli_cents(46_000));
}

#[test]
fn a_model_without_a_price_is_told_and_counts_nowhere() {
    let mut unknown = history(&[request(0, wrote(1)), request(1, wrote(1))]);
    unknown.model = "experimental".to_owned();
    let known = history(&[request(0, wrote(100_000))]);
    let simulation = simulate(
        &[unknown.clone(), known, unknown],
        &[SimulatedPolicy::None],
        &Providers::builtin(),
        &settings(10),
    );
    assert_eq!(simulation.conversations.len(), 1);
    let [unpriced] = &simulation.unpriced[..] else { panic!("{simulation:?}") };
    assert_eq!((unpriced.model.as_str(), unpriced.conversations), ("experimental", 2));
    assert_eq!(unpriced.requests, 4);
}

#[test]
fn entries_can_be_taken_for_shorter_or_longer_ones() {
    let hour = RequestUsage { write_1h: 100_000, ..RequestUsage::default() };
    let recorded = history(&[request(0, hour), request(1_000, read(100_000))]);
    let always = |tier| Settings { lifetime: Lifetime::Always(tier), ..settings(1_000) };
    let none = |settings| outcome(&recorded, SimulatedPolicy::None, &settings);
    // As it was: written for an hour, and read.
    assert_eq!(none(settings(1_000)).cost, milli_cents(100_000 + 5_000));
    assert_eq!(none(always(Tier::OneHour)).cost, milli_cents(100_000 + 5_000));
    // Written for five minutes, twice.
    let short = none(always(Tier::FiveMinutes));
    assert_eq!((short.cost, short.expired), (milli_cents(2 * 62_500), 1));
    let warmed = outcome(&recorded, SimulatedPolicy::SkiRental, &always(Tier::FiveMinutes));
    assert_eq!((warmed.pings, warmed.cost), (3, milli_cents(62_500 + 5_000 + 3 * 5_000)));
}

#[test]
fn where_writing_is_free_the_whole_prompt_is_what_can_be_read() {
    let of = |uncached, read| RequestUsage { uncached, read, ..RequestUsage::default() };
    let mut history = history(&[request(0, of(100_000, 0)), request(400, of(101_000, 0))]);
    (history.provider, history.model) = ("openai".to_owned(), "gpt-5".to_owned());
    let got = outcome(&history, SimulatedPolicy::SkiRental, &settings(400));
    // 100,000 tokens for 0.125 instead of 1.25 dollars a million.
    assert_eq!((got.pings, got.saved), (1, milli_cents(11_250)));
}

#[test]
fn the_histogram_knows_only_pauses_that_were_over_when_the_day_began() {
    // Each day a pause of 50 minutes, and some short ones.
    let day = |day: i64| {
        let starts = (0..30).map(move |nth| day * 86_400 + nth * 60);
        let last = day * 86_400 + 29 * 60 + 3_000;
        starts.chain([last]).map(|start| request(start, wrote(100_000)))
    };
    let of = |days: i64| history(&(0..days).flat_map(day).collect::<Vec<_>>());
    let all = of(20);
    let before = |days: i64| outcome(&of(days), SimulatedPolicy::Histogram, &settings(20 * 86_400));
    // The first day, nothing is known: as ski-rental.
    let first = outcome(&of(1), SimulatedPolicy::SkiRental, &settings(20 * 86_400));
    assert_eq!(before(1), first);
    // What comes later does not change what was done before.
    for days in 2..20 {
        let models = Providers::builtin();
        let model = models.model("anthropic", "claude-opus-4-5").unwrap();
        let settings = settings(20 * 86_400);
        let some = of(days);
        let (some, all) =
            (Thread::new(&some, model, &settings), Thread::new(&all, model, &settings));
        let (some, all) = (past::limits(&[some], &settings), past::limits(&[all], &settings));
        let same = some[0].len() - 1;
        assert_eq!(some[0][..same], all[0][..same], "{days}");
    }
}

/// Requests that use the cache as a truthful one is used: after a pause within the lifetime all is
/// read that was there, after a longer one all is written again.
fn truthful() -> impl Strategy<Value = History> {
    let pause = prop_oneof![3 => 1_i64..400, 2 => 300_i64..4_000, 1 => 3_000_i64..100_000];
    let step = (pause, 0_i64..120, 0_u64..5_000, 0_u64..50);
    proptest::collection::vec(step, 1..30).prop_map(|steps| {
        let (mut now, mut sent, mut cached) = (0, i64::MIN, 0);
        let mut requests = Vec::new();
        for (pause, answer, more, uncached) in steps {
            now += pause;
            let is_kept = now.saturating_sub(sent) <= 300;
            let read = if is_kept { cached } else { 0 };
            let write_5m = 2_000 + more + cached - read;
            cached = read + write_5m;
            let usage = RequestUsage { uncached, read, write_5m, write_1h: 0, output: 7 };
            requests.push(Request { started: at(now), ended: at(now + answer), usage });
            sent = now;
            now += answer;
        }
        history(&requests)
    })
}

/// How many pings the state machine sends after a request, before the next one comes; without
/// jitter, and with pings that take no time.
fn pings_of_the_warmer(request: &Request, next_seconds: i64) -> u64 {
    let policy = Policy { jitter_percent: 0, ..Policy::SKI_RENTAL };
    let mut warmer = Warmer::new(policy, Ledger::default(), Now::virtual_millis(0));
    let providers = Providers::builtin();
    let model = providers.model("anthropic", "claude-opus-4-5").unwrap();
    let mut clock = u64::try_from(request.ended.unix_millis()).unwrap();
    let before = u64::try_from(next_seconds).unwrap() * 1_000;
    let answered = Answered {
        usage: request.usage,
        took: Millis(clock),
        model: Some(std::sync::Arc::clone(model)),
        tier: None,
        prefix: Fingerprint(1),
        account: Account(1),
        subagent: false,
    };
    let mut events = vec![
        Happened::EnabledSet(true),
        Happened::TurnStarted,
        Happened::Answered(answered),
        Happened::TurnSettled,
    ];
    let (mut pings, usage) = (0, read(request.usage.written()));
    loop {
        let now = Now::virtual_millis(clock);
        let actions = if events.is_empty() {
            let Some(due) = warmer.next_due().filter(|due| due.0 < before) else { return pings };
            clock = due.0;
            warmer.handle(Event::Tick, Now::virtual_millis(clock))
        } else {
            std::mem::take(&mut events)
                .into_iter()
                .flat_map(|event| warmer.handle(Event::Conversation("c", event), now))
                .collect()
        };
        for action in actions {
            match action {
                Action::Persist { version, settings, .. } => {
                    events.push(Happened::Persisted { version, settings });
                }
                Action::Send { generation, .. } => {
                    pings += 1;
                    let took = Millis::ZERO;
                    events.push(Happened::WarmCompleted { generation, usage, took });
                }
                Action::Cancel { .. } | Action::Notify { .. } => (),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn without_pings_it_costs_what_it_has_cost(history in truthful()) {
        let model = Providers::builtin();
        let prices = model.model("anthropic", "claude-opus-4-5").unwrap().terms(Tier::FiveMinutes, 0).prices;
        let recorded = history.requests.iter().map(|request| prices.cost(&request.usage)).sum();
        let none = outcome(&history, SimulatedPolicy::None, &settings(10_000_000));
        prop_assert_eq!(none.cost, recorded);
        prop_assert_eq!((none.pings, none.net()), (0, NanoDollars::ZERO));
    }

    #[test]
    fn the_books_balance(history in truthful()) {
        let settings = settings(10_000_000);
        let simulation = simulate(&[history], &ALL, &Providers::builtin(), &settings);
        let conversation = &simulation.conversations[0];
        let none = conversation.outcomes[0];
        for (policy, outcome) in simulation.policies.iter().zip(&conversation.outcomes) {
            prop_assert_eq!(outcome.cost, none.cost.minus(outcome.net()), "{:?}", policy);
            prop_assert!(NanoDollars::ZERO <= outcome.saved && NanoDollars::ZERO <= outcome.spent());
            prop_assert!(outcome.hits + outcome.expired <= conversation.long_gaps);
            prop_assert!(outcome.late_pings <= outcome.pings);
        }
        prop_assert_eq!(none.expired, conversation.long_gaps);
    }

    #[test]
    fn no_cap_gains_more_than_hindsight(history in truthful()) {
        let caps = (0..20).map(SimulatedPolicy::Fixed);
        let policies: Vec<_> = [SimulatedPolicy::Hindsight, SimulatedPolicy::SkiRental]
            .into_iter()
            .chain(caps)
            .collect();
        let settings = settings(10_000_000);
        let simulation = simulate(&[history], &policies, &Providers::builtin(), &settings);
        let outcomes = &simulation.conversations[0].outcomes;
        for (policy, outcome) in policies.iter().zip(outcomes) {
            prop_assert!(outcome.net() <= outcomes[0].net(), "{policy:?}");
        }
    }

    /// What a pause costs that ends is no more than twice what somebody would have paid who knew
    /// when; and one that ends in time costs a ping at most.
    #[test]
    fn ski_rental_is_no_worse_than_twice_the_best(
        cached in 5_000_u64..900_000,
        answer in 0_i64..400,
        pause in 1_i64..90_000,
    ) {
        let first = Request { started: at(0), ended: at(answer), usage: wrote(cached) };
        let next = answer + pause;
        let usage = if next <= 300 { read(cached) } else { wrote(cached) };
        let history = history(&[first, request(next, usage)]);
        let kind = |policy| outcome(&history, policy, &settings(next));
        let (none, best) = (kind(SimulatedPolicy::None), kind(SimulatedPolicy::Hindsight));
        let ski = kind(SimulatedPolicy::SkiRental);
        prop_assert!(best.cost <= none.cost && best.cost <= ski.cost);
        let prices = Providers::builtin().model("anthropic", "claude-opus-4-5").unwrap().terms(Tier::FiveMinutes, 0).prices;
        if next <= 300 {
            prop_assert!(ski.spent() <= prices.read.for_tokens(cached));
        } else {
            let loss = prices.write_5m.minus(prices.read).for_tokens(cached);
            let lost = |outcome: &Outcome| outcome.cost.minus(none.cost).plus(loss).0;
            prop_assert!(lost(&ski) <= 2 * lost(&best), "{ski:?} {best:?}");
        }
    }

    #[test]
    fn the_warmer_sends_the_pings_that_are_simulated(
        cached in 5_000_u64..900_000,
        answer in 0_i64..400,
        pause in 1_i64..6_000,
    ) {
        let first = Request { started: at(0), ended: at(answer), usage: wrote(cached) };
        let next = answer + pause;
        let history = history(&[first, request(next, wrote(cached))]);
        let simulated = outcome(&history, SimulatedPolicy::SkiRental, &settings(next));
        prop_assert_eq!(pings_of_the_warmer(&first, next), simulated.pings);
    }

    #[test]
    fn any_requests_can_be_replayed(
        requests in proptest::collection::vec((any::<i64>(), any::<i64>(), any::<[u32; 5]>()), 1..8),
        closed in any::<u32>(),
        until in any::<i64>(),
    ) {
        let mut requests: Vec<_> = requests
            .into_iter()
            .map(|(started, took, [uncached, read, write_5m, write_1h, output])| {
                let [uncached, read] = [uncached, read].map(u64::from);
                let [write_5m, write_1h, output] = [write_5m, write_1h, output].map(u64::from);
                let usage = RequestUsage { uncached, read, write_5m, write_1h, output };
                let started = Timestamp::from_unix_nanos(started);
                let ended = Timestamp::from_unix_nanos(started.unix_nanos().max(took));
                Request { started, ended, usage }
            })
            .collect();
        requests.sort_by_key(|request| request.started);
        let closed_after = Millis(u64::from(closed));
        let until = Timestamp::from_unix_nanos(until);
        let settings = Settings { lifetime: Lifetime::Recorded, closed_after, until };
        let simulation = simulate(&[history(&requests)], &ALL, &Providers::builtin(), &settings);
        prop_assert_eq!(simulation.conversations[0].outcomes.len(), ALL.len());
    }
}
