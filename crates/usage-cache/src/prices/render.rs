//! Writes price lists; the opposite of `wire`.

use std::fmt;

use super::{
    PriceEntry, PriceList, Rates, TieredRates,
    entry::RATE_NAMES,
    wire::{FORMAT, VERSION},
};
use crate::ServiceTier;

impl fmt::Display for PriceList {
    /// The list as a file: an entry per line, by provider, model and time.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{\"format\":\"{FORMAT}\",\"version\":{VERSION},\"prices\":[")?;
        for (at, entry) in self.entries().iter().enumerate() {
            let separator = if at == 0 { "" } else { "," };
            write!(f, "{separator}\n{}", line(entry))?;
        }
        writeln!(f, "\n]}}")
    }
}

fn line(entry: &PriceEntry) -> String {
    let mut fields = Vec::new();
    put_text(&mut fields, "provider", Some(&entry.provider));
    put_text(&mut fields, "model", Some(&entry.model));
    if let Some(from) = entry.from {
        let from = jiff::Timestamp::from_nanosecond(i128::from(from.unix_nanos()));
        let from = from.unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string();
        put_text(&mut fields, "from", Some(&from));
    }
    put_rates(&mut fields, &entry.standard);
    let service = entry.service.iter().map(|service| {
        let mut fields = Vec::new();
        put_rates(&mut fields, &service.rates);
        put_text(&mut fields, "source", service.source.as_deref());
        put_text(&mut fields, "date", service.date.as_deref());
        format!("\"{}\":{{{}}}", tier_name(service.tier), fields.join(","))
    });
    let service: Vec<String> = service.collect();
    if !service.is_empty() {
        fields.push(format!("\"serviceTiers\":{{{}}}", service.join(",")));
    }
    put_text(&mut fields, "source", entry.source.as_deref());
    put_text(&mut fields, "date", entry.date.as_deref());
    if entry.keep {
        fields.push("\"keep\":true".to_owned());
    }
    put_text(&mut fields, "note", entry.note.as_deref());
    format!("{{{}}}", fields.join(","))
}

fn tier_name(tier: ServiceTier) -> &'static str {
    match tier {
        ServiceTier::Standard => "standard",
        ServiceTier::Priority => "priority",
        ServiceTier::Flex => "flex",
        ServiceTier::Batch => "batch",
    }
}

fn put_text(fields: &mut Vec<String>, name: &str, text: Option<&str>) {
    fields.extend(text.map(|text| format!("\"{name}\":{}", serde_json::Value::from(text))));
}

fn put_rates(fields: &mut Vec<String>, rates: &TieredRates) {
    fields.extend(named(&rates.base));
    let tiers = rates.tiers.iter().map(|(above, rates)| {
        let fields: Vec<String> =
            [format!("\"above\":{above}")].into_iter().chain(named(rates)).collect();
        format!("{{{}}}", fields.join(","))
    });
    let tiers: Vec<String> = tiers.collect();
    if !tiers.is_empty() {
        fields.push(format!("\"tiers\":[{}]", tiers.join(",")));
    }
}

fn named(rates: &Rates) -> impl Iterator<Item = String> {
    let rates = RATE_NAMES.into_iter().zip(rates.named());
    rates.filter_map(|(name, rate)| Some(format!("\"{name}\":{}", rate?)))
}
