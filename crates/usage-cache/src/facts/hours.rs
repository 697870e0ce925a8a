use std::collections::BTreeMap;

use super::{Days, Facts};
use crate::{Day, Query, Usage};

/// What was used in an hour of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HourUsage {
    /// The day.
    pub day: Day,
    /// The hour on the clock, from 0 to 23. Where clocks are put back, it is two hours long.
    pub hour: u8,
    /// What was used.
    pub usage: Usage,
}

impl Facts {
    /// What was used in each hour of the days of `query` that has any, in order.
    pub fn hours(&self, query: &Query) -> Vec<HourUsage> {
        let mut days = Days::new(query);
        let mut hours: BTreeMap<(Day, u8), Usage> = BTreeMap::new();
        for placed in self.cells(query) {
            let Some(quarter) = placed.cell.key.quarter else { continue };
            let Some(day) = days.day(quarter) else { continue };
            let sum = hours.entry((day, query.zone.clock(quarter.start()).0)).or_default();
            *sum = *sum + placed.cell.usage();
        }
        hours.into_iter().map(|((day, hour), usage)| HourUsage { day, hour, usage }).collect()
    }
}
