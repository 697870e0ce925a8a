/// A version of OpenClaw, which is a date: `2026.9.6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    year: u16,
    month: u16,
    day: u16,
}

impl Version {
    /// A version by its three numbers.
    pub const fn new(year: u16, month: u16, day: u16) -> Self {
        Self { year, month, day }
    }

    /// Reads `2026.9.6`. What follows behind a `-` or a `+` says nothing here: corrections come after
    /// the version and previews before it, and neither has another protocol that is known.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches('v');
        let numbers = text.split(['-', '+']).next()?;
        let mut parts = numbers.split('.').map(|part| part.parse().ok());
        let version = Self::new(parts.next()??, parts.next()??, parts.next()??);
        let is_date = 2000 <= version.year && (1..=12).contains(&version.month);
        (is_date && parts.next().is_none()).then_some(version)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_are_dates() {
        let version = Some(Version::new(2026, 9, 6));
        for text in ["2026.9.6", " v2026.9.6\n", "2026.9.6-beta.1", "2026.9.6+build"] {
            assert_eq!(Version::parse(text), version, "{text}");
        }
        for text in ["", "0.0.1", "2026", "2026.9", "2026.9.6.1", "2026.13.1", "2026.9.x", "-1"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn versions_have_the_order_of_their_numbers(
            a in (2000..2100_u16, 1..=12_u16, any::<u16>()),
            b in (2000..2100_u16, 1..=12_u16, any::<u16>()),
        ) {
            let read = |(year, month, day)| Version::parse(&format!("{year}.{month}.{day}"));
            prop_assert_eq!(read(a).cmp(&read(b)), a.cmp(&b));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,20}") {
            Version::parse(&text);
        }
    }
}
