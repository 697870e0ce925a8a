//! Where to look, and by what policy.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use common_fs::{FsError, Host};
use session_reaper::{
    Configured, Database, Layout, Listing, Needs, Place, Plan, Policy, Roots, Settings, SweepError,
    configured_retention, plan, plan_database, read_database,
};

use crate::args::{PolicyArgs, WhereArgs};

/// A policy file has some lines.
const POLICY_BYTES_MAX: usize = 1 << 20;

/// All directories of sessions that were asked for.
pub(crate) struct Found {
    pub(crate) roots: Roots,
    pub(crate) places: Vec<(Place, Policy)>,
    /// What could not be looked at.
    pub(crate) errors: Vec<FsError>,
    /// What rollouts of Codex need, if any of them may go.
    pub(crate) needs: Option<Needs>,
}

/// What is to become of a directory.
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    pub(crate) is_interrupted: bool,
    pub(crate) damaged_lines: u64,
    /// What is in its database, if its sessions are there.
    pub(crate) database: Option<Database>,
}

impl Found {
    /// Looks in the places that are asked for, or in the usual ones.
    pub(crate) fn new(place: &WhereArgs, policy: &PolicyArgs) -> anyhow::Result<Self> {
        let settings = settings(policy)?;
        let roots = roots(place)?;
        let fs = Host::real().fs;
        let (mut places, errors) = roots.places(fs);
        places.retain(|found| {
            let is_source = |source: crate::args::Source| source.layout() == found.layout;
            place.source.is_none_or(is_source)
                && place.only.as_ref().is_none_or(|only| only.matches(&found.name))
        });
        let policies = places.into_iter().map(|place| {
            let configured = match place.layout {
                Layout::OpenClaw => configured_retention(fs, &place.root),
                Layout::Claude | Layout::Codex => Configured::Unset,
            };
            let policy = settings.policy(configured)?;
            Ok((place, policy))
        });
        let places = policies.collect::<anyhow::Result<Vec<_>>>()?;
        let of_codex = |(place, policy): &&(Place, Policy)| {
            place.layout == Layout::Codex && policy.session_ttl.is_some()
        };
        let codex: Vec<Place> =
            places.iter().filter(of_codex).map(|(place, _)| place.clone()).collect();
        // Those that are not asked for may need those that are.
        let all = || roots.places(fs).0;
        let needs = (!codex.is_empty()).then(|| Needs::read(Host::real(), &all())).transpose()?;
        Ok(Self { roots, places, errors, needs })
    }

    /// Plans one directory; nothing is changed.
    pub(crate) fn plan(&self, place: &Place, policy: &Policy) -> anyhow::Result<Planned> {
        let host = Host::real();
        let now = host.clock.now();
        let listing = match Listing::read(host, place, policy) {
            Ok(listing) => Some(listing),
            Err(SweepError::Fs(error)) if error.is_not_found() => None,
            Err(error) => return Err(error.into()),
        };
        let database = place.database.as_deref().map(read_database).transpose()?;
        let plan = match (&database, &listing) {
            (Some(database), listing) => plan_database(now, database, listing.as_ref(), policy),
            (None, Some(listing)) => plan(now, &listing.snapshot(self.needs.as_ref()), policy),
            (None, None) => Plan::default(),
        };
        Ok(Planned {
            plan,
            is_interrupted: listing.as_ref().is_some_and(Listing::is_interrupted),
            damaged_lines: listing.as_ref().map_or(0, Listing::damaged_lines),
            database,
        })
    }
}

fn roots(place: &WhereArgs) -> anyhow::Result<Roots> {
    let roots = Roots {
        openclaw: given(&place.openclaw)?,
        claude: given(&place.claude)?,
        codex: given(&place.codex)?,
    };
    if roots != Roots::default() {
        return Ok(roots);
    }
    Roots::from_env(Host::real().fs, cli_support::env)
        .context("cannot tell where to look: set HOME, or name a directory (--openclaw DIR)")
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("cannot use `{}`", path.display()))
}

/// Who names a directory expects it to be there.
fn given(dirs: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let dirs = dirs.iter().map(|dir| {
        let dir = absolute(dir)?;
        Host::real().fs.open_dir(&dir)?;
        Ok(dir)
    });
    dirs.collect()
}

/// What the options say, and then what the file says that they name.
fn settings(args: &PolicyArgs) -> anyhow::Result<Settings> {
    let asked = args.settings();
    let settings = match &args.policy {
        None => asked,
        Some(path) => asked.or(read(path)?),
    };
    // Before anything is looked at: what cannot be meant should be said at once.
    settings.policy(Configured::Unset)?;
    Ok(settings)
}

fn read(path: &Path) -> anyhow::Result<Settings> {
    let path = absolute(path)?;
    let (dir, name) = common_fs::follow_links(Host::real().fs, &path)?;
    let file = dir.open(&name, common_fs::Access::Read)?;
    let Some(content) = common_fs::read_whole(file.as_ref(), POLICY_BYTES_MAX)? else {
        bail!("`{}` is too long for a policy", path.display());
    };
    serde_json::from_slice(&content)
        .with_context(|| format!("`{}` is not a policy", path.display()))
}
