//! What all transcripts say together: every answer once.

use std::{
    cmp::Reverse,
    collections::{HashMap, hash_map::Entry},
};

use cache_warmer::simulate::{History, Request};
use common_fs::Timestamp;
use usage_cache::Key;

use super::{
    Counts, Runtime,
    find::Transcript,
    reader::{Reading, Thread},
};

/// Makes histories of what was read. Answers before `since` are left out.
///
/// A session that was resumed can begin with a copy of the one before. The thread with the most
/// answers keeps all of them, so that the pause before it was resumed is a pause of a
/// conversation; the others keep what only they have.
pub(super) fn join(
    read: Vec<(Transcript, Reading)>,
    since: Option<Timestamp>,
    counts: &mut Counts,
) -> Vec<History> {
    let mut threads: Vec<(Transcript, bool, Thread)> = Vec::new();
    for (transcript, reading) in read {
        let is_subagent = transcript.is_subagent || reading.is_subagent;
        let of_transcript = |thread| (transcript.clone(), is_subagent, thread);
        threads.extend(reading.threads.into_iter().map(of_transcript));
    }
    // A copy in a transcript of a sub-agent is less likely to be the original.
    threads.sort_by_key(|(_, is_subagent, thread)| {
        (Reverse(thread.requests.len()), *is_subagent || thread.agent.is_some())
    });
    let mut seen: HashMap<(Runtime, Key), (usize, usize)> = HashMap::new();
    let mut histories: Vec<History> = Vec::new();
    for (transcript, is_subagent, thread) in threads {
        let mut requests = Vec::with_capacity(thread.requests.len());
        for (identity, request) in thread.requests {
            let Some(identity) = identity else {
                requests.push(request);
                continue;
            };
            match seen.entry((transcript.runtime, identity)) {
                Entry::Vacant(entry) => {
                    entry.insert((histories.len(), requests.len()));
                    requests.push(request);
                }
                Entry::Occupied(entry) => {
                    counts.repeated += 1;
                    let (history, nth) = *entry.get();
                    let known = histories.get_mut(history);
                    let known = known.and_then(|history| history.requests.get_mut(nth));
                    // One may have been copied before its answer was complete.
                    if let Some(known) = known.filter(|known| is_less(known, &request)) {
                        known.usage = request.usage;
                    }
                }
            }
        }
        let is_subagent = is_subagent || thread.agent.is_some();
        histories.push(History {
            id: id(&transcript, thread.agent.as_deref()),
            provider: thread.provider,
            model: thread.model,
            is_subagent,
            requests,
        });
    }
    for history in &mut histories {
        let of = history.requests.len();
        history.requests.retain(|request| since.is_none_or(|since| since <= request.started));
        counts.before += difference(of, history.requests.len());
        history.requests.sort_by_key(|request| (request.started, request.ended));
    }
    histories.retain(|history| !history.requests.is_empty());
    histories.sort_by(|a, b| (&a.id, &a.model).cmp(&(&b.id, &b.model)));
    histories
}

fn is_less(a: &Request, b: &Request) -> bool {
    (a.usage.output, a.usage.total()) < (b.usage.output, b.usage.total())
}

fn difference(before: usize, after: usize) -> u64 {
    u64::try_from(before.saturating_sub(after)).unwrap_or(u64::MAX)
}

/// `claude:<session>`, and the sub-agent if it is one in the transcript of another.
fn id(transcript: &Transcript, agent: Option<&str>) -> String {
    let name = transcript.runtime.source().name();
    let session = &transcript.session;
    match agent {
        None => format!("{name}:{session}"),
        Some("") => format!("{name}:{session}/agent"),
        Some(agent) => format!("{name}:{session}/{agent}"),
    }
}

#[cfg(test)]
mod tests {
    use cache_warmer::RequestUsage;

    use super::*;

    fn request(second: i64, output: u64) -> Request {
        let started = Timestamp::clamped(second, 0);
        let usage = RequestUsage { uncached: 1, output, ..RequestUsage::default() };
        Request { started, ended: started, usage }
    }

    /// A transcript with these requests: what tells each from others, its second, and its output.
    fn read(session: &str, requests: &[(u64, i64, u64)]) -> (Transcript, Reading) {
        let transcript = Transcript {
            runtime: Runtime::Claude,
            dir: "/".into(),
            name: session.into(),
            session: session.to_owned(),
            is_subagent: false,
        };
        let of =
            |(key, second, output): &(u64, i64, u64)| (Some(Key(*key)), request(*second, *output));
        let thread = Thread {
            agent: None,
            provider: "p".to_owned(),
            model: "m".to_owned(),
            requests: requests.iter().map(of).collect(),
        };
        (transcript, Reading { threads: vec![thread], ..Reading::default() })
    }

    /// The id of a history, and of its requests the seconds and outputs.
    type Joined = (String, Vec<(i64, u64)>);

    fn joined(read: Vec<(Transcript, Reading)>, since: Option<i64>) -> (Vec<Joined>, Counts) {
        let mut counts = Counts::default();
        let since = since.map(|second| Timestamp::clamped(second, 0));
        let histories = join(read, since, &mut counts);
        let of = |request: &Request| (request.started.unix_millis() / 1_000, request.usage.output);
        let history =
            |history: &History| (history.id.clone(), history.requests.iter().map(of).collect());
        (histories.iter().map(history).collect(), counts)
    }

    #[test]
    fn a_session_that_was_resumed_is_one_conversation() {
        // It was copied before the second answer was complete, or the other way round.
        for (copied, known) in [(3, 7), (7, 3)] {
            let first = read("a", &[(1, 10, 5), (2, 20, known)]);
            let resumed = read("b", &[(1, 10, 5), (2, 20, copied), (3, 900, 1)]);
            let (histories, counts) = joined(vec![first, resumed], None);
            let expected = vec![("claude:b".to_owned(), vec![(10, 5), (20, 7), (900, 1)])];
            assert_eq!((histories, counts.repeated), (expected, 2));
        }
    }

    #[test]
    fn a_fork_keeps_what_only_it_has() {
        let long = read("a", &[(1, 10, 5), (2, 20, 5), (3, 30, 5)]);
        let fork = read("b", &[(1, 10, 5), (4, 40, 5)]);
        let (histories, counts) = joined(vec![fork, long], None);
        let expected = vec![
            ("claude:a".to_owned(), vec![(10, 5), (20, 5), (30, 5)]),
            ("claude:b".to_owned(), vec![(40, 5)]),
        ];
        assert_eq!((histories, counts.repeated), (expected, 1));
    }

    #[test]
    fn requests_are_in_order_and_not_before_what_was_asked_for() {
        let (histories, counts) =
            joined(vec![read("a", &[(1, 30, 1), (2, 10, 2), (3, 20, 3)])], Some(20));
        assert_eq!(histories, [("claude:a".to_owned(), vec![(20, 3), (30, 1)])]);
        assert_eq!(counts.before, 1);
        assert_eq!(joined(vec![read("a", &[(1, 30, 1)])], Some(31)).0, []);
    }
}
