//! A table, before it is known where it is shown.

/// A column: its name, and whether it has numbers.
pub(super) type Column = (&'static str, Kind);

/// What is in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Numbers, which are aligned at their ends.
    Number,
    /// Text.
    Text,
}

/// Rows of cells, as many as there are columns.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Vec<String>>,
}

const GAP: &str = "  ";

impl Table {
    /// The columns of `other`, without its first one, to the right.
    pub(super) fn beside(mut self, other: &Self) -> Self {
        self.columns.extend(other.columns.iter().skip(1));
        for (row, more) in self.rows.iter_mut().zip(&other.rows) {
            row.extend(more.iter().skip(1).cloned());
        }
        self
    }

    /// How wide its lines are.
    pub(super) fn width(&self) -> usize {
        let widths = self.widths();
        widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1)
    }

    /// As lines without space at their ends, none of them wider than `width`.
    pub(super) fn text(&self, width: usize) -> String {
        let widths = self.widths();
        let header = self.columns.iter().map(|(name, _)| *name);
        let mut text = self.line(header, &widths, width);
        for row in &self.rows {
            text += &self.line(row.iter().map(String::as_str), &widths, width);
        }
        text
    }

    fn line<'a>(
        &self,
        cells: impl Iterator<Item = &'a str>,
        widths: &[usize],
        width: usize,
    ) -> String {
        let padded =
            cells.zip(widths).zip(&self.columns).map(|((cell, wide), (_, kind))| match kind {
                Kind::Number => format!("{cell:>wide$}"),
                Kind::Text => format!("{cell:<wide$}"),
            });
        let line = padded.collect::<Vec<_>>().join(GAP);
        clip(line.trim_end(), width) + "\n"
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> =
            self.columns.iter().map(|(name, _)| name.chars().count()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        widths
    }
}

/// No more than so many characters of it.
pub(super) fn clip(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_and_words_begin_in_one_column() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let table = Table {
            columns: vec![("Name", Kind::Text), ("Size", Kind::Number), ("Why", Kind::Text)],
            rows: vec![row(["a", "7", "old"]), row(["longer", "12345", ""])],
        };
        assert_eq!(table.text(80), "Name     Size  Why\na           7  old\nlonger  12345\n");
        assert_eq!((table.width(), table.text(8).lines().last()), (18, Some("longer …")));
        assert_eq!(table.clone().beside(&table).columns.len(), 5);
    }
}
