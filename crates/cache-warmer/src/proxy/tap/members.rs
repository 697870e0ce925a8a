/// The longest `usage` object that is kept, in bytes; those of the providers have under a thousand.
const USAGE_MAX: usize = 16 << 10;

/// The longest name or type that is told from others, in bytes.
const NAME_MAX: usize = 16;

/// What was found in a JSON text.
pub(super) enum Found<'a> {
    /// The object `usage`: of the text itself, or of its member `message` or `response`.
    Usage(&'a [u8]),
    /// The string `type` of the text itself, as it is written.
    Type(&'a [u8]),
}

/// Finds a few members near the root of a JSON text while it is read, in constant memory.
///
/// It does not check the text: of one that is no JSON it finds anything or nothing, and what it
/// finds is parsed in earnest.
#[derive(Default)]
pub(super) struct Members {
    /// How many objects and arrays are open.
    depth: usize,
    /// The object at depth 2 is that of a message.
    in_message: bool,
    /// Within the innermost object, if its members are looked at: a name comes next, or is read.
    at_name: bool,
    /// The text is an object.
    of_object: bool,
    string: Option<Escape>,
    /// The last name, or as much of it as is needed to tell it.
    name: Vec<u8>,
    capture: Option<Capture>,
}

/// Whether the next byte of a string is escaped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escape {
    No,
    Yes,
}

struct Capture {
    bytes: Vec<u8>,
    /// The depth of the object it is a member of.
    depth: usize,
    max: usize,
}

impl Members {
    /// Reads the next bytes of the text.
    pub(super) fn push(&mut self, bytes: &[u8], sink: &mut dyn FnMut(Found<'_>)) {
        for &byte in bytes {
            if let Some(capture) = &mut self.capture
                && capture.bytes.len() <= capture.max
            {
                capture.bytes.push(byte);
            }
            match self.string {
                Some(escape) => self.in_string(byte, escape, sink),
                None => self.outside(byte, sink),
            }
        }
    }

    fn in_string(&mut self, byte: u8, escape: Escape, sink: &mut dyn FnMut(Found<'_>)) {
        if escape == Escape::No && byte == b'"' {
            self.string = None;
            if self.capture.as_ref().is_some_and(|capture| capture.max == NAME_MAX) {
                self.captured(sink);
            }
            return;
        }
        let escapes = escape == Escape::No && byte == b'\\';
        self.string = Some(if escapes { Escape::Yes } else { Escape::No });
        if self.looked_at() && self.at_name && self.name.len() <= NAME_MAX {
            self.name.push(byte);
        }
    }

    fn outside(&mut self, byte: u8, sink: &mut dyn FnMut(Found<'_>)) {
        match byte {
            b'"' => {
                self.string = Some(Escape::No);
                if !self.looked_at() {
                } else if self.at_name {
                    self.name.clear();
                } else if self.depth == 1 && self.name == b"type" {
                    self.start(NAME_MAX, b"");
                }
            }
            b'{' => {
                if self.looked_at() && !self.at_name && self.name == b"usage" {
                    self.start(USAGE_MAX, b"{");
                }
                let message = self.name == b"message" || self.name == b"response";
                self.in_message |= self.depth == 1 && self.looked_at() && message;
                self.of_object |= self.depth == 0;
                self.depth += 1;
                self.at_name = true;
            }
            b'[' => {
                self.depth += 1;
                self.at_name = false;
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.in_message &= 1 < self.depth;
                self.at_name = false;
                if self.capture.as_ref().is_some_and(|capture| capture.depth == self.depth) {
                    self.captured(sink);
                }
            }
            b',' if self.looked_at() => self.at_name = true,
            b':' if self.looked_at() => self.at_name = false,
            _ => (),
        }
    }

    /// Whether the innermost object is one whose members are looked at.
    fn looked_at(&self) -> bool {
        self.of_object && (self.depth == 1 || (self.depth == 2 && self.in_message))
    }

    fn start(&mut self, max: usize, so_far: &[u8]) {
        self.capture = Some(Capture { bytes: so_far.to_vec(), depth: self.depth, max });
    }

    fn captured(&mut self, sink: &mut dyn FnMut(Found<'_>)) {
        let Some(capture) = self.capture.take() else { return };
        match capture.bytes.split_last() {
            // More than is kept.
            _ if capture.max < capture.bytes.len() => (),
            Some((_, name)) if capture.max == NAME_MAX => sink(Found::Type(name)),
            _ => sink(Found::Usage(&capture.bytes)),
        }
    }
}
