use std::{fmt, str::FromStr};

use common_fs::Timestamp;
use jiff::{
    civil,
    tz::{Offset, TimeZone},
};

/// A time zone: what makes a civil day of a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// A time zone that is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a time zone; try `UTC`, `Europe/Berlin`, `+02:00`, or `local`")]
pub struct UnknownZone {
    name: String,
}

impl Zone {
    /// Coordinated universal time.
    pub fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The time zone of this machine, from `TZ` or the system's settings.
    ///
    /// Fails if there is none, or if `TZ` names none.
    pub fn local() -> Result<Self, UnknownZone> {
        TimeZone::try_system().map(Self).map_err(|_| UnknownZone { name: "local".to_owned() })
    }

    /// The IANA name, if the zone has one.
    pub fn name(&self) -> Option<&str> {
        self.0.iana_name()
    }

    /// The civil day of a moment.
    pub fn day(&self, time: Timestamp) -> Day {
        Day(self.civil(time).date())
    }

    /// What the clock shows at a moment: the hour, from 0 to 23, and the minute.
    pub fn clock(&self, time: Timestamp) -> (u8, u8) {
        let time = self.civil(time);
        (time.hour().unsigned_abs(), time.minute().unsigned_abs())
    }

    fn civil(&self, time: Timestamp) -> civil::DateTime {
        let time = jiff::Timestamp::from_nanosecond(i128::from(time.unix_nanos()));
        // 64-bit nanoseconds reach from 1677 to 2262, well within the civil calendar.
        self.0.to_datetime(time.unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    /// An IANA name, `UTC`, an offset such as `+02:00`, or `local`.
    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        let unknown = || UnknownZone { name: name.to_owned() };
        match name {
            "local" => Self::local(),
            "UTC" | "utc" | "Z" => Ok(Self::utc()),
            _ if name.starts_with(['+', '-']) => {
                offset(name).map(|offset| Self(TimeZone::fixed(offset))).ok_or_else(unknown)
            }
            _ => TimeZone::get(name).map(Self).map_err(|_| unknown()),
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.0.to_fixed_offset()) {
            (Some(name), _) => f.write_str(name),
            (None, Ok(offset)) => write!(f, "{offset}"),
            (None, Err(_)) => f.write_str("local"),
        }
    }
}

/// Kiribati.
const OFFSET_MINUTES_MAX: i32 = 14 * 60;

/// `±HH:MM`, `±HHMM` or `±HH`, in quarters of an hour as all zones are.
fn offset(text: &str) -> Option<Offset> {
    let (sign, digits) = text.split_at_checked(1)?;
    let digits: String = digits.split(':').collect();
    let number = |range: std::ops::Range<usize>| digits.get(range)?.parse::<i32>().ok();
    let well_formed = digits.bytes().all(|byte| byte.is_ascii_digit());
    let minutes = match digits.len() {
        2 => 0,
        4 => number(2..4)?,
        _ => return None,
    };
    let minutes_in_all = number(0..2)? * 60 + minutes;
    if !well_formed || 59 < minutes || minutes % 15 != 0 || OFFSET_MINUTES_MAX < minutes_in_all {
        return None;
    }
    let seconds = minutes_in_all * 60;
    Offset::from_seconds(if sign == "-" { -seconds } else { seconds }).ok()
}

/// A day of the civil calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(civil::Date);

/// A text that is no day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a day; write `2026-02-05` or `20260205`")]
pub struct NotADay {
    text: String,
}

impl Day {
    /// The year and the month.
    pub fn month(self) -> (i16, i8) {
        (self.0.year(), self.0.month())
    }

    /// The day before; the first of all days has none.
    pub fn yesterday(self) -> Option<Self> {
        self.0.yesterday().ok().map(Self)
    }

    /// The first day of the month.
    pub fn first_of_month(self) -> Self {
        Self(self.0.first_of_month())
    }

    /// The first day of the week, which is a `first`: this day or one of the six before.
    pub fn first_of_week(self, first: Weekday) -> Self {
        let days = self.weekday().since(first);
        let mut day = self.0;
        for _ in 0..days {
            day = day.yesterday().unwrap_or(day);
        }
        Self(day)
    }

    /// The day of the week.
    pub fn weekday(self) -> Weekday {
        let days = self.0.weekday().to_monday_zero_offset();
        Weekday::ALL.get(usize::from(days.unsigned_abs())).copied().unwrap_or(Weekday::Monday)
    }
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "everybody knows them")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    /// All of them, Monday first.
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];

    /// How many days it is after the last `first`, from 0 to 6.
    pub fn since(self, first: Self) -> u8 {
        (self as u8 + 7 - first as u8) % 7
    }
}

impl FromStr for Day {
    type Err = NotADay;

    /// `YYYY-MM-DD` or `YYYYMMDD`.
    fn from_str(text: &str) -> Result<Self, NotADay> {
        let length = matches!(text.len(), 8 | 10);
        let digits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        match text.parse() {
            Ok(date) if length && digits => Ok(Self(date)),
            _ => Err(NotADay { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(zone: &str, millis: i64) -> String {
        let time = Timestamp::from_unix_millis(millis).unwrap();
        zone.parse::<Zone>().unwrap().day(time).to_string()
    }

    #[test]
    fn days_begin_at_local_midnight() {
        // 2026-03-29: clocks in Berlin go from 02:00 to 03:00 at 01:00 UTC.
        let midnight_utc = 1_774_742_400_000;
        let minute = 60_000;
        assert_eq!(day("UTC", midnight_utc - 1), "2026-03-28");
        assert_eq!(day("UTC", midnight_utc), "2026-03-29");
        let midnight_berlin = midnight_utc - 60 * minute;
        assert_eq!(day("Europe/Berlin", midnight_berlin - 1), "2026-03-28");
        assert_eq!(day("Europe/Berlin", midnight_berlin), "2026-03-29");
        let next = midnight_berlin + 23 * 60 * minute;
        assert_eq!(day("Europe/Berlin", next - 1), "2026-03-29");
        assert_eq!(day("Europe/Berlin", next), "2026-03-30");
        assert_eq!(day("+05:45", midnight_utc - 345 * minute), "2026-03-29");
        assert_eq!(day("-0930", midnight_utc + 569 * minute), "2026-03-28");
        assert_eq!(day("Asia/Kathmandu", midnight_utc - 345 * minute), "2026-03-29");
    }

    #[test]
    fn zones_that_do_not_exist_are_refused() {
        for name in ["", "Mars", "+5", "+25:00", "+05:07", "+05:60", "+aa", "+", "UTC+2"] {
            let error = name.parse::<Zone>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{name}` is not a time zone")), "{error}");
        }
        for (name, shown) in [("UTC", "UTC"), ("Europe/Berlin", "Europe/Berlin"), ("+02", "+02")] {
            assert_eq!(name.parse::<Zone>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn days_are_written_in_two_ways() {
        for text in ["2026-02-05", "20260205"] {
            assert_eq!(text.parse::<Day>().unwrap().to_string(), "2026-02-05");
        }
        for text in
            ["", "2026-2-5", "2026-02-30", "2026-02", "05.02.2026", "2026-02-05T00", "today"]
        {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
    }
}
