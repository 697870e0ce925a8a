use super::*;

const MINUTE: &str = "2026-09-01T10:";

/// Takes lines, each a time in the hour, and a question or the number and the model of an answer.
fn builder(lines: &[(&str, Line)]) -> Builder {
    let mut builder = Builder::new(Runtime::Claude);
    let mut parser = Runtime::Claude.source().parser(None);
    for (at, line) in lines {
        let line = match line {
            Question(kind) => format!(r#"{{"type":"{kind}","timestamp":"{MINUTE}{at}Z"}}"#),
            Answer(id, model) => format!(
                r#"{{"type":"assistant","timestamp":"{MINUTE}{at}Z","requestId":"r{id}","message":{{"id":"m{id}","model":"{model}","role":"assistant","usage":{{"input_tokens":1,"output_tokens":{id}}}}}}}"#
            ),
        };
        let line = line.as_bytes();
        builder.line(parser.as_mut(), line, &skim(Runtime::Claude, line));
    }
    parser.finish(&mut |event| builder.event(event, &Skim::default()));
    builder
}

enum Line {
    Question(&'static str),
    Answer(u8, &'static str),
}
use Line::{Answer, Question};

/// The answers of each thread that are left, by their numbers, and how many were left out.
fn left(lines: &[(&str, Line)], beginning: Beginning) -> (Vec<Vec<u64>>, u64) {
    let reading = builder(lines).finish(beginning);
    let number = |(_, request): &(Option<Key>, Request)| request.usage.output;
    let numbers = |thread: &Thread| thread.requests.iter().map(number).collect();
    (reading.threads.iter().map(numbers).collect(), reading.counts.unresolved)
}

#[test]
fn what_was_copied_is_left_out_in_the_order_of_the_file() {
    let lines = [
        ("00:00", Answer(1, "a")),
        ("01:00", Answer(2, "b")),
        ("02:00", Answer(3, "a")),
        // As it grows, it is the same one.
        ("02:01", Answer(3, "a")),
        ("03:00", Answer(4, "b")),
        ("04:00", Answer(5, "a")),
    ];
    let copy = |events| Beginning::Copy { events };
    let at = |text| usage_cache::parse_time(text).unwrap();
    let fork = |text| Beginning::Fork { of: Key(0), at: at(text) };
    let table = [
        (Beginning::Own, vec![vec![1, 3, 5], vec![2, 4]], 0),
        (copy(Some(0)), vec![vec![1, 3, 5], vec![2, 4]], 0),
        (copy(Some(2)), vec![vec![3, 5], vec![4]], 2),
        (copy(Some(3)), vec![vec![5], vec![4]], 3),
        (copy(Some(9)), vec![vec![], vec![]], 5),
        (copy(None), vec![vec![], vec![]], 5),
        // Two before it, and one that may hold what the other session has used.
        (fork("2026-09-01T10:01:30Z"), vec![vec![5], vec![4]], 3),
        (fork("2026-09-01T09:00:00Z"), vec![vec![3, 5], vec![2, 4]], 1),
        (fork("2026-09-01T11:00:00Z"), vec![vec![], vec![]], 5),
    ];
    for (beginning, expected, left_out) in table {
        assert_eq!(left(&lines, beginning), (expected, left_out), "{beginning:?}");
    }
}

#[test]
fn a_question_is_that_of_one_answer() {
    // In seconds of the hour: when each request started and ended.
    let table = [
        (vec![("00:00", Question("user")), ("00:09", Answer(1, "a"))], vec![(0, 9)]),
        // The question of the first one does not make a long answer of the second.
        (
            vec![("00:00", Question("user")), ("00:09", Answer(1, "a")), ("20:00", Answer(2, "a"))],
            vec![(0, 9), (1_200, 1_200)],
        ),
        // Nor with another model.
        (
            vec![("00:00", Question("user")), ("00:09", Answer(1, "a")), ("20:00", Answer(2, "b"))],
            vec![(0, 9), (1_200, 1_200)],
        ),
        // What was said while it answered is a part of it.
        (
            vec![
                ("00:00", Question("user")),
                ("00:05", Answer(1, "a")),
                ("00:06", Question("user")),
                ("00:09", Answer(1, "a")),
                ("20:00", Answer(2, "a")),
            ],
            vec![(0, 9), (1_200, 1_200)],
        ),
        (
            vec![
                ("00:00", Question("user")),
                ("00:09", Answer(1, "a")),
                ("19:50", Question("attachment")),
                ("20:00", Answer(2, "a")),
            ],
            vec![(0, 9), (1_190, 1_200)],
        ),
    ];
    for (lines, expected) in table {
        let reading = builder(&lines).finish(Beginning::Own);
        let hour = usage_cache::parse_time("2026-09-01T10:00:00Z").unwrap().unix_millis();
        let second = |time: Timestamp| (time.unix_millis() - hour) / 1_000;
        let times = |(_, request): &(Option<Key>, Request)| {
            (second(request.started), second(request.ended))
        };
        let requests = reading.threads.iter().flat_map(|thread| &thread.requests);
        assert_eq!(requests.map(times).collect::<Vec<_>>(), expected);
    }
}
