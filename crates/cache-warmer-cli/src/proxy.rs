//! `cache-warmer proxy`: passes requests on and keeps their prompts warm.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use anyhow::Context as _;
use cache_warmer::{
    Budget, Guard, NanoDollars, Policy, Providers,
    proxy::{CaptureLimits, Mode, Options, Upstream},
};
use common_fs::Host;
use tokio::{
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
};

use crate::{NAME, state_dir::state_dir};

/// Request bodies up to this many bytes are kept. A prompt of a million tokens has about four.
const BODY_BYTES_MAX: usize = 8 << 20;

/// How much is kept: more conversations than anybody has open.
const CAPTURES: CaptureLimits = CaptureLimits { conversations: 256, bytes: 256 << 20 };

/// Pass requests on to the providers, and keep the prompts of their conversations warm
///
/// Listens on this machine only. Point a client at it with its base-URL setting; it sees what the
/// provider sends, byte by byte. Nothing is sent besides unless you ask for it with `--warm`: then,
/// while a conversation is idle, its last request is sent again in its smallest form, with the
/// credentials it came with, as long as that pays and the budget lasts. Prompts and credentials
/// are held in memory only.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = ABOUT)]
pub(crate) struct Proxy {
    /// Where to listen; a loopback address
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4545")]
    listen: SocketAddr,
    /// Keep prompts warm, unless that was switched off (see below)
    #[arg(long)]
    warm: bool,
    /// Only say what would be sent
    #[arg(long, conflicts_with = "warm")]
    dry_run: bool,
    /// What warming may cost in a day (UTC); never exceeded
    #[arg(long, value_name = "USD", default_value = "1", value_parser = dollars)]
    budget_usd_per_day: NanoDollars,
    /// At most so many pings in one pause; never more than can pay for themselves
    #[arg(long, value_name = "COUNT")]
    max_pings: Option<u32>,
    /// How long before an entry expires a ping has to be sent
    #[arg(long, value_name = "SPAN", default_value = "10s", value_parser = humantime::parse_duration)]
    guard: Duration,
    /// Where requests in the shape of Anthropic go
    #[arg(long, value_name = "URL", default_value = "https://api.anthropic.com", value_parser = upstream)]
    anthropic_upstream: Upstream,
    /// Where requests in the shape of OpenAI go
    #[arg(long, value_name = "URL", default_value = "https://api.openai.com", value_parser = upstream)]
    openai_upstream: Upstream,
    /// Trust these certificates (PEM) too
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Prices and lifetimes, instead of the built-in ones
    #[arg(long, value_name = "FILE")]
    providers: Option<PathBuf>,
    /// How long answers may go on once it is told to stop
    #[arg(long, value_name = "SPAN", default_value = "10s", value_parser = humantime::parse_duration)]
    grace: Duration,
}

const ABOUT: &str = "\
Clients:
  ANTHROPIC_BASE_URL=http://127.0.0.1:4545         Claude Code, the SDKs of Anthropic
  OPENAI_BASE_URL=http://127.0.0.1:4545/v1         the SDKs of OpenAI, and what is like them
  Requests to /v1/messages go to Anthropic; those to /v1/chat/completions and /v1/responses to
  OpenAI; all others by whether they carry `anthropic-version` or `x-api-key`.

While it runs (with the address from above):
  curl ADDRESS/__cache-warmer/status               how each conversation stands, and why
  curl ADDRESS/__cache-warmer/metrics              for Prometheus
  curl -X PUT -d '{\"enabled\":false}' ADDRESS/__cache-warmer/warming
                                                   switch warming off, now and after a restart;
                                                   `true` switches it on, with or without --warm

Environment:
  UPKEEP_STATE_DIR   where the ledger is kept, if not in upkeep in XDG_STATE_HOME or
                     ~/.local/state; one proxy at a time keeps prompts warm
  SSL_CERT_FILE      the certificates to trust instead of those of the machine

Exit status: 0 it was told to stop (SIGTERM), 1 failure, 2 wrong usage, 130 interrupted.";

pub(crate) fn run(proxy: Proxy) -> anyhow::Result<ExitCode> {
    let options = options(proxy)?;
    let runtime = Runtime::new().context("cannot start the threads that answer")?;
    runtime.block_on(serve(options))
}

async fn serve(options: Options) -> anyhow::Result<ExitCode> {
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot wait for signals")?;
    let (mode, budget) = (options.mode, options.policy.budget.day.unwrap_or(NanoDollars::MAX));
    let say = Arc::new(|text: &str| cli_support::message(NAME, text));
    let proxy = cache_warmer::proxy::Proxy::bind(options, Host::real(), say).await?;
    cli_support::print(&format!("http://{}\n", proxy.address()))?;
    let about = match (mode, proxy.is_warming()) {
        (_, true) => format!("prompts are kept warm, for up to {budget} a day"),
        (Mode::DryRun, false) => "a dry run: nothing is sent but what clients send".to_owned(),
        (Mode::Warm, false) => "requests are passed on, and nothing is kept warm".to_owned(),
        (Mode::AsSwitched, false) => {
            "requests are passed on; to keep their prompts warm, run it with --warm".to_owned()
        }
    };
    cli_support::message(NAME, &about);

    let (told, stopping) = tokio::sync::oneshot::channel();
    let serving = proxy.serve(async { drop(stopping.await) });
    let mut serving = std::pin::pin!(serving);
    let code = tokio::select! {
        _ = &mut serving => return Ok(ExitCode::SUCCESS),
        code = either(&mut interrupt, &mut terminate) => code,
    };
    // It listens to this for as long as it serves.
    told.send(()).ok();
    tokio::select! {
        cut_off = &mut serving => if cut_off != 0 {
            cli_support::message(NAME, &format!("{cut_off} connections were cut off"));
        },
        // A second time means at once.
        _ = either(&mut interrupt, &mut terminate) => (),
    }
    Ok(code)
}

/// Waits to be told to stop, and says with which status to end then.
async fn either(interrupt: &mut Signal, terminate: &mut Signal) -> ExitCode {
    tokio::select! {
        _ = interrupt.recv() => ExitCode::from(130),
        _ = terminate.recv() => ExitCode::SUCCESS,
    }
}

fn options(proxy: Proxy) -> anyhow::Result<Options> {
    let read = |path: &PathBuf| fs_err::read(path);
    let providers = match &proxy.providers {
        None => Providers::builtin(),
        Some(path) => {
            let text = fs_err::read_to_string(path)?;
            Providers::parse(&text).with_context(|| format!("cannot use `{}`", path.display()))?
        }
    };
    let policy = Policy {
        pings_max: proxy.max_pings.unwrap_or(Policy::SKI_RENTAL.pings_max),
        budget: Budget { day: Some(proxy.budget_usd_per_day), ..Budget::UNLIMITED },
        guard: Guard { base: proxy.guard.into(), ..Policy::SKI_RENTAL.guard },
        ..Policy::SKI_RENTAL
    };
    Ok(Options {
        listen: proxy.listen,
        anthropic: proxy.anthropic_upstream,
        open_ai: proxy.openai_upstream,
        extra_roots: proxy.ca_file.as_ref().map(read).transpose()?,
        body_max: BODY_BYTES_MAX,
        captures: CAPTURES,
        grace: proxy.grace,
        mode: match (proxy.warm, proxy.dry_run) {
            (true, _) => Mode::Warm,
            (false, true) => Mode::DryRun,
            (false, false) => Mode::AsSwitched,
        },
        policy,
        providers,
        state_dir: state_dir()?,
    })
}

fn upstream(text: &str) -> Result<Upstream, String> {
    Upstream::parse(text).map_err(|error| error.to_string())
}

fn dollars(text: &str) -> Result<NanoDollars, String> {
    let dollars = text.parse().ok().and_then(NanoDollars::from_dollars_f64);
    let positive = dollars.filter(|dollars| NanoDollars::ZERO <= *dollars);
    positive.ok_or_else(|| "write an amount in dollars such as `0.50`".to_owned())
}
