use super::*;
use crate::{Millis, NanoDollars, Tier};

#[test]
fn names_as_they_are_in_use() {
    let table = [
        ("claude-sonnet-4-5", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("anthropic/claude-sonnet-4-5", "claude-sonnet-4-5"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("claude-sonnet-4-5[1m]", "claude-sonnet-4-5"),
        ("gpt-5-2025-08-07", "gpt-5"),
        ("gpt-5.1-codex-max", "gpt-5.1-codex-max"),
        ("-20250929", ""),
        ("", ""),
        ("é-2025-09-2é", "é-2025-09-2é"),
    ];
    for (given, plain) in table {
        assert_eq!(plain_name(given), plain, "{given}");
    }
}

#[test]
fn what_comes_with_the_library_is_complete() {
    let providers = Providers::builtin();
    assert!(40 < providers.models().count());
    for (provider, model) in providers.models() {
        let name = format!("{provider}/{}", model.name());
        assert_eq!(
            providers.model(provider, model.name()).map(|same| same.name()),
            Ok(model.name())
        );
        for (tier, lifetime, source) in model.tiers() {
            let terms = model.terms(tier, 0);
            assert_eq!((terms.tier, terms.lifetime), (tier, lifetime), "{name}");
            assert!(Millis::from_mins(5) <= lifetime, "{name}");
            assert!(terms.prices.read <= terms.prices.input, "{name}");
            assert!(terms.prices.input <= terms.prices.write(tier), "{name}");
            assert!(NanoDollars::ZERO < terms.prices.read && 0 < terms.minimum_tokens, "{name}");
            for source in [source, model.source(), model.minimum_source()] {
                assert!(!source.source.is_empty() && source.date.len() == 10, "{name}");
            }
        }
    }
}

#[test]
fn prices_and_lifetimes_of_known_models() {
    let providers = Providers::builtin();
    let sonnet = providers.model("anthropic", "claude-sonnet-4-5-20250929").unwrap();
    let terms = sonnet.terms(Tier::OneHour, 100_000);
    assert_eq!(terms.lifetime, Millis::from_hours(1));
    assert_eq!(
        [terms.prices.input, terms.prices.read, terms.prices.write_5m, terms.prices.write_1h],
        [3000, 300, 3750, 6000].map(NanoDollars)
    );
    // A ping of 100,000 tokens at 3 dollars for a million is 3 cents (spec section 3.2, no. 4).
    assert_eq!(terms.prices.read.for_tokens(100_000).to_string(), "$0.0300");
    // A long request costs more, all of it.
    assert_eq!(sonnet.terms(Tier::FiveMinutes, 200_001).prices.read, NanoDollars(600));
    // A tier that a provider does not have is its default.
    assert_eq!(sonnet.terms(Tier::OneDay, 0).tier, Tier::FiveMinutes);
    let bedrock = providers.model("bedrock", "eu.anthropic.claude-opus-4-5-20251101-v1:0").unwrap();
    assert_eq!(bedrock.terms(Tier::FiveMinutes, 0).prices.input, NanoDollars(5000));
}

#[test]
fn what_is_not_known_is_told_and_not_guessed() {
    let providers = Providers::builtin();
    let unknown = providers.model("anthropic", "claude-sonnet-4-55").unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "the model `claude-sonnet-4-55` of anthropic has no known price"
    );
    let unknown = providers.model("acme", "gpt-5").unwrap_err();
    assert_eq!(unknown.to_string(), "the provider `acme` is not known");
}

#[test]
fn a_list_that_makes_no_sense_is_refused() {
    let list = |tier: &str, price: &str, more: &str| {
        format!(
            r#"{{"format":"upkeep-providers","version":1,"providers":[{{"provider":"p","aliases":[{more}],
            "reportsWrites":true,"defaultTier":"{tier}","warm":"extend-ttl","tiers":[{{"tier":"5m",
            "lifetimeSeconds":300,"source":"s","date":"2026-01-01"}}],"models":[{{"model":"m",
            "minimumTokens":1,"minimumSource":"s","minimumDate":"2026-01-01","prices":{{"input":{price},
            "output":1,"read":1,"write":1}},"source":"s","date":"2026-01-01"}}]}}]}}"#
        )
    };
    assert!(Providers::parse(&list("5m", "1", "")).is_ok());
    let table = [
        (list("1h", "1", ""), "p/: the default tier has no lifetime"),
        (list("5m", "1", "\"p\""), "p/: it is there twice"),
        (
            list("5m", "0.0005", ""),
            "p/m: a price is not a whole number of nano-dollars for a token",
        ),
        (list("5m", "-1", ""), "p/m: a price is not a whole number of nano-dollars for a token"),
        (list("9m", "1", ""), "not a list of providers"),
        (
            list("5m", "1", "").replace(":1,\"providers", ":2,\"providers"),
            "version 2 of the list of providers is not known",
        ),
    ];
    for (text, message) in table {
        assert_eq!(Providers::parse(&text).unwrap_err().to_string(), message);
    }
}
