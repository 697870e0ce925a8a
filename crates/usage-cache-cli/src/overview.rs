//! One screen: what was spent today, this month and in all; this month on what; and what is not
//! known.

use cli_support::{
    table::{left, lines, right, table},
    text::counted,
};
use usage_cache::{By, Day, Facts, Group, GroupKey, Query, Summary, Usage, Zone};

use crate::{
    chart,
    screen::{Screen, end_of},
    table::cost,
    text::{dollars, model_name, project_name, share},
};

/// So many models, and so many projects are named.
const NAMED_MAX: usize = 4;
/// So wide is the name of one.
const NAME_COLUMNS: usize = 36;

/// The screen, without what is not known.
pub(crate) fn overview(
    facts: &Facts,
    query: &Query,
    summary: &Summary,
    today: Day,
    screen: Screen,
) -> String {
    let days_are_chosen = query.since.or(query.until).is_some();
    let all = if days_are_chosen { "These days" } else { "All time" };
    let mut text = headline(summary, today, all);
    if let Some(chart) = chart::of_last_days(&summary.daily, today, screen) {
        text += &format!("\n{chart}");
    }
    // Of a month that has just begun there is little to say.
    let this_month = Query { since: Some(today.first_of_month()), ..query.clone() };
    let is_known = !days_are_chosen && summary.daily.iter().any(|day| is_in(day.day, today));
    let (query, when) = if is_known { (&this_month, "this month") } else { (query, "in all") };
    for (by, name) in [(By::Model, "Models"), (By::Project, "Projects")] {
        text += &top(&facts.groups(query, by), &format!("{name} {when}"), screen);
    }
    text
}

fn is_in(day: Day, month_of: Day) -> bool {
    day.month() == month_of.month()
}

/// Today, this month, and `all`, of which each runtime if there are several.
fn headline(summary: &Summary, today: Day, all: &str) -> String {
    let sum = |includes: &dyn Fn(Day) -> bool| {
        let days = summary.daily.iter().filter(|day| includes(day.day));
        days.fold(Usage::default(), |sum, day| sum + day.usage)
    };
    let rows = [
        ("Today", sum(&|day| day == today)),
        ("This month", sum(&|day| is_in(day, today))),
        (all, summary.totals),
    ];
    // Who has one runtime need not be told its name.
    let sources = summary.sources.iter().filter(|_| 1 < summary.sources.len());
    let sources = sources.map(|source| (format!("  {}", source.source), source.usage));
    let rows = rows.into_iter().map(|(name, usage)| (name.to_owned(), usage));
    let mut table = table(&[]);
    for (name, usage) in rows.chain(sources) {
        let tokens = counted(usage.tokens.total, "token");
        let answers = counted(usage.events, "answer");
        table.add_row([left(name), right(cost(&usage)), right(tokens), right(answers)]);
    }
    lines(&mut table)
}

/// The costliest of some groups, and what the others come to.
fn top(groups: &[Group<'_>], title: &str, screen: Screen) -> String {
    let all = groups.iter().fold(Usage::default(), |sum, group| sum + group.usage);
    if groups.is_empty() || groups.iter().all(|group| group.key == GroupKey::Project(None)) {
        return String::new();
    }
    let mut table = table(&[]);
    let mut add = |name: &str, usage: &Usage| {
        let part = share(usage.cost.0, all.cost.0);
        table.add_row([left(end_of(name, NAME_COLUMNS)), right(cost(usage)), right(part)]);
    };
    let named = groups.get(..NAMED_MAX).unwrap_or(groups);
    for group in named {
        add(&name(&group.key), &group.usage);
    }
    let others = groups.get(named.len()..).unwrap_or_default();
    if !others.is_empty() {
        let rest = others.iter().fold(Usage::default(), |sum, group| sum + group.usage);
        add(&counted(others.len() as u64, "other"), &rest);
    }
    format!("\n{}\n{}", screen.faint(title), lines(&mut table))
}

fn name(key: &GroupKey<'_>) -> String {
    match key {
        GroupKey::Model(model) => cli_support::text::plain(model_name(model)),
        GroupKey::Project(project) => project_name(*project),
        GroupKey::Source(name) | GroupKey::Agent { source: name, .. } => (*name).to_owned(),
    }
}

/// What the windows that are not over yet come to.
pub(crate) fn active_windows(
    blocks: &[usage_cache::Block],
    zone: &Zone,
    now: common_fs::Timestamp,
) -> String {
    let mut text = String::new();
    for block in blocks.iter().filter(|block| block.is_active(now)) {
        let (burn, projection) = (block.burn_rate(now), block.projection(now));
        let Some((burn, projection)) = burn.zip(projection) else { continue };
        let (hour, minute) = zone.clock(block.end);
        text += &format!(
            "\nThis window of {}: {} left; {} a minute, {} an hour; at this rate {} and {} at {hour:02}:{minute:02}.\n",
            block.source,
            crate::text::hours(projection.remaining_minutes),
            counted(burn.tokens_per_minute, "token"),
            dollars(burn.cost_per_hour),
            dollars(projection.cost),
            counted(projection.total_tokens, "token"),
        );
    }
    text
}
