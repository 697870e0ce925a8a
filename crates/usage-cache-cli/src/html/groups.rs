//! The sessions and projects that cost the most.

use cli_support::text::{count, counted};
use usage_cache::{By, Facts, Group, GroupKey, Query, Session, Top, Usage};

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
    let row = |group: &Group| match &group.key {
        GroupKey::Project(Some(path)) if last_part(path) != path => name(last_part(path), path),
        GroupKey::Project(Some(path)) => name(path, ""),
        _ => name(&project_name(None), ""),
    };
    let title = "Top projects";
    let listed_groups = groups.get(..LISTED_MAX).unwrap_or(&groups);
    let others = groups.len() - listed_groups.len();
    let top = (listed_groups, others);
    section("projects", title, listed(title, "Project", top, query, measure, all, row))
}

pub(super) fn sessions(facts: &Facts, query: &Query, measure: Measure, all: &Usage) -> Element {
    let (groups, others) = facts.top_sessions(query, Top::Costliest, LISTED_MAX);
    let row = |group: &Group| match &group.key {
        GroupKey::Session(session) => {
            let project = project_name(session.project.as_deref());
            name(last_part(&project), &of_session(session))
        }
        _ => name("", ""),
    };
    let title = "Top sessions";
    let top = (&*groups, others);
    section("sessions", title, listed(title, "Session", top, query, measure, all, row))
}

fn of_session(session: &Session) -> String {
    let agent = session.agent.as_ref().map(|agent| format!(" · {agent}")).unwrap_or_default();
    format!("{}{agent} · {}", session.source, session.id)
}

/// The name of a directory, of whatever system.
fn last_part(path: &str) -> &str {
    path.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or(path)
}

fn listed(
    title: &str,
    what: &str,
    (groups, others): (&[Group], usize),
    query: &Query,
    measure: Measure,
    all: &Usage,
    first: impl Fn(&Group) -> Element,
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
    let rows = groups.iter().map(|group| {
        let (usage, value) = (&group.usage, measure.value(&group.usage));
        let model = group.models.first().map(|model| model_name(&model.model));
        vec![
            first(group),
            cell(&cost(usage)),
            share(percent(value, whole), ratio(value, whole)),
            cell(&count(usage.tokens.total)),
            cell(&count(usage.events)),
            cell(&query.zone.day(group.last).to_string()),
            cell(model.unwrap_or_default()).class("name"),
        ]
    });
    let mut content = vec![table(title, &header, rows)];
    content.extend(rest(all, (groups, others), &what.to_lowercase(), measure));
    content
}

/// What is not listed.
fn rest(
    all: &Usage,
    (groups, others): (&[Group], usize),
    noun: &str,
    measure: Measure,
) -> Option<Element> {
    let listed = groups.iter().fold(Usage::default(), |sum, group| sum + group.usage);
    let others_named = counted(others as u64, &format!("other {noun}"));
    let text = format!("And {others_named}: {}.", measure.sentence(&all.without(&listed)));
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
