//! For a terminal.

use cache_warmer::simulate::{Conversation, Outcome, SimulatedPolicy};
use cli_support::{
    table::{left, lines, right, table},
    text::{count, counted, iso, plain},
};

use super::{
    BREAK_EVEN_HEADER, BREAK_EVEN_TOKENS, CONVERSATIONS_HEADER, EXTREMES, POLICIES_HEADER, Report,
    Row, chart::bars, format,
};

/// What the simulation says. With `all`, every conversation is listed.
pub(crate) fn text(report: &Report, all: bool) -> String {
    let mut text = match report.nothing_to_show() {
        Some(reason) => format!("{reason}\n"),
        None if report.size(false).0 == 0 => only_subagents(report) + &subagents(report),
        None => of_people(report) + &subagents(report) + &conversations(report, all),
    };
    text += &break_even(report);
    text += "\n";
    for note in report.notes() {
        text += &format!("{note}\n");
    }
    text
}

fn of_people(report: &Report) -> String {
    let rows = report.rows(false);
    let mut text = summary(report, &rows);
    text += "\n";
    text += &policies(&rows);
    text += &format!("\n{}\n", verdict(&rows).join("\n"));
    text += "\nNet, by policy\n";
    text += &bars(&bars_of_policies(&rows));
    text += "\nNet, by pings per pause at most\n";
    text + &bars(&bars_of_sweep(report))
}

/// What is said if nobody but agents has asked.
fn only_subagents(report: &Report) -> String {
    format!("{}{}.\n", report.without_people(), period(report))
}

fn period(report: &Report) -> String {
    let day = |time| iso(time).split('T').next().unwrap_or_default().to_owned();
    report
        .period()
        .map_or_else(String::new, |(first, last)| format!(", {} to {}", day(first), day(last)))
}

fn summary(report: &Report, rows: &[Row]) -> String {
    let (conversations, requests) = report.size(false);
    let none = rows.first().map(|row| row.outcome).unwrap_or_default();
    let made_up = if report.is_demo { "made-up " } else { "" };
    format!(
        "{} with {}{}.\nThey have cost {} at list prices. After {} the prompt cache had expired.\n",
        counted(conversations, &format!("{made_up}conversation")),
        counted(requests, "request"),
        period(report),
        format::dollars(none.cost),
        counted(none.expired, "pause"),
    )
}

fn policies(rows: &[Row]) -> String {
    let all = rows.first().map(|row| row.outcome.cost).unwrap_or_default();
    let mut table = table(&POLICIES_HEADER);
    for row in rows {
        let Row { policy, outcome, .. } = row;
        table.add_row([
            left(format::policy(*policy)),
            right(count(outcome.pings)),
            right(format::dollars(outcome.spent())),
            right(format::dollars(outcome.saved)),
            right(format::net(outcome.net())),
            right(format::percent(outcome.net(), all)),
            right(row.interval_in_words()),
            right(count(outcome.hits)),
            right(count(outcome.expired)),
        ]);
    }
    lines(&mut table)
}

/// What it comes down to.
pub(super) fn verdict(rows: &[Row]) -> Vec<String> {
    let of = |policy| rows.iter().find(|row| row.policy == policy);
    let all = rows.first().map(|row| row.outcome.cost).unwrap_or_default();
    let sentence = |row: &Row| {
        let net = row.outcome.net();
        let verb = if net.0 < 0 { "lost" } else { "saved" };
        let amount = cache_warmer::NanoDollars(net.0.saturating_abs());
        let share = format::percent(net, all);
        format!("would have {verb} {} ({share})", format::dollars(amount))
    };
    let mut sentences = Vec::new();
    if let Some(row) = of(SimulatedPolicy::SkiRental) {
        sentences.push(format!("Ski-rental, the default, {}.", sentence(row)));
    }
    if let Some(row) = of(SimulatedPolicy::Seed240) {
        sentences.push(format!("A ping every 240 s {}.", sentence(row)));
    }
    let can_be_done = |row: &&Row| row.policy != SimulatedPolicy::Hindsight;
    // Of equals, the simplest.
    let best = rows.iter().rev().filter(can_be_done).max_by_key(|row| row.outcome.net());
    match best.filter(|best| best.policy != SimulatedPolicy::None) {
        Some(best) => sentences.push(format!(
            "Best here: {}. With this schedule of pings, nobody could have saved more than {}.",
            format::policy(best.policy),
            of(SimulatedPolicy::Hindsight)
                .map_or_else(String::new, |row| format::dollars(row.outcome.net())),
        )),
        None => sentences.push("Best here: no warming at all.".to_owned()),
    }
    sentences
}

fn bars_of_policies(rows: &[Row]) -> Vec<(String, i64, String)> {
    let bar = |row: &Row| {
        let net = row.outcome.net();
        (format::policy(row.policy), net.0, format::net(net))
    };
    rows.iter().map(bar).collect()
}

fn bars_of_sweep(report: &Report) -> Vec<(String, i64, String)> {
    let bar = |(pings, outcome): (u32, Outcome)| {
        let net = outcome.net();
        (format!("{pings:11}"), net.0, format::net(net))
    };
    report.sweep().into_iter().map(bar).collect()
}

fn subagents(report: &Report) -> String {
    let (conversations, requests) = report.size(true);
    if conversations == 0 {
        return String::new();
    }
    let rows = report.rows(true);
    format!(
        "\nSub-agents are never warmed. Had they been: {} with {}\n{}",
        counted(conversations, "conversation"),
        counted(requests, "request"),
        policies(&rows)
    )
}

fn conversations(report: &Report, all: bool) -> String {
    let ranked = report.ranked();
    if all {
        return format!("\nEvery conversation, by ski-rental\n{}", listed(&ranked));
    }
    let gain: Vec<_> =
        ranked.iter().filter(|(_, outcome)| 0 < outcome.net().0).take(EXTREMES).copied().collect();
    let losing = ranked.iter().rev().filter(|(_, outcome)| outcome.net().0 < 0);
    let loss: Vec<_> = losing.clone().take(EXTREMES).copied().collect();
    let (gains, losses) =
        (ranked.iter().filter(|(_, outcome)| 0 < outcome.net().0).count(), losing.count());
    let mut text = String::new();
    if !gain.is_empty() {
        let of = counted(gains as u64, "conversation");
        text += &format!("\nWhere ski-rental gains the most ({of} in all)\n{}", listed(&gain));
    }
    if !loss.is_empty() {
        let of = counted(losses as u64, "conversation");
        text += &format!("\nWhere it loses the most ({of} in all)\n{}", listed(&loss));
    }
    text
}

fn listed(conversations: &[(&Conversation, Outcome)]) -> String {
    let mut table = table(&CONVERSATIONS_HEADER);
    for (conversation, outcome) in conversations {
        table.add_row([
            left(plain(&conversation.id)),
            left(plain(&conversation.model)),
            right(conversation.tier.name().to_owned()),
            right(count(conversation.requests)),
            right(count(conversation.long_gaps)),
            right(cli_support::text::about(conversation.longest_gap.into())),
            right(count(outcome.pings)),
            right(format::dollars(outcome.saved)),
            right(format::net(outcome.net())),
        ]);
    }
    lines(&mut table)
}

fn break_even(report: &Report) -> String {
    let rows = report.break_even();
    if rows.is_empty() {
        return String::new();
    }
    let mut table = table(&BREAK_EVEN_HEADER);
    for row in rows {
        let figures = row.figures;
        table.add_row([
            left(plain(&row.model)),
            right(figures.tier.name().to_owned()),
            right(format::span(figures.interval)),
            right(format!("{}", figures.ping_cost)),
            right(format!("{}", figures.avoidable_loss)),
            right(figures.probability_ppm.map_or_else(|| "never".to_owned(), format::ppm)),
            right(count(figures.pings.into())),
            right(format::span(figures.covered)),
            right(format!("{}", figures.hold_cost_per_hour)),
        ]);
    }
    format!(
        "\nWhen pings pay, with {} in the cache: if the next request comes in the time that one adds\nmore often than `Pays from`; after so many `Pings`, they have cost what they can save\n{}",
        counted(BREAK_EVEN_TOKENS, "token"),
        lines(&mut table)
    )
}
