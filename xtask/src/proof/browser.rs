//! Pages, as a browser shows them that has no network.

use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

/// Where Debian and others have it.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// A page that was shown.
pub(super) struct Shown {
    /// The name of the program.
    pub(super) browser: String,
    /// What the script has said.
    pub(super) said: String,
}

/// Shows a page to which a script is added, which says what it sees as the text of an element with
/// the id `proof`. `None` if there is no browser.
pub(super) fn show(page: &str, script: &str, size: (u32, u32)) -> anyhow::Result<Option<Shown>> {
    let Some(browser) = BROWSERS.into_iter().find(|browser| is_there(browser)) else {
        return Ok(None);
    };
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("page.html");
    fs_err::write(&file, page.replace("</body>", &format!("{script}</body>")))?;
    let profile = format!("--user-data-dir={}", dir.path().join("profile").display());
    let output = Command::new(browser)
        // The page is ours, and its sandbox is not for root.
        .args(["--headless", "--no-sandbox", "--disable-gpu", &profile])
        .arg(format!("--window-size={},{}", size.0, size.1))
        .args(["--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom"])
        .arg(format!("file://{}", file.display()))
        .stdin(Stdio::null())
        .output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{browser} ended with {}: {errors}", output.status);
    let shown = String::from_utf8_lossy(&output.stdout);
    let said =
        shown.split_once("<pre id=\"proof\">").and_then(|(_, rest)| rest.split_once("</pre>"));
    let (said, _) = said.context("the script on the page has not said anything")?;
    Ok(Some(Shown { browser: browser.to_owned(), said: said.to_owned() }))
}

fn is_there(browser: &str) -> bool {
    let mut version = Command::new(browser);
    version.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    version.status().is_ok_and(|status| status.success())
}
