//! A directory of sessions on a simulated machine.

use std::{collections::BTreeMap, ops::ControlFlow, path::Path, time::Duration};

use common_fs::{Host, Timestamp, sim::Sim};
use session_reaper::{
    Archive, Clockwork, Layout, Listing, Orders, Place, Plan, Policy, Restored, Sweep, SweepError,
    SweepOptions, archives, newest, plan, restore, sweep,
};

pub(crate) const HOUR: i64 = 3_600_000;
/// Late enough that everything can be older than it may become.
pub(crate) const NOW: i64 = 1_790_000_000_000;
pub(crate) const DIR: &str = "/s/agents/main/sessions";

pub(crate) const OPTIONS: SweepOptions = SweepOptions {
    lock_wait: Duration::from_secs(1),
    clockwork: Clockwork::Trust,
    ..SweepOptions::USUAL
};

pub(crate) fn time(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(millis).unwrap()
}

/// A directory of sessions.
pub(crate) struct World {
    pub(crate) sim: Sim,
    pub(crate) place: Place,
}

impl World {
    /// With this store and these files, changed so many hours ago.
    pub(crate) fn new(store: &str, files: &[(&str, i64)]) -> Self {
        let world = Self::empty(Layout::OpenClaw, DIR);
        world.put("sessions.json", store, 0);
        for (name, hours) in files {
            world.put(name, &format!("{{\"of\":\"{name}\"}}\n"), *hours);
        }
        world.sim.fs.sync_all();
        world
    }

    pub(crate) fn empty(layout: Layout, dir: &str) -> Self {
        let sim = Sim::new();
        sim.clock.set_now(time(NOW));
        sim.fs.make_dir(dir);
        let place = Place {
            layout,
            name: "main".to_owned(),
            root: "/s".into(),
            dir: dir.into(),
            database: None,
        };
        Self { sim, place }
    }

    pub(crate) fn path(&self, name: &str) -> std::path::PathBuf {
        self.place.dir.join(name)
    }

    pub(crate) fn put(&self, name: &str, content: &str, hours: i64) {
        let path = self.path(name);
        self.sim.fs.make_dir(path.parent().unwrap());
        self.sim.fs.put(&path, content.as_bytes());
        self.sim.fs.set_modified(&path, time(NOW - hours * HOUR));
    }

    pub(crate) fn host(&self) -> Host<'_> {
        self.sim.host()
    }

    pub(crate) fn plan(&self, policy: &Policy) -> Plan {
        let listing = Listing::read(self.host(), &self.place, policy).unwrap();
        plan(time(NOW), &listing.snapshot(None), policy)
    }

    pub(crate) fn sweep(&self, policy: &Policy) -> Sweep {
        self.sweep_on(self.host(), policy, OPTIONS).unwrap()
    }

    pub(crate) fn sweep_on(
        &self,
        host: Host<'_>,
        policy: &Policy,
        options: SweepOptions,
    ) -> Result<Sweep, SweepError> {
        let orders = Orders { policy, options, needs: None };
        sweep(host, &self.place, orders, &mut |_| ControlFlow::Continue(()))
    }

    pub(crate) fn archives(&self) -> Vec<Archive> {
        archives(self.host(), &self.place, &Policy::SAFE).unwrap()
    }

    /// Restores the newest of everything.
    pub(crate) fn restore(&self) -> Restored {
        let archives = self.archives();
        restore(self.host(), &self.place, newest(&archives), OPTIONS.lock_wait).unwrap()
    }

    /// The names in the directory, and below it.
    pub(crate) fn names(&self) -> Vec<String> {
        self.tree().into_keys().collect()
    }

    /// Everything in the directory, and below it.
    pub(crate) fn tree(&self) -> BTreeMap<String, String> {
        tree(self.host(), &self.place.dir)
    }

    pub(crate) fn content(&self, name: &str) -> String {
        String::from_utf8(self.sim.fs.content(self.path(name)).unwrap()).unwrap()
    }

    /// The same on a machine that has been started again.
    pub(crate) fn after(&self, fs: common_fs::sim::SimFs) -> Self {
        let sim = Sim { fs, ..self.sim.clone() };
        Self { sim, place: self.place.clone() }
    }
}

pub(crate) fn tree(host: Host<'_>, dir: &Path) -> BTreeMap<String, String> {
    let mut tree = BTreeMap::new();
    let mut todo = vec![(String::new(), host.fs.open_dir(dir).unwrap())];
    while let Some((prefix, dir)) = todo.pop() {
        for entry in dir.list().unwrap() {
            let name = format!("{prefix}{}", entry.name.display());
            match entry.kind {
                common_fs::FileKind::Dir => {
                    todo.push((format!("{name}/"), dir.open_dir(&entry.name).unwrap()));
                }
                common_fs::FileKind::File => {
                    let file = dir.open(&entry.name, common_fs::Access::Read).unwrap();
                    let content = common_fs::read_whole(file.as_ref(), 1 << 30).unwrap().unwrap();
                    tree.insert(name, String::from_utf8_lossy(&content).into_owned());
                }
                _ => {
                    tree.insert(name, String::new());
                }
            }
        }
    }
    tree
}

/// `name reason` of each row and file, without the store.
pub(crate) fn reasons(plan: &Plan) -> Vec<String> {
    let rows = plan.rows.iter().map(|row| (row.key.clone(), &row.verdict));
    let files = plan.files.iter().map(|file| (file.name.display().to_string(), &file.verdict));
    rows.chain(files.filter(|(name, _)| name != "sessions.json"))
        .map(|(name, verdict)| format!("{name} {}", verdict.reason()))
        .collect()
}

/// A row that was updated so many hours ago.
pub(crate) fn row(key: &str, id: &str, hours: i64) -> String {
    format!(
        "  \"{key}\": {{\n    \"sessionId\": \"{id}\",\n    \"updatedAt\": {}\n  }}",
        NOW - hours * HOUR
    )
}

/// A store as OpenClaw writes it.
pub(crate) fn store(rows: &[String]) -> String {
    format!("{{\n{}\n}}", rows.join(",\n"))
}

pub(crate) fn seed(hours: u64) -> Policy {
    Policy::openclaw_2026_3(Some(Duration::from_hours(hours)))
}
