use std::{collections::HashMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
};

/// Values by name, in the order in which JavaScript keeps the properties of an object: names that
/// are array indices first, by number, then the others as they came. A name that comes again keeps
/// its place and takes the new value.
///
/// As on an object of JavaScript, a number cannot be kept under `__proto__`.
#[derive(Clone, Debug)]
pub struct Object<V> {
    entries: Vec<(String, V)>,
    places: HashMap<String, usize>,
}

impl<V> Object<V> {
    /// One without values.
    pub fn new() -> Self {
        Self { entries: Vec::new(), places: HashMap::new() }
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&V> {
        let place = *self.places.get(name)?;
        self.entries.get(place).map(|(_, value)| value)
    }

    /// Sets the value of `name`.
    pub fn set(&mut self, name: &str, value: V) {
        let known = self.places.get(name).and_then(|place| self.entries.get_mut(*place));
        if let Some((_, known)) = known {
            *known = value;
        } else if name != "__proto__" {
            self.places.insert(name.to_owned(), self.entries.len());
            self.entries.push((name.to_owned(), value));
        }
    }

    /// Names and values, in the order of JavaScript.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        // The sort is stable, and those without an index all have the highest.
        entries.sort_by_key(|(name, _)| array_index(name).unwrap_or(u32::MAX));
        entries.into_iter().map(|(name, value)| (name.as_str(), value))
    }
}

/// The number in `name`, if JavaScript orders it as one.
fn array_index(name: &str) -> Option<u32> {
    let index: u32 = name.parse().ok()?;
    (index < u32::MAX && index.to_string() == name).then_some(index)
}

impl<V> Default for Object<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V: PartialEq> PartialEq for Object<V> {
    /// Whether names, values and their order are the same.
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<V: Serialize> Serialize for Object<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Object<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for Entries<V> {
            type Value = Object<V>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut object = Object::new();
                while let Some((name, value)) = map.next_entry::<String, V>()? {
                    object.set(&name, value);
                }
                Ok(object)
            }
        }

        deserializer.deserialize_map(Entries(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_the_order_of_javascript() {
        let mut object = Object::new();
        for (name, value) in
            [("b", 1), ("10", 2), ("a", 3), ("9", 4), ("b", 5), ("01", 6), ("__proto__", 7)]
        {
            object.set(name, value);
        }
        let entries: Vec<_> = object.iter().collect();
        assert_eq!(entries, [("9", &4), ("10", &2), ("b", &5), ("a", &3), ("01", &6)]);
        assert_eq!((object.get("b"), object.get("__proto__"), object.len()), (Some(&5), None, 5));
    }

    #[test]
    fn what_is_written_is_read() {
        let text = r#"{"2":1,"z":2,"a":3}"#;
        let object: Object<u32> = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&object).unwrap(), text);
        serde_json::from_str::<Object<u32>>("[]").unwrap_err();
    }
}
