//! JSON that is read in place, from left to right, and checked on the way.
//!
//! Almost all of a line is passed over, and what counts is kept as the text that it is.
//! `docs/decisions.md` has what that saves.

use serde::de;

use super::{FieldName, Raw, string::string_len};

/// As deep as `serde_json` goes: what it nests in itself would fill the stack otherwise.
const DEPTH_MAX: u32 = 127;

/// The text is not JSON, or too much nested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl From<Malformed> for serde_json::Error {
    fn from(Malformed: Malformed) -> Self {
        de::Error::custom("malformed JSON")
    }
}

/// The fields of an object that matter.
pub(crate) trait Fields<'a>: Default {
    /// Reads the value of a key, or [skips](Cursor::skip) it. Of a repeated key the last counts,
    /// as in JavaScript.
    fn read(&mut self, key: &[u8], value: &mut Cursor<'a>) -> Result<(), Malformed>;
}

/// Reads a text that is an object; `None` if it is something else.
pub(crate) fn read_object<'a, T: Fields<'a>>(text: &'a [u8]) -> Result<Option<T>, Malformed> {
    let mut object = None;
    read_object_into(&mut object, text)?;
    Ok(object)
}

/// The same into its place: an object with many fields is not moved.
pub(crate) fn read_object_into<'a, T: Fields<'a>>(
    object: &mut Option<T>,
    text: &'a [u8],
) -> Result<(), Malformed> {
    let mut cursor = Cursor::new(text);
    cursor.object(object)?;
    cursor.skip_space();
    if cursor.rest.is_empty() { Ok(()) } else { Err(Malformed) }
}

/// A place in a text, before a value.
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    depth: u32,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { rest: text, depth: 0 }
    }

    /// Reads a value that is an object into its place; passes over any other, which counts as
    /// missing.
    pub(crate) fn object<T: Fields<'a>>(&mut self, to: &mut Option<T>) -> Result<(), Malformed> {
        self.skip_space();
        if self.rest.first() != Some(&b'{') {
            *to = None;
            return self.skip();
        }
        let fields = to.insert(T::default());
        self.each_field(|key, value| fields.read(key, value))
    }

    /// Reads an object, whose values `read` has to read or pass over.
    pub(super) fn each_field(
        &mut self,
        mut read: impl FnMut(&[u8], &mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        self.depth += 1;
        if DEPTH_MAX < self.depth {
            return Err(Malformed);
        }
        self.take(b'{')?;
        if self.next_is(b'}') {
            self.depth -= 1;
            return Ok(());
        }
        loop {
            let key = self.key()?;
            self.take(b':')?;
            read(&key.0, self)?;
            if !self.next_is(b',') {
                self.depth -= 1;
                return self.take(b'}');
            }
        }
    }

    /// Reads a value as its text.
    pub(crate) fn raw(&mut self) -> Result<Raw<'a>, Malformed> {
        self.skip_space();
        let before = self.rest;
        self.skip()?;
        let text = before.get(..before.len() - self.rest.len()).unwrap_or_default();
        // What is no text may stand anywhere but in what is kept. Numbers and words are text.
        let has_strings = matches!(text, [b'"' | b'[' | b'{', ..]);
        if has_strings && std::str::from_utf8(text).is_err() {
            return Err(Malformed);
        }
        Ok(Raw(text))
    }

    /// Passes over a value.
    pub(crate) fn skip(&mut self) -> Result<(), Malformed> {
        self.skip_space();
        match self.rest.first() {
            Some(b'{' | b'[') => self.skip_nested(),
            _ => self.skip_scalar(),
        }
    }

    /// Passes over a value that is no array and no object, and has no space before it.
    fn skip_scalar(&mut self) -> Result<(), Malformed> {
        match self.first()? {
            b'"' => self.skip_string().map(drop),
            b'-' => {
                let digit = self.first()?;
                self.skip_number(digit)
            }
            b't' => self.skip_word(b"rue"),
            b'f' => self.skip_word(b"alse"),
            b'n' => self.skip_word(b"ull"),
            digit => self.skip_number(digit),
        }
    }

    /// Passes over an array or an object, however deep: that takes memory, but not of the stack.
    fn skip_nested(&mut self) -> Result<(), Malformed> {
        // Of the arrays and objects around the current value, the innermost last: whether it is
        // an object.
        let mut around = Vec::new();
        loop {
            self.skip_space();
            match self.rest.first() {
                Some(b'{') => {
                    self.first()?;
                    if !self.next_is(b'}') {
                        around.push(true);
                        self.skip_key()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    self.first()?;
                    if !self.next_is(b']') {
                        around.push(false);
                        continue;
                    }
                }
                _ => self.skip_scalar()?,
            }
            loop {
                let Some(&in_object) = around.last() else { return Ok(()) };
                if self.next_is(b',') {
                    if in_object {
                        self.skip_key()?;
                    }
                    break;
                }
                self.take(if in_object { b'}' } else { b']' })?;
                around.pop();
            }
        }
    }

    fn key(&mut self) -> Result<FieldName<'a>, Malformed> {
        self.skip_space();
        let before = self.rest;
        self.take(b'"')?;
        let has_escapes = self.skip_string()?;
        let quoted = before.get(..before.len() - self.rest.len()).unwrap_or_default();
        FieldName::read(quoted, has_escapes).ok_or(Malformed)
    }

    fn skip_key(&mut self) -> Result<(), Malformed> {
        self.take(b'"')?;
        self.skip_string()?;
        self.take(b':')
    }

    /// Passes over the rest of a string; returns whether it has escapes.
    fn skip_string(&mut self) -> Result<bool, Malformed> {
        let string = string_len(self.rest)?;
        self.rest = self.rest.get(string.len..).ok_or(Malformed)?;
        Ok(string.has_escapes)
    }

    /// Passes over the rest of a number that has no sign and begins with `first`.
    fn skip_number(&mut self, first: u8) -> Result<(), Malformed> {
        match first {
            b'0' => (),
            b'1'..=b'9' => self.skip_digits(),
            _ => return Err(Malformed),
        }
        if self.rest.first() == Some(&b'.') {
            self.first()?;
            self.skip_some_digits()?;
        }
        if let Some(b'e' | b'E') = self.rest.first() {
            self.first()?;
            if let Some(b'+' | b'-') = self.rest.first() {
                self.first()?;
            }
            self.skip_some_digits()?;
        }
        Ok(())
    }

    fn skip_some_digits(&mut self) -> Result<(), Malformed> {
        let before = self.rest.len();
        self.skip_digits();
        if self.rest.len() < before { Ok(()) } else { Err(Malformed) }
    }

    fn skip_digits(&mut self) {
        while let Some((b'0'..=b'9', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
    }

    fn skip_word(&mut self, word: &[u8]) -> Result<(), Malformed> {
        self.rest = self.rest.strip_prefix(word).ok_or(Malformed)?;
        Ok(())
    }

    pub(super) fn skip_space(&mut self) {
        while let Some((b' ' | b'\t' | b'\n' | b'\r', rest)) = self.rest.split_first() {
            self.rest = rest;
        }
    }

    fn first(&mut self) -> Result<u8, Malformed> {
        let (&first, rest) = self.rest.split_first().ok_or(Malformed)?;
        self.rest = rest;
        Ok(first)
    }

    /// Passes over space and one more byte, if it is this one.
    fn next_is(&mut self, expected: u8) -> bool {
        self.skip_space();
        match self.rest.split_first() {
            Some((&byte, rest)) if byte == expected => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn take(&mut self, expected: u8) -> Result<(), Malformed> {
        if self.next_is(expected) { Ok(()) } else { Err(Malformed) }
    }
}

#[cfg(test)]
mod tests;
