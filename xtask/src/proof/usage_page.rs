//! The page of `usage-cache report --html`, as a browser shows it that has no network.

use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};

use super::browser::{self, Shown};

/// It forbids scripts, which the proof needs one of.
const POLICY: &str = "default-src &#39;none&#39;; style-src &#39;unsafe-inline&#39;";

/// It tells what was drawn, and whether anything was asked for elsewhere.
const SCRIPT: &str = "<script>
const root = document.documentElement;
const pictures = [...document.querySelectorAll('.plot')].map((plot) => {
  const box = plot.querySelector('svg').getBoundingClientRect();
  const drawn = [...plot.querySelectorAll('rect:not(.column), polyline')];
  const shown = drawn.filter((shape) => shape.getBoundingClientRect().width > 0);
  return { width: Math.round(box.width), height: Math.round(box.height), shapes: shown.length };
});
const focusable = document.querySelectorAll('a[href], summary, [tabindex]');
const said = document.createElement('pre');
said.id = 'proof';
said.textContent = JSON.stringify({
  window: window.innerWidth,
  overflow: root.scrollWidth - root.clientWidth,
  pictures,
  tables: document.querySelectorAll('table').length,
  focusable: focusable.length,
  requests: performance.getEntriesByType('resource').length,
});
document.body.append(said);
</script>";

/// Pixels: a telephone, as narrow as a browser has windows, and a large screen.
const WIDTHS: [u32; 2] = [500, 1_600];

/// What is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    browser: String,
    bytes: usize,
    shown: Vec<Seen>,
}

/// What the script tells.
#[derive(Serialize, Deserialize)]
struct Seen {
    /// Pixels.
    window: u32,
    /// How much wider the page is than the window, in pixels.
    overflow: i32,
    pictures: Vec<Picture>,
    tables: u32,
    /// What the keyboard reaches.
    focusable: u32,
    /// What the page has asked for besides itself.
    requests: u32,
}

#[derive(Serialize, Deserialize)]
struct Picture {
    /// Pixels.
    width: u32,
    height: u32,
    /// Bars, squares and lines that are as wide as something.
    shapes: u32,
}

/// Nothing, if there is no browser.
pub(super) fn prove() -> anyhow::Result<Option<Page>> {
    let page = page()?;
    ensure!(page.contains(POLICY), "the page does not forbid what it does not need");
    let page = page.replace(POLICY, "");
    let mut proof = Page { browser: String::new(), bytes: page.len(), shown: Vec::new() };
    for width in WIDTHS {
        let Some(Shown { browser, said }) = browser::show(&page, SCRIPT, (width, 1_000))? else {
            return Ok(None);
        };
        let seen: Seen = serde_json::from_str(&said)?;
        seen.check()?;
        proof.browser = browser;
        proof.shown.push(seen);
    }
    Ok(Some(proof))
}

impl Seen {
    fn check(&self) -> anyhow::Result<()> {
        let Self { window, overflow, pictures, tables, focusable, requests } = self;
        ensure!(*overflow <= 0, "at {window} pixels the page is {overflow} pixels wider");
        // Days, hours, and the cache hit rate.
        ensure!(pictures.len() == 3, "there are {} pictures, not three", pictures.len());
        for Picture { width, height, shapes } in pictures {
            ensure!(300 <= *width && 100 <= *height, "a picture is too small");
            ensure!(0 < *shapes, "a picture is empty");
        }
        let hours = pictures.get(1).map(|picture| picture.shapes);
        ensure!(hours == Some(7 * 24), "the week has {hours:?} hours");
        // One for each picture; projects, sessions, and models.
        ensure!(*tables == 6, "there are {tables} tables, not six");
        ensure!(*tables <= *focusable, "the keyboard does not reach every table");
        ensure!(*requests == 0, "the page asks for more than itself");
        Ok(())
    }
}

/// That of made-up transcripts, by the program.
fn page() -> anyhow::Result<String> {
    let output = Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--release", "--package", "usage-cache-cli", "--bin"])
        .args(["usage-cache", "--", "report", "--demo", "--html", "-"])
        .stdin(Stdio::null())
        .output()
        .context("cannot run `cargo run`")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "usage-cache ended with {}: {errors}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}
