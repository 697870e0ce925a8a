//! What becomes of a price list when another one is taken in.

use std::collections::BTreeMap;

use usage_cache::{NanoUsd, PriceEntry, Rates, ServiceRates, TieredRates};

/// The list, and what was done, by line.
pub(super) struct Merged {
    pub(super) entries: Vec<PriceEntry>,
    pub(super) report: Vec<String>,
}

/// Takes prices into a list. Prices that stay the same keep their source and date. Models that
/// are kept by hand, or whose price has a history, keep their price; only what it costs at other
/// terms is taken, and only if both agree on the usual price. Models that are no longer listed
/// stay: there are transcripts of them.
pub(super) fn merge(old: &[PriceEntry], new: Vec<PriceEntry>, source: &str, date: &str) -> Merged {
    let mut models: Models = BTreeMap::new();
    for entry in old {
        models.entry(name(entry)).or_default().push(entry.clone());
    }
    let mut report = Vec::new();
    let (mut listed, mut same) = (Vec::new(), 0_usize);
    for entry in new {
        let entry = signed(entry, source, date);
        let name = name(&entry);
        let base = if models.contains_key(&name) { None } else { base(&entry, &models) };
        let title = format!("{} {}", name.0, name.1);
        if let Some(base) = base {
            let conflicts = conflicts(&base.standard, &entry.standard);
            if conflicts.is_empty() {
                report
                    .push(format!("redundant    {title}: costs what the model without date does"));
                continue;
            }
            if base.keep {
                report.extend(conflict_lines(&title, conflicts));
                continue;
            }
        }
        let history = models.entry(name.clone()).or_default();
        match history.as_mut_slice() {
            [] => {
                report.push(format!("added        {title}: {}", text(&entry.standard)));
                history.push(entry);
            }
            [known] if !known.keep => {
                if same_prices(known, &entry) {
                    same += 1;
                } else {
                    let (was, is) = (text(&known.standard), text(&entry.standard));
                    report.push(format!("changed      {title}: {was} -> {is}"));
                    *known = entry;
                }
            }
            [.., last] => report.extend(keep(&title, last, entry)),
        }
        listed.push(name);
    }
    let gone = models.iter().filter(|(name, history)| {
        !listed.contains(name) && history.iter().all(|entry| !entry.keep)
    });
    report.extend(gone.map(|(name, _)| format!("not listed   {} {}: stays", name.0, name.1)));
    report.sort();
    report.push(format!("unchanged    {same}"));
    Merged { entries: models.into_values().flatten().collect(), report }
}

type Models = BTreeMap<(String, String), Vec<PriceEntry>>;

fn name(entry: &PriceEntry) -> (String, String) {
    (entry.provider.clone(), entry.model.clone())
}

fn signed(entry: PriceEntry, source: &str, date: &str) -> PriceEntry {
    PriceEntry { source: Some(source.to_owned()), date: Some(date.to_owned()), ..entry }
}

/// The model under whose name `usage-cache` finds this one, which has a date in its name.
fn base<'m>(entry: &PriceEntry, models: &'m Models) -> Option<&'m PriceEntry> {
    let base = entry.undated_model()?.to_owned();
    let history = models.get(&(entry.provider.clone(), base))?;
    history.last()
}

fn conflict_lines(title: &str, conflicts: Vec<String>) -> Vec<String> {
    conflicts.into_iter().map(|what| format!("CONFLICT     {title}: {what}")).collect()
}

/// Keeps a price, and says where the other list differs.
fn keep(title: &str, kept: &mut PriceEntry, other: PriceEntry) -> Vec<String> {
    let conflicts = conflicts(&kept.standard, &other.standard);
    if !conflicts.is_empty() {
        return conflict_lines(title, conflicts);
    }
    let mut report = Vec::new();
    for mut service in other.service {
        let known = kept.service.iter().position(|known| known.tier == service.tier);
        let known = known.and_then(|at| kept.service.get_mut(at));
        service.source.clone_from(&other.source);
        service.date.clone_from(&other.date);
        match known {
            // Without a source of its own, it was entered by hand like the entry.
            Some(ServiceRates { source: None, rates, tier, .. }) => {
                let conflicts = self::conflicts(rates, &service.rates);
                report.extend(conflict_lines(&format!("{title}, {tier:?}"), conflicts));
            }
            Some(known) if known.rates == service.rates => (),
            Some(known) => {
                report.push(format!("changed      {title}, {:?}", service.tier));
                *known = service;
            }
            None => {
                report.push(format!("added        {title}, {:?}", service.tier));
                kept.service.push(service);
            }
        }
    }
    kept.service.sort_by_key(|service| service.tier);
    report
}

/// Where two prices contradict each other: rates that only one of them knows do not.
fn conflicts(kept: &TieredRates, other: &TieredRates) -> Vec<String> {
    let mut found = differing("", &kept.base, &other.base);
    let sizes = |rates: &TieredRates| rates.tiers.iter().map(|(above, _)| *above).collect();
    let (ours, theirs): (Vec<u64>, Vec<u64>) = (sizes(kept), sizes(other));
    if ours != theirs {
        found.push(format!("tiers above {ours:?}, they have {theirs:?}"));
        return found;
    }
    for ((above, ours), (_, theirs)) in kept.tiers.iter().zip(&other.tiers) {
        found.extend(differing(&format!(" above {above}"), ours, theirs));
    }
    found
}

fn differing(at: &str, ours: &Rates, theirs: &Rates) -> Vec<String> {
    let pairs = [
        ("input", ours.input, theirs.input),
        ("output", ours.output, theirs.output),
        ("cacheRead", ours.cache_read, theirs.cache_read),
        ("cacheWrite", ours.cache_creation, theirs.cache_creation),
        ("cacheWrite1h", ours.cache_creation_1h, theirs.cache_creation_1h),
    ];
    let differ = pairs.into_iter().filter_map(|(name, ours, theirs)| match (ours, theirs) {
        (Some(ours), Some(theirs)) if ours != theirs => {
            Some(format!("{name}{at} {}, they have {}", ours.dollars(), theirs.dollars()))
        }
        _ => None,
    });
    differ.collect()
}

fn same_prices(a: &PriceEntry, b: &PriceEntry) -> bool {
    let services = |entry: &PriceEntry| -> Vec<_> {
        entry.service.iter().map(|service| (service.tier, service.rates.clone())).collect()
    };
    a.standard == b.standard && services(a) == services(b)
}

/// Input, output, cache reads, cache writes.
fn text(price: &TieredRates) -> String {
    let rates = |rates: &Rates| {
        let all = [rates.input, rates.output, rates.cache_read, rates.cache_creation];
        let all = all.map(|rate: Option<NanoUsd>| match rate {
            Some(rate) => rate.dollars().to_string(),
            None => "?".to_owned(),
        });
        all.join("/")
    };
    let tiers = price.tiers.iter().map(|(above, tier)| format!(" >{above}: {}", rates(tier)));
    rates(&price.base) + &tiers.collect::<String>()
}

#[cfg(test)]
mod tests {
    use usage_cache::PriceList;

    use super::*;

    fn list(entries: &str) -> PriceList {
        PriceList::parse(&format!("{{\"prices\":[{entries}]}}")).unwrap()
    }

    /// Merges, and gives the lines of the list and what was done.
    fn merged(old: &str, new: &str) -> (Vec<String>, Vec<String>) {
        let new = list(new).entries().to_vec();
        let Merged { entries, report } = merge(list(old).entries(), new, "new", "2026-02-02");
        let text = PriceList::new(entries).unwrap().to_string();
        let lines = text.lines().map(|line| line.trim_end_matches(',').to_owned());
        (lines.filter(|line| line.contains("provider")).collect(), report)
    }

    const OLD: &str =
        r#"{"provider":"p","model":"m","input":1,"output":2,"source":"old","date":"2026-01-01"}"#;

    #[test]
    fn what_stays_the_same_keeps_its_source_and_date() {
        let (lines, report) = merged(OLD, r#"{"provider":"p","model":"m","input":1.0,"output":2}"#);
        assert_eq!((lines, report), (vec![OLD.to_owned()], vec!["unchanged    1".to_owned()]));
    }

    #[test]
    fn changes_and_additions_are_signed() {
        let new = r#"{"provider":"p","model":"m","input":1,"output":3},{"provider":"p","model":"n","input":5}"#;
        let (lines, report) = merged(OLD, new);
        let expected = [
            r#"{"provider":"p","model":"m","input":1,"output":3,"source":"new","date":"2026-02-02"}"#,
            r#"{"provider":"p","model":"n","input":5,"source":"new","date":"2026-02-02"}"#,
        ];
        assert_eq!(lines, expected);
        assert_eq!(report[0], "added        p n: 5/?/?/?");
        assert_eq!(report[1], "changed      p m: 1/2/?/? -> 1/3/?/?");
    }

    #[test]
    fn what_is_no_longer_listed_stays() {
        let (lines, report) = merged(OLD, "");
        assert_eq!(lines, [OLD]);
        assert_eq!(report[0], "not listed   p m: stays");
    }

    #[test]
    fn what_is_kept_changes_only_where_both_agree() {
        let kept = r#"{"provider":"p","model":"m","input":1,"cacheWrite":1,"source":"old","date":"2026-01-01","keep":true}"#;
        let (lines, report) = merged(
            kept,
            r#"{"provider":"p","model":"m","input":2,"serviceTiers":{"flex":{"input":1}}}"#,
        );
        assert_eq!(lines, [kept]);
        assert_eq!(report[0], "CONFLICT     p m: input 1, they have 2");
        let (lines, _) = merged(
            kept,
            r#"{"provider":"p","model":"m","input":1,"serviceTiers":{"flex":{"input":0.5}}}"#,
        );
        let service = r#""serviceTiers":{"flex":{"input":0.5,"source":"new","date":"2026-02-02"}}"#;
        assert_eq!(
            lines,
            [kept.replace("\"source\":\"old\"", &format!("{service},\"source\":\"old\""))]
        );
    }

    #[test]
    fn a_history_is_kept() {
        let old = format!(
            r#"{OLD},{{"provider":"p","model":"m","from":"2026-01-15T00:00:00Z","input":3}}"#
        );
        let (lines, report) = merged(&old, r#"{"provider":"p","model":"m","input":4}"#);
        assert_eq!(lines.len(), 2);
        assert_eq!(report[0], "CONFLICT     p m: input 3, they have 4");
    }

    #[test]
    fn a_date_in_the_name_is_redundant_unless_it_costs_something_else() {
        let old = r#"{"provider":"openai","model":"a","input":1,"keep":true},{"provider":"openai","model":"b","input":1}"#;
        let dated = |model: &str, input: u32| {
            merged(
                old,
                &format!(r#"{{"provider":"openai","model":"{model}-2026-01-01","input":{input}}}"#),
            )
        };
        for (model, input, lines, report) in [
            ("a", 1, 2, "redundant"),
            ("a", 2, 2, "CONFLICT"),
            ("b", 1, 2, "redundant"),
            ("b", 2, 3, "added"),
        ] {
            let (entries, done) = dated(model, input);
            assert_eq!(entries.len(), lines, "{model} {input}");
            assert!(done.iter().any(|line| line.starts_with(report)), "{done:?}");
        }
    }
}
