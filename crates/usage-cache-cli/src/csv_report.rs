//! Comma-separated values: a row of numbers for each row of the report, or for each of its models.

use cli_support::text::iso;
use usage_cache::{By, DailyUsage, Group, GroupKey, ModelUsage, Usage};

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

pub(crate) fn report(view: &View, breakdown: bool) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let (names, rows) = rows(view);
    let is_by_model = names == MODEL_COLUMNS;
    let models: &[&str] = if breakdown && !is_by_model { &MODEL_COLUMNS } else { &[] };
    writer.write_record(names.iter().chain(models).chain(&USAGE_COLUMNS))?;
    for (keys, usage, by_model) in rows {
        if models.is_empty() {
            writer.write_record(keys.into_iter().chain(columns(usage)))?;
            continue;
        }
        for model in by_model {
            let keys = keys.iter().cloned().chain(model_keys(model));
            writer.write_record(keys.chain(columns(&model.usage)))?;
        }
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

type Row<'v> = (Vec<String>, &'v Usage, &'v [ModelUsage]);

/// What tells rows apart: its columns, and what is in them.
fn rows(view: &View) -> (&'static [&'static str], Vec<Row<'_>>) {
    let periods = |days: &'_ [DailyUsage], name: fn(&DailyUsage) -> String| {
        let row = |day: &DailyUsage| vec![name(day)];
        days.iter().map(row).collect::<Vec<_>>()
    };
    match &view.rows {
        Rows::Days(days) => (&["date"], zip(periods(days, |day| day.day.to_string()), days)),
        Rows::Weeks(days) => (&["week"], zip(periods(days, |day| day.day.to_string()), days)),
        Rows::Months(days) => (&["month"], zip(periods(days, month), days)),
        Rows::Groups(by, groups) => {
            let row = |group| (group_keys(group), &group.usage, &*group.models);
            (group_columns(*by), groups.iter().map(row).collect())
        }
        Rows::Blocks(blocks) => {
            let columns = &["source", "start", "end", "firstActivity", "lastActivity", "isActive"];
            let rows = blocks.iter().map(|block| {
                let times = [block.start, block.end, block.first, block.last].map(iso);
                let is_active = block.is_active(view.now).to_string();
                let keys = [block.source.clone()].into_iter().chain(times).chain([is_active]);
                (keys.collect(), &block.usage, &*block.models)
            });
            (columns, rows.collect())
        }
    }
}

fn zip(keys: Vec<Vec<String>>, days: &[DailyUsage]) -> Vec<Row<'_>> {
    keys.into_iter().zip(days).map(|(keys, day)| (keys, &day.usage, &*day.models)).collect()
}

fn group_columns(by: By) -> &'static [&'static str] {
    match by {
        By::Session => &["source", "agent", "project", "session", "firstActivity", "lastActivity"],
        By::Project => &["project"],
        By::Agent => &["source", "agent"],
        By::Source => &["source"],
        By::Model => &MODEL_COLUMNS,
    }
}

fn group_keys(group: &Group) -> Vec<String> {
    let or_nothing = |name: &Option<String>| name.clone().unwrap_or_default();
    match &group.key {
        GroupKey::Session(session) => vec![
            session.source.clone(),
            or_nothing(&session.agent),
            or_nothing(&session.project),
            session.id.clone(),
            iso(group.first),
            iso(group.last),
        ],
        GroupKey::Project(project) => vec![or_nothing(project)],
        GroupKey::Agent { source, agent } => vec![source.clone(), or_nothing(agent)],
        GroupKey::Source(source) => vec![source.clone()],
        GroupKey::Model(model) => vec![or_nothing(&model.provider), model_name(model)],
    }
}

fn model_keys(model: &ModelUsage) -> [String; 2] {
    [model.model.provider.clone().unwrap_or_default(), model_name(&model.model)]
}

fn columns(usage: &Usage) -> [String; 8] {
    let tokens = &usage.tokens;
    [
        tokens.input.to_string(),
        tokens.output.to_string(),
        tokens.cache_creation.to_string(),
        tokens.cache_read.to_string(),
        tokens.total.to_string(),
        usage.cost.dollars().to_string(),
        usage.events.to_string(),
        usage.unpriced_events.to_string(),
    ]
}
