//! Comma-separated values: a row of numbers for each row of the report, or for each of its models.

use std::io::{self, Write};

use cli_support::text::iso;
use usage_cache::{By, Group, GroupKey, Model, ModelUsage, Session, Usage};

use crate::{
    table::month,
    text::model_name,
    view::{Rows, View},
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
pub(crate) fn write(view: &View, breakdown: bool, to: impl Write) -> io::Result<()> {
    write_rows(view, breakdown, to).map_err(|error| match error.into_kind() {
        // Whoever asks what kind it is need not look inside.
        csv::ErrorKind::Io(error) => error,
        kind => io::Error::other(format!("{kind:?}")),
    })
}

fn write_rows(view: &View, breakdown: bool, to: impl Write) -> csv::Result<()> {
    let columns = columns(&view.rows);
    let is_by_model = matches!(view.rows, Rows::Groups(By::Model, _));
    let models: &[&str] = if breakdown && !is_by_model { &MODEL_COLUMNS } else { &[] };
    let mut table = Table { writer: csv::Writer::from_writer(to), by_model: !models.is_empty() };
    table.writer.write_record(columns.iter().chain(models).chain(&USAGE_COLUMNS))?;
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
    Ok(table.writer.flush()?)
}

/// What tells rows apart.
fn columns(rows: &Rows) -> &'static [&'static str] {
    match rows {
        Rows::Days(_) => &["date"],
        Rows::Weeks(_) => &["week"],
        Rows::Months(_) => &["month"],
        Rows::Groups(By::Session, _) => {
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
    writer: csv::Writer<W>,
    /// Whether each model has a row of its own.
    by_model: bool,
}

impl<W: Write> Table<W> {
    fn group(&mut self, group: &Group) -> csv::Result<()> {
        let Group { key, usage, models, .. } = group;
        match key {
            GroupKey::Session(session) => {
                let Session { source, agent, project, id, .. } = session;
                let (first, last) = (iso(group.first), iso(group.last));
                let names = [
                    source,
                    or_nothing(agent.as_ref()),
                    or_nothing(project.as_ref()),
                    id,
                    &first,
                    &last,
                ];
                self.row(&names, usage, models)
            }
            GroupKey::Project(project) => self.row(&[or_nothing(project.as_ref())], usage, models),
            GroupKey::Agent { source, agent } => {
                self.row(&[source, or_nothing(agent.as_ref())], usage, models)
            }
            GroupKey::Source(source) => self.row(&[source], usage, models),
            GroupKey::Model(model) => self.row(&model_names(model), usage, models),
        }
    }

    fn row(&mut self, names: &[&str], usage: &Usage, models: &[ModelUsage]) -> csv::Result<()> {
        if !self.by_model {
            return self.record(names, &[], usage);
        }
        for ModelUsage { model, usage, .. } in models {
            self.record(names, &model_names(model), usage)?;
        }
        Ok(())
    }

    fn record(&mut self, names: &[&str], of_model: &[&str], usage: &Usage) -> csv::Result<()> {
        let tokens = &usage.tokens;
        let numbers = [
            tokens.input.to_string(),
            tokens.output.to_string(),
            tokens.cache_creation.to_string(),
            tokens.cache_read.to_string(),
            tokens.total.to_string(),
            usage.cost.dollars().to_string(),
            usage.events.to_string(),
            usage.unpriced_events.to_string(),
        ];
        let numbers = numbers.iter().map(|number| &**number);
        self.writer.write_record(names.iter().chain(of_model).copied().chain(numbers))
    }
}

fn model_names(model: &Model) -> [&str; 2] {
    [or_nothing(model.provider.as_ref()), model_name(model)]
}

fn or_nothing(name: Option<&String>) -> &str {
    name.map(String::as_str).unwrap_or_default()
}
