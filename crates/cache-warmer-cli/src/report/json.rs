//! For programs.

use cache_warmer::{
    Millis, NanoDollars,
    simulate::{Conversation, Lifetime, Outcome},
};
use cli_support::text::iso;
use serde::Serialize;

use super::{POLICIES, Report, Row};

const SCHEMA_VERSION: u32 = 1;

/// What the simulation says, as one document.
pub(crate) fn json(report: &Report) -> serde_json::Result<String> {
    let period = report.period();
    let counts = &report.transcripts.counts;
    let document = Document {
        schema_version: SCHEMA_VERSION,
        demo: report.is_demo,
        from: period.map(|(first, _)| iso(first)),
        to: period.map(|(_, last)| iso(last)),
        settings: Settings {
            ttl: match report.settings.lifetime {
                Lifetime::Recorded => "auto",
                Lifetime::Always(tier) => tier.name(),
            },
            closed_after_ms: report.settings.closed_after,
            until: iso(report.settings.until),
        },
        read: Read {
            transcripts: counts.files,
            bytes: counts.bytes,
            malformed_lines: counts.malformed_lines,
            too_long_lines: counts.too_long_lines,
            untimed_answers: counts.untimed,
            unresolved_answers: counts.unresolved,
            repeated_answers: counts.repeated,
            answers_before_since: counts.before,
            compressed_transcripts: counts.compressed,
            unreadable: report.transcripts.errors.len(),
        },
        policies: rows(report, false),
        subagents: rows(report, true),
        unpriced_requests: report.unpriced_requests(false),
        unpriced_subagent_requests: report.unpriced_requests(true),
        pings_per_pause: report
            .sweep()
            .into_iter()
            .map(|(pings_max, outcome)| Sweep {
                pings_max,
                pings: (!report.is_unpriced(false)).then_some(outcome.pings),
                net_nano_dollars: (!report.is_unpriced(false)).then_some(outcome.net()),
            })
            .collect(),
        break_even: report
            .break_even()
            .into_iter()
            .map(|row| BreakEven {
                model: row.model,
                tier: row.figures.tier.name(),
                lifetime_ms: row.figures.lifetime,
                interval_ms: row.figures.interval,
                ping_nano_dollars: row.figures.ping_cost,
                avoidable_nano_dollars: row.figures.avoidable_loss,
                probability_ppm: row.figures.probability_ppm,
                pings: row.figures.pings,
                covered_ms: row.figures.covered,
                hold_nano_dollars_per_hour: row.figures.hold_cost_per_hour,
            })
            .collect(),
        conversations: report.simulation.conversations.iter().map(of_conversation).collect(),
        unpriced: report
            .simulation
            .unpriced
            .iter()
            .map(|model| Unpriced {
                provider: &model.provider,
                model: &model.model,
                conversations: model.conversations,
                requests: model.requests,
            })
            .collect(),
    };
    serde_json::to_string_pretty(&document).map(|text| text + "\n")
}

fn rows(report: &Report, subagents: bool) -> Vec<Totals> {
    let is_known = !report.is_unpriced(subagents);
    report.rows(subagents).iter().map(|row| totals(row, is_known)).collect()
}

/// With nothing but the name of the policy, if nothing else is known.
fn totals(row: &Row, is_known: bool) -> Totals {
    let (low, high) = row.interval.unzip();
    Totals {
        numbers: numbers(row.policy.name(), is_known.then_some(&row.outcome)),
        net_low_nano_dollars: low,
        net_high_nano_dollars: high,
    }
}

fn numbers(policy: String, outcome: Option<&Outcome>) -> Numbers {
    Numbers {
        policy,
        cost_nano_dollars: outcome.map(|outcome| outcome.cost),
        spent_on_pings_nano_dollars: outcome.map(|outcome| outcome.spent_on_pings),
        spent_on_writes_nano_dollars: outcome.map(|outcome| outcome.spent_on_writes),
        saved_nano_dollars: outcome.map(|outcome| outcome.saved),
        net_nano_dollars: outcome.map(Outcome::net),
        pings: outcome.map(|outcome| outcome.pings),
        late_pings: outcome.map(|outcome| outcome.late_pings),
        hits: outcome.map(|outcome| outcome.hits),
        expired: outcome.map(|outcome| outcome.expired),
    }
}

fn of_conversation(conversation: &Conversation) -> OfConversation<'_> {
    let outcomes = POLICIES.into_iter().zip(&conversation.outcomes);
    OfConversation {
        id: &conversation.id,
        provider: &conversation.provider,
        model: &conversation.model,
        subagent: conversation.is_subagent,
        tier: conversation.tier.name(),
        requests: conversation.requests,
        long_pauses: conversation.long_gaps,
        longest_pause_ms: conversation.longest_gap,
        policies: outcomes.map(|(policy, outcome)| numbers(policy.name(), Some(outcome))).collect(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'r> {
    schema_version: u32,
    demo: bool,
    from: Option<String>,
    to: Option<String>,
    settings: Settings,
    read: Read,
    policies: Vec<Totals>,
    subagents: Vec<Totals>,
    unpriced_requests: u64,
    unpriced_subagent_requests: u64,
    pings_per_pause: Vec<Sweep>,
    break_even: Vec<BreakEven>,
    conversations: Vec<OfConversation<'r>>,
    unpriced: Vec<Unpriced<'r>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    ttl: &'static str,
    closed_after_ms: Millis,
    until: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Read {
    transcripts: u64,
    bytes: u64,
    malformed_lines: u64,
    too_long_lines: u64,
    untimed_answers: u64,
    unresolved_answers: u64,
    repeated_answers: u64,
    answers_before_since: u64,
    compressed_transcripts: u64,
    unreadable: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Totals {
    #[serde(flatten)]
    numbers: Numbers,
    net_low_nano_dollars: Option<NanoDollars>,
    net_high_nano_dollars: Option<NanoDollars>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Numbers {
    policy: String,
    cost_nano_dollars: Option<NanoDollars>,
    spent_on_pings_nano_dollars: Option<NanoDollars>,
    spent_on_writes_nano_dollars: Option<NanoDollars>,
    saved_nano_dollars: Option<NanoDollars>,
    net_nano_dollars: Option<NanoDollars>,
    pings: Option<u64>,
    late_pings: Option<u64>,
    hits: Option<u64>,
    expired: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sweep {
    pings_max: u32,
    pings: Option<u64>,
    net_nano_dollars: Option<NanoDollars>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BreakEven {
    model: String,
    tier: &'static str,
    lifetime_ms: Millis,
    interval_ms: Millis,
    ping_nano_dollars: NanoDollars,
    avoidable_nano_dollars: NanoDollars,
    probability_ppm: Option<u64>,
    pings: u32,
    covered_ms: Millis,
    hold_nano_dollars_per_hour: NanoDollars,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OfConversation<'r> {
    id: &'r str,
    provider: &'r str,
    model: &'r str,
    subagent: bool,
    tier: &'static str,
    requests: u64,
    long_pauses: u64,
    longest_pause_ms: Millis,
    policies: Vec<Numbers>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Unpriced<'r> {
    provider: &'r str,
    model: &'r str,
    conversations: u64,
    requests: u64,
}
