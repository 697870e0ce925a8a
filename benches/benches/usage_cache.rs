//! A refresh from nothing, after changes, and without any; loading the cache; and adding up.

use benches::{Home, Runtime};
use common_fs::Host;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use demo_corpus::Corpus;
use usage_cache::{Options, Prices, Query, Zone};

/// One more answer.
const LINE: &[u8] = b"{\"type\":\"message\",\"timestamp\":\"2026-09-02T00:00:00.000Z\",\"message\":{\"role\":\"assistant\",\"provider\":\"openai\",\"model\":\"gpt-5.5\",\"usage\":{\"input\":1,\"output\":2,\"cost\":{\"total\":0.001}}}}\n";

fn cold_scan(c: &mut Criterion) {
    for runtime in Runtime::ALL {
        let home = Home::new(runtime, Corpus { sessions: 2_000, ..Corpus::SMALL });
        let mut group = c.benchmark_group(format!("usage-cache/cold-scan/{}", name(runtime)));
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
}

fn name(runtime: Runtime) -> &'static str {
    runtime.source().name()
}

fn stale_refresh(c: &mut Criterion) {
    let mut group = c.benchmark_group("usage-cache/stale-refresh");
    group.sample_size(20);
    for step in [1, 100, 8_190] {
        let home = short_sessions(Runtime::OpenClaw, 8_190);
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

/// A refresh without changes, and what it consists of: a look at each transcript, and loading the
/// cache.
fn no_op_refresh(c: &mut Criterion) {
    for runtime in Runtime::ALL {
        let mut group = c.benchmark_group(format!("usage-cache/no-op-refresh/{}", name(runtime)));
        group.sample_size(20);
        for sessions in [1_000, 10_000, 60_000] {
            let home = short_sessions(runtime, sessions);
            home.refresh(2);
            // What was made a moment before it was read is read again.
            home.refresh(2);
            let mut locations = home.locations();
            locations.places.clear();
            let alone = Options::new(locations);
            group.throughput(Throughput::Elements(u64::from(sessions)));
            group.bench_function(format!("{sessions}/refresh"), |b| {
                b.iter(|| home.refresh(2).usage.status().cached_files);
            });
            group.bench_function(format!("{sessions}/look"), |b| b.iter(|| home.look_at_all(2)));
            group.bench_function(format!("{sessions}/load"), |b| {
                b.iter(|| usage_cache::open(Host::real(), &alone).0.status().cached_files);
            });
        }
        group.finish();
    }
}

/// Adding up what is known, with who counts what is recorded twice.
fn summary(c: &mut Criterion) {
    for runtime in Runtime::ALL {
        let home = Home::new(runtime, Corpus { sessions: 8_190, ..Corpus::SMALL });
        let usage = home.refresh(2).usage;
        let (query, prices) = (Query::all(Zone::utc()), Prices::builtin());
        let events = usage.summary(&query, &prices).totals.events;
        let mut group = c.benchmark_group(format!("usage-cache/summary/{}", name(runtime)));
        group.sample_size(20).throughput(Throughput::Elements(events));
        group.bench_function("8190", |b| b.iter(|| usage.summary(&query, &prices).totals.events));
        group.finish();
    }
}

/// Many sessions that take no time to make.
fn short_sessions(runtime: Runtime, sessions: u32) -> Home {
    Home::new(runtime, Corpus { sessions, answers_median: 1, ..Corpus::SMALL })
}

criterion_group!(benches, cold_scan, stale_refresh, no_op_refresh, summary);
criterion_main!(benches);
