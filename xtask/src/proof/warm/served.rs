//! The proxy, in a process of its own that can be killed.

use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use cache_warmer::{
    Budget, Guard, Millis, NanoDollars, Policy, Providers,
    proxy::{CaptureLimits, Mode, Options, Proxy, Upstream},
};
use common_fs::Host;

/// Of the cache of the provider, in seconds, so that nobody has to wait for minutes.
pub(super) const LIFETIME_SECS: u64 = 3;

/// What the process is told.
#[derive(Debug, clap::Args)]
pub(crate) struct ServeProxy {
    /// Where requests go
    upstream: String,
    /// Where the ledger is
    state_dir: PathBuf,
    /// Keep prompts warm, unless that was switched off
    #[arg(long)]
    warm: bool,
}

/// The process that [`Served::start`] starts. It serves until it is killed.
pub(crate) fn serve(args: &ServeProxy) -> anyhow::Result<()> {
    let upstream = Upstream::parse(&args.upstream)?;
    let options = Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        anthropic: upstream.clone(),
        open_ai: upstream,
        extra_roots: None,
        body_max: 1 << 20,
        captures: CaptureLimits { conversations: 256, bytes: 64 << 20 },
        grace: Duration::from_secs(1),
        mode: if args.warm { Mode::Warm } else { Mode::AsSwitched },
        policy: Policy {
            guard: Guard { base: Millis::from_secs(1), per_kilotoken: Millis::ZERO },
            budget: Budget { day: Some(NanoDollars::from_dollars(10)), ..Budget::UNLIMITED },
            ..Policy::SKI_RENTAL
        },
        providers: Providers::parse(&providers())?,
        state_dir: args.state_dir.clone(),
    };
    // What it says is for whoever looks at this process alone.
    let say = Arc::new(|text: &str| {
        writeln!(std::io::stderr(), "{text}").ok();
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let proxy = Proxy::bind(options, Host::real(), say).await?;
        crate::say(&proxy.address().to_string())?;
        proxy.serve(std::future::pending()).await;
        Ok(())
    })
}

/// One model, and entries that are kept for [`LIFETIME_SECS`].
fn providers() -> String {
    serde_json::json!({
        "format": "upkeep-providers",
        "version": 1,
        "providers": [{
            "provider": "anthropic",
            "aliases": [],
            "reportsWrites": true,
            "defaultTier": "5m",
            "warm": "replay-0-tokens",
            "tiers": [{
                "tier": "5m",
                "lifetimeSeconds": LIFETIME_SECS,
                "source": "this proof",
                "date": "2026-11-28",
            }],
            "models": [{
                "model": "claude-sonnet-4-5",
                "minimumTokens": 1024,
                "minimumSource": "this proof",
                "minimumDate": "2026-11-28",
                "prices": {
                    "input": 3, "output": 15, "read": 0.3, "write5m": 3.75, "write1h": 6,
                },
                "source": "this proof",
                "date": "2026-11-28",
            }],
        }],
    })
    .to_string()
}

/// The process. It ends with this, at the latest.
pub(super) struct Served {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Served {
    pub(super) fn start(upstream: &str, state_dir: &Path, warm: bool) -> anyhow::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["serve-proxy", upstream]).arg(state_dir);
        if warm {
            command.arg("--warm");
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().context("this program was not found")?;
        let stdout = child.stdout.take();
        let told = stdout.map(|stdout| BufReader::new(stdout).lines().next());
        let mut served = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let line = told.flatten().context("the proxy said nothing")??;
        served.address = line.parse().with_context(|| format!("not an address: {line}"))?;
        Ok(served)
    }

    /// SIGKILL
    pub(super) fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
