//! The page, as a browser shows it that has no network.

use anyhow::ensure;
use restart_bench::report;
use serde::{Deserialize, Serialize};

use super::{
    super::browser::{self, Shown as Seen},
    gateway::Gateway,
};

/// Nothing on the page may be for a script: this one is added for the proof. It tells how large what
/// was drawn is, and whether anything was asked for elsewhere.
const SCRIPT: &str = "<script>
const picture = document.getElementById('timeline-1');
const box = picture.getBoundingClientRect();
const drawn = [...picture.querySelectorAll('rect, line, polyline, circle, path')];
const shown = drawn.filter((shape) => shape.getBoundingClientRect().width > 0);
const said = document.createElement('pre');
said.id = 'proof';
said.textContent = JSON.stringify({
  width: Math.round(box.width),
  height: Math.round(box.height),
  shapes: shown.length,
  words: picture.querySelectorAll('text').length,
  requests: performance.getEntriesByType('resource').length,
});
document.body.append(said);
</script>";

/// What is shown.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    browser: String,
    bytes: usize,
    #[serde(flatten)]
    shown: Shown,
}

/// What the script tells of the picture of the first restart.
#[derive(Serialize, Deserialize)]
struct Shown {
    /// Pixels.
    width: u32,
    height: u32,
    /// Rectangles and lines that are as wide as a pixel at least.
    shapes: u32,
    words: u32,
    /// What the page has asked for besides itself.
    requests: u32,
}

/// Nothing, if there is no browser.
pub(super) fn prove() -> anyhow::Result<Option<Page>> {
    let behaviour = ["--drain", "120ms", "--close", "250ms", "--block", "60ms"];
    let measured = Gateway::new(&behaviour, 2)?.measure()?;
    let page = report::html(&measured.run.record, &measured.summary);
    let Some(Seen { browser, said }) = browser::show(&page, SCRIPT, (1_200, 1_600))? else {
        return Ok(None);
    };
    let shown: Shown = serde_json::from_str(&said)?;
    ensure!(500 <= shown.width && 200 <= shown.height, "the picture is too small");
    // A lane of probes alone has more of them.
    ensure!(20 <= shown.shapes && 5 <= shown.words, "the picture is nearly empty");
    ensure!(shown.requests == 0, "the page asks for more than itself");
    Ok(Some(Page { browser, bytes: page.len(), shown }))
}
