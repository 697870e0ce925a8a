//! `report --html`: a page for a browser.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use cli_support::{Interrupt, print, text};
use common_fs::{
    Host, follow_links,
    replace::{FileMode, Options, Symlinks, replace},
};
use usage_cache::{Locations, Query};

use super::{answers, asked, locations, message, prices};
use crate::{args::PageArgs, demo::Demo, html::Page};

/// What was used is nobody else's business, unless the user says so.
const FRESH_MODE: u32 = 0o600;

pub(super) fn run(interrupt: &Interrupt, args: &PageArgs) -> anyhow::Result<ExitCode> {
    let query = match asked::query(&args.asked) {
        Ok(query) => query,
        Err(code) => return Ok(code),
    };
    // Before anything takes long.
    let target = target(&args.html)?;
    if args.demo {
        let demo = Demo::create()?;
        return page(interrupt, args, &demo.locations(), &query, target.as_deref());
    }
    page(interrupt, args, &locations()?, &query, target.as_deref())
}

/// Where the page goes; `None` is standard output. A place where there can be no file is an error.
fn target(file: &Path) -> anyhow::Result<Option<PathBuf>> {
    if file == Path::new("-") {
        return Ok(None);
    }
    let path = std::path::absolute(file).context("--html needs the path of a file")?;
    let parent = follow_links(Host::real().fs, &path);
    parent.with_context(|| not_written(&path))?;
    Ok(Some(path))
}

fn page(
    interrupt: &Interrupt,
    args: &PageArgs,
    locations: &Locations,
    query: &Query,
    target: Option<&Path>,
) -> anyhow::Result<ExitCode> {
    let prices = prices(locations, args.asked.prices.as_deref())?;
    let answers =
        answers::answers(interrupt, args.asked.no_refresh, locations, (query.gone, &prices));
    let answers = match answers {
        Ok(answers) => answers,
        Err(code) => return Ok(code),
    };
    answers.age().iter().for_each(|age| message(age));
    let (facts, status) = (&answers.facts, answers.status());
    let now = Host::real().clock.now();
    let page = Page { facts, query, status, now, is_demo: args.demo };
    match target {
        Some(path) => save(path, &page.html())?,
        None => print(&page.html())?,
    }
    answers.remember(locations, query, args.asked.prices.as_deref());
    Ok(ExitCode::SUCCESS)
}

/// Replaces the file as a whole, or leaves it as it was.
fn save(path: &Path, page: &str) -> anyhow::Result<()> {
    let mode = FileMode::Keep { fresh: FRESH_MODE };
    let options = Options { mode, symlinks: Symlinks::Follow };
    let written = replace(Host::real(), path, page.as_bytes(), options);
    written.with_context(|| not_written(path))?;
    let size = text::bytes(page.len() as u64);
    message(&format!("wrote {} ({size})", text::plain(&path.display().to_string())));
    Ok(())
}

fn not_written(path: &Path) -> String {
    format!("the page is not written to `{}`; try another --html FILE", path.display())
}
