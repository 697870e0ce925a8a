//! What `ps` and `lsof` print, from which the seed takes resources.

use std::collections::{HashMap, HashSet};

use crate::js;

/// How often the seed looks at the resident memory of the process.
pub const RSS_PERIOD: std::time::Duration = std::time::Duration::from_millis(100);

/// The resident memory in MiB, from `ps -o rss= -p <pid>`; `None` if it is not more than nothing.
pub fn parse_rss_mb(stdout: &str) -> Option<f64> {
    let text = js::trim(stdout);
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    let kibibytes: f64 = text.get(..end)?.parse().ok()?;
    (0.0 < kibibytes && kibibytes.is_finite()).then_some(kibibytes / 1024.0)
}

/// The number of open files, from `lsof -p <pid>`, where there is no `/proc`: the rows whose fourth
/// column begins with a digit. `None` if there is no row below the header.
pub fn count_lsof_descriptors(stdout: &str) -> Option<u64> {
    let mut rows = js::trim(stdout).split('\n').map(js::trim).filter(|row| !row.is_empty());
    rows.next()?;
    let mut rows = rows.peekable();
    rows.peek()?;
    let is_descriptor = |row: &&str| {
        let column = js::words(row).nth(3);
        column.is_some_and(|column| column.starts_with(|char: char| char.is_ascii_digit()))
    };
    Some(rows.filter(is_descriptor).count() as u64)
}

/// A time of `ps`, `mm:ss[.cc]` or `hh:mm:ss`, in milliseconds. Days, `d-hh:mm:ss`, are not read:
/// such a process counts for nothing.
pub fn parse_cpu_time_ms(text: &str) -> Option<f64> {
    let parts: Option<Vec<_>> = js::trim(text)
        .split(':')
        .map(js::finite)
        .map(|part| part.filter(|part| 0.0 <= *part))
        .collect();
    let seconds = match *parts?.as_slice() {
        [minutes, seconds] => minutes * 60.0 + seconds,
        [hours, minutes, seconds] => hours * 60.0 * 60.0 + minutes * 60.0 + seconds,
        _ => return None,
    };
    Some((seconds * 1000.0).round()).filter(|ms| ms.is_finite())
}

/// The processor time of the process `root` and all below it in milliseconds, from
/// `ps -eo pid=,ppid=,time=`; `None` if it is not among them.
///
/// On Linux `ps` shows whole seconds, so what a restart took, which is less, comes out as 0 or 1000.
/// What a process that ended had taken is lost.
pub fn tree_cpu_ms(stdout: &str, root: u32) -> Option<f64> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    let mut times: HashMap<u32, f64> = HashMap::new();
    for row in stdout.split('\n') {
        if let Some((pid, parent, ms)) = parse_process(row) {
            children.entry(parent).or_default().push(pid);
            times.insert(pid, ms);
        }
    }
    times.get(&root)?;
    let (mut total, mut seen, mut stack) = (0.0, HashSet::new(), vec![root]);
    while let Some(pid) = stack.pop() {
        if pid != 0 && seen.insert(pid) {
            total += times.get(&pid).copied().unwrap_or(0.0);
            stack.extend(children.get(&pid).into_iter().flatten());
        }
    }
    Some(total)
}

fn parse_process(row: &str) -> Option<(u32, u32, f64)> {
    let mut words = js::words(row);
    let mut integer = || {
        let word = words.next()?;
        let is_integer = word.bytes().all(|byte| byte.is_ascii_digit());
        is_integer.then(|| word.parse::<u32>().ok()).flatten()
    };
    let (pid, parent) = (integer()?, integer()?);
    let ms = parse_cpu_time_ms(words.next()?)?;
    words.next().is_none().then_some((pid, parent, ms))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn resident_memory() {
        let table = [
            (" 651076\n", Some(635.816_406_25)),
            ("1024 kB", Some(1.0)),
            ("0", None),
            ("", None),
            ("-5", None),
            ("kB", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse_rss_mb(text), expected, "{text}");
        }
    }

    #[test]
    fn descriptors_are_what_has_a_number() {
        let listing = "COMMAND PID USER FD TYPE\n\
                       node 1 u cwd DIR\n\
                       node 1 u txt REG\n\
                       node 1 u mem REG\r\n\
                       node 1 u 0r CHR\n\
                       node 1 u 1w FIFO\n\n\
                       node 1 u 24u IPv4\n";
        assert_eq!(count_lsof_descriptors(listing), Some(3));
        assert_eq!(count_lsof_descriptors("COMMAND PID USER FD\n"), None);
        assert_eq!(count_lsof_descriptors(""), None);
        assert_eq!(count_lsof_descriptors("COMMAND\nnode\n"), Some(0));
    }

    #[test]
    fn times_of_ps() {
        let table = [
            ("00:00:01", Some(1000.0)),
            ("01:02:03", Some(3_723_000.0)),
            ("0:01.28", Some(1280.0)),
            ("1-02:03:04", None),
            ("12", None),
            ("1:2:3:4", None),
            ("-1:00", None),
            ("x:00", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse_cpu_time_ms(text), expected, "{text}");
        }
    }

    #[test]
    fn the_time_of_a_tree() {
        let listing = "  1 0 00:00:09\n 10 1 00:00:01\n 11 10 00:00:02\n 12 11 00:00:04\n\
                       13 10 1-00:00:00\n 20 1 00:00:08\nnoise\n 14 14 00:00:32\n";
        assert_eq!(tree_cpu_ms(listing, 10), Some(7000.0));
        assert_eq!(tree_cpu_ms(listing, 14), Some(32_000.0));
        assert_eq!(tree_cpu_ms(listing, 13), None);
        assert_eq!(tree_cpu_ms(listing, 99), None);
        assert_eq!(tree_cpu_ms("5 6 0:01\n6 5 0:02", 5), Some(3000.0));
    }

    proptest! {
        #[test]
        fn any_output_is_read_or_refused(text in "([0-9]{1,12}|[ :.\\n-]|\\PC){0,30}", pid: u32) {
            parse_rss_mb(&text);
            count_lsof_descriptors(&text);
            parse_cpu_time_ms(&text);
            tree_cpu_ms(&text, pid);
        }
    }
}
