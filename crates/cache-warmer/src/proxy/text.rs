//! The members of the top level of a JSON text, and where they are in it.

use std::{borrow::Cow, fmt, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// A JSON text that is an object.
///
/// It was read as a whole, so it is well-formed, and no name comes twice: of two, the provider
/// may go by the other.
pub(crate) struct Text<'t> {
    whole: &'t str,
    /// Behind the brace with which the object begins.
    open: usize,
    members: Vec<(Cow<'t, str>, &'t str)>,
}

impl<'t> Text<'t> {
    /// Reads `text`; nothing if it is not an object with distinct members.
    pub(crate) fn parse(text: &'t str) -> Option<Self> {
        let Members(members) = serde_json::from_str(text).ok()?;
        let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_ref()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair.first() == pair.last()) {
            return None;
        }
        Some(Self { whole: text, open: text.find('{')? + 1, members })
    }

    /// The whole text.
    pub(crate) fn as_str(&self) -> &'t str {
        self.whole
    }

    /// Where its first member may begin.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// Whether it has no member.
    pub(crate) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The text of the member `name`.
    pub(crate) fn value(&self, name: &str) -> Option<&'t str> {
        self.members.iter().find(|(member, _)| member == name).map(|(_, value)| *value)
    }

    /// Where the value of the member `name` is.
    pub(crate) fn range(&self, name: &str) -> Option<Range<usize>> {
        let value = self.value(name)?;
        let start = value.as_ptr().addr().checked_sub(self.whole.as_ptr().addr())?;
        Some(start..start + value.len())
    }

    /// Whether it has the member `name`, other than `null`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| value != "null")
    }

    /// The string `name`.
    pub(crate) fn string(&self, name: &str) -> Option<Cow<'t, str>> {
        serde_json::from_str::<Str<'_>>(self.value(name)?).ok().map(|string| string.0)
    }

    /// The string `name` within the object `outer`.
    pub(crate) fn string_in(&self, outer: &str, name: &str) -> Option<Cow<'t, str>> {
        Text::parse(self.value(outer)?)?.string(name)
    }

    /// Whether the object `outer` has the member `name`, other than `null`.
    pub(crate) fn has_in(&self, outer: &str, name: &str) -> bool {
        self.value(outer).and_then(Text::parse).is_some_and(|outer| outer.has(name))
    }
}

#[derive(Deserialize)]
struct Str<'t>(#[serde(borrow)] Cow<'t, str>);

struct Members<'t>(Vec<(Cow<'t, str>, &'t str)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Str(name), value)) = map.next_entry::<Str<'de>, &RawValue>()? {
                    members.push((name, value.get()));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}
