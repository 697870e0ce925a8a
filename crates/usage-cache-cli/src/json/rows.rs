//! The rows of a report, under the name of what they are.

use std::collections::BTreeSet;

use cli_support::text::iso;
use common_fs::Timestamp;
use serde::Serialize;
use usage_cache::{Block, DailyUsage, Group, GroupKey, ModelUsage};

use super::{ModelDoc, TotalsDoc, model, totals};
use crate::{
    table::month,
    text::model_name,
    view::{Rows, View},
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum RowsDoc {
    Daily(Vec<RowDoc<DateKey>>),
    Weekly(Vec<RowDoc<WeekKey>>),
    Monthly(Vec<RowDoc<MonthKey>>),
    Sessions(Vec<RowDoc<SessionKey>>),
    Projects(Vec<RowDoc<ProjectKey>>),
    Agents(Vec<RowDoc<AgentKey>>),
    Sources(Vec<RowDoc<SourceKey>>),
    Models(Vec<RowDoc<ModelKey>>),
    Blocks(Vec<BlockDoc>),
}

/// A row, with what it is about.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RowDoc<K> {
    #[serde(flatten)]
    key: K,
    #[serde(flatten)]
    totals: TotalsDoc,
    models_used: Vec<String>,
    model_breakdowns: Vec<ModelDoc>,
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
#[serde(rename_all = "camelCase")]
pub(super) struct SessionKey {
    session_id: String,
    source: String,
    agent: Option<String>,
    project_path: Option<String>,
    #[serde(flatten)]
    activity: Activity,
}

#[derive(Serialize)]
pub(super) struct ProjectKey {
    project: Option<String>,
    #[serde(flatten)]
    activity: Activity,
}

#[derive(Serialize)]
pub(super) struct AgentKey {
    source: String,
    agent: Option<String>,
    #[serde(flatten)]
    activity: Activity,
}

#[derive(Serialize)]
pub(super) struct SourceKey {
    source: String,
    #[serde(flatten)]
    activity: Activity,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ModelKey {
    provider: Option<String>,
    model_name: String,
    #[serde(flatten)]
    activity: Activity,
}

/// The names are those of ccusage, where it has the same.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlockDoc {
    id: String,
    source: String,
    start_time: String,
    end_time: String,
    first_activity: String,
    actual_end_time: String,
    is_active: bool,
    #[serde(flatten)]
    totals: TotalsDoc,
    models: Vec<String>,
    model_breakdowns: Vec<ModelDoc>,
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

pub(super) fn document(view: &View) -> RowsDoc {
    match &view.rows {
        Rows::Days(days) => {
            RowsDoc::Daily(periods(days, |day| DateKey { date: day.day.to_string() }))
        }
        Rows::Weeks(days) => {
            RowsDoc::Weekly(periods(days, |day| WeekKey { week: day.day.to_string() }))
        }
        Rows::Months(days) => RowsDoc::Monthly(periods(days, |day| MonthKey { month: month(day) })),
        Rows::Groups(by, groups) => match by {
            usage_cache::By::Session => RowsDoc::Sessions(groups_doc(groups, session)),
            usage_cache::By::Project => RowsDoc::Projects(groups_doc(groups, project)),
            usage_cache::By::Agent => RowsDoc::Agents(groups_doc(groups, agent)),
            usage_cache::By::Source => RowsDoc::Sources(groups_doc(groups, source)),
            usage_cache::By::Model => RowsDoc::Models(groups_doc(groups, of_model)),
        },
        Rows::Blocks(blocks) => {
            RowsDoc::Blocks(blocks.iter().map(|one| block(one, view.now)).collect())
        }
    }
}

fn periods<K>(days: &[DailyUsage], key: impl Fn(&DailyUsage) -> K) -> Vec<RowDoc<K>> {
    let row = |day: &DailyUsage| RowDoc {
        key: key(day),
        totals: totals(&day.usage),
        models_used: models_used(&day.models),
        model_breakdowns: day.models.iter().map(model).collect(),
    };
    days.iter().map(row).collect()
}

fn groups_doc<K>(
    groups: &[Group],
    key: impl Fn(&GroupKey, Activity) -> Option<K>,
) -> Vec<RowDoc<K>> {
    let row = |group: &Group| {
        let activity =
            Activity { first_activity: iso(group.first), last_activity: iso(group.last) };
        Some(RowDoc {
            key: key(&group.key, activity)?,
            totals: totals(&group.usage),
            models_used: models_used(&group.models),
            model_breakdowns: group.models.iter().map(model).collect(),
        })
    };
    groups.iter().filter_map(row).collect()
}

fn session(key: &GroupKey, activity: Activity) -> Option<SessionKey> {
    let GroupKey::Session(session) = key else { return None };
    Some(SessionKey {
        session_id: session.id.clone(),
        source: session.source.clone(),
        agent: session.agent.clone(),
        project_path: session.project.clone(),
        activity,
    })
}

fn project(key: &GroupKey, activity: Activity) -> Option<ProjectKey> {
    let GroupKey::Project(project) = key else { return None };
    Some(ProjectKey { project: project.clone(), activity })
}

fn agent(key: &GroupKey, activity: Activity) -> Option<AgentKey> {
    let GroupKey::Agent { source, agent } = key else { return None };
    Some(AgentKey { source: source.clone(), agent: agent.clone(), activity })
}

fn source(key: &GroupKey, activity: Activity) -> Option<SourceKey> {
    let GroupKey::Source(source) = key else { return None };
    Some(SourceKey { source: source.clone(), activity })
}

fn of_model(key: &GroupKey, activity: Activity) -> Option<ModelKey> {
    let GroupKey::Model(model) = key else { return None };
    Some(ModelKey { provider: model.provider.clone(), model_name: model_name(model), activity })
}

fn models_used(models: &[ModelUsage]) -> Vec<String> {
    // Two providers may have a model of the same name.
    let names: BTreeSet<String> = models.iter().map(|model| model_name(&model.model)).collect();
    names.into_iter().collect()
}

fn block(block: &Block, now: Timestamp) -> BlockDoc {
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
        source: block.source.clone(),
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
