//! Numbers in as few bytes as they need.

/// Appends a number in as few bytes as it needs, seven bits in each, the lowest first (LEB128).
pub(crate) fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while let Some(more) = number.checked_shr(7).filter(|more| 0 < *more) {
        bytes.push(low(number) | 0x80);
        number = more;
    }
    bytes.push(low(number));
}

fn low(number: u64) -> u8 {
    (number & 0x7f) as u8
}

/// Takes a number from the front; `None` if there is none.
#[inline]
pub(crate) fn take(bytes: &mut &[u8]) -> Option<u64> {
    // Most numbers are this short.
    match **bytes {
        [first, ref rest @ ..] if first < 0x80 => {
            *bytes = rest;
            Some(first.into())
        }
        [first, second, ref rest @ ..] if second < 0x80 => {
            *bytes = rest;
            Some(u64::from(first & 0x7f) | u64::from(second) << 7)
        }
        [first, second, third, ref rest @ ..] if third < 0x80 => {
            *bytes = rest;
            let low = u64::from(first & 0x7f) | u64::from(second & 0x7f) << 7;
            Some(low | u64::from(third) << 14)
        }
        _ => take_long(bytes),
    }
}

fn take_long(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Small numbers of either sign as small numbers without one.
pub(crate) fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

/// The number of either sign again.
pub(crate) fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}
