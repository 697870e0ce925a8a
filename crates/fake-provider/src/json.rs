//! JSON whose objects keep the order of their fields.
//!
//! The order decides whether a prefix is the same: a provider sees the arguments of a tool as the
//! text that they are.

use std::{fmt, fmt::Write as _};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Number, Value};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Json {
    /// A field of an object that is not `null`; of the same field twice, the last.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let value = self.fields().iter().rev().find(|(field, _)| field == name);
        value.map(|(_, value)| value).filter(|value| **value != Self::Null)
    }

    pub(crate) fn fields(&self) -> &[(String, Self)] {
        match self {
            Self::Object(fields) => fields,
            _ => &[],
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    pub(crate) fn whole(&self) -> Option<u64> {
        match self {
            Self::Number(number) => number.as_u64(),
            _ => None,
        }
    }

    /// Whether a field is `true`.
    pub(crate) fn says(&self, name: &str) -> bool {
        self.get(name) == Some(&Self::Bool(true))
    }

    /// The `type` of an object.
    pub(crate) fn kind(&self) -> Option<&str> {
        self.get("type")?.text()
    }

    /// As text without white space, the fields of the object itself sorted and without `omitted`;
    /// further inside, the order of the fields is kept.
    pub(crate) fn canonical(&self, omitted: &str) -> String {
        let Self::Object(fields) = self else {
            return self.to_string();
        };
        let mut fields: Vec<_> = fields.iter().filter(|(name, _)| name != omitted).collect();
        fields.sort_by(|(a, _), (b, _)| a.cmp(b));
        Self::Object(fields.into_iter().cloned().collect()).to_string()
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => quote(text, f),
            Self::List(items) => {
                f.write_char('[')?;
                for (at, item) in items.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { "," })?;
                    write!(f, "{item}")?;
                }
                f.write_char(']')
            }
            Self::Object(fields) => {
                f.write_char('{')?;
                for (at, (name, value)) in fields.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { "," })?;
                    quote(name, f)?;
                    write!(f, ":{value}")?;
                }
                f.write_char('}')
            }
        }
    }
}

fn quote(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}", Value::from(text))
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyJson)
    }
}

struct AnyJson;

impl<'de> Visitor<'de> for AnyJson {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = entries.next_entry()? {
            fields.push(field);
        }
        Ok(Json::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Json {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_canonical_text_differs_where_a_provider_sees_a_difference() {
        let table = [
            (r#"{"b":1,"a":"x"}"#, r#"{"a":"x","b":1}"#, true),
            (r#"{ "a" : [1, 2.5, null] }"#, r#"{"a":[1,2.5,null]}"#, true),
            (r#"{"a":"\u00e9\n"}"#, "{\"a\":\"é\\n\"}", true),
            (r#"{"a":1,"cache_control":{"type":"ephemeral"}}"#, r#"{"a":1}"#, true),
            (r#"{"input":{"x":1,"y":2}}"#, r#"{"input":{"y":2,"x":1}}"#, false),
            (r#"{"a":"1"}"#, r#"{"a":1}"#, false),
            (r#"{"a":null}"#, r"{}", false),
        ];
        for (one, other, same) in table {
            let canonical = |text| read(text).canonical("cache_control");
            assert_eq!(canonical(one) == canonical(other), same, "{one} and {other}");
        }
    }

    #[test]
    fn fields_are_found() {
        let json = read(r#"{"n":7,"t":"x","yes":true,"no":false,"nil":null,"n":8,"type":"tool"}"#);
        assert_eq!(json.get("n").and_then(Json::whole), Some(8));
        assert_eq!(json.get("t").and_then(Json::text), Some("x"));
        assert_eq!((json.says("yes"), json.says("no"), json.says("t")), (true, false, false));
        assert_eq!((json.get("nil"), json.get("absent")), (None, None));
        assert_eq!(json.kind(), Some("tool"));
        assert_eq!(read("-1").whole(), None);
    }
}
