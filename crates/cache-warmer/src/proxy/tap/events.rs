/// Splits a stream of server-sent events (WHATWG HTML, section 9.2.6) into the data of each.
///
/// Holds nothing but where in a line it is.
#[derive(Default)]
pub(super) struct Events {
    line: Line,
    /// The last byte was a carriage return, so a line feed belongs to the same line end.
    after_return: bool,
}

/// The field that is read.
const FIELD: &[u8] = b"data";

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Line {
    /// Nothing of the line was read.
    #[default]
    Start,
    /// So many bytes agree with the name of the field.
    Name(usize),
    /// The colon was read; one space after it does not count.
    Colon,
    /// In the value of the field.
    Data,
    /// In another field, or a comment.
    Other,
}

impl Events {
    /// Reads `bytes`, and hands over the pieces of data in them; `None` ends an event.
    pub(super) fn push(&mut self, bytes: &[u8], sink: &mut dyn FnMut(Option<&[u8]>)) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            let skipped = byte == b'\n' && self.after_return;
            self.after_return = byte == b'\r';
            if skipped {
                rest = after;
                continue;
            }
            if byte == b'\r' || byte == b'\n' {
                match self.line {
                    Line::Start => sink(None),
                    // Several fields of one event are lines of one text.
                    Line::Data => sink(Some(b"\n")),
                    Line::Name(_) | Line::Colon | Line::Other => (),
                }
                self.line = Line::Start;
                rest = after;
                continue;
            }
            match self.line {
                Line::Data | Line::Other => {
                    let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
                    let (run, after) = rest.split_at(end.unwrap_or(rest.len()));
                    if self.line == Line::Data {
                        sink(Some(run));
                    }
                    rest = after;
                }
                Line::Colon => {
                    self.line = Line::Data;
                    if byte == b' ' {
                        rest = after;
                    }
                }
                Line::Start | Line::Name(_) => {
                    self.line = self.line.name(byte);
                    rest = after;
                }
            }
        }
    }
}

impl Line {
    fn name(self, byte: u8) -> Self {
        let read = if let Self::Name(read) = self { read } else { 0 };
        match FIELD.get(read) {
            Some(&expected) if expected == byte => Self::Name(read + 1),
            None if byte == b':' => Self::Colon,
            _ => Self::Other,
        }
    }
}
