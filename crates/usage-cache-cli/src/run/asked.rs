//! What a report is asked about, as a query.

use std::process::ExitCode;

use cli_support::{USAGE, env};
use usage_cache::{Gone, Query, Zone};

use super::message;
use crate::args::AskedArgs;

/// The query, or the exit code if no day can be in it.
pub(super) fn query(asked: &AskedArgs) -> Result<Query, ExitCode> {
    let AskedArgs { since, until, .. } = *asked;
    if let (Some(since), Some(until)) = (since, until)
        && until < since
    {
        message(&format!("--since {since} is after --until {until}"));
        return Err(ExitCode::from(USAGE));
    }
    Ok(Query {
        zone: asked.timezone.clone().unwrap_or_else(local_zone),
        since,
        until,
        gone: if asked.present_only { Gone::Exclude } else { Gone::Include },
        source: asked.source.clone(),
        model: asked.model.clone(),
        project: asked.project.clone(),
    })
}

/// The time zone of this machine. One that is not set is no reason to fail, one that is set
/// wrongly is a reason to say so.
fn local_zone() -> Zone {
    Zone::local().unwrap_or_else(|_| {
        if let Some(name) = env("TZ") {
            let name = name.to_string_lossy().into_owned();
            message(&format!("warning: TZ={name} is not a time zone; days begin in UTC"));
        }
        Zone::utc()
    })
}
