//! One line for a prompt or a status bar, at once.

mod background;
mod hook;
mod line;

use std::process::ExitCode;

use cli_support::{env, print};
use common_fs::{Host, SystemClock, Timestamp};
use usage_cache::{Glance, Locations, Query, Usage, Zone};

use crate::{args::StatuslineArgs, json, screen::Screen};
pub(crate) use background::take_turn;
use hook::Hook;
use line::{Line, Window};

/// What is older may be out of date; who looks every few seconds refreshes more often.
const STALE_AFTER: std::time::Duration = std::time::Duration::from_mins(5);

pub(crate) fn run(args: &StatuslineArgs) -> anyhow::Result<ExitCode> {
    let host = Host::real();
    let locations = Locations::from_env(host.fs, env);
    let hook = hook::read(&SystemClock);
    let zone = args.timezone.clone().or_else(|| Zone::local().ok()).unwrap_or_else(Zone::utc);
    let glance = locations.as_ref().and_then(|known| usage_cache::glance(host, known));
    let line = line(glance.as_ref(), hook, &zone, args.source.as_deref(), host.clock.now());
    // Whoever reads the line should not wait for anything else.
    print(&if args.json {
        json::to_text(&line.document(&zone))?
    } else {
        line.text(Screen::of_stdout())
    })?;
    if let Some(locations) = locations.filter(|_| !args.no_refresh) {
        // If it cannot be started, the line says how old it is.
        background::start(host, &locations, args.refresh_interval).ok();
    }
    Ok(ExitCode::SUCCESS)
}

/// What is shown of what is known.
fn line(
    glance: Option<&Glance>,
    hook: Hook,
    zone: &Zone,
    source: Option<&str>,
    now: Timestamp,
) -> Line {
    let Some(glance) = glance else { return Line { hook, now, known: None } };
    let today = zone.day(now);
    let source = source.map(str::to_owned);
    let query =
        |since| Query { since: Some(since), source: source.clone(), ..Query::all(zone.clone()) };
    let month = glance.summary(&query(today.first_of_month()));
    let of_today = month.daily.iter().find(|day| day.day == today);
    // Windows are shorter than a day.
    let since = zone.day(Timestamp::from_unix_nanos(now.unix_nanos() - NANOS_PER_DAY));
    let mut windows = glance.blocks(&query(since));
    windows.retain(|block| block.is_active(now));
    windows.sort_by_key(|block| (block.usage.cost, block.usage.tokens.total));
    let several = 1 < windows.len();
    // What Claude Code shows is about its own limits.
    let claude = windows.iter().position(|block| hook.is_given && block.source == "claude");
    let window = match claude {
        Some(at) => Some(windows.swap_remove(at)),
        None => windows.pop(),
    };
    let known = line::Known {
        today: of_today.map_or_else(Usage::default, |day| day.usage),
        month: month.totals,
        window: window.map(|block| Window { block, several }),
        held_at: glance.held_at(),
        is_stale: STALE_AFTER < now.since(glance.held_at()),
    };
    Line { hook, now, known: Some(known) }
}

const NANOS_PER_DAY: i64 = 86_400_000_000_000;

#[cfg(test)]
mod tests {
    use std::{num::NonZeroUsize, ops::ControlFlow, time::Duration};

    use cli_support::text::iso;
    use common_fs::{Clock as _, sim::Sim};
    use usage_cache::{Claude, Gone, NanoUsd, OpenClaw, Options, Place, Prices};

    use super::*;

    /// A machine on which all is known. Its clock shows 2026-09-01, after midnight UTC.
    struct Machine {
        sim: Sim,
        options: Options,
    }

    impl Machine {
        fn new() -> Self {
            let places =
                vec![Place::new(&OpenClaw, "/h/.openclaw"), Place::new(&Claude, "/h/.claude")];
            let locations = Locations::new(places, "/state".as_ref());
            let options = Options { threads: NonZeroUsize::MIN, ..Options::new(locations) };
            let sim = Sim::new();
            sim.fs.make_dir("/h/.openclaw/agents/main/sessions");
            sim.fs.make_dir("/h/.claude/projects/p");
            Self { sim, options }
        }

        /// An answer so long ago that costs so many dollars, or whose price nobody knows.
        fn answer(&self, runtime: &str, ago: Duration, dollars: Option<u64>) {
            let now = self.sim.clock.now().unix_nanos();
            let at = now - i64::try_from(ago.as_nanos()).unwrap();
            let at = iso(Timestamp::from_unix_nanos(at));
            let (path, line) = if runtime == "claude" {
                let cost = dollars.map(|dollars| format!(",\"costUSD\":{dollars}"));
                let line = format!(
                    "{{\"type\":\"assistant\",\"timestamp\":\"{at}\",\"requestId\":\"{at}\"{},\
                     \"message\":{{\"id\":\"{at}\",\"model\":\"x\",\"usage\":{{\"input_tokens\":600}}}}}}\n",
                    cost.unwrap_or_default()
                );
                ("/h/.claude/projects/p/s.jsonl", line)
            } else {
                let cost = dollars.map(|dollars| format!(",\"cost\":{{\"total\":{dollars}}}"));
                let line = format!(
                    "{{\"timestamp\":\"{at}\",\"message\":{{\"role\":\"assistant\",\"provider\":\"acme\",\
                     \"model\":\"x\",\"usage\":{{\"input\":600{}}}}}}}\n",
                    cost.unwrap_or_default()
                );
                ("/h/.openclaw/agents/main/sessions/a.jsonl", line)
            };
            if self.sim.fs.content(path).is_some() {
                self.sim.fs.append(path, line.as_bytes());
            } else {
                self.sim.fs.put(path, line.as_bytes());
            }
        }

        fn glance(&self) -> Option<Glance> {
            self.sim.clock.advance(Duration::from_secs(10));
            let host = self.sim.host();
            let refreshed =
                usage_cache::refresh(host, &self.options, &mut |_| ControlFlow::Continue(()));
            let facts = refreshed.usage.facts(Gone::Include, &Prices::none());
            usage_cache::remember(host, &self.options, &refreshed.usage, &facts).unwrap();
            usage_cache::glance(host, &self.options.locations)
        }

        fn line(&self, hook: Hook, source: Option<&str>) -> Line {
            line(self.glance().as_ref(), hook, &Zone::utc(), source, self.sim.clock.now())
        }

        fn text(&self, source: Option<&str>) -> String {
            self.line(Hook::default(), source).text(PLAIN)
        }
    }

    const HOUR: Duration = Duration::from_hours(1);
    const PLAIN: Screen = Screen { columns: None, styled: false, unicode: true };
    const STYLED: Screen = Screen { styled: true, ..PLAIN };

    #[test]
    fn the_line_tells_today_this_month_and_the_window() {
        let machine = Machine::new();
        assert_eq!(machine.text(None), "usage: no data yet\n");
        machine.sim.clock.advance(48 * HOUR);
        machine.answer("openclaw", 30 * HOUR, Some(5));
        assert_eq!(machine.text(None), "$0.00 today · $5.00 this month\n");
        machine.sim.clock.advance(12 * HOUR);
        // The window begins at half past eleven, at 11:00.
        machine.answer("openclaw", HOUR / 2, Some(3));
        assert_eq!(
            machine.text(None),
            "$3.00 today · $8.00 this month · $3.00 in this window (3h 59m left, $6.00/h)\n"
        );
        machine.answer("claude", HOUR / 4, Some(1));
        assert_eq!(
            machine.text(None),
            "$4.00 today · $9.00 this month · $3.00 in this window of openclaw (3h 59m left, $6.00/h)\n"
        );
        let hook = Hook {
            is_given: true,
            model: Some("Opus".to_owned()),
            session_cost: Some(NanoUsd(500_000_000)),
            ..Hook::default()
        };
        let said = machine.line(hook, None);
        assert_eq!(
            said.text(PLAIN),
            "Opus · $0.50 this session · $4.00 today · $9.00 this month · \
             $1.00 in this window of claude (3h 59m left, $4.00/h)\n"
        );
        assert!(said.text(STYLED).contains("\x1b[1mOpus\x1b[22m"), "{}", said.text(STYLED));
        assert_eq!(
            machine.text(Some("claude")),
            "$1.00 today · $1.00 this month · $1.00 in this window (3h 59m left, $4.00/h)\n"
        );
        assert_eq!(machine.text(Some("codex")), "$0.00 today · $0.00 this month\n");
    }

    #[test]
    fn what_is_missing_or_old_is_marked() {
        let machine = Machine::new();
        machine.sim.clock.advance(HOUR);
        machine.answer("openclaw", HOUR / 2, Some(1));
        machine.answer("openclaw", HOUR / 2, None);
        let glance = machine.glance();
        let text = |passed| {
            let held_at = glance.as_ref().unwrap().held_at().unix_nanos();
            let now = Timestamp::from_unix_nanos(held_at + i64::try_from(passed).unwrap());
            line(glance.as_ref(), Hook::default(), &Zone::utc(), None, now).text(PLAIN)
        };
        let minutes = |minutes: u64| Duration::from_mins(minutes).as_nanos();
        let fresh = text(minutes(5));
        assert!(fresh.starts_with("$1.00* today · $1.00* this month · $1.00* in this"), "{fresh}");
        let stale = text(minutes(5) + 1);
        assert!(stale.starts_with("~$1.00* today · ~$1.00* this month · ~$1.00* in"), "{stale}");
        // The window is over, and another day has begun.
        assert_eq!(text(minutes(24 * 60)), "~$0.00 today · ~$1.00* this month\n");
    }

    #[test]
    fn nothing_known_is_said() {
        let hook = Hook { model: Some("Opus".to_owned()), ..Hook::default() };
        let nothing = line(None, hook, &Zone::utc(), None, Timestamp::UNIX_EPOCH);
        assert_eq!(nothing.text(PLAIN), "Opus · usage: no data yet\n");
        let ascii = Screen { unicode: false, ..PLAIN };
        assert_eq!(nothing.text(ascii), "Opus | usage: no data yet\n");
        let document = serde_json::to_value(nothing.document(&Zone::utc())).unwrap();
        assert_eq!(document["stale"], true);
        assert!(document["today"].is_null() && document["asOf"].is_null(), "{document}");
    }

    #[test]
    fn the_document_says_the_same() {
        let machine = Machine::new();
        machine.sim.clock.advance(12 * HOUR);
        machine.answer("claude", HOUR / 2, Some(3));
        let hook = Hook { session_id: Some("s".to_owned()), ..Hook::default() };
        let line = machine.line(hook, None);
        let document = serde_json::to_value(line.document(&Zone::utc())).unwrap();
        let usage = serde_json::json!({
            "totalTokens": 600, "events": 1, "unpricedEvents": 0, "totalCost": 3.0,
            "totalCostNanoUsd": 3_000_000_000_u64,
        });
        let expected = serde_json::json!({
            "schemaVersion": 1, "timezone": "UTC", "asOf": "2026-09-01T12:00:10Z", "stale": false,
            "today": usage, "month": usage,
            "window": {
                "source": "claude", "start": "2026-09-01T11:00:00Z", "end": "2026-09-01T16:00:00Z",
                "usage": usage, "remainingMinutes": 239, "tokensPerMinute": 20, "costPerHour": 6.0,
            },
            "session": { "id": "s", "directory": null, "model": null, "cost": null },
        });
        assert_eq!(document, expected);
    }
}
