//! What a report shows: chosen from the facts, in order.

use common_fs::Timestamp;
use usage_cache::{
    Block, By, DailyUsage, Facts, Group, Query, SessionList, SessionUsage, Summary, Weekday,
};

/// Which report is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Daily,
    Weekly(Weekday),
    Monthly,
    Sessions,
    By(By),
    Blocks { only_active: bool },
}

/// Whether the earliest, or the costliest, comes first or last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Order {
    Asc,
    Desc,
}

/// The rows of a report.
#[derive(Debug)]
pub(crate) enum Rows<'f> {
    Days(Vec<DailyUsage>),
    Weeks(Vec<DailyUsage>),
    Months(Vec<DailyUsage>),
    Sessions(SessionList<'f>, Order),
    Groups(By, Vec<Group<'f>>),
    Blocks(Vec<Block>),
}

/// A report, before it is printed in one form or another.
#[derive(Debug)]
pub(crate) struct View<'f> {
    pub(crate) rows: Rows<'f>,
    /// How many more rows there are, which are not shown.
    pub(crate) left_out: usize,
    pub(crate) summary: Summary,
    pub(crate) now: Timestamp,
}

impl<'f> View<'f> {
    pub(crate) fn new(facts: &'f Facts, query: &Query, kind: Kind, now: Timestamp) -> Self {
        let summary = facts.summary(query);
        let rows = match kind {
            Kind::Daily => Rows::Days(summary.daily.clone()),
            Kind::Weekly(first) => Rows::Weeks(summary.weekly(first)),
            Kind::Monthly => Rows::Months(summary.monthly()),
            Kind::Sessions => Rows::Sessions(facts.sessions(query), Order::Asc),
            Kind::By(by) => Rows::Groups(by, facts.groups(query, by)),
            Kind::Blocks { only_active } => {
                let mut blocks = facts.blocks(query);
                blocks.retain(|block| !only_active || block.is_active(now));
                Rows::Blocks(blocks)
            }
        };
        Self { rows, left_out: 0, summary, now }
    }

    /// Leaves the latest rows, or the costliest where they are in order of cost.
    pub(crate) fn limited(mut self, rows_max: usize) -> Self {
        self.left_out = self.rows.len().saturating_sub(rows_max);
        match &mut self.rows {
            Rows::Days(days) | Rows::Weeks(days) | Rows::Months(days) => {
                days.drain(..self.left_out);
            }
            Rows::Blocks(blocks) => {
                blocks.drain(..self.left_out);
            }
            Rows::Sessions(sessions, _) => sessions.keep_latest(rows_max),
            Rows::Groups(_, groups) => groups.truncate(rows_max),
        }
        self
    }

    /// Turns the rows around, if they are not in that order.
    pub(crate) fn ordered(mut self, order: Order) -> Self {
        if order != self.rows.usual_order() {
            match &mut self.rows {
                Rows::Days(days) | Rows::Weeks(days) | Rows::Months(days) => days.reverse(),
                Rows::Sessions(_, theirs) => *theirs = order,
                Rows::Groups(_, groups) => groups.reverse(),
                Rows::Blocks(blocks) => blocks.reverse(),
            }
        }
        self
    }
}

impl Rows<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Days(days) | Self::Weeks(days) | Self::Months(days) => days.len(),
            Self::Sessions(sessions, _) => sessions.len(),
            Self::Groups(_, groups) => groups.len(),
            Self::Blocks(blocks) => blocks.len(),
        }
    }

    /// One of them, and several.
    pub(crate) fn noun(&self) -> &'static str {
        match self {
            Self::Days(_) => "day",
            Self::Weeks(_) => "week",
            Self::Months(_) => "month",
            Self::Sessions(..) => "session",
            Self::Groups(By::Project, _) => "project",
            Self::Groups(By::Agent, _) => "agent",
            Self::Groups(By::Source, _) => "runtime",
            Self::Groups(By::Model, _) => "model",
            Self::Blocks(_) => "window",
        }
    }

    fn usual_order(&self) -> Order {
        match self {
            Self::Days(_)
            | Self::Weeks(_)
            | Self::Months(_)
            | Self::Blocks(_)
            | Self::Sessions(..) => Order::Asc,
            Self::Groups(..) => Order::Desc,
        }
    }
}

/// What sessions used, one after the other.
pub(crate) fn in_order<'s, 'f: 's>(
    sessions: &'s SessionList<'f>,
    order: Order,
) -> Box<dyn Iterator<Item = SessionUsage<'f>> + 's> {
    match order {
        Order::Asc => Box::new(sessions.iter()),
        Order::Desc => Box::new(sessions.iter().rev()),
    }
}
