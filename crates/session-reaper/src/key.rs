//! Keys of OpenClaw's sessions, as far as they tell what a session is for.

use std::borrow::Cow;

/// Which keys are those of runs of cron jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyGrammar {
    /// As OpenClaw 2026.3: runs alone.
    Runs,
    /// As OpenClaw since 2026.5.28: also what a run has started (`…:run:<id>:subagent:x`).
    RunsAndDescendants,
}

/// What the key of a session of a cron job says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CronKey<'k> {
    /// The agent, in lower case.
    pub agent: Cow<'k, str>,
    /// The job, in lower case.
    pub job: Cow<'k, str>,
    /// The run; `None` for the base session, which all runs of the job go on from.
    pub run: Option<Cow<'k, str>>,
    /// Whether it is the session of something that the run has started.
    pub descendant: bool,
}

impl<'k> CronKey<'k> {
    /// Reads `agent:<agent>:cron:<job>`, and that with `:run:<run>` and more behind it.
    ///
    /// As OpenClaw does it, in any case, without the white space around, and without segments
    /// that are empty.
    pub fn parse(key: &'k str) -> Option<Self> {
        let mut segments = key.trim().split(':').filter(|segment| !segment.is_empty());
        let is = |segment: &str, word| lower(segment) == word;
        segments.next().filter(|segment| is(segment, "agent"))?;
        let agent = segments.next()?.trim();
        segments.next().filter(|segment| is(segment, "cron"))?;
        let job = segments.next()?;
        let run = match segments.next() {
            None => None,
            Some(word) if is(word, "run") => Some(lower(segments.next()?)),
            Some(_) => return None,
        };
        let descendant = segments.next().is_some();
        let read = Self { agent: lower(agent), job: lower(job), run, descendant };
        (!agent.is_empty()).then_some(read)
    }

    /// Whether this is a run.
    pub fn is_run(&self, grammar: KeyGrammar) -> bool {
        self.run.is_some() && (!self.descendant || grammar == KeyGrammar::RunsAndDescendants)
    }
}

/// As the JavaScript of OpenClaw does it; most keys are lower case already.
fn lower(text: &str) -> Cow<'_, str> {
    let is_lower = text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if is_lower { Cow::Borrowed(text) } else { Cow::Owned(text.to_lowercase()) }
}

/// Whether `key` is that of a run of a cron job.
pub fn is_cron_run_key(key: &str, grammar: KeyGrammar) -> bool {
    CronKey::parse(key).is_some_and(|key| key.is_run(grammar))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_of_runs() {
        // Key, as OpenClaw 2026.3, as OpenClaw since 2026.5.28.
        let table = [
            ("agent:main:cron:abc-123:run:def-456", true, true),
            ("agent:debugger:cron:249ecf82:run:1102aabb", true, true),
            ("AGENT:Main:CRON:J:RUN:R", true, true),
            (" agent:main:cron:j:run:r\t", true, true),
            ("agent::main:cron:j:run:r", true, true),
            (":agent:main:cron:j:run:r", true, true),
            ("agent:main:cron:j:run:r:", true, true),
            ("agent:main:cron:j::run:r", true, true),
            ("agent:main:cron:run:run:run", true, true),
            ("agent:main:cron:j\n:run:r", true, true),
            ("agent:main:cron:j:run:r:subagent:x", false, true),
            ("agent:main:cron:j:run:r:thread:1", false, true),
            ("agent:main:cron:j", false, false),
            ("agent:main:cron:abc-123", false, false),
            ("agent:main:cron:j:run", false, false),
            ("agent:main:cron:run:r", false, false),
            ("cron:j:run:r", false, false),
            ("agent:main:slack:cron:j:run:r", false, false),
            ("agent:main:cron:a:b:run:r", false, false),
            ("agent: :cron:j:run:r", false, false),
            ("", false, false),
            ("agent:main:subagent:cron:j:run:r", false, false),
            ("agent:main:cron:j:runs:r", false, false),
            ("agent:main:telegram:dm:123", false, false),
            ("agent:main:cron: :run: ", false, false),
        ];
        for (key, runs, descendants) in table {
            assert_eq!(is_cron_run_key(key, KeyGrammar::Runs), runs, "{key:?}");
            assert_eq!(
                is_cron_run_key(key, KeyGrammar::RunsAndDescendants),
                descendants,
                "{key:?}"
            );
        }
    }

    #[test]
    fn the_session_that_runs_go_on_from_has_no_run() {
        let base = CronKey::parse("agent:main:cron:Nightly").map(|key| (key.job, key.run));
        assert_eq!(base, Some(("nightly".into(), None)));
    }

    proptest! {
        #[test]
        fn any_key_is_read_or_refused(key in "(agent|cron|run|[a-z :\\n]|\\PC){0,12}") {
            CronKey::parse(&key);
        }
    }
}
