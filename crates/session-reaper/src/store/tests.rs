use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const STORE: &str = r#"{
  "agent:main:cron:j:run:a": {
    "sessionId": "a",
    "updatedAt": 1.0,
    "huge": 12345678901234567890,
    "odd": "\ud800"
  },
  "agent:main:cron:j": { "sessionId": "b" , "sessionFile":"x\/b.jsonl"}  ,
  "last": null
}"#;

fn text(pieces: &[&str]) -> String {
    pieces.concat()
}

fn without_keys(store: &Store<'_>, keys: &[&str]) -> String {
    text(&without(store, |key| keys.contains(&key)))
}

#[test]
fn fields_that_matter_are_found() {
    let store = Store::parse(STORE.as_bytes()).unwrap();
    let [run, base, last] = store.rows() else { panic!("three rows") };
    assert_eq!(run.session_id(), Some("a"));
    assert_eq!(run.updated_at(), Time::Millis(1.0));
    assert_eq!(base.session_file(), Some("x/b.jsonl"));
    assert_eq!(base.updated_at(), Time::Missing);
    assert!(last.is_null());
}

#[test]
fn times_are_read_as_a_runtime_reads_them() {
    let table = [
        ("null", Time::Missing),
        ("\"1700000000000\"", Time::Millis(1_700_000_000_000.0)),
        ("\"abc\"", Time::Unclear),
        ("\"\"", Time::Millis(0.0)),
        ("-5", Time::Millis(-5.0)),
        ("1e400", Time::Millis(f64::INFINITY)),
        ("{}", Time::Unclear),
    ];
    for (written, expected) in table {
        let text = format!("{{\"k\":{{\"updatedAt\":{written}}}}}");
        let store = Store::parse(text.as_bytes()).unwrap();
        assert_eq!(store.rows()[0].updated_at(), expected, "{written}");
    }
}

#[test]
fn checkpoints_are_references_whatever_their_shape() {
    let text = r#"{"k":{"compactionCheckpoints":[{"preCompaction":{"sessionFile":"p.jsonl","sessionId":"p"}},{"sessionFile":"q.jsonl"}]}}"#;
    let store = Store::parse(text.as_bytes()).unwrap();
    let row = &store.rows()[0];
    assert_eq!(row.checkpoint_files(), ["p.jsonl", "q.jsonl"]);
    assert_eq!(row.checkpoint_sessions(), ["p"]);
    let deep = "[".repeat(50_000) + &"]".repeat(50_000);
    let text = format!("{{\"k\":{{\"compactionCheckpoints\":{deep}}}}}");
    let store = Store::parse(text.as_bytes()).unwrap();
    assert!(store.rows()[0].unclear().is_some());
}

#[test]
fn a_row_that_is_not_an_object_or_says_something_twice_is_unclear() {
    for entry in ["5", "\"text\"", "[1, [2]]", "true", r#"{"updatedAt":1,"updatedAt":2}"#] {
        let text = format!("{{\"k\":{entry}}}");
        let store = Store::parse(text.as_bytes()).unwrap();
        assert!(store.rows()[0].unclear().is_some(), "{entry}");
    }
}

#[test]
fn what_is_not_a_complete_object_is_refused() {
    let refused = |content: &[u8]| Store::parse(content).unwrap_err();
    assert_eq!(refused(b""), StoreError::Empty);
    assert_eq!(refused(b" \n"), StoreError::Empty);
    assert_eq!(refused(b"{\"a\xff\":1}"), StoreError::NotUtf8 { at_bytes: 3 });
    for text in ["[]", "{", "{\"a\"", "{\"a\":1", "{\"a\":1,}", "{\"a\":{}} x", "{a:1}", "null"] {
        assert!(matches!(refused(text.as_bytes()), StoreError::NotAnObject { .. }), "{text}");
    }
    // Written differently, but the same key.
    let twice = refused(br#"{"key":1,"k\u0065y":2}"#);
    assert_eq!(twice, StoreError::DuplicateKey { key: "key".to_owned() });
    assert!(Store::parse(b"\xef\xbb\xbf{}").is_ok());
    for cut in 1..STORE.len() {
        assert!(Store::parse(&STORE.as_bytes()[..cut]).is_err(), "cut at {cut}");
    }
}

#[test]
fn other_rows_keep_their_bytes() {
    let store = Store::parse(STORE.as_bytes()).unwrap();
    let rest = without_keys(&store, &["agent:main:cron:j"]);
    let begin = STORE.find(",\n  \"agent:main:cron:j\":").unwrap();
    let end = STORE.find(",\n  \"last\"").unwrap();
    assert_eq!(rest, STORE[..begin].to_owned() + &STORE[end..]);
    let none = without_keys(&store, &["agent:main:cron:j:run:a", "agent:main:cron:j", "last"]);
    assert_eq!(none, "{\n}");
    assert_eq!(without_keys(&store, &[]), STORE);
}

/// Any store with `rows` rows, with any white space in it.
fn any_store() -> impl Strategy<Value = String> {
    let space = "[ \\n\\t]{0,3}";
    let row = (space, space, "(null|[1-9][0-9]{0,2}|\\{ \"sessionId\" : \"s\"\\})", space);
    (space, proptest::collection::vec(row, 0..8), space).prop_map(|(before, rows, behind)| {
        let rows: Vec<String> = rows
            .iter()
            .enumerate()
            .map(|(nth, (lead, colon, value, trail))| {
                format!("{lead}\"k{nth}\"{colon}:{value}{trail}")
            })
            .collect();
        format!("{before}{{{}}}{behind}", rows.join(","))
    })
}

proptest! {
    #[test]
    fn what_is_taken_out_goes_back_in_any_order(
        text in any_store(),
        takes in proptest::collection::vec(any::<bool>(), 8),
        order in Just((0..8_usize).collect::<Vec<_>>()).prop_shuffle(),
        together in any::<bool>(),
    ) {
        let store = Store::parse(text.as_bytes()).unwrap();
        let taken: Vec<Removed> = store
            .rows()
            .iter()
            .zip(takes)
            .filter(|(_, take)| *take)
            .map(|(row, _)| store.removed(row))
            .collect();
        let keys: BTreeSet<&str> = taken.iter().map(|row| row.key.as_str()).collect();
        let mut now = without(&store, |key| keys.contains(key)).concat();
        let order: Vec<usize> = order.into_iter().filter(|nth| *nth < taken.len()).collect();
        // All at once, or one after the other.
        let batches = if together { vec![order] } else { order.into_iter().map(|nth| vec![nth]).collect() };
        for batch in batches {
            let store = Store::parse(now.as_bytes()).unwrap();
            let inserted = insert(&store, batch.iter().map(|nth| &taken[*nth]), &taken);
            prop_assert!(inserted.taken.is_empty());
            now = inserted.pieces.concat();
        }
        prop_assert_eq!(now, text);
    }
}

#[test]
fn a_row_never_replaces_one_of_its_key() {
    let text = r#"{ "a": 1, "b": 2 }"#;
    let store = Store::parse(text.as_bytes()).unwrap();
    let a = Removed { member: r#""a": 9"#.to_owned(), ..store.removed(&store.rows()[0]) };
    let inserted = insert(&store, [&a], []);
    assert_eq!(inserted.taken, ["a"]);
    assert_eq!(inserted.pieces.concat(), text);
}

#[test]
fn rows_that_stood_behind_each_other_in_a_circle_go_back_all_the_same() {
    let store = Store::parse(b"{}").unwrap();
    let row = |key: &str, after: &str| Removed {
        key: key.to_owned(),
        member: format!("\"{key}\":1"),
        gap_before: ",".to_owned(),
        gap_behind: String::new(),
        after: Some(after.to_owned()),
    };
    let rows = [row("a", "b"), row("b", "a")];
    let text = insert(&store, &rows, []).pieces.concat();
    assert_eq!(Store::parse(text.as_bytes()).unwrap().rows().len(), 2, "{text}");
}
