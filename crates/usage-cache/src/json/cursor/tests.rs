use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::{Value, value::RawValue};

use super::*;

/// All fields, as they are met.
#[derive(Debug, Default, PartialEq)]
struct All<'a>(Vec<(Vec<u8>, Raw<'a>)>);

impl<'a> Fields<'a> for All<'a> {
    fn read(&mut self, key: &[u8], value: &mut Cursor<'a>) -> Result<(), Malformed> {
        self.0.push((key.to_owned(), value.raw()?));
        Ok(())
    }
}

fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

fn is_json_here(text: &[u8]) -> bool {
    let mut cursor = Cursor::new(text);
    let skipped = cursor.skip();
    cursor.skip_space();
    skipped.is_ok() && cursor.rest.is_empty()
}

#[test]
fn what_json_is() {
    let table: &[(&str, bool)] = &[
        ("{}", true),
        (" [ ] ", true),
        ("", false),
        (" ", false),
        ("{", false),
        ("}", false),
        ("[", false),
        ("]", false),
        ("{]", false),
        ("[}", false),
        ("{} {}", false),
        ("{\"a\":1}", true),
        (" {\t\"a\" :\r[1 , 2]\n} ", true),
        ("{\"a\":1,}", false),
        ("{,}", false),
        ("{\"a\"}", false),
        ("{\"a\":}", false),
        ("{\"a\":1 \"b\":2}", false),
        ("{a:1}", false),
        ("[1,]", false),
        ("[,1]", false),
        ("[1 2]", false),
        ("[[[[{\"a\":[{}]}]]]]", true),
        ("[[[[{\"a\":[{}}]]]]]", false),
        ("true", true),
        ("false", true),
        ("null", true),
        ("tru", false),
        ("nul", false),
        ("truer", false),
        ("0", true),
        ("-0", true),
        ("01", false),
        ("-", false),
        ("+1", false),
        ("1.", false),
        (".1", false),
        ("1.5", true),
        ("1e5", true),
        ("1E+5", true),
        ("1e-", false),
        ("1e", false),
        ("1.e5", false),
        ("1e999", true),
        ("-12.34e-56", true),
        ("\"\"", true),
        ("\"a", false),
        ("\"", false),
        ("\"\\", false),
        ("\"\\\"", false),
        ("\"\\n\\t\\r\\b\\f\\/\\\\\\\"\"", true),
        ("\"\\x\"", false),
        ("\"\\u00e9\\ud800\"", true),
        ("\"\\u00e\"", false),
        ("\"\\u00", false),
        ("\"\\u00eg\"", false),
        ("\"\n\"", false),
        ("\"\u{1f}\"", false),
        ("\"\u{7f}é\u{1F600}\"", true),
    ];
    for &(text, expected) in table {
        assert_eq!(is_json(text.as_bytes()), expected, "{text} by serde_json");
        assert_eq!(is_json_here(text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn strings_of_all_lengths_end_where_they_end() {
    for len in 0..100 {
        for (special, is_string) in [("\\n", true), ("\u{0}", false), ("\\q", false), ("é", true)]
        {
            for at in 0..=len {
                let text = format!("\"{}{special}{}\"", "x".repeat(at), "x".repeat(len - at));
                assert_eq!(is_json_here(text.as_bytes()), is_string, "{text}");
                assert!(!is_json_here(text.trim_end_matches('"').as_bytes()), "{text}");
            }
        }
    }
}

#[test]
fn fields_are_the_text_that_stands_there() {
    let text = br#" { "a" : [1, {"b": "]}"}] ,"\u0063\"\ud800":"\\", "a":1e999} "#;
    let All(fields) = read_object(text).unwrap().unwrap();
    let fields: Vec<(&[u8], &[u8])> =
        fields.iter().map(|(key, raw)| (&key[..], raw.get())).collect();
    let expected: [(&[u8], &[u8]); 3] =
        [(b"a", br#"[1, {"b": "]}"}]"#), (b"c\"\xED\xA0\x80", br#""\\""#), (b"a", b"1e999")];
    assert_eq!(fields, expected);
    for other in ["1", "[{}]", "\"{}\"", "null", " {} 1", "{\"a\":\"\u{1}\"}"] {
        let read = read_object::<All<'_>>(other.as_bytes());
        assert_eq!(read, if is_json(other.as_bytes()) { Ok(None) } else { Err(Malformed) });
    }
}

#[test]
fn what_is_no_text_matters_where_it_is_kept() {
    #[derive(Default)]
    struct None;
    impl<'a> Fields<'a> for None {
        fn read(&mut self, _: &[u8], value: &mut Cursor<'a>) -> Result<(), Malformed> {
            value.skip()
        }
    }
    let text = b"{\"a\xff\":\"\xff\"}";
    assert!(read_object::<None>(text).is_ok());
    assert!(read_object::<All<'_>>(text).is_err());
}

#[test]
fn no_depth_fills_the_stack() {
    #[derive(Default)]
    struct Nested;
    impl<'a> Fields<'a> for Nested {
        fn read(&mut self, _: &[u8], value: &mut Cursor<'a>) -> Result<(), Malformed> {
            value.object::<Self>(&mut None)
        }
    }
    let nested = |depth: usize| "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth);
    assert!(read_object::<Nested>(nested(127).as_bytes()).is_ok());
    assert!(read_object::<Nested>(nested(128).as_bytes()).is_err());
    // What is passed over may be as deep as it likes.
    assert!(is_json_here(nested(100_000).as_bytes()));
    assert!(!is_json_here("[".repeat(100_000).as_bytes()));
}

fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,50}".prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 30, 5, |value| {
        prop_oneof![
            prop::collection::vec(value.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(".{0,12}", value, 0..5)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Where a text is changed, and to what.
fn damage() -> impl Strategy<Value = (prop::sample::Index, Option<u8>)> {
    let byte = prop_oneof![
        prop::sample::select(b"{}[]\",:\\ 0-.eu\n\0\xff".to_vec()).boxed(),
        any::<u8>().boxed()
    ];
    (any::<prop::sample::Index>(), prop::option::of(byte))
}

proptest! {
    #[test]
    fn damaged_or_not_it_is_json_if_serde_json_says_so(
        value in value(),
        pretty in any::<bool>(),
        damages in prop::collection::vec(damage(), 0..3),
    ) {
        let text = if pretty { serde_json::to_vec_pretty(&value) } else { serde_json::to_vec(&value) };
        let mut text = text.unwrap();
        for (at, byte) in damages {
            let Some(len @ 1..) = Some(text.len()) else { break };
            match byte {
                Some(byte) => text[at.index(len)] = byte,
                None => drop(text.remove(at.index(len))),
            }
        }
        prop_assert_eq!(is_json_here(&text), is_json(&text));
        prop_assert_eq!(
            Cursor::new(&text).raw().is_ok_and(|raw| raw.get().len() == text.trim_ascii().len()),
            serde_json::from_slice::<&RawValue>(&text).is_ok()
        );
    }

    #[test]
    fn fields_are_those_of_serde_json(
        fields in prop::collection::btree_map(".{0,12}", value(), 0..6),
    ) {
        let text = serde_json::to_vec(&fields).unwrap();
        let All(read) = read_object(&text).unwrap().unwrap();
        let field = |(key, raw): (Vec<u8>, Raw<'_>)| {
            (String::from_utf8(key).unwrap(), serde_json::from_slice(raw.get()).unwrap())
        };
        let read: Vec<(String, Value)> = read.into_iter().map(field).collect();
        let expected: Value = serde_json::from_slice(&text).unwrap();
        let expected = expected.as_object().unwrap();
        prop_assert_eq!(read.len(), expected.len());
        for (key, value) in &read {
            prop_assert_eq!(expected.get(key), Some(value));
        }
    }

    #[test]
    fn bytes_of_any_kind_are_json_or_not(text in prop::collection::vec(any::<u8>(), 0..40)) {
        prop_assert_eq!(is_json_here(&text), is_json(&text));
    }
}
