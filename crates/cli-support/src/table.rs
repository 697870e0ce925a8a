//! Tables for people: columns without lines.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

/// A table whose first column is text and whose others are numbers; without a header if it has no
/// names.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if let Some((first, rest)) = header.split_first() {
        let rest = rest.iter().map(|name| right((*name).to_owned()));
        table.set_header([Cell::new(first)].into_iter().chain(rest));
    }
    table
}

/// A cell of text.
pub fn left(text: impl Into<String>) -> Cell {
    Cell::new(text.into())
}

/// A cell with a number.
pub fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// The lines of a table, without space at their ends.
pub fn lines(table: &mut Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}
