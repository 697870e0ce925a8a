use crate::{
    TokenCounts,
    rollup::{Bucket, Rollup},
    transcript::Transcript,
};

/// Whether one transcript of a session is the beginning of another one, or the same, going by what
/// is known of both.
pub(crate) fn is_version(earlier: &Transcript, later: &Transcript) -> bool {
    let same_rules = earlier.source == later.source && earlier.version == later.version;
    let differs = earlier.parsed_to == later.parsed_to && earlier.anchor != later.anchor;
    // Of a record that was replaced, the later one counts, even if the identities are the same.
    same_rules
        && !differs
        && earlier.parsed_to <= later.parsed_to
        && later.log.keys().starts_with(earlier.log.keys())
        && contains(&later.rollup, &earlier.rollup)
}

fn contains(all: &Rollup, part: &Rollup) -> bool {
    let all = all.buckets();
    part.buckets().iter().all(|bucket| {
        let place = all.binary_search_by_key(&bucket.key(), Bucket::key).ok();
        place.and_then(|place| all.get(place)).is_some_and(|of_all| has_all(of_all, bucket))
    })
}

fn has_all(all: &Bucket, part: &Bucket) -> bool {
    let numbers = |bucket: &Bucket| {
        let TokenCounts { input, output, cache_creation, cache_read, total } = bucket.tokens;
        let (hour, recorded) = (bucket.cache_creation_1h, bucket.recorded.0);
        [bucket.events, input, output, cache_creation, cache_read, total, hour, recorded]
    };
    numbers(part).iter().zip(numbers(all)).all(|(part, all)| *part <= all)
}
