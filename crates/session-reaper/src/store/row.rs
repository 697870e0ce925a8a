use std::{borrow::Cow, fmt, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// A row of a store: what retention has to know of a session.
#[derive(Clone, Debug)]
pub struct StoreRow<'t> {
    /// Under which key it stands.
    pub key: Cow<'t, str>,
    /// Where it stands in the text.
    pub(crate) member: Range<usize>,
    fields: Fields<'t>,
}

impl<'t> StoreRow<'t> {
    pub(super) fn new(key: Cow<'t, str>, member: Range<usize>, fields: Fields<'t>) -> Self {
        Self { key, member, fields }
    }

    /// How long its member is.
    pub fn size_bytes(&self) -> u64 {
        self.member.len() as u64
    }

    /// Why the row cannot be judged, if it cannot: it is no object, or has a field twice.
    pub fn unclear(&self) -> Option<&'static str> {
        self.fields.unclear
    }

    /// The entry is `null`, which a runtime takes for none.
    pub fn is_null(&self) -> bool {
        self.fields.null
    }

    /// `sessionId`, if it is text.
    pub fn session_id(&self) -> Option<&str> {
        self.fields.session_id.as_ref()?.as_deref()
    }

    /// `sessionFile`, if it is text.
    pub fn session_file(&self) -> Option<&str> {
        self.fields.session_file.as_ref()?.as_deref()
    }

    /// `updatedAt` as it is written.
    pub fn updated_at(&self) -> Time {
        Time::of(self.fields.updated_at)
    }

    /// `endedAt` as it is written.
    pub fn ended_at(&self) -> Time {
        Time::of(self.fields.ended_at)
    }

    /// `status`, if it is text.
    pub fn status(&self) -> Option<&str> {
        self.fields.status.as_ref()?.as_deref()
    }

    /// `label`, if it is text.
    pub fn label(&self) -> Option<&str> {
        self.fields.label.as_ref()?.as_deref()
    }

    /// All transcripts that `compactionCheckpoints` name.
    pub fn checkpoint_files(&self) -> &[Cow<'t, str>] {
        &self.fields.checkpoint_files
    }

    /// All sessions that `compactionCheckpoints` name.
    pub fn checkpoint_sessions(&self) -> &[Cow<'t, str>] {
        &self.fields.checkpoint_sessions
    }
}

/// A time in a row: milliseconds since the Unix epoch, as a runtime would read them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Time {
    /// There is none, or `null`.
    Missing,
    /// A number, or text that JavaScript turns into one.
    Millis(f64),
    /// Anything else.
    Unclear,
}

impl Time {
    fn of(raw: Option<&RawValue>) -> Self {
        let Some(raw) = raw.map(RawValue::get) else { return Self::Missing };
        match raw {
            "null" => Self::Missing,
            "true" => Self::Millis(1.0),
            "false" => Self::Millis(0.0),
            _ if raw.starts_with('"') => {
                let text = serde_json::from_str::<String>(raw).unwrap_or_default();
                match text.trim() {
                    "" => Self::Millis(0.0),
                    number => number.parse().map_or(Self::Unclear, Self::Millis),
                }
            }
            // A number beyond the range of floating point numbers is read as infinite.
            _ => raw.parse().map_or(Self::Unclear, Self::Millis),
        }
    }
}

/// The value of a field, if that is text.
type Text<'t> = Option<Cow<'t, str>>;

fn text(raw: &RawValue) -> Text<'_> {
    let raw = raw.get();
    let plain = raw.strip_prefix('"')?.strip_suffix('"')?;
    if plain.as_bytes().contains(&b'\\') {
        return serde_json::from_str(raw).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(plain))
}

/// A key, borrowed where it is written without escapes.
pub(super) struct Key<'t>(pub(super) Cow<'t, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// The fields of a row that matter, as they are written.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields<'t> {
    session_id: Option<Text<'t>>,
    session_file: Option<Text<'t>>,
    updated_at: Option<&'t RawValue>,
    ended_at: Option<&'t RawValue>,
    status: Option<Text<'t>>,
    label: Option<Text<'t>>,
    checkpoint_files: Vec<Cow<'t, str>>,
    checkpoint_sessions: Vec<Cow<'t, str>>,
    unclear: Option<&'static str>,
    null: bool,
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Entry)
    }
}

struct Entry;

impl<'de> Visitor<'de> for Entry {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entry")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Fields { null: true, ..Fields::default() })
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Fields::no_object())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Fields::no_object())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Fields::no_object())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Fields::no_object())
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(Fields::no_object())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Fields::no_object())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Fields::default();
        while let Some(Key(key)) = map.next_key()? {
            let is_twice = match key.as_ref() {
                "sessionId" => fields.session_id.replace(text(map.next_value()?)).is_some(),
                "sessionFile" => fields.session_file.replace(text(map.next_value()?)).is_some(),
                "updatedAt" => fields.updated_at.replace(map.next_value()?).is_some(),
                "endedAt" => fields.ended_at.replace(map.next_value()?).is_some(),
                "status" => fields.status.replace(text(map.next_value()?)).is_some(),
                "label" => fields.label.replace(text(map.next_value()?)).is_some(),
                "compactionCheckpoints" => {
                    fields.read_checkpoints(map.next_value()?, 0);
                    false
                }
                _ => {
                    let _: IgnoredAny = map.next_value()?;
                    false
                }
            };
            if is_twice {
                fields.unclear = Some("it has a field twice");
            }
        }
        Ok(fields)
    }
}

/// Deeper than this nothing is nested that a runtime has written.
const DEPTH_MAX: u32 = 16;

impl<'t> Fields<'t> {
    fn no_object() -> Self {
        Self { unclear: Some("its entry is not an object"), ..Self::default() }
    }

    /// Whatever their shape, every `sessionFile` and `sessionId` in them is a reference.
    fn read_checkpoints(&mut self, raw: &'t RawValue, depth: u32) {
        let mut inner = serde_json::Deserializer::from_str(raw.get());
        let found = References { fields: self, depth };
        if DEPTH_MAX < depth || inner.deserialize_any(found).is_err() {
            self.unclear = Some("its checkpoints cannot be read");
        }
    }
}

struct References<'f, 't> {
    fields: &'f mut Fields<'t>,
    depth: u32,
}

impl<'de> Visitor<'de> for References<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key()? {
            let raw: &'de RawValue = map.next_value()?;
            match key.as_ref() {
                "sessionFile" => self.fields.checkpoint_files.extend(text(raw)),
                "sessionId" => self.fields.checkpoint_sessions.extend(text(raw)),
                _ if is_nested(raw) => self.fields.read_checkpoints(raw, self.depth + 1),
                _ => (),
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(raw) = seq.next_element::<&'de RawValue>()? {
            if is_nested(raw) {
                self.fields.read_checkpoints(raw, self.depth + 1);
            }
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
}

fn is_nested(raw: &RawValue) -> bool {
    raw.get().starts_with(['{', '['])
}
