//! The page, as a browser shows it that has no network.

use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use restart_bench::report;
use serde::{Deserialize, Serialize};

use super::gateway::Gateway;

/// Where Debian and others have it.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

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
    let Some(browser) = BROWSERS.into_iter().find(|browser| is_there(browser)) else {
        return Ok(None);
    };
    let behaviour = ["--drain", "120ms", "--close", "250ms", "--block", "60ms"];
    let measured = Gateway::new(&behaviour, 2)?.measure()?;
    let page = report::html(&measured.run.record, &measured.summary);
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("page.html");
    fs_err::write(&file, page.replace("</body>", &format!("{SCRIPT}</body>")))?;
    let profile = format!("--user-data-dir={}", dir.path().join("profile").display());
    let output = Command::new(browser)
        // The page is ours, and its sandbox is not for root.
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,1600", &profile])
        .args(["--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom"])
        .arg(format!("file://{}", file.display()))
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{browser} ended with {}: {said}", output.status);
    let shown = String::from_utf8_lossy(&output.stdout);
    let shown =
        shown.split_once("<pre id=\"proof\">").and_then(|(_, rest)| rest.split_once("</pre>"));
    let (shown, _) = shown.context("there is no picture of the first restart")?;
    let shown: Shown = serde_json::from_str(shown)?;
    ensure!(500 <= shown.width && 200 <= shown.height, "the picture is too small");
    // A lane of probes alone has more of them.
    ensure!(20 <= shown.shapes && 5 <= shown.words, "the picture is nearly empty");
    ensure!(shown.requests == 0, "the page asks for more than itself");
    Ok(Some(Page { browser: browser.to_owned(), bytes: page.len(), shown }))
}

fn is_there(browser: &str) -> bool {
    let mut version = Command::new(browser);
    version.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}
