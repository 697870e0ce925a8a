use std::process::Command;

use anyhow::{Context as _, ensure};

/// The checks, the fast ones first.
const STEPS: [&[&str]; 8] = [
    &["fmt", "--all", "--check"],
    &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
    // The libraries without their features, which no other crate of the workspace has them as.
    &["clippy", "--package", "usage-cache", "--", "-D", "warnings"],
    &["clippy", "--package", "session-reaper", "--", "-D", "warnings"],
    &["doc", "--workspace", "--no-deps", "--document-private-items"],
    &["test", "--workspace"],
    &["xtask", "tidy"],
    &["xtask", "proof", "--quick", "--html"],
];

pub(crate) fn run() -> anyhow::Result<()> {
    for step in STEPS {
        let line = step.join(" ");
        crate::say(&format!("\n== cargo {line}"))?;
        let mut command = Command::new(env!("CARGO"));
        command.args(step).env("RUSTDOCFLAGS", "-D warnings");
        let status = command.status().with_context(|| format!("cannot run `cargo {line}`"))?;
        ensure!(status.success(), "`cargo {line}` failed");
    }
    Ok(())
}
