//! A refresh from nothing, after changes, and without any; and loading the cache.

use benches::Home;
use common_fs::Host;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use demo_corpus::Corpus;
use usage_cache::Options;

/// One more answer.
const LINE: &[u8] = b"{\"type\":\"message\",\"timestamp\":\"2026-09-02T00:00:00.000Z\",\"message\":{\"role\":\"assistant\",\"provider\":\"openai\",\"model\":\"gpt-5.5\",\"usage\":{\"input\":1,\"output\":2,\"cost\":{\"total\":0.001}}}}\n";

fn cold_scan(c: &mut Criterion) {
    let home = Home::new(Corpus { sessions: 2_000, ..Corpus::SMALL });
    let mut group = c.benchmark_group("usage-cache/cold-scan");
    group.sample_size(20).throughput(Throughput::Bytes(home.bytes));
    for threads in [1, 2] {
        group.bench_function(format!("{threads}-threads"), |b| {
            b.iter_batched(
                || home.remove_cache(),
                |()| home.refresh(threads).work.scanned_bytes,
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn stale_refresh(c: &mut Criterion) {
    let mut group = c.benchmark_group("usage-cache/stale-refresh");
    group.sample_size(20);
    for step in [1, 100, 8_190] {
        let home = short_sessions(8_190);
        home.refresh(2);
        let changed = 8_190_u64.div_ceil(step as u64);
        group.throughput(Throughput::Elements(changed));
        group.bench_function(format!("{changed}-of-8190"), |b| {
            b.iter_batched(
                || home.append(step, LINE),
                |()| home.refresh(2).work.written_bytes,
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn no_op_refresh(c: &mut Criterion) {
    let mut group = c.benchmark_group("usage-cache/no-op-refresh");
    group.sample_size(20);
    for sessions in [1_000, 10_000, 60_000] {
        let home = short_sessions(sessions);
        home.refresh(2);
        group.throughput(Throughput::Elements(u64::from(sessions)));
        group.bench_function(sessions.to_string(), |b| {
            b.iter(|| home.refresh(2).usage.status().cached_files);
        });
    }
    group.finish();
}

/// What is left of [`no_op_refresh`] without the transcripts: loading the cache.
fn load(c: &mut Criterion) {
    let mut group = c.benchmark_group("usage-cache/load");
    group.sample_size(20);
    for sessions in [10_000, 60_000] {
        let home = short_sessions(sessions);
        home.refresh(2);
        let mut locations = home.locations();
        locations.places.clear();
        let options = Options::new(locations);
        group.throughput(Throughput::Elements(u64::from(sessions)));
        group.bench_function(sessions.to_string(), |b| {
            b.iter(|| usage_cache::open(Host::real(), &options).0.status().cached_files);
        });
    }
    group.finish();
}

/// Many sessions that take no time to make.
fn short_sessions(sessions: u32) -> Home {
    Home::new(Corpus { sessions, answers_median: 1, ..Corpus::SMALL })
}

criterion_group!(benches, cold_scan, stale_refresh, no_op_refresh, load);
criterion_main!(benches);
