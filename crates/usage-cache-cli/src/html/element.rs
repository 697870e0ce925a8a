//! A writer of elements, in which nothing that comes from data can mean anything.

use std::fmt;

/// An element with all that is in it.
#[derive(Clone, Debug)]
pub(super) struct Element {
    name: &'static str,
    attributes: String,
    content: String,
}

/// They have no end.
const VOID: [&str; 1] = ["meta"];

/// They end a line, so that the source of a page can be read and compared.
const ENDING_A_LINE: [&str; 22] = [
    "meta", "title", "style", "head", "header", "nav", "main", "section", "footer", "h1", "h2",
    "p", "li", "ul", "div", "dl", "tr", "caption", "details", "summary", "g", "svg",
];

impl Element {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, attributes: String::new(), content: String::new() }
    }

    pub(super) fn attr(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.attributes += &format!(" {name}=\"{}\"", escape(&value.to_string()));
        self
    }

    pub(super) fn class(self, class: &str) -> Self {
        self.attr("class", class)
    }

    /// Several numbers, as attributes of these names.
    pub(super) fn numbers<const N: usize>(self, numbers: [(&str, f64); N]) -> Self {
        numbers.into_iter().fold(self, |element, (name, value)| element.attr(name, short(value)))
    }

    pub(super) fn text(mut self, text: &str) -> Self {
        self.content += &escape(text);
        self
    }

    pub(super) fn child(self, child: Self) -> Self {
        self.children([child])
    }

    pub(super) fn children(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        for child in children {
            self.content += &child.to_string();
        }
        self
    }

    /// What this program has written itself.
    pub(super) fn verbatim(mut self, text: &'static str) -> Self {
        self.content += text;
        self
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, attributes, content } = self;
        write!(f, "<{name}{attributes}>{content}")?;
        if !VOID.contains(name) {
            write!(f, "</{name}>")?;
        }
        f.write_str(if ENDING_A_LINE.contains(name) { "\n" } else { "" })
    }
}

/// A paragraph.
pub(super) fn paragraph(text: &str) -> Element {
    Element::new("p").text(text)
}

/// A number with two decimals at most; what is no number is none.
pub(super) fn short(value: f64) -> String {
    let value = if value.is_finite() { value } else { 0.0 };
    let text = format!("{value:.2}");
    match text.trim_end_matches('0').trim_end_matches('.') {
        "-0" => "0".to_owned(),
        text => text.to_owned(),
    }
}

/// A line end is one, also in what is shown under the pointer.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '&' => escaped += "&amp;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            '\n' => escaped.push(char),
            _ if char.is_control() || changes_direction(char) => {
                escaped.push(char::REPLACEMENT_CHARACTER);
            }
            _ => escaped.push(char),
        }
    }
    escaped
}

/// Whether a character could show what comes after it in another order.
fn changes_direction(char: char) -> bool {
    matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_means_nothing() {
        let element = Element::new("a").attr("title", "\"><script>").text("<b> & 'c'\0\u{202e}d");
        let expected = "<a title=\"&quot;&gt;&lt;script&gt;\">&lt;b&gt; &amp; &#39;c&#39;\u{fffd}\u{fffd}d</a>";
        assert_eq!(element.to_string(), expected);
    }

    #[test]
    fn numbers_are_short() {
        let table = [
            (0.0, "0"),
            (-0.001, "0"),
            (12.345, "12.35"),
            (7.0, "7"),
            (100.0, "100"),
            (0.5, "0.5"),
            (f64::NAN, "0"),
            (f64::INFINITY, "0"),
        ];
        for (number, text) in table {
            assert_eq!(short(number), text);
        }
    }
}
