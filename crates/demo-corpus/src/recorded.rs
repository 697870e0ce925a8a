//! What a file says of tokens, also where it must not count.

use std::ops::AddAssign;

/// Tokens by what they are charged as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Read anew.
    pub input: u64,
    /// Written by the model.
    pub output: u64,
    /// Put into the prompt cache.
    pub cache_write: u64,
    /// Read from the prompt cache.
    pub cache_read: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.input += other.input;
        self.output += other.output;
        self.cache_write += other.cache_write;
        self.cache_read += other.cache_read;
    }
}

/// The tokens that a file records.
///
/// All but `own` are there to tell why somebody else's sum is another one: who counts them, counts
/// something twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Of its own answers, each once: [`Truth::tokens`](crate::Truth::tokens) in all.
    pub own: Counts,
    /// Of Claude Code: the lines of an answer that another line of it follows, also those in copies.
    pub growing: Counts,
    /// Of Claude Code: how many output tokens whoever takes the first line of an answer of this file
    /// for the whole answer does not count.
    pub first_lines_lack: u64,
    /// Of Claude Code: the answers that were copied from the session that this one goes on with, as
    /// their last copied lines have them.
    pub copied: Counts,
    /// Of Codex: counters that are recorded again and have not changed.
    pub repeated: Counts,
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{Corpus, File};

    fn lines(file: &File) -> impl Iterator<Item = Value> {
        let lines = file.content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).unwrap())
    }

    fn of_claude(usage: &Value) -> Counts {
        let count = |key: &str| usage[key].as_u64().unwrap();
        Counts {
            input: count("input_tokens"),
            output: count("output_tokens"),
            cache_write: count("cache_creation_input_tokens"),
            cache_read: count("cache_read_input_tokens"),
        }
    }

    fn total(counts: Counts) -> u64 {
        counts.input + counts.output + counts.cache_write + counts.cache_read
    }

    /// Reads the files once more, as somebody who knows nothing of how they were made.
    #[test]
    fn every_line_of_claude_is_own_growing_or_copied() {
        let (mut all, mut sum) = (Counts::default(), Counts::default());
        let (mut lack, mut resumed) = (0, 0);
        let mut seen = std::collections::BTreeMap::new();
        for file in (Corpus { sessions: 41, answers_median: 6, ..Corpus::SMALL }).claude() {
            assert_eq!(total(file.recorded.own), file.truth.tokens);
            resumed += u32::from(file.recorded.copied != Counts::default());
            for line in lines(&file).filter(|line| line["type"] == "assistant") {
                let counts = of_claude(&line["message"]["usage"]);
                all += counts;
                let id = line["message"]["id"].as_str().unwrap().to_owned();
                let (first, last) = seen.entry(id).or_insert((counts.output, counts.output));
                *last = counts.output.max(*last);
                assert!(*first <= *last);
            }
            let Recorded { own, growing, copied, .. } = file.recorded;
            for counts in [own, growing, copied] {
                sum += counts;
            }
            lack += file.recorded.first_lines_lack;
        }
        assert_eq!(all, sum);
        assert_eq!(seen.values().map(|(first, last)| last - first).sum::<u64>(), lack);
        assert!(0 < lack && 0 < resumed);
    }

    #[test]
    fn every_counter_of_codex_is_own_or_repeated() {
        let (mut all, mut sum) = (Counts::default(), Counts::default());
        for file in (Corpus { sessions: 20, ..Corpus::SMALL }).codex() {
            assert_eq!(total(file.recorded.own), file.truth.tokens);
            for line in lines(&file).filter(|line| line["payload"]["type"] == "token_count") {
                let usage = &line["payload"]["info"]["last_token_usage"];
                let count = |key: &str| usage[key].as_u64().unwrap();
                let cache_read = count("cached_input_tokens");
                let input = count("input_tokens") - cache_read;
                all += Counts { input, output: count("output_tokens"), cache_write: 0, cache_read };
            }
            sum += file.recorded.own;
            sum += file.recorded.repeated;
        }
        assert_eq!(all, sum);
    }
}
