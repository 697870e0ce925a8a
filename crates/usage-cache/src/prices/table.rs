use std::{
    cell::RefCell,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use common_fs::Timestamp;
use foldhash::HashMap;

use super::{Price, PriceList, estimate, list::Dated};
use crate::{
    Key, Model, NanoUsd, ServiceTier, TokenCounts,
    rollup::{Bucket, PriceClass, Quarter},
};

/// Larger requests are never fast, and cost as much as others (steipete/CodexBar).
const FAST_PROMPT_TOKENS_MAX: u64 = 272_000;

/// What is known of the prices of models.
///
/// What is asked first: the prices that were set for transcripts below a directory, those that
/// were set for all, the lists that were added, the last one first, and the list that comes with
/// the program. The first that knows a model decides.
#[derive(Clone, Debug, Default)]
pub struct Prices {
    common: Table,
    /// Prices that hold only for transcripts below a directory.
    by_dir: Vec<(PathBuf, Table)>,
    /// The first to be asked first.
    lists: Vec<PriceList>,
    /// Made of all that was done to make these, in that order.
    key: Key,
}

type Table = HashMap<Model, Price>;

impl Prices {
    /// No prices: only recorded costs count, the rest is reported as unpriced.
    pub fn none() -> Self {
        Self::default()
    }

    /// The prices that come with the program.
    pub fn builtin() -> Self {
        Self::none().with_builtin()
    }

    /// These, and where they know none, the prices that come with the program.
    pub fn with_builtin(mut self) -> Self {
        let list = PriceList::builtin();
        self.fold(&[b"last", &list.key().0.to_le_bytes()]);
        self.lists.push(list);
        self
    }

    /// Adds a list, to be asked before the other lists.
    pub fn add_list(&mut self, list: PriceList) {
        self.fold(&[b"first", &list.key().0.to_le_bytes()]);
        self.lists.insert(0, list);
    }

    /// Sets the price of a model of a provider for usual requests, unless it has one. It holds
    /// for exactly these names.
    pub fn add(&mut self, provider: &str, model: &str, price: Price) {
        let text = format!("{price:?}");
        self.fold(&[b"all", provider.as_bytes(), model.as_bytes(), text.as_bytes()]);
        self.common.entry(key(provider, model)).or_insert(price);
    }

    /// As [`add`](Self::add), for the transcripts below `dir`; there it comes before others.
    pub fn add_below(&mut self, dir: &Path, provider: &str, model: &str, price: Price) {
        let (dir_bytes, text) = (dir.as_os_str().as_bytes(), format!("{price:?}"));
        let (provider_bytes, model_bytes) = (provider.as_bytes(), model.as_bytes());
        self.fold(&[b"below", dir_bytes, provider_bytes, model_bytes, text.as_bytes()]);
        let known = self.by_dir.iter().position(|(known, _)| known == dir);
        let at = known.unwrap_or_else(|| {
            self.by_dir.push((dir.to_owned(), Table::default()));
            self.by_dir.len() - 1
        });
        if let Some((_, table)) = self.by_dir.get_mut(at) {
            table.entry(key(provider, model)).or_insert(price);
        }
    }

    /// What tells these from other prices. The same prices can have several, if they were put
    /// together otherwise.
    pub(crate) fn key(&self) -> Key {
        self.key
    }

    fn fold(&mut self, parts: &[&[u8]]) {
        self.key = Key::of(&[&self.key.0.to_le_bytes(), &Key::of(parts).0.to_le_bytes()]);
    }

    /// The prices for the transcripts in `dir`.
    pub(crate) fn in_dir(&self, dir: &Path) -> DirPrices<'_> {
        let own = self.by_dir.iter().filter(|(above, _)| dir.starts_with(above));
        DirPrices {
            tables: own.map(|(_, table)| table).chain([&self.common]).collect(),
            lists: &self.lists,
            known: RefCell::default(),
        }
    }
}

fn key(provider: &str, model: &str) -> Model {
    Model { provider: Some(provider.to_owned()), name: Some(model.to_owned()) }
}

/// The prices that hold in a directory.
pub(crate) struct DirPrices<'p> {
    /// The most special first.
    tables: Vec<&'p Table>,
    lists: &'p [PriceList],
    known: RefCell<Known<'p>>,
}

/// What was found for the models so far.
#[derive(Default)]
struct Known<'p> {
    found: Vec<(Model, Found<'p>)>,
    index: HashMap<Model, usize>,
    /// The one that was asked for last, which is also what is asked for next most often.
    last: usize,
}

impl<'p> Known<'p> {
    fn get(&mut self, model: &Model) -> Option<&Found<'p>> {
        let is_last = self.found.get(self.last).is_some_and(|(last, _)| last == model);
        if !is_last {
            self.last = *self.index.get(model)?;
        }
        self.found.get(self.last).map(|(_, found)| found)
    }

    fn add(&mut self, model: &Model, found: Found<'p>) {
        self.last = self.found.len();
        self.index.insert(model.clone(), self.last);
        self.found.push((model.clone(), found));
    }
}

/// What is known of the price of a model.
struct Found<'p> {
    configured: Option<&'p Price>,
    /// By list, then by time.
    listed: Vec<&'p [Dated]>,
}

impl<'p> DirPrices<'p> {
    /// What the events of a bucket cost, or `None` if that is unknown.
    ///
    /// The time of all of them is that of its quarter; a price that changes with the size of
    /// prompts is known only if it does not change within the class of the bucket.
    pub(crate) fn cost(&self, model: &Model, bucket: &Bucket) -> Option<NanoUsd> {
        let PriceClass::ToPrice { service, size } = bucket.class else {
            return Some(bucket.recorded);
        };
        let at = bucket.quarter.map(Quarter::start);
        let price = self.price(model, at, service)?;
        estimate(&bucket.tokens, bucket.cache_creation_1h, &price.rates(size)?)
    }

    /// What an event costs that did not record it, or `None` if that is unknown.
    pub(crate) fn event_cost(
        &self,
        model: &Model,
        at: Option<Timestamp>,
        tier: ServiceTier,
        tokens: &TokenCounts,
        cache_creation_1h: u64,
    ) -> Option<NanoUsd> {
        if *tokens == TokenCounts::default() {
            return Some(NanoUsd::ZERO);
        }
        let price = self.price(model, at, tier)?;
        estimate(tokens, cache_creation_1h, price.rates_for(tokens.prompt())?)
    }

    /// What an event of Codex costs that was asked for with priority, which Codex calls fast; or
    /// `None` if nobody knows, or it was too large for that. The model that answered counts, if
    /// it has such a price, as the one in the rollout can be an alias.
    pub(crate) fn fast_cost(
        &self,
        model: &Model,
        answered_by: Option<&str>,
        at: Option<Timestamp>,
        tokens: &TokenCounts,
    ) -> Option<NanoUsd> {
        if FAST_PROMPT_TOKENS_MAX < tokens.prompt() {
            return None;
        }
        let answered_by = answered_by
            .map(|name| Model { provider: model.provider.clone(), name: Some(name.to_owned()) });
        [answered_by.as_ref(), Some(model)]
            .into_iter()
            .flatten()
            .find_map(|model| self.event_cost(model, at, ServiceTier::Priority, tokens, 0))
    }

    fn price(&self, model: &Model, at: Option<Timestamp>, tier: ServiceTier) -> Option<&'p Price> {
        if let Some(found) = self.known.borrow_mut().get(model) {
            return found.price(at, tier);
        }
        let found = self.find(model);
        let price = found.price(at, tier);
        self.known.borrow_mut().add(model, found);
        price
    }

    fn find(&self, model: &Model) -> Found<'p> {
        let history =
            |list: &'p PriceList| list.history(model.provider.as_deref(), model.name.as_deref()?);
        Found {
            configured: self.tables.iter().find_map(|table| table.get(model)),
            listed: self.lists.iter().filter_map(history).collect(),
        }
    }
}

impl<'p> Found<'p> {
    /// The price at a time and terms. What is configured is for usual requests.
    fn price(&self, at: Option<Timestamp>, tier: ServiceTier) -> Option<&'p Price> {
        let configured = self.configured.filter(|_| tier == ServiceTier::Standard);
        if configured.is_some() {
            return configured;
        }
        for history in self.listed.iter().copied() {
            let dated = match (at, history) {
                (Some(at), _) => history.iter().rev().find(|dated| dated.holds(at)),
                (None, [only]) if only.always_holds() => Some(only),
                // It depends on the time, and nobody knows that.
                (None, _) => return None,
            };
            if let Some(price) = dated.and_then(|dated| dated.price(tier)) {
                return Some(price);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prices::Rates;

    fn model(provider: Option<&str>, name: &str) -> Model {
        Model { provider: provider.map(str::to_owned), name: Some(name.to_owned()) }
    }

    fn at(text: &str) -> Timestamp {
        let nanos = text.parse::<jiff::Timestamp>().unwrap().as_nanosecond();
        Timestamp::from_unix_nanos(i64::try_from(nanos).unwrap())
    }

    fn list(entries: &str) -> PriceList {
        PriceList::parse(&format!("{{\"prices\":[{entries}]}}")).unwrap()
    }

    fn input(tokens: u64) -> TokenCounts {
        TokenCounts { input: tokens, total: tokens, ..TokenCounts::default() }
    }

    /// What a million tokens of input cost, in dollars.
    fn dollars(
        prices: &Prices,
        dir: &str,
        model: &Model,
        time: Option<Timestamp>,
        tier: ServiceTier,
    ) -> Option<f64> {
        let prices = prices.in_dir(Path::new(dir));
        let cost = || prices.event_cost(model, time, tier, &input(1_000_000), 0);
        let first = cost();
        assert_eq!(cost(), first, "what was found before is found again");
        first.map(NanoUsd::dollars)
    }

    fn flat(dollars: u64) -> Price {
        let input = Some(NanoUsd(dollars * 1_000_000_000));
        Price::flat(Rates { input, ..Rates::default() })
    }

    #[test]
    fn the_most_special_price_comes_first() {
        use ServiceTier::{Flex, Priority, Standard};
        let mut prices = Prices::builtin();
        let gpt = model(Some("openai"), "gpt-5.2-codex");
        let now = Some(at("2026-08-01T00:00:00Z"));
        assert_eq!(dollars(&prices, "/a", &gpt, now, Standard), Some(1.75));
        assert_eq!(dollars(&prices, "/a", &gpt, now, Priority), None);
        let first = r#"{"provider":"openai","model":"gpt-5.2-codex","input":11,
            "serviceTiers":{"flex":{"input":12}}}"#;
        prices.add_list(list(first));
        prices.add_list(list(&first.replace("11", "21").replace("flex", "priority")));
        for (tier, expected) in [(Standard, 21.0), (Priority, 12.0), (Flex, 12.0)] {
            assert_eq!(dollars(&prices, "/a", &gpt, now, tier), Some(expected));
        }
        prices.add("openai", "gpt-5.2-codex", flat(30));
        prices.add_below(Path::new("/a"), "openai", "gpt-5.2-codex", flat(40));
        for (dir, tier, expected) in [
            ("/a/sessions", Standard, 40.0),
            ("/b", Standard, 30.0),
            ("/a/sessions", Priority, 12.0),
            ("/b", Flex, 12.0),
        ] {
            assert_eq!(dollars(&prices, dir, &gpt, now, tier), Some(expected));
        }
        // What is configured holds for the names as they are spelled.
        let dated = model(Some("openai"), "gpt-5.2-codex-2026-01-01");
        assert_eq!(dollars(&prices, "/b", &dated, now, Standard), Some(21.0));
        assert_eq!(dollars(&Prices::none(), "/b", &gpt, now, Standard), None);
    }

    #[test]
    fn without_a_time_a_price_that_has_changed_is_unknown() {
        let mut prices = Prices::builtin();
        let terra = model(Some("openai"), "gpt-5.6-terra");
        let cost =
            |prices: &Prices, time| dollars(prices, "/", &terra, time, ServiceTier::Standard);
        assert_eq!(cost(&prices, Some(at("2026-07-29T23:59:59Z"))), Some(5.0));
        assert_eq!(cost(&prices, Some(at("2026-07-30T00:00:00Z"))), Some(4.0));
        assert_eq!(cost(&prices, None), None);
        let since = r#"{"provider":"openai","model":"gpt-5.6-terra","from":"2026-08-01T00:00:00Z","input":9}"#;
        prices.add_list(list(since));
        for (time, expected) in
            [(Some(at("2026-07-31T00:00:00Z")), 4.0), (Some(at("2026-08-01T00:00:00Z")), 9.0)]
        {
            assert_eq!(cost(&prices, time), Some(expected));
        }
        assert_eq!(cost(&prices, None), None);
    }

    #[test]
    fn no_tokens_cost_nothing() {
        let none = Prices::none();
        let cost = none.in_dir(Path::new("/")).event_cost(
            &model(None, "unknown"),
            None,
            ServiceTier::Standard,
            &TokenCounts::default(),
            0,
        );
        assert_eq!(cost, Some(NanoUsd::ZERO));
    }

    #[test]
    fn the_whole_request_is_at_the_rates_for_its_size() {
        use ServiceTier::{Priority, Standard};
        let prices = Prices::builtin();
        let prices = prices.in_dir(Path::new("/"));
        let cost = |name, tokens: [u64; 4], hour, tier| {
            let [input, output, cache_creation, cache_read] = tokens;
            let total = tokens.iter().sum();
            let tokens = TokenCounts { input, output, cache_creation, cache_read, total };
            let time = Some(at("2026-08-01T00:00:00Z"));
            prices.event_cost(&model(None, name), time, tier, &tokens, hour).map(|cost| cost.0)
        };
        let opus = [6, 3_922, 1_389, 50_352];
        let sonnet = "claude-sonnet-4-20250514";
        let table = [
            ("claude-opus-4-7", opus, 0, Standard, Some(131_937_250)),
            // Each token that is kept for an hour costs 3.75 millionths more.
            ("claude-opus-4-7", opus, 1_389, Standard, Some(137_146_000)),
            ("us.anthropic.claude-opus-4-7-v1:0", opus, 0, Standard, Some(131_937_250)),
            (sonnet, [1, 1, 0, 199_999], 0, Standard, Some(3_000 + 15_000 + 199_999 * 300)),
            (sonnet, [1, 1, 0, 200_000], 0, Standard, Some(6_000 + 22_500 + 200_000 * 600)),
            // An hour costs twice the input of the tier.
            (sonnet, [0, 0, 200_001, 0], 1, Standard, Some(200_000 * 7_500 + 12_000)),
            ("gpt-5.5", [72_000, 10, 0, 200_000], 0, Standard, Some(460_300_000)),
            ("gpt-5.5", [72_001, 10, 0, 200_000], 0, Standard, Some(920_460_000)),
            ("gpt-5.5", [72_000, 10, 0, 200_000], 0, Priority, Some(1_150_750_000)),
            ("gpt-5.5", [72_001, 10, 0, 200_000], 0, Priority, Some(920_460_000)),
            ("gpt-5.3-codex-spark", [9, 9, 9, 9], 0, Standard, Some(0)),
            ("claude-opus-4-7", opus, 0, Priority, None),
            ("acme/gpt-5.5", opus, 0, Standard, None),
        ];
        for (name, tokens, hour, tier, expected) in table {
            assert_eq!(cost(name, tokens, hour, tier), expected, "{name} {tokens:?} {tier:?}");
        }
    }
}
