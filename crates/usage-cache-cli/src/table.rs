//! Tables for people, no wider than the terminal.

use std::borrow::Cow;

use cli_support::{
    table::{left, lines, right, table},
    text::{count, plain},
};
use common_fs::Timestamp;
use usage_cache::{Block, By, DailyUsage, GroupKey, ModelUsage, Session, Usage, Zone};

use crate::{
    screen::{Screen, end_of, start_of},
    text::{dollars, minute, model_name, project_name, short},
    view::{Rows, View, in_order},
};

/// A row: texts, and numbers.
struct Row<'v> {
    texts: Vec<String>,
    usage: Usage,
    models: Cow<'v, [ModelUsage]>,
}

/// How much a row tells, the most first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Detail {
    /// Tokens by class, to the last one.
    Full,
    /// Tokens by class, as `1.2M`.
    Short,
    /// All tokens, as `1.2M`.
    Few,
    /// The same, and of the texts only the first and the last.
    Least,
}

/// Of a text that does not fit, so much is shown at least.
const TEXT_COLUMNS_MIN: usize = 12;

/// The rows of a report, each model of them if asked for, and the sum last.
pub(crate) fn table_of(view: &View<'_>, zone: &Zone, breakdown: bool, screen: Screen) -> String {
    let (header, rows) = rows(view, zone);
    let totals = (1 < rows.len()).then_some(&view.summary.totals).filter(|_| view.left_out == 0);
    let details = [Detail::Full, Detail::Short, Detail::Few, Detail::Least];
    let made = |detail, last_columns| {
        let table = Table { header: &header, rows: &rows, totals, breakdown, detail, last_columns };
        table.lines()
    };
    let fits = |text: &String| screen.columns.is_none_or(|columns| width(text) <= columns);
    let mut text = details.into_iter().map(|detail| made(detail, usize::MAX)).find(fits);
    if text.is_none() {
        // The last text gives way.
        let with_shortest = |detail| made(detail, TEXT_COLUMNS_MIN);
        let detail = details.into_iter().find(|detail| fits(&with_shortest(*detail)));
        let detail = detail.unwrap_or(Detail::Least);
        let room = screen.columns.unwrap_or_default();
        let free = room.saturating_sub(width(&with_shortest(detail)));
        text = Some(made(detail, TEXT_COLUMNS_MIN + free));
    }
    styled(&text.unwrap_or_default(), totals.is_some(), screen)
}

fn width(text: &str) -> usize {
    text.lines().map(console::measure_text_width).max().unwrap_or_default()
}

/// The header and the sum stand out.
fn styled(text: &str, has_totals: bool, screen: Screen) -> String {
    let last = text.lines().count().saturating_sub(1);
    let line = |(at, line): (usize, &str)| match at {
        0 => screen.faint(line) + "\n",
        at if at == last && has_totals => screen.strong(line) + "\n",
        _ => line.to_owned() + "\n",
    };
    text.lines().enumerate().map(line).collect()
}

struct Table<'t> {
    header: &'t [&'static str],
    rows: &'t [Row<'t>],
    totals: Option<&'t Usage>,
    breakdown: bool,
    detail: Detail,
    /// Of the last text.
    last_columns: usize,
}

impl Table<'_> {
    fn lines(&self) -> String {
        let mut table = table(&[]);
        let names: &[&str] = match self.detail {
            Detail::Full => {
                &["Input", "Output", "Cache write", "Cache read", "Total tokens", "Cost"]
            }
            Detail::Short => &["Input", "Output", "Cache w", "Cache r", "Tokens", "Cost"],
            Detail::Few | Detail::Least => &["Tokens", "Cost"],
        };
        let header = self.shown(self.header.iter().map(|name| left(*name)));
        table.set_header(header.chain(names.iter().map(|name| right((*name).to_owned()))));
        for row in self.rows {
            let last = row.texts.len().saturating_sub(1);
            let text = |(at, text): (usize, &String)| {
                if at == last { end_of(text, self.last_columns) } else { text.clone() }
            };
            self.add(&mut table, row.texts.iter().enumerate().map(text).collect(), &row.usage);
            for model in row.models.iter().filter(|_| self.breakdown) {
                let name = start_of(&plain(model_name(&model.model)), self.model_columns());
                self.add(&mut table, vec![format!("  {name}")], &model.usage);
            }
        }
        if let Some(totals) = self.totals {
            self.add(&mut table, vec!["Total".to_owned()], totals);
        }
        lines(&mut table)
    }

    /// The name of a model is in the column of the first text, and no wider if there is no room.
    fn model_columns(&self) -> usize {
        if self.last_columns == usize::MAX {
            return usize::MAX;
        }
        let first = self.rows.iter().filter_map(|row| row.texts.first());
        let first = first.map(|text| text.chars().count()).max().unwrap_or_default();
        let columns = first.max(TEXT_COLUMNS_MIN);
        if self.header.len() == 1 { columns.min(self.last_columns) } else { columns }
            .saturating_sub(2)
    }

    /// The texts that there is room for.
    fn shown<T>(&self, texts: impl ExactSizeIterator<Item = T>) -> impl Iterator<Item = T> {
        let last = texts.len().saturating_sub(1);
        let is_least = self.detail == Detail::Least;
        let is_shown = move |at: &usize| !is_least || *at == 0 || *at == last;
        texts.enumerate().filter(move |(at, _)| is_shown(at)).map(|(_, text)| text)
    }

    fn add(&self, table: &mut comfy_table::Table, mut texts: Vec<String>, usage: &Usage) {
        texts.resize(self.header.len(), String::new());
        let tokens = &usage.tokens;
        let number =
            |number| if self.detail == Detail::Full { count(number) } else { short(number) };
        let classes = [tokens.input, tokens.output, tokens.cache_creation, tokens.cache_read];
        let has_classes = matches!(self.detail, Detail::Full | Detail::Short);
        let classes = classes.into_iter().filter(|_| has_classes);
        let mut row: Vec<_> = self.shown(texts.into_iter().map(left)).collect();
        row.extend(classes.chain([tokens.total]).map(|tokens| right(number(tokens))));
        row.push(right(cost(usage)));
        table.add_row(row);
    }
}

/// Marked if something is missing from it.
pub(crate) fn cost(usage: &Usage) -> String {
    let mark = if 0 < usage.unpriced_events { "*" } else { "" };
    dollars(usage.cost) + mark
}

fn rows<'v>(view: &'v View<'_>, zone: &Zone) -> (Vec<&'static str>, Vec<Row<'v>>) {
    let periods = |days: &'v [DailyUsage], name: fn(&DailyUsage) -> String| {
        let row = |day: &'v DailyUsage| Row {
            texts: vec![name(day)],
            usage: day.usage,
            models: Cow::Borrowed(&*day.models),
        };
        days.iter().map(row).collect()
    };
    match &view.rows {
        Rows::Days(days) => (vec!["Date"], periods(days, |day| day.day.to_string())),
        Rows::Weeks(days) => (vec!["Week from"], periods(days, |day| day.day.to_string())),
        Rows::Months(days) => (vec!["Month"], periods(days, month)),
        Rows::Sessions(sessions, order) => {
            let rows = in_order(sessions, *order).map(|of| Row {
                texts: session(&of.session, of.last, zone),
                usage: of.usage,
                models: Cow::Owned(of.models),
            });
            (vec!["Last used", "Runtime", "Session", "Project"], rows.collect())
        }
        Rows::Groups(by, groups) => {
            let rows = groups.iter().map(|group| Row {
                texts: texts(&group.key),
                usage: group.usage,
                // Of a model there is nothing more to say.
                models: Cow::Borrowed(if *by == By::Model { &[] } else { &*group.models }),
            });
            (header(*by), rows.collect())
        }
        Rows::Blocks(blocks) => {
            let rows = blocks.iter().map(|block| Row {
                texts: vec![window(block, zone, view.now), block.source.clone()],
                usage: block.usage,
                models: Cow::Borrowed(&*block.models),
            });
            (vec!["Window", "Runtime"], rows.collect())
        }
    }
}

/// `2026-11`.
pub(crate) fn month(day: &DailyUsage) -> String {
    let (year, month) = day.day.month();
    format!("{year:04}-{month:02}")
}

fn window(block: &Block, zone: &Zone, now: Timestamp) -> String {
    let (hours, minutes) = zone.clock(block.end);
    let active = if block.is_active(now) { " now" } else { "" };
    format!("{} to {hours:02}:{minutes:02}{active}", minute(zone, block.start))
}

fn header(by: By) -> Vec<&'static str> {
    match by {
        By::Project => vec!["Project"],
        By::Agent => vec!["Runtime", "Agent"],
        By::Source => vec!["Runtime"],
        By::Model => vec!["Model"],
    }
}

fn session(session: &Session<'_>, last: Timestamp, zone: &Zone) -> Vec<String> {
    /// Enough to tell sessions apart, mostly; JSON has all of it.
    const ID_CHARS: usize = 8;
    vec![
        minute(zone, last),
        session.source.to_owned(),
        plain(&session.id.chars().take(ID_CHARS).collect::<String>()),
        match (session.project, session.agent) {
            (None, Some(agent)) => format!("agent {}", plain(agent)),
            (project, _) => project_name(project),
        },
    ]
}

fn texts(key: &GroupKey<'_>) -> Vec<String> {
    match key {
        GroupKey::Project(project) => vec![project_name(*project)],
        GroupKey::Agent { source, agent } => {
            vec![(*source).to_owned(), plain(agent.unwrap_or("-"))]
        }
        GroupKey::Source(source) => vec![(*source).to_owned()],
        GroupKey::Model(model) => vec![plain(model_name(model))],
    }
}
