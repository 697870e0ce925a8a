use proptest::prelude::*;

use super::*;
use crate::{Model, models::Models};

fn event() -> impl Strategy<Value = Logged> {
    let number = || prop_oneof![0_u64..3, 100_u64..200_000, any::<u64>()];
    let tier = prop_oneof![Just(ServiceTier::Standard), Just(ServiceTier::Batch)];
    let turn = (prop::option::of(0_u64..4), any::<bool>());
    let rest = (tier, number(), number(), prop::option::of(number()), any::<bool>(), turn);
    let time = prop::option::of(1_700_000_000_000_i64..1_700_000_100_000);
    (0_u64..40, time, number(), number(), rest).prop_map(
        |(key, at, input, output, (tier, cache_read, hour, cost, summed, (turn, abandoned)))| {
            let mut tokens = TokenCounts { input, output, cache_read, ..Default::default() };
            tokens.total = if summed { tokens.sum_of_classes() } else { hour };
            Logged {
                key: Key(key),
                at: at.and_then(Timestamp::from_unix_millis),
                model: Models::default().intern(Model { provider: None, name: None }),
                tier,
                turn: turn.map(Key),
                abandoned,
                tokens,
                cache_creation_1h: hour,
                cost: cost.map(NanoUsd),
            }
        },
    )
}

fn log() -> impl Strategy<Value = EventLog> {
    prop::collection::vec(event(), 0..30).prop_map(|events| {
        let mut builder = LogBuilder::new(&EventLog::default());
        for event in events {
            builder.put(event);
        }
        builder.log()
    })
}

proptest! {
    #[test]
    fn what_is_logged_can_be_read_again(log in log()) {
        let events: Vec<Logged> = log.iter().collect();
        prop_assert_eq!(&EventLog::new(&events), &log);
        let (kinds, keys) = (log.kinds().to_vec(), log.keys().to_vec());
        let turns = log.turns().to_vec();
        let parts = EventLog::from_parts(kinds, keys, turns, log.bytes().to_vec());
        prop_assert_eq!(parts, Some(log));
    }

    #[test]
    fn anything_else_is_refused(
        log in log(),
        bytes in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let (kinds, keys) = (log.kinds().to_vec(), log.keys().to_vec());
        let turns = log.turns().to_vec();
        if let Some(read) = EventLog::from_parts(kinds, keys, turns, bytes.clone()) {
            prop_assert_eq!(read.bytes(), &bytes[..]);
        }
    }

    #[test]
    fn what_changed_makes_the_new_of_the_old(
        old in log(),
        later in prop::collection::vec(event(), 0..10),
    ) {
        let mut builder = LogBuilder::new(&old);
        for event in later {
            builder.put(event);
        }
        let new = builder.log();
        let changed = EventLog::new(&new.since(&old).unwrap());
        prop_assert_eq!(old.updated(&changed), new);
    }
}

#[test]
fn a_log_that_did_not_begin_so_has_no_changes() {
    let models = &mut Models::default();
    let model = models.intern(Model { provider: None, name: None });
    let event = |key| Logged::new(Key(key), &Event::default(), model);
    let log = |keys: &[u64]| EventLog::new(&keys.iter().map(|key| event(*key)).collect::<Vec<_>>());
    assert_eq!(log(&[1, 2]).since(&log(&[2])), None);
    assert_eq!(log(&[1]).since(&log(&[1, 2])), None);
    assert_eq!(log(&[1, 2]).since(&log(&[1])).map(|events| events.len()), Some(1));
}
