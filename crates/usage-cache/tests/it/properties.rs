//! Law 1: whatever happens to the transcripts, the cache and the machine, a refresh finds what a
//! scan from nothing finds.

use std::{ops::ControlFlow, path::Path, sync::Arc, time::Duration};

use common_fs::{
    Host,
    observe::{Errno, ObservedFs},
    sim::{Faults, Sim},
};
use proptest::{prelude::*, sample::select};
use usage_cache::{Gone, Prices, Query, Saved, Summary, UsageCache, Zone};

use crate::{
    runtime::{self, DATABASE, Runtime},
    sweep::{Sweep, archives_of, restore_slowly},
    world::{CACHE, FACTS, World, all, answer_at, path},
};

const FILES: usize = 4;

#[derive(Clone, Debug)]
enum Step {
    /// In place if the file exists.
    Put(usize, Vec<u8>),
    Append(usize, Vec<u8>),
    /// By renaming a new file over it.
    Replace(usize, Vec<u8>),
    Truncate(usize, prop::sample::Index),
    Rename(usize, usize),
    Archive(usize),
    /// As a sweep does it; where there is a moment between, somebody may look then.
    Sweep(usize, Sweep, Look),
    /// The last one that was swept is brought back.
    Restore(usize, Look),
    /// The agent has a database from here on, or has none any more.
    Database(bool),
    Delete(usize),
    /// Sets the modification time, now and then to the one that it had.
    Touch(usize, i64),
    /// Nothing happens for so long.
    Wait(Duration),
    Sync,
    Refresh,
    /// What came of a refresh is saved, or that fails, or is damaged since.
    Remember(Gone, Mishap),
    /// A refresh is broken off after so many reports of progress.
    BreakOff(usize),
    /// One operation of a refresh fails, or all from there on: the process was killed.
    Fail(prop::sample::Index),
    Kill(prop::sample::Index),
    /// The same, and then the power goes.
    PowerCut(prop::sample::Index, u64),
}

/// What happens to saved facts.
#[derive(Clone, Copy, Debug)]
enum Mishap {
    None,
    /// The process was killed at one operation.
    Kill(usize),
    /// A bit is another one now.
    Flip(prop::sample::Index),
    Cut(prop::sample::Index),
}

impl Mishap {
    fn any() -> impl Strategy<Value = Self> {
        let at = any::<prop::sample::Index>;
        prop_oneof![
            4 => Just(Self::None),
            2 => (0_usize..12).prop_map(Self::Kill),
            1 => at().prop_map(Self::Flip),
            1 => at().prop_map(Self::Cut),
        ]
    }
}

/// Saves the facts of a refresh at no prices.
fn remember(world: &World, gone: Gone, mishap: Mishap) {
    let usage = world.refresh().usage;
    let facts = usage.facts(gone, &Prices::none());
    let faults = match mishap {
        Mishap::Kill(nth) => Faults::none().die(nth),
        Mishap::None | Mishap::Flip(_) | Mishap::Cut(_) => Faults::none(),
    };
    let fs = ObservedFs::new(world.sim.fs.clone(), Arc::new(faults));
    let host = Host { fs: &fs, ..world.sim.host() };
    usage_cache::remember(host, &world.options, &usage, &facts).ok();
    let Some(mut content) = world.sim.fs.content(FACTS).filter(|content| !content.is_empty())
    else {
        return;
    };
    match mishap {
        Mishap::Flip(at) => {
            let at = at.index(content.len());
            content[at] ^= 4;
            world.sim.fs.put(FACTS, &content);
        }
        Mishap::Cut(at) => world.sim.fs.put(FACTS, &content[..at.index(content.len())]),
        Mishap::None | Mishap::Kill(_) => (),
    }
}

/// Whether there is a refresh between two steps.
#[derive(Clone, Copy, Debug)]
enum Look {
    Away,
    There,
}

impl Look {
    fn any() -> impl Strategy<Value = Self> {
        select(vec![Self::Away, Self::There])
    }

    fn at(self, world: &World) {
        if let Self::There = self {
            drop(world.refresh());
        }
    }
}

fn step(runtime: Runtime) -> impl Strategy<Value = Step> {
    let content = || runtime.content();
    let file = 0..FILES;
    let at = any::<prop::sample::Index>;
    prop_oneof![
        3 => (file.clone(), content()).prop_map(|(file, content)| Step::Put(file, content)),
        6 => (file.clone(), content()).prop_map(|(file, content)| Step::Append(file, content)),
        2 => (file.clone(), content()).prop_map(|(file, content)| Step::Replace(file, content)),
        1 => (file.clone(), at()).prop_map(|(file, at)| Step::Truncate(file, at)),
        1 => (file.clone(), file.clone()).prop_map(|(from, to)| Step::Rename(from, to)),
        1 => file.clone().prop_map(Step::Archive),
        4 => (file.clone(), Sweep::any(), Look::any())
            .prop_map(|(file, sweep, look)| Step::Sweep(file, sweep, look)),
        3 => (file.clone(), Look::any()).prop_map(|(file, look)| Step::Restore(file, look)),
        1 => any::<bool>().prop_map(Step::Database),
        1 => file.clone().prop_map(Step::Delete),
        1 => (file, -3_i64..3).prop_map(|(file, seconds)| Step::Touch(file, seconds)),
        2 => (0_u64..30_000).prop_map(|millis| Step::Wait(Duration::from_millis(millis))),
        1 => Just(Step::Sync),
        4 => Just(Step::Refresh),
        3 => (select(vec![Gone::Include, Gone::Exclude]), Mishap::any())
            .prop_map(|(gone, mishap)| Step::Remember(gone, mishap)),
        2 => (1_usize..4).prop_map(Step::BreakOff),
        1 => at().prop_map(Step::Fail),
        2 => at().prop_map(Step::Kill),
        2 => (at(), any::<u64>()).prop_map(|(at, seed)| Step::PowerCut(at, seed)),
    ]
}

/// How many operations a refresh would take from here.
fn operations(world: &World) -> usize {
    let fs = world.sim.fs.fork();
    let copy = World { sim: Sim { fs, ..world.sim.clone() }, options: world.options.clone() };
    copy.refresh_with(Faults::none()).1.count()
}

/// Refreshes, and breaks that off after so many reports of progress.
fn break_off(world: &World, reports: usize) {
    let mut seen = 0;
    drop(usage_cache::refresh(world.sim.host(), &world.options, &mut |_| {
        seen += 1;
        if seen < reports { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }));
}

fn take(world: &mut World, runtime: Runtime, step: Step) {
    let fs = world.sim.fs.clone();
    let at = |file: usize| runtime.path(file);
    let exists = |file: usize| fs.content(at(file)).is_some();
    match step {
        Step::Append(file, content) if exists(file) => fs.append(at(file), &content),
        Step::Put(file, content) | Step::Append(file, content) => fs.put(at(file), &content),
        Step::Replace(file, content) => {
            let new = Path::new(runtime.dir()).join("new");
            fs.put(&new, &content);
            fs.rename(&new, at(file));
        }
        Step::Truncate(file, cut) if exists(file) => {
            let len = fs.content(at(file)).unwrap().len();
            fs.truncate(at(file), cut.index(len + 1));
        }
        Step::Rename(from, to) if exists(from) && from != to => fs.rename(at(from), at(to)),
        Step::Archive(file) if exists(file) => {
            fs.rename(at(file), runtime.archive(file));
        }
        Step::Sweep(file, sweep, look) if exists(file) => {
            sweep.put_away_slowly(world, &at(file), "deleted", || look.at(world));
        }
        Step::Restore(file, look) if !exists(file) => {
            if let Some(archive) = archives_of(world, &at(file)).last() {
                restore_slowly(world, archive, &at(file), || look.at(world));
            }
        }
        Step::Database(true) => fs.put(DATABASE, b"database"),
        Step::Database(false) if fs.content(DATABASE).is_some() => fs.remove(DATABASE),
        Step::Delete(file) if exists(file) => fs.remove(at(file)),
        Step::Touch(file, seconds) if exists(file) => {
            let modified = fs.stat(at(file)).unwrap().modified;
            let touched = modified.unix_nanos() + seconds * 1_000_000_000;
            fs.set_modified(at(file), common_fs::Timestamp::from_unix_nanos(touched));
        }
        Step::Truncate(..)
        | Step::Rename(..)
        | Step::Archive(_)
        | Step::Sweep(..)
        | Step::Restore(..)
        | Step::Database(_)
        | Step::Delete(_)
        | Step::Touch(..) => (),
        Step::Wait(span) => world.sim.clock.advance(span),
        Step::Sync => fs.sync_all(),
        Step::Refresh => drop(world.refresh()),
        Step::Remember(gone, mishap) => remember(world, gone, mishap),
        Step::Fail(nth) => {
            let faults = Faults::none().fail(nth.index(operations(world)), Errno::IO);
            drop(world.refresh_with(faults));
        }
        Step::Kill(nth) => {
            drop(world.refresh_with(Faults::none().die(nth.index(operations(world)))));
        }
        Step::BreakOff(reports) => break_off(world, reports),
        Step::PowerCut(nth, seed) => {
            // What the transcripts hold is stored. A power cut that takes content from them but
            // leaves their size and times is not noticed before they change again.
            fs.sync_below(runtime.dir());
            fs.sync_below(runtime.archive(0).parent().unwrap());
            fs.sync_below(Path::new(DATABASE).parent().unwrap());
            drop(world.refresh_with(Faults::none().die(nth.index(operations(world)))));
            world.sim.fs = fs.power_loss(seed);
        }
    }
}

fn present_query() -> Query {
    let zone: Zone = "Asia/Kathmandu".parse().unwrap();
    Query { gone: Gone::Exclude, ..Query::all(zone) }
}

/// Everything that a report says of the transcripts that exist.
fn answers(usage: &UsageCache) -> (Summary, [u64; 2]) {
    let status = usage.status();
    (
        usage.summary(&present_query(), &Prices::none()),
        [status.cached_files, status.unfinished_files],
    )
}

proptest! {
    #[test]
    fn a_refresh_finds_what_a_scan_from_nothing_finds(
        granularity in select(vec![1, 4_000_000, 2_000_000_000]),
        (runtime, steps) in Runtime::any().prop_flat_map(|runtime| {
            (Just(runtime), prop::collection::vec(step(runtime), 0..30))
        }),
    ) {
        let mut world = runtime::world();
        // Most transcripts are longer than that: they are saved half-way.
        world.options.progress_bytes = 150;
        world.options.checkpoint.interval = Duration::ZERO;
        world.sim.fs.set_time_granularity(Duration::from_nanos(granularity));
        for step in steps {
            take(&mut world, runtime, step);
        }
        let refreshed = world.refresh().usage;
        let cold = world.cold();
        prop_assert_eq!(answers(&refreshed), answers(&cold));
        // And the same from the cache alone.
        let (opened, _) = answers(&world.open());
        prop_assert_eq!(opened, answers(&cold).0);
        // And from what is saved of the answers, if everything is known.
        remember(&world, Gone::Exclude, Mishap::None);
        prop_assert_eq!(answers(&world.refresh().usage), answers(&cold));
        let Saved { facts, .. } = world.open_saved(Gone::Exclude);
        prop_assert_eq!(facts.summary(&present_query()), answers(&cold).0);
    }

    /// Sums do not depend on how the events are spread over files, lines and days, nor on
    /// their order.
    #[test]
    fn sums_do_not_depend_on_order(
        events in prop::collection::vec((1_u32..28, 0_u64..(1 << 53), 0_usize..FILES), 0..60),
        seed in any::<u64>(),
    ) {
        let total = |events: &[(u32, u64, usize)]| {
            let world = World::new();
            for (day, tokens, file) in events {
                let line = answer_at(&format!("2026-02-{day:02}T00:00:00Z"), *tokens);
                let name = format!("s{file}.jsonl");
                if world.sim.fs.content(path(&name)).is_some() {
                    world.append(&name, line);
                } else {
                    world.put(&name, line);
                }
            }
            world.wait();
            answers(&world.refreshed().usage).0
        };
        let mut shuffled = events.clone();
        let mut state = seed;
        for at in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(at, usize::try_from(state >> 33).unwrap() % (at + 1));
        }
        for event in &mut shuffled {
            event.2 = (event.2 + 1) % FILES;
        }
        let (first, second) = (total(&events), total(&shuffled));
        prop_assert_eq!(first.totals.tokens.total, events.iter().map(|event| event.1).sum::<u64>());
        prop_assert_eq!(first, second);
    }

    /// However much of what was known, and at whatever moment somebody looked: transcripts that are
    /// archived and brought back, and not written to, are counted as they were.
    #[test]
    fn a_sweep_changes_no_answer_and_neither_does_taking_it_back(
        (runtime, contents) in Runtime::any().prop_flat_map(|runtime| {
            (Just(runtime), prop::collection::vec(runtime.content(), FILES))
        }),
        steps in prop::collection::vec((0..FILES, Sweep::any(), Look::any(), 0..6), 1..9),
    ) {
        let world = runtime::world();
        for (file, content) in contents.iter().enumerate() {
            world.sim.fs.put(runtime.path(file), content);
        }
        world.wait();
        let before = all(&world.cold());
        let mut is_known = false;
        for (file, sweep, look, then) in steps {
            let path = runtime.path(file);
            if let Some(archive) = archives_of(&world, &path).pop() {
                restore_slowly(&world, &archive, &path, || {
                    look.at(&world);
                    // In both places, it may count twice, until somebody looks again.
                    is_known = false;
                });
            } else {
                let mut seen = before.totals;
                sweep.put_away_slowly(&world, &path, "deleted", || {
                    if let Look::There = look {
                        seen = all(&world.refresh().usage).totals;
                    }
                });
                // Of several records of an answer, that of what is there counts.
                if is_known && let Runtime::OpenClaw = runtime {
                    prop_assert_eq!(seen, before.totals);
                }
            }
            world.wait();
            match then {
                0 => continue,
                1 if world.sim.fs.content(CACHE).is_some() => world.sim.fs.remove(CACHE),
                2 => {
                    let nth = operations(&world) / 2;
                    drop(world.refresh_with(Faults::none().die(nth)));
                }
                _ => (),
            }
            let usage = world.refresh().usage;
            prop_assert!(usage.gone().is_empty(), "{:?}", usage.gone());
            prop_assert_eq!(&all(&usage), &before);
            prop_assert_eq!(&all(&world.cold()), &before);
            is_known = true;
        }
    }

    /// Who counts what several transcripts record does not depend on the order in which they are
    /// found, nor on how much of them was read at once, nor on how many threads read.
    #[test]
    fn what_is_counted_does_not_depend_on_who_was_read_first(
        (runtime, contents) in Runtime::any().prop_flat_map(|runtime| {
            (Just(runtime), prop::collection::vec(runtime.content(), FILES))
        }),
        first in 0..FILES,
        cut in any::<prop::sample::Index>(),
        threads in 1_usize..4,
    ) {
        let at_once = runtime::world();
        let mut one_by_one = runtime::world();
        one_by_one.options.threads = std::num::NonZeroUsize::new(threads).unwrap();
        for (file, content) in contents.iter().enumerate() {
            at_once.sim.fs.put(runtime.path(file), content);
        }
        at_once.wait();
        for nth in 0..FILES {
            let file = (first + nth) % FILES;
            let (begin, end) = contents[file].split_at(cut.index(contents[file].len() + 1));
            one_by_one.sim.fs.put(runtime.path(file), begin);
            one_by_one.wait();
            one_by_one.refresh();
            one_by_one.sim.fs.append(runtime.path(file), end);
            one_by_one.wait();
        }
        let usage = one_by_one.refresh().usage;
        prop_assert_eq!(answers(&usage), answers(&at_once.refresh().usage));
    }
}
