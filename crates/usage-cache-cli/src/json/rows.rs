//! The rows of a report, under the name of what they are.

use cli_support::text::iso;
use common_fs::Timestamp;
use serde::Serialize;
use usage_cache::{Block, By, DailyUsage, Group, GroupKey, ModelUsage, Usage};

use super::{ModelDoc, TotalsDoc, model, totals};
use crate::{
    table::month,
    text::model_name,
    view::{Rows, View},
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum RowsDoc<'v> {
    Daily(Vec<RowDoc<'v, DateKey>>),
    Weekly(Vec<RowDoc<'v, WeekKey>>),
    Monthly(Vec<RowDoc<'v, MonthKey>>),
    /// They are written [line by line](super::session_rows) in their place.
    Sessions([(); 0]),
    Projects(Vec<RowDoc<'v, ProjectKey<'v>>>),
    Agents(Vec<RowDoc<'v, AgentKey<'v>>>),
    Sources(Vec<RowDoc<'v, SourceKey<'v>>>),
    Models(Vec<RowDoc<'v, ModelKey<'v>>>),
    Blocks(Vec<BlockDoc<'v>>),
}

/// A row, with what it is about.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RowDoc<'v, K> {
    #[serde(flatten)]
    key: K,
    #[serde(flatten)]
    totals: TotalsDoc,
    models_used: Vec<&'v str>,
    model_breakdowns: Vec<ModelDoc<'v>>,
}

#[derive(Serialize)]
pub(super) struct DateKey {
    date: String,
}

#[derive(Serialize)]
pub(super) struct WeekKey {
    week: String,
}

#[derive(Serialize)]
pub(super) struct MonthKey {
    month: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Activity {
    first_activity: String,
    last_activity: String,
}

#[derive(Serialize)]
pub(super) struct ProjectKey<'v> {
    project: Option<&'v str>,
    #[serde(flatten)]
    activity: Activity,
}

#[derive(Serialize)]
pub(super) struct AgentKey<'v> {
    source: &'v str,
    agent: Option<&'v str>,
    #[serde(flatten)]
    activity: Activity,
}

#[derive(Serialize)]
pub(super) struct SourceKey<'v> {
    source: &'v str,
    #[serde(flatten)]
    activity: Activity,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ModelKey<'v> {
    provider: Option<&'v str>,
    model_name: &'v str,
    #[serde(flatten)]
    activity: Activity,
}

/// The names are those of ccusage, where it has the same.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlockDoc<'v> {
    id: String,
    source: &'v str,
    start_time: String,
    end_time: String,
    first_activity: String,
    actual_end_time: String,
    is_active: bool,
    #[serde(flatten)]
    totals: TotalsDoc,
    models: Vec<&'v str>,
    model_breakdowns: Vec<ModelDoc<'v>>,
    burn_rate: Option<BurnDoc>,
    projection: Option<ProjectionDoc>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BurnDoc {
    tokens_per_minute: u64,
    cost_per_hour: f64,
    cost_per_hour_nano_usd: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ProjectionDoc {
    remaining_minutes: u64,
    total_tokens: u64,
    total_cost: f64,
    total_cost_nano_usd: u64,
}

pub(super) fn document<'v>(view: &'v View<'_>) -> RowsDoc<'v> {
    match &view.rows {
        Rows::Days(days) => {
            RowsDoc::Daily(periods(days, |day| DateKey { date: day.day.to_string() }))
        }
        Rows::Weeks(days) => {
            RowsDoc::Weekly(periods(days, |day| WeekKey { week: day.day.to_string() }))
        }
        Rows::Months(days) => RowsDoc::Monthly(periods(days, |day| MonthKey { month: month(day) })),
        Rows::Sessions(..) => RowsDoc::Sessions([]),
        Rows::Groups(by, groups) => {
            let groups = groups.iter();
            match by {
                By::Project => RowsDoc::Projects(groups.filter_map(project).collect()),
                By::Agent => RowsDoc::Agents(groups.filter_map(agent).collect()),
                By::Source => RowsDoc::Sources(groups.filter_map(source).collect()),
                By::Model => RowsDoc::Models(groups.filter_map(of_model).collect()),
            }
        }
        Rows::Blocks(blocks) => {
            RowsDoc::Blocks(blocks.iter().map(|one| block(one, view.now)).collect())
        }
    }
}

fn periods<K>(days: &[DailyUsage], key: impl Fn(&DailyUsage) -> K) -> Vec<RowDoc<'_, K>> {
    days.iter().map(|day| row(key(day), &day.usage, &day.models)).collect()
}

pub(super) fn row<'v, K>(key: K, usage: &Usage, models: &'v [ModelUsage]) -> RowDoc<'v, K> {
    RowDoc {
        key,
        totals: totals(usage),
        models_used: models_used(models),
        model_breakdowns: models.iter().map(model).collect(),
    }
}

fn activity(group: &Group<'_>) -> Activity {
    Activity { first_activity: iso(group.first), last_activity: iso(group.last) }
}

fn project<'v>(group: &'v Group<'_>) -> Option<RowDoc<'v, ProjectKey<'v>>> {
    let GroupKey::Project(project) = &group.key else { return None };
    let key = ProjectKey { project: *project, activity: activity(group) };
    Some(row(key, &group.usage, &group.models))
}

fn agent<'v>(group: &'v Group<'_>) -> Option<RowDoc<'v, AgentKey<'v>>> {
    let GroupKey::Agent { source, agent } = &group.key else { return None };
    let key = AgentKey { source, agent: *agent, activity: activity(group) };
    Some(row(key, &group.usage, &group.models))
}

fn source<'v>(group: &'v Group<'_>) -> Option<RowDoc<'v, SourceKey<'v>>> {
    let GroupKey::Source(source) = &group.key else { return None };
    let key = SourceKey { source, activity: activity(group) };
    Some(row(key, &group.usage, &group.models))
}

fn of_model<'v>(group: &'v Group<'_>) -> Option<RowDoc<'v, ModelKey<'v>>> {
    let GroupKey::Model(model) = &group.key else { return None };
    let key = ModelKey {
        provider: model.provider.as_deref(),
        model_name: model_name(model),
        activity: activity(group),
    };
    Some(row(key, &group.usage, &group.models))
}

/// Sorted; two providers may have a model of the same name.
pub(super) fn models_used(models: &[ModelUsage]) -> Vec<&str> {
    let mut names: Vec<&str> = models.iter().map(|model| model_name(&model.model)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn block(block: &Block, now: Timestamp) -> BlockDoc<'_> {
    let burn_rate = block.burn_rate(now).map(|burn| BurnDoc {
        tokens_per_minute: burn.tokens_per_minute,
        cost_per_hour: burn.cost_per_hour.dollars(),
        cost_per_hour_nano_usd: burn.cost_per_hour.0,
    });
    let projection = block.projection(now).map(|projection| ProjectionDoc {
        remaining_minutes: projection.remaining_minutes,
        total_tokens: projection.total_tokens,
        total_cost: projection.cost.dollars(),
        total_cost_nano_usd: projection.cost.0,
    });
    BlockDoc {
        id: format!("{} {}", block.source, iso(block.start)),
        source: &block.source,
        start_time: iso(block.start),
        end_time: iso(block.end),
        first_activity: iso(block.first),
        actual_end_time: iso(block.last),
        is_active: block.is_active(now),
        totals: totals(&block.usage),
        models: models_used(&block.models),
        model_breakdowns: block.models.iter().map(model).collect(),
        burn_rate,
        projection,
    }
}
