//! Comma-separated values: a row per day, or per day and model.

use usage_cache::{Summary, Usage};

use crate::text::model_name;

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

pub(crate) fn report(summary: &Summary, breakdown: bool) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let keys: &[&str] = if breakdown { &["date", "provider", "modelName"] } else { &["date"] };
    writer.write_record(keys.iter().chain(&USAGE_COLUMNS))?;
    for day in &summary.daily {
        let date = day.day.to_string();
        if !breakdown {
            writer.write_record([date].into_iter().chain(columns(&day.usage)))?;
            continue;
        }
        for model in &day.models {
            let provider = model.model.provider.clone().unwrap_or_default();
            let keys = [date.clone(), provider, model_name(&model.model)];
            writer.write_record(keys.into_iter().chain(columns(&model.usage)))?;
        }
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
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
