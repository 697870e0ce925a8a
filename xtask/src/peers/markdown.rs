//! The report as a page for people, which is also what is printed.

use std::fmt::Write as _;

use cli_support::text;

use super::{
    explain::Difference,
    report::{OfCorpus, Report},
    sample::Sample,
    series::{OfState, OfTool, State},
    tokens::Tokens,
};

/// The whole page.
pub(super) fn page(report: &Report) -> String {
    let Report { ours, peer, machine, .. } = report;
    let busy = if report.others.is_busy() { ": compare ratios, not times" } else { "" };
    let mut page = format!(
        "# Performance

What a report takes of a machine, by `{ours}` and by its peer [{peer}](https://github.com/ccusage/ccusage).
This page was written by a program, and anybody can write it anew:

```sh
{command}
```

It needs npm, a network to install {peer}, and up to 7 GB of disk; each table below takes some minutes.

| | |
|---|---|
| date | {date} |
| machine | {cores} processors ({cpu}), {memory} of memory, {kernel} |
| others took | {others:.1} % of all processors, while nothing was measured{busy} |
| {ours} | {our_version}, `{our_command}` |
| {peer} | {peer_version}, `{peer_command}`, the native program without its launcher |
| runs | {runs} of each in each state, in turn; medians |
",
        ours = ours.name,
        peer = peer.name,
        command = report.command,
        date = report.date,
        cores = machine.cores,
        cpu = machine.cpu,
        memory = text::bytes(machine.memory_bytes),
        kernel = machine.kernel,
        others = report.others_share * 100.0,
        our_version = ours.version,
        our_command = ours.command,
        peer_version = peer.version,
        peer_command = peer.command,
        runs = report.runs,
    );
    page += "\n## What was aimed at\n\n";
    page += &targets(report);
    for corpus in &report.corpora {
        page += &of_corpus(report, corpus);
    }
    page += &explanations(report);
    page
}

fn targets(report: &Report) -> String {
    let mut rows = vec![["Transcripts", "Target", "Measured", "Reached"].map(str::to_owned)];
    rows.extend(report.targets.iter().map(|target| {
        [
            format!("{}, {}", target.runtime, target.scale),
            target.goal.words(),
            times(target.ratio),
            if target.is_reached { "yes" } else { "**no**" }.to_owned(),
        ]
    }));
    table(&rows)
}

fn of_corpus(report: &Report, corpus: &OfCorpus) -> String {
    let mut page = format!(
        "\n## {}, {}: {}, {}\n\n",
        corpus.runtime,
        corpus.scale,
        text::counted(corpus.files, "transcript"),
        text::bytes(corpus.bytes)
    );
    let (ours, peer) = (report.ours.name, report.peer.name);
    let numbers = ["wall", "CPU", "peak memory"].into_iter();
    let columns = numbers
        .flat_map(|number| [format!("{ours}: {number}"), peer.to_owned(), "ratio".to_owned()]);
    let mut rows = vec![["State".to_owned()].into_iter().chain(columns).collect::<Vec<_>>()];
    rows.extend(corpus.states.iter().map(row));
    page += &table(&rows);
    page += &totals(report, corpus);
    page
}

fn row(state: &OfState) -> Vec<String> {
    type Number = fn(&Sample) -> u64;
    type Words = fn(u64) -> String;
    let numbers: [(Number, Words); 3] = [
        (|sample| sample.wall_micros, millis),
        (|sample| sample.cpu_micros, millis),
        (|sample| sample.peak_memory_bytes, text::bytes),
    ];
    let cells = numbers.into_iter().flat_map(|(number, words)| {
        let of = |tool: &OfTool| words(number(&tool.median));
        [of(&state.ours), of(&state.peer), times(state.ratio(number))]
    });
    [in_words(state)].into_iter().chain(cells).collect()
}

fn in_words(state: &OfState) -> String {
    match state.state {
        State::Cold | State::Unchanged => state.state.words().to_owned(),
        State::OneInAHundredGrew | State::AllGrew => {
            format!("{} ({})", state.state.words(), text::count(state.grown_files))
        }
    }
}

/// Whether both count what is there, and if not, why.
fn totals(report: &Report, corpus: &OfCorpus) -> String {
    type Of = fn(&OfState) -> &OfTool;
    let mut page = String::new();
    let tools: [(&str, Of); 2] =
        [(report.ours.name, |state| &state.ours), (report.peer.name, |state| &state.peer)];
    for (name, of) in tools {
        let wrong: Vec<_> = corpus
            .states
            .iter()
            .filter_map(|state| Some((state, of(state).difference.as_ref()?)))
            .collect();
        if wrong.is_empty() {
            write!(page, "\n{name} counts every token, in every run.\n").ok();
            continue;
        }
        write!(page, "\n{name} does not count what is there:\n\n").ok();
        for (state, difference) in wrong {
            let why = why(difference, &corpus.traps);
            writeln!(page, "- {}: {}; {why}.", in_words(state), excess(difference)).ok();
        }
    }
    if let Some(last) = corpus.states.last() {
        write!(page, "\nIn the end there are {}.\n", counts(last.truth)).ok();
    }
    page
}

fn counts(tokens: Tokens) -> String {
    let kinds = tokens.kinds().map(|(kind, count)| format!("{} {kind}", text::count(count)));
    kinds.join(", ") + " tokens"
}

fn excess(difference: &Difference) -> String {
    let kinds = difference.excess.kinds().into_iter().filter(|(_, count)| *count != 0);
    let kinds = kinds.map(|(kind, count)| format!("{count:+} {kind}"));
    kinds.collect::<Vec<_>>().join(", ") + " tokens"
}

fn why(difference: &Difference, traps: &[String]) -> String {
    if !difference.because.is_empty() {
        return format!("it {}", difference.because.join(", and "));
    }
    if traps.is_empty() {
        return "unexplained".to_owned();
    }
    format!("unexplained, and there are traps among these transcripts: {}", traps.join(", "))
}

fn explanations(report: &Report) -> String {
    let (ours, peer) = (report.ours.name, report.peer.name);
    format!(
        "
## How this was measured

The transcripts are made up, by `demo-corpus`, and so it is known what they add up to.
There are copies of other sessions among them, answers that are recorded as they grow, counters that are recorded twice, and archives of sessions that were reset.
Both programs run on the same files, in the same environment with nothing but a home directory, without a network, and in turn.
Each prints a report by day as JSON; its sums are compared with the truth by input, output, cache write and cache read, in every run.

- *Cold*: {ours} has no cache. The files themselves are in memory in every state, as they were just written.
- *Unchanged*: nothing has changed since the report before.
- *1 % grew*, *all grew*: so many transcripts have one more answer since the report before. Before each run {ours} gets back the cache that it had before them.

Wall time is from the start of the process to its end; CPU is user and system time of all its threads; peak memory is the most that was resident at once.
A ratio is what {peer} takes for each unit that {ours} takes.

## What this does not say

Texts and sizes are plausible, and nobody's; nothing is said of a disk that has to be read first.
Times of a machine that does something else meanwhile are longer; ratios and processor times differ less.
"
    )
}

/// `12.3 ms`, `1.234 s`.
fn millis(micros: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "to be read by people")]
    let millis = micros as f64 / 1_000.0;
    if millis < 1_000.0 { format!("{millis:.1} ms") } else { format!("{:.2} s", millis / 1_000.0) }
}

fn times(ratio: f64) -> String {
    let digits = if ratio < 10.0 { 2 } else { usize::from(ratio < 100.0) };
    format!("{ratio:.digits$} x")
}

/// The first column is text, the others are numbers; as wide as they have to be, so that it can also
/// be read as it is.
fn table<Row: AsRef<[String]>>(rows: &[Row]) -> String {
    let column_count = rows.first().map_or(0, |row| row.as_ref().len());
    let cell = |row: &Row, column: usize| row.as_ref().get(column).cloned().unwrap_or_default();
    let width =
        |column| rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..column_count).map(width).collect();
    let mut table = String::new();
    for (nth, row) in rows.iter().enumerate() {
        for (column, &width) in widths.iter().enumerate() {
            let cell = cell(row, column);
            let padded =
                if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") };
            write!(table, "| {padded} ").ok();
        }
        table += "|\n";
        if nth == 0 {
            for (column, &width) in widths.iter().enumerate() {
                let right = if column == 0 { "-" } else { ":" };
                write!(table, "|{}{right}", "-".repeat(width + 1)).ok();
            }
            table += "|\n";
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::{
        explain::{Habit, difference},
        report::tests::{report, two_states},
        tokens::Excess,
    };

    #[test]
    fn a_table_is_aligned() {
        let rows = [["State", "wall"], ["größer", "1 s"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "| State  | wall |\n|--------|-----:|\n| größer |  1 s |\n");
    }

    #[test]
    fn numbers_are_short() {
        let words = [0, 12_345, 999_900, 1_234_567].map(millis);
        assert_eq!(words, ["0.0 ms", "12.3 ms", "999.9 ms", "1.23 s"]);
        assert_eq!([0.5, 9.987, 12.3, 345.6].map(times), ["0.50 x", "9.99 x", "12.3 x", "346 x"]);
    }

    #[test]
    fn the_page_has_what_was_measured_and_what_was_aimed_at() {
        let page = page(&report(two_states()));
        for text in [
            "```sh\ncargo xtask peers usage\n```",
            "| machine | 2 processors (Some CPU), 8.00 GiB of memory, Linux 6.18 |",
            "| others took | 0.0 % of all processors, while nothing was measured |",
            "## Codex, seed: 8,190 transcripts, 1.40 GiB",
            "| cold      |          500.0 ms |   1.50 s | 3.00 x |",
            "| Codex, seed | unchanged: at least 20 times as fast |   19.5 x |  **no** |",
            "ccusage counts every token, in every run.",
            "In the end there are 1,234 input, 56 output, 0 cache write, 7 cache read tokens.",
        ] {
            assert!(page.contains(text), "{text} is missing:\n{page}");
        }
    }

    #[test]
    fn differences_are_told_with_their_reasons() {
        let truth = Tokens { input: 100, output: 50, ..Tokens::default() };
        let excess = Excess { output: -20, ..Excess::default() };
        let habits = [Habit { words: "takes the first line".to_owned(), excess }];
        let mut states = two_states();
        let mut count = |nth: usize, output| {
            let counted = Tokens { output, ..truth };
            states[nth].peer.difference = difference(counted, truth, &habits);
        };
        count(0, 30);
        count(1, 51);
        let mut report = report(states);
        for text in [
            "ccusage does not count what is there:\n\n\
             - cold: -20 output tokens; it takes the first line.\n\
             - unchanged: +1 output tokens; unexplained.\n",
            "usage-cache counts every token, in every run.",
        ] {
            let page = page(&report);
            assert!(page.contains(text), "{text} is missing:\n{page}");
        }
        report.corpora[0].traps = vec!["decoy (4)".to_owned()];
        let page = page(&report);
        assert!(
            page.contains("unexplained, and there are traps among these transcripts: decoy (4).")
        );
    }
}
