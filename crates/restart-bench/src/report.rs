//! What people, spreadsheets and pull requests are shown of a measurement. All of it is worked out from a
//! [`Record`](crate::record::Record) and what that means: the same gives the same, to the byte.

mod content;
mod csv;
mod format;
mod html;
mod markdown;
mod scatter;
mod svg;
mod table;
mod text;
mod timeline;

pub use csv::{probes_csv, restarts_csv};
pub use html::html;
pub use markdown::markdown;
pub use text::{comparison_text, text};

/// Intervals in reports are drawn with this, so that a report can be made again.
const SEED: u64 = 1;

#[cfg(test)]
mod tests;
