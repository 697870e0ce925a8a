//! Finding directories of sessions.

use std::{ffi::OsString, ops::ControlFlow};

use common_fs::sim::Sim;
use session_reaper::{Layout, Listing, Orders, Policy, Roots, sweep};

use crate::world::OPTIONS;

fn machine() -> Sim {
    let sim = Sim::new();
    for dir in [
        "/h/.openclaw/agents/main/sessions",
        "/h/.openclaw/agents/no-sessions",
        "/h/.openclaw/agents/moved/agent",
        "/h/.claude/projects/-w",
        "/h/.config/claude/projects",
        "/h/.codex/sessions/2026/09/01",
        "/h/.codex/sessions/2026/09/notes",
        "/h/.codex/archived_sessions",
        "/elsewhere/agents/far/sessions",
    ] {
        sim.fs.make_dir(dir);
    }
    sim.fs.put("/h/.openclaw/agents/moved/agent/openclaw-agent.sqlite", b"");
    sim.fs.put("/h/.openclaw/agents/file", b"");
    sim
}

fn home(name: &str) -> Option<OsString> {
    (name == "HOME").then(|| "/h".into())
}

#[test]
fn all_agents_projects_and_days_are_found() {
    let sim = machine();
    let roots = Roots::from_env(&sim.fs, home).unwrap();
    let (places, errors) = roots.places(&sim.fs);
    assert!(errors.is_empty(), "{errors:?}");
    let found: Vec<_> = places
        .iter()
        .map(|place| (place.layout, place.name.as_str(), place.database.is_some()))
        .collect();
    assert_eq!(
        found,
        [
            (Layout::OpenClaw, "main", false),
            (Layout::OpenClaw, "moved", true),
            (Layout::Claude, "-w", false),
            (Layout::Codex, "sessions/2026/09/01", false),
            (Layout::Codex, "archived_sessions", false),
        ]
    );
}

#[test]
fn agents_that_are_links_are_followed_and_swept_once() {
    let sim = machine();
    sim.fs.symlink("/h/.openclaw/agents/far", "/elsewhere/agents/far");
    sim.fs.symlink("/h/.openclaw/agents/again", "/h/.openclaw/agents/main");
    sim.fs.symlink("/h/.openclaw/agents/nowhere", "/nowhere");
    let (places, errors) = Roots::from_env(&sim.fs, home).unwrap().places(&sim.fs);
    assert!(errors.is_empty(), "{errors:?}");
    let dirs: Vec<_> = places
        .iter()
        .filter(|place| place.layout == Layout::OpenClaw && place.database.is_none())
        .map(|place| place.dir.display().to_string())
        .collect();
    assert_eq!(dirs, ["/h/.openclaw/agents/main/sessions", "/elsewhere/agents/far/sessions"]);
}

#[test]
fn a_link_that_came_later_is_not_followed() {
    let sim = machine();
    sim.fs.symlink("/h/.openclaw/agents/far", "/elsewhere/agents/far");
    let (places, _) = Roots::from_env(&sim.fs, home).unwrap().places(&sim.fs);
    let mut place = places[0].clone();
    place.dir = "/h/.openclaw/agents/far/sessions".into();
    let error = Listing::read(sim.host(), &place, &Policy::SAFE).unwrap_err();
    assert!(error.to_string().contains("/h/.openclaw/agents/far/sessions"), "{error}");
    let orders = Orders { policy: &Policy::SAFE, options: OPTIONS, needs: None };
    assert!(sweep(sim.host(), &place, orders, &mut |_| ControlFlow::Continue(())).is_err());
}

#[test]
fn the_environment_says_where_else() {
    let sim = machine();
    let env = |name: &str| {
        let value = match name {
            "HOME" => "/h",
            "OPENCLAW_STATE_DIR" => "/o",
            "CLAUDE_CONFIG_DIR" => "/a, /b,",
            "CODEX_HOME" => "/c",
            _ => return None,
        };
        Some(value.into())
    };
    let roots = Roots::from_env(&sim.fs, env).unwrap();
    let all: Vec<_> = roots.all().map(|path| path.display().to_string()).collect();
    assert_eq!(all, ["/o", "/a", "/b", "/c"]);
    assert_eq!(roots.places(&sim.fs).0, []);
    assert_eq!(Roots::from_env(&sim.fs, |_| None), None);
    // The name that OpenClaw had before.
    let sim = Sim::new();
    sim.fs.make_dir("/h/.clawdbot");
    let roots = Roots::from_env(&sim.fs, home).unwrap();
    assert_eq!(roots.openclaw, [std::path::PathBuf::from("/h/.clawdbot")]);
}
