use cli_support::text::iso;
use proptest::prelude::*;
use serde::Serialize;
use usage_cache::{Query, Zone};

use super::*;
use crate::{json::rows, tests::odd};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionKey<'s> {
    session_id: &'s str,
    source: &'s str,
    agent: Option<&'s str>,
    project_path: Option<&'s str>,
    first_activity: String,
    last_activity: String,
}

fn as_serde_writes(of: &SessionUsage<'_>) -> String {
    let key = SessionKey {
        session_id: of.session.id,
        source: of.session.source,
        agent: of.session.agent,
        project_path: of.session.project,
        first_activity: iso(of.first),
        last_activity: iso(of.last),
    };
    serde_json::to_string(&rows::row(key, &of.usage, &of.models)).unwrap()
}

proptest! {
    #[test]
    fn lines_are_what_serde_would_write(facts in odd::facts()) {
        let sessions = facts.sessions(&Query::all(Zone::utc()));
        prop_assume!(!sessions.is_empty());
        let expected: Vec<String> = sessions.iter().map(|of| as_serde_writes(&of)).collect();
        let mut written = Vec::new();
        write(sessions.iter(), &mut written).unwrap();
        let expected = format!("\n    {}\n  ", expected.join(",\n    "));
        prop_assert_eq!(String::from_utf8(written).unwrap(), expected);
    }
}
