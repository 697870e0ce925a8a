//! The sessions and projects that cost the most.

use cli_support::text::{count, counted};
use common_fs::Timestamp;
use usage_cache::{By, Facts, Group, GroupKey, ModelUsage, Query, Session, SessionUsage, Usage};

use super::{
    element::{Element, paragraph},
    scale::{Measure, percent, ratio},
    section,
    table::{Kind, cell, name, share, table},
};
use crate::{
    table::cost,
    text::{model_name, project_name},
};

/// So many are listed.
const LISTED_MAX: usize = 20;

pub(super) fn projects(facts: &Facts, query: &Query, measure: Measure, all: &Usage) -> Element {
    let groups = facts.groups(query, By::Project);
    let item = |group: &Group<'_>| Item {
        name: match &group.key {
            GroupKey::Project(Some(path)) if last_part(path) != *path => {
                name(last_part(path), path)
            }
            GroupKey::Project(Some(path)) => name(path, ""),
            _ => name(&project_name(None), ""),
        },
        last: group.last,
        usage: group.usage,
        mostly: mostly(&group.models),
    };
    let items: Vec<Item> = groups.iter().take(LISTED_MAX).map(item).collect();
    let others = groups.len() - items.len();
    let title = "Top projects";
    section("projects", title, listed(title, "Project", (items, others), query, measure, all))
}

pub(super) fn sessions(facts: &Facts, query: &Query, measure: Measure, all: &Usage) -> Element {
    let sessions = facts.sessions(query);
    let item = |of: &SessionUsage<'_>| {
        let project = project_name(of.session.project);
        Item {
            name: name(last_part(&project), &of_session(&of.session)),
            last: of.last,
            usage: of.usage,
            mostly: mostly(&of.models),
        }
    };
    let items: Vec<Item> = sessions.costliest(LISTED_MAX).iter().map(item).collect();
    let others = sessions.len() - items.len();
    let title = "Top sessions";
    section("sessions", title, listed(title, "Session", (items, others), query, measure, all))
}

/// One that is listed.
struct Item {
    name: Element,
    last: Timestamp,
    usage: Usage,
    /// The model that cost the most.
    mostly: String,
}

fn mostly(models: &[ModelUsage]) -> String {
    models.first().map(|model| model_name(&model.model).to_owned()).unwrap_or_default()
}

fn of_session(session: &Session<'_>) -> String {
    let agent = session.agent.map(|agent| format!(" · {agent}")).unwrap_or_default();
    format!("{}{agent} · {}", session.source, session.id)
}

/// The name of a directory, of whatever system.
fn last_part(path: &str) -> &str {
    path.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or(path)
}

fn listed(
    title: &str,
    what: &str,
    (items, others): (Vec<Item>, usize),
    query: &Query,
    measure: Measure,
    all: &Usage,
) -> Vec<Element> {
    let header = [
        (what, Kind::Text),
        ("Cost", Kind::Number),
        ("Share", Kind::Number),
        ("Tokens", Kind::Number),
        ("Answers", Kind::Number),
        ("Last used", Kind::Number),
        ("Mostly", Kind::Text),
    ];
    let whole = measure.value(all);
    let listed = items.iter().fold(Usage::default(), |sum, item| sum + item.usage);
    let rows = items.into_iter().map(|Item { name, last, usage, mostly }| {
        let value = measure.value(&usage);
        vec![
            name,
            cell(&cost(&usage)),
            share(percent(value, whole), ratio(value, whole)),
            cell(&count(usage.tokens.total)),
            cell(&count(usage.events)),
            cell(&query.zone.day(last).to_string()),
            cell(&mostly).class("name"),
        ]
    });
    let mut content = vec![table(title, &header, rows)];
    content.extend(rest(&all.without(&listed), others, &what.to_lowercase(), measure));
    content
}

/// What is not listed.
fn rest(usage: &Usage, others: usize, noun: &str, measure: Measure) -> Option<Element> {
    let others_named = counted(others as u64, &format!("other {noun}"));
    let text = format!("And {others_named}: {}.", measure.sentence(usage));
    (0 < others).then(|| paragraph(&text).class("faint"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_have_a_name_on_every_system() {
        let table =
            [("/home/me/a", "a"), ("/home/me/a/", "a"), ("C:\\src\\b", "b"), ("/", "/"), ("", "")];
        for (path, name) in table {
            assert_eq!(last_part(path), name, "{path}");
        }
    }
}
