//! Where a string ends.
//!
//! Most of what is passed over are strings: short ones, and texts of thousands of bytes with an
//! escape in each line or word of theirs. So what may mean something is searched for in many bytes
//! at once, and then looked at one by one.

use super::Malformed;

/// What stands after the quote that a string begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StringLen {
    /// How long it is, with the quote at its end.
    pub(super) len: usize,
    pub(super) has_escapes: bool,
}

/// Searches for the end of a string in what stands after the quote that it begins with.
pub(super) fn string_len(text: &[u8]) -> Result<StringLen, Malformed> {
    if let Some(len) = short_string_len(text) {
        return Ok(StringLen { len, has_escapes: false });
    }
    let (blocks, rest) = text.as_chunks();
    let mut has_escapes = false;
    // What comes before is judged already.
    let mut next = 0;
    for (block, start) in blocks.iter().zip((0..).step_by(BLOCK_BYTES)) {
        let mut specials = specials_of_block(block);
        while specials != 0 {
            let at = start + specials.trailing_zeros() as usize;
            specials &= specials - 1;
            if next <= at {
                match text.get(at) {
                    Some(b'"') => return Ok(StringLen { len: at + 1, has_escapes }),
                    Some(b'\\') => next = at + escape_len(text, at)?,
                    _ => return Err(Malformed),
                }
                has_escapes = true;
            }
        }
    }
    let mut at = next.max(text.len() - rest.len());
    loop {
        match text.get(at) {
            Some(b'"') => return Ok(StringLen { len: at + 1, has_escapes }),
            Some(b'\\') => {
                has_escapes = true;
                at += escape_len(text, at)?;
            }
            Some(byte) if !is_special(*byte) => at += 1,
            _ => return Err(Malformed),
        }
    }
}

/// Names, numbers of things and times are hardly longer.
const SHORT_WORDS: usize = 4;

/// The same, if the string is short and nothing but its end means something in it: for keys, a
/// whole block would be too much.
fn short_string_len(text: &[u8]) -> Option<usize> {
    let (words, _) = text.as_chunks();
    for (word, start) in words.iter().take(SHORT_WORDS).zip((0..).step_by(size_of::<u64>())) {
        let specials = specials_of_word(u64::from_le_bytes(*word));
        if specials != 0 {
            let at = start + specials.trailing_zeros() as usize / 8;
            return (text.get(at) == Some(&b'"')).then_some(at + 1);
        }
    }
    None
}

/// How long the escape is that begins at `at`.
fn escape_len(text: &[u8], at: usize) -> Result<usize, Malformed> {
    match text.get(at + 1).ok_or(Malformed)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(2),
        b'u' => {
            let digits = text.get(at + 2..at + 6).ok_or(Malformed)?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(6).ok_or(Malformed)
        }
        _ => Err(Malformed),
    }
}

/// Whether a byte means something in a string, or must not be in one.
fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// The special ones of eight bytes: of the first, the highest bit is set. The bits below it are
/// zero, and those above it may be anything. See "Bit Twiddling Hacks" by Sean Anderson.
fn specials_of_word(word: u64) -> u64 {
    const EACH: u64 = u64::MAX / 255;
    let below = |word: u64, limit: u8| word.wrapping_sub(EACH * u64::from(limit)) & !word;
    let equal = |byte: u8| below(word ^ (EACH * u64::from(byte)), 1);
    (below(word, 0x20) | equal(b'"') | equal(b'\\')) & (EACH << 7)
}

/// As many as a word has bits.
const BLOCK_BYTES: usize = 64;

/// The special ones of a block: a bit for each, of the first byte the lowest.
fn specials_of_block(block: &[u8; BLOCK_BYTES]) -> u64 {
    // The compiler does this in the widest registers that every processor has.
    let flags = block.map(|byte| if is_special(byte) { u8::MAX } else { 0 });
    let (words, _) = flags.as_chunks();
    let bits = words.iter().map(|word| one_bit_of_each(u64::from_le_bytes(*word)));
    bits.zip((0..).step_by(8)).fold(0, |bits, (of_word, at)| bits | of_word << at)
}

/// A bit for each of eight bytes that have all their bits set or none, of the first the lowest.
fn one_bit_of_each(flags: u64) -> u64 {
    // What the lowest bit of byte n is multiplied by puts it at bit n of the highest byte.
    const ASIDE: u64 = 0x0102_0408_1020_4080;
    const ONE_OF_EACH: u64 = 0x0101_0101_0101_0101;
    (flags & ONE_OF_EACH).wrapping_mul(ASIDE) >> 56
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    /// The same, byte by byte.
    fn string_len_slowly(text: &[u8]) -> Result<StringLen, Malformed> {
        let (mut at, mut has_escapes) = (0, false);
        while let Some(&byte) = text.get(at) {
            match byte {
                b'"' => return Ok(StringLen { len: at + 1, has_escapes }),
                b'\\' => {
                    has_escapes = true;
                    at += escape_len(text, at)?;
                }
                0..0x20 => return Err(Malformed),
                _ => at += 1,
            }
        }
        Err(Malformed)
    }

    #[test]
    fn each_byte_of_a_block_has_its_bit() {
        for byte in 0..=u8::MAX {
            for at in 0..BLOCK_BYTES {
                let mut block = [b'x'; BLOCK_BYTES];
                block[at] = byte;
                let expected = u64::from(is_special(byte)) << at;
                assert_eq!(specials_of_block(&block), expected, "{byte} at {at}");
            }
        }
        assert_eq!(specials_of_block(&[0; BLOCK_BYTES]), u64::MAX);
    }

    #[test]
    fn each_byte_means_what_it_means_wherever_it_stands() {
        for byte in 0..=u8::MAX {
            for at in 0..2 * BLOCK_BYTES {
                let mut text = [b'x'; 2 * BLOCK_BYTES + 10];
                text[at] = byte;
                text[2 * BLOCK_BYTES + 5] = b'"';
                assert_eq!(string_len(&text), string_len_slowly(&text), "{byte} at {at}");
            }
        }
    }

    /// What a string may have in it,
    const PARTS: [&[u8]; 8] =
        [b"x", b"text of some length ", b"\xC3\xA9", b"\xFF", b"\\n", b"\\\"", b"\\\\", b"\\u00e9"];
    /// and what ends it, or makes it none.
    const ENDS: [&[u8]; 5] = [b"\"", b"\\u00", b"\\", b"\n", b"\x1F"];

    fn texts() -> impl Strategy<Value = Vec<u8>> {
        let (parts, ends) = (prop::sample::select(&PARTS[..]), prop::sample::select(&ENDS[..]));
        let parts = prop::collection::vec(prop_oneof![50 => parts, 1 => ends], 0..200);
        parts.prop_map(|parts| parts.concat())
    }

    /// What `serde_json` takes for a string that ends with the text.
    fn is_string(text: &[u8]) -> bool {
        let quoted = [b"\"", text].concat();
        serde_json::from_slice::<IgnoredAny>(&quoted).is_ok()
    }

    proptest! {
        #[test]
        fn it_ends_where_it_ends_byte_by_byte(text in texts()) {
            prop_assert_eq!(string_len(&text), string_len_slowly(&text));
            let quoted = [&text[..], b"\""].concat();
            prop_assert_eq!(string_len(&quoted), string_len_slowly(&quoted));
            let is_all = |string: StringLen| string.len == quoted.len();
            prop_assert_eq!(string_len(&quoted).is_ok_and(is_all), is_string(&quoted));
        }
    }
}
