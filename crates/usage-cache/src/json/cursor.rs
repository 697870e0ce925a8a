//! JSON that is read in place, from left to right, and checked on the way.
//!
//! Almost all of a line is passed over, and what counts is kept as the text that it is.
//! `docs/decisions.md` has what that saves.

use serde::de;

use super::{FieldName, Raw};

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
    let mut cursor = Cursor::new(text);
    let mut object = None;
    cursor.object(&mut object)?;
    cursor.skip_space();
    if cursor.rest.is_empty() { Ok(object) } else { Err(Malformed) }
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
        // What is no text may stand anywhere but in what is kept.
        std::str::from_utf8(text).map(Raw).map_err(|_| Malformed)
    }

    /// Passes over a value.
    pub(crate) fn skip(&mut self) -> Result<(), Malformed> {
        // Of the arrays and objects around the current value, the innermost last: whether it is
        // an object.
        let mut around = Vec::new();
        loop {
            self.skip_space();
            match self.first()? {
                b'{' => {
                    if !self.next_is(b'}') {
                        around.push(true);
                        self.skip_key()?;
                        continue;
                    }
                }
                b'[' => {
                    if !self.next_is(b']') {
                        around.push(false);
                        continue;
                    }
                }
                b'"' => drop(self.skip_string()?),
                b'-' => {
                    let digit = self.first()?;
                    self.skip_number(digit)?;
                }
                b't' => self.skip_word(b"rue")?,
                b'f' => self.skip_word(b"alse")?,
                b'n' => self.skip_word(b"ull")?,
                digit => self.skip_number(digit)?,
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
        let mut has_escapes = false;
        loop {
            let plain = plain_len(self.rest);
            self.rest = self.rest.get(plain..).unwrap_or_default();
            match self.first()? {
                b'"' => return Ok(has_escapes),
                b'\\' => {
                    has_escapes = true;
                    self.skip_escape()?;
                }
                _ => return Err(Malformed),
            }
        }
    }

    fn skip_escape(&mut self) -> Result<(), Malformed> {
        match self.first()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => {
                let (digits, rest) = self.rest.split_first_chunk::<4>().ok_or(Malformed)?;
                self.rest = rest;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(()).ok_or(Malformed)
            }
            _ => Err(Malformed),
        }
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

/// How many bytes come before the next one that means something in a string, or must not be in
/// one.
fn plain_len(text: &[u8]) -> usize {
    let (words, rest) = text.as_chunks();
    for (at, word) in words.iter().enumerate() {
        let special = specials(u64::from_le_bytes(*word));
        if special != 0 {
            return at * size_of::<u64>() + special.trailing_zeros() as usize / 8;
        }
    }
    let is_special = |&byte: &u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    let plain = rest.iter().position(is_special).unwrap_or(rest.len());
    words.len() * size_of::<u64>() + plain
}

/// The special ones of eight bytes: of the first, the highest bit is set. The bits below it are
/// zero, and those above it may be anything. See "Bit Twiddling Hacks" by Sean Anderson.
fn specials(word: u64) -> u64 {
    const EACH: u64 = u64::MAX / 255;
    let below = |word: u64, limit: u8| word.wrapping_sub(EACH * u64::from(limit)) & !word;
    let equal = |byte: u8| below(word ^ (EACH * u64::from(byte)), 1);
    (below(word, 0x20) | equal(b'"') | equal(b'\\')) & (EACH << 7)
}

#[cfg(test)]
mod tests;
