//! Durable replacement and durable append.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

use common_fs::{
    Access, Fs as _, Host, RealFs,
    append::append,
    replace::{FileMode, Options, Symlinks, replace},
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const SIZES: [usize; 3] = [4 * 1024, 64 * 1024, 1024 * 1024];

fn replacement(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let options = Options { mode: FileMode::Private, symlinks: Symlinks::Refuse };
    let mut group = c.benchmark_group("common-fs/replace");
    for size in SIZES {
        let content = vec![b'x'; size];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_with_input(BenchmarkId::from_parameter(size), &content, |b, content| {
            b.iter(|| replace(Host::real(), &path, content, options).unwrap());
        });
    }
    group.finish();
}

fn appending(c: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let dir = RealFs.open_dir(dir.path()).unwrap();
    let log = dir.open("log".as_ref(), Access::CreateNew { mode: 0o600 }).unwrap();
    let mut group = c.benchmark_group("common-fs/append");
    for size in SIZES {
        let content = vec![b'x'; size];
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_with_input(BenchmarkId::from_parameter(size), &content, |b, content| {
            b.iter(|| append(log.as_ref(), content).unwrap());
            log.set_len(0).unwrap();
        });
    }
    group.finish();
}

criterion_group!(benches, replacement, appending);
criterion_main!(benches);
