//! Finding the rows of a store, judging them and all files, the text without some, and a sweep.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

use benches::agent::{Found, OnFiles, policy};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use session_reaper::{Store, plan, without};

const ROWS: [u32; 3] = [1_000, 10_000, 100_000];

fn parse(c: &mut Criterion) {
    each(c, "parse", |b, found| {
        b.iter(|| Store::parse(&found.store).unwrap().rows().len());
    });
}

fn judge(c: &mut Criterion) {
    each(c, "plan", |b, found| {
        let (now, policy) = (found.now(), policy());
        let snapshot = found.snapshot(Store::parse(&found.store).unwrap());
        b.iter_with_large_drop(|| plan(now, &snapshot, &policy));
    });
}

fn edit(c: &mut Criterion) {
    each(c, "without", |b, found| {
        let (store, keys) = (Store::parse(&found.store).unwrap(), found.keys_over());
        b.iter(|| without(&store, |key| keys.contains(key)).len());
    });
}

fn each(c: &mut Criterion, what: &str, measure: impl Fn(&mut criterion::Bencher<'_>, &Found)) {
    let mut group = c.benchmark_group(format!("session-reaper/{what}"));
    group.sample_size(20);
    for rows in ROWS {
        let found = Found::new(rows);
        group.throughput(Throughput::Elements(rows.into()));
        group.bench_with_input(BenchmarkId::from_parameter(rows), &found, &measure);
    }
    group.finish();
}

/// Each time of a new directory, half of which goes.
fn archive(c: &mut Criterion) {
    let mut group = c.benchmark_group("session-reaper/sweep");
    group.sample_size(10);
    for rows in [1_000, 10_000] {
        group.throughput(Throughput::Elements(u64::from(rows)));
        group.bench_function(BenchmarkId::from_parameter(rows), |b| {
            b.iter_batched(
                || OnFiles::new(rows),
                |files| {
                    let archived = files.sweep().archived_rows.count;
                    // Removing the directory is not part of it.
                    (files, archived)
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, parse, judge, edit, archive);
criterion_main!(benches);
