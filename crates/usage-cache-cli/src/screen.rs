//! What the terminal can show.

use std::io::IsTerminal as _;

use cli_support::env;

/// Where a table or a chart is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Screen {
    /// How many columns there are; `None` if as many as are needed.
    pub(crate) columns: Option<usize>,
    /// Whether lines may be emphasized.
    pub(crate) styled: bool,
    /// Whether more than ASCII is understood.
    pub(crate) unicode: bool,
}

impl Screen {
    /// That of standard output.
    pub(crate) fn of_stdout() -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        let said = env("COLUMNS").and_then(|columns| columns.to_str()?.trim().parse().ok());
        let found = || {
            let (_, columns) = console::Term::stdout().size_checked()?;
            is_terminal.then_some(usize::from(columns))
        };
        let is_set = |name: &str| env(name).is_some_and(|value| !value.is_empty());
        let is_dumb = env("TERM").is_some_and(|term| term == "dumb");
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(|name| env(name).filter(|value| !value.is_empty()));
        let unicode = locale.is_none_or(|locale| {
            let locale = locale.to_string_lossy().to_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        Self {
            columns: said.filter(|columns| 0 < *columns).or_else(found),
            styled: is_terminal && !is_set("NO_COLOR") && !is_dumb,
            unicode,
        }
    }

    /// A line that matters more than others.
    pub(crate) fn strong(self, line: &str) -> String {
        if self.styled { format!("\u{1b}[1m{line}\u{1b}[0m") } else { line.to_owned() }
    }

    /// A line that matters less.
    pub(crate) fn faint(self, line: &str) -> String {
        if self.styled { format!("\u{1b}[2m{line}\u{1b}[0m") } else { line.to_owned() }
    }
}

/// What is said without a table is no wider than this, even where there is more room.
const TEXT_COLUMNS: usize = 100;

impl Screen {
    /// A sentence on as many lines as it needs.
    pub(crate) fn wrapped(self, text: &str) -> String {
        let Some(columns) = self.columns else { return text.to_owned() };
        let columns = columns.min(TEXT_COLUMNS);
        let mut lines = String::new();
        let mut column = 0;
        for word in text.split(' ') {
            let width = console::measure_text_width(word);
            if 0 < column && columns < column + 1 + width {
                lines.push('\n');
                column = 0;
            } else if 0 < column {
                lines.push(' ');
                column += 1;
            }
            lines.push_str(word);
            column += width;
        }
        lines
    }
}

/// A text in so many columns at most, of which the end matters most; `…` stands for the rest.
pub(crate) fn end_of(text: &str, columns: usize) -> String {
    let width = text.chars().count();
    if width <= columns {
        return text.to_owned();
    }
    let skipped = width - columns.saturating_sub(1);
    format!("…{}", text.chars().skip(skipped).collect::<String>())
}

/// The same of a text of which the beginning matters most.
pub(crate) fn start_of(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    text.chars().take(columns.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_text_the_end_is_shown() {
        assert_eq!(end_of("/home/me/src/upkeep", 40), "/home/me/src/upkeep");
        assert_eq!(end_of("/home/me/src/upkeep", 8), "…/upkeep");
        assert_eq!(end_of("äöü", 2), "…ü");
        assert_eq!(end_of("abc", 0), "…");
    }

    #[test]
    fn or_its_beginning() {
        assert_eq!(start_of("claude-opus-4-7", 40), "claude-opus-4-7");
        assert_eq!(start_of("claude-opus-4-7", 8), "claude-…");
    }
}
