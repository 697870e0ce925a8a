//! Comma-separated values: a row of numbers for each row of the report, or for each of its models.

use std::io::{self, Write};

use cli_support::text::{IsoTimes, iso};
use usage_cache::{By, Group, GroupKey, Model, ModelUsage, Session, SessionUsage, Usage};

use crate::{
    table::month,
    text::{all_bytes, model_name},
    view::{Rows, View, in_order},
};

const USAGE_COLUMNS: [&str; 8] = [
    "inputTokens",
    "outputTokens",
    "cacheCreationTokens",
    "cacheReadTokens",
    "totalTokens",
    "totalCost",
    "events",
    "unpricedEvents",
];

const MODEL_COLUMNS: [&str; 2] = ["provider", "modelName"];

/// Writes a report, which can be very long, row by row.
pub(crate) fn write(view: &View<'_>, breakdown: bool, to: impl Write) -> io::Result<()> {
    let columns = columns(&view.rows);
    let is_by_model = matches!(view.rows, Rows::Groups(By::Model, _));
    let models: &[&str] = if breakdown && !is_by_model { &MODEL_COLUMNS } else { &[] };
    let mut table = Table { to, by_model: !models.is_empty(), line: Vec::new() };
    table.header(columns.iter().chain(models).chain(&USAGE_COLUMNS))?;
    match &view.rows {
        Rows::Days(days) | Rows::Weeks(days) => {
            for day in days {
                table.row(&[&day.day.to_string()], &day.usage, &day.models)?;
            }
        }
        Rows::Months(days) => {
            for day in days {
                table.row(&[&month(day)], &day.usage, &day.models)?;
            }
        }
        Rows::Sessions(sessions, order) => {
            let mut times = IsoTimes::default();
            for of in in_order(sessions, *order) {
                table.session(&of, &mut times)?;
            }
        }
        Rows::Groups(_, groups) => {
            for group in groups {
                table.group(group)?;
            }
        }
        Rows::Blocks(blocks) => {
            for block in blocks {
                let [start, end, first, last] =
                    [block.start, block.end, block.first, block.last].map(iso);
                let is_active = if block.is_active(view.now) { "true" } else { "false" };
                let names = [&*block.source, &start, &end, &first, &last, is_active];
                table.row(&names, &block.usage, &block.models)?;
            }
        }
    }
    Ok(())
}

/// What tells rows apart.
fn columns(rows: &Rows<'_>) -> &'static [&'static str] {
    match rows {
        Rows::Days(_) => &["date"],
        Rows::Weeks(_) => &["week"],
        Rows::Months(_) => &["month"],
        Rows::Sessions(..) => {
            &["source", "agent", "project", "session", "firstActivity", "lastActivity"]
        }
        Rows::Groups(By::Project, _) => &["project"],
        Rows::Groups(By::Agent, _) => &["source", "agent"],
        Rows::Groups(By::Source, _) => &["source"],
        Rows::Groups(By::Model, _) => &MODEL_COLUMNS,
        Rows::Blocks(_) => &["source", "start", "end", "firstActivity", "lastActivity", "isActive"],
    }
}

struct Table<W: Write> {
    to: W,
    /// Whether each model has a row of its own.
    by_model: bool,
    /// The line that is being made, in the memory of the one before.
    line: Vec<u8>,
}

impl<W: Write> Table<W> {
    fn header<'n>(&mut self, names: impl Iterator<Item = &'n &'n str>) -> io::Result<()> {
        for name in names {
            self.text(name);
        }
        self.end_line()
    }

    fn session(&mut self, of: &SessionUsage<'_>, times: &mut IsoTimes) -> io::Result<()> {
        let Session { source, agent, project, id, .. } = of.session;
        let [agent, project] = [agent, project].map(Option::unwrap_or_default);
        let times = [of.first, of.last].map(|time| times.text(time));
        let [first, last] = times.each_ref().map(|time| str::from_utf8(time).unwrap_or_default());
        self.row(&[source, agent, project, id, first, last], &of.usage, &of.models)
    }

    fn group(&mut self, group: &Group<'_>) -> io::Result<()> {
        let Group { key, usage, models, .. } = group;
        match key {
            GroupKey::Project(project) => self.row(&[project.unwrap_or_default()], usage, models),
            GroupKey::Agent { source, agent } => {
                self.row(&[source, agent.unwrap_or_default()], usage, models)
            }
            GroupKey::Source(source) => self.row(&[source], usage, models),
            GroupKey::Model(model) => self.row(&model_names(model), usage, models),
        }
    }

    fn row(&mut self, names: &[&str], usage: &Usage, models: &[ModelUsage]) -> io::Result<()> {
        if !self.by_model {
            return self.line(names, &[], usage);
        }
        for ModelUsage { model, usage, .. } in models {
            self.line(names, &model_names(model), usage)?;
        }
        Ok(())
    }

    fn line(&mut self, names: &[&str], of_model: &[&str], usage: &Usage) -> io::Result<()> {
        for name in names.iter().chain(of_model) {
            self.text(name);
        }
        let tokens = &usage.tokens;
        let classes = [tokens.input, tokens.output, tokens.cache_creation, tokens.cache_read];
        for number in classes.into_iter().chain([tokens.total]) {
            self.number(number);
        }
        write!(self.line, "{},", usage.cost)?;
        self.number(usage.events);
        self.number(usage.unpriced_events);
        self.end_line()
    }

    fn end_line(&mut self) -> io::Result<()> {
        // In place of the comma after the last value.
        if let Some(last) = self.line.last_mut() {
            *last = b'\n';
        }
        self.to.write_all(&self.line)?;
        self.line.clear();
        Ok(())
    }

    /// Text is quoted where it has to be, with its quotes doubled (RFC 4180).
    fn text(&mut self, text: &str) {
        if all_bytes(text, |byte| !matches!(byte, b',' | b'"' | b'\r' | b'\n')) {
            self.line.extend_from_slice(text.as_bytes());
        } else {
            self.line.extend_from_slice(format!("\"{}\"", text.replace('"', "\"\"")).as_bytes());
        }
        self.line.push(b',');
    }

    fn number(&mut self, number: u64) {
        self.line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
        self.line.push(b',');
    }
}

fn model_names(model: &Model) -> [&str; 2] {
    [model.provider.as_deref().unwrap_or_default(), model_name(model)]
}
