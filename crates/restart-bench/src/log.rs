//! What a gateway of OpenClaw says on its output: lines, marks and traces.

mod lines;
mod mark;
mod trace;

pub use lines::{LINE_LIMIT, Lines, Stream};
pub use mark::{Mark, mark};
pub use trace::{Trace, TraceKind, parse_trace};
