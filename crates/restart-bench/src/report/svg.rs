//! A writer of elements, of pictures and of the page around them, in which nothing that comes from data
//! can mean anything.

use std::fmt;

/// An element with all that is in it.
#[derive(Clone, Debug)]
pub(super) struct Element {
    name: &'static str,
    attributes: String,
    content: String,
}

impl Element {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, attributes: String::new(), content: String::new() }
    }

    /// A rectangle; one that is too narrow to be seen becomes wider.
    pub(super) fn rect(x: f64, y: f64, width: f64, height: f64) -> Self {
        let element = Self::new("rect").attr("x", px(x)).attr("y", px(y));
        element.attr("width", px(width.max(1.5))).attr("height", px(height))
    }

    pub(super) fn line(from: (f64, f64), to: (f64, f64)) -> Self {
        let element = Self::new("line").attr("x1", px(from.0)).attr("y1", px(from.1));
        element.attr("x2", px(to.0)).attr("y2", px(to.1))
    }

    /// Words that begin at a point.
    pub(super) fn words(x: f64, y: f64, text: &str) -> Self {
        Self::new("text").attr("x", px(x)).attr("y", px(y)).text(text)
    }

    /// A line through points.
    pub(super) fn polyline(points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let points = points.into_iter().map(|(x, y)| format!("{},{}", px(x), px(y)));
        Self::new("polyline").attr("points", points.collect::<Vec<_>>().join(" "))
    }

    pub(super) fn attr(mut self, name: &str, value: impl fmt::Display) -> Self {
        self.attributes += &format!(" {name}=\"{}\"", escape(&value.to_string()));
        self
    }

    pub(super) fn class(self, class: &str) -> Self {
        self.attr("class", class)
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

    /// What is shown under the pointer, and read aloud.
    pub(super) fn title(self, text: &str) -> Self {
        self.child(Self::new("title").text(text))
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
        // It has no end in HTML.
        if *name == "meta" {
            return write!(f, "<{name}{attributes}>");
        }
        write!(f, "<{name}{attributes}>{content}</{name}>")
    }
}

/// A length in tenths of a pixel; what is no number is none.
pub(super) fn px(value: f64) -> String {
    let value = if value.is_finite() { value } else { 0.0 };
    let text = format!("{value:.1}");
    match text.strip_suffix(".0").unwrap_or(&text) {
        "-0" => "0".to_owned(),
        text => text.to_owned(),
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '&' => escaped += "&amp;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            _ if char.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            _ => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_means_nothing() {
        let element = Element::new("a").attr("title", "\"><script>").text("<b> & 'c'\0");
        let expected =
            "<a title=\"&quot;&gt;&lt;script&gt;\">&lt;b&gt; &amp; &#39;c&#39;\u{fffd}</a>";
        assert_eq!(element.to_string(), expected);
    }

    #[test]
    fn lengths_are_short() {
        let lengths = [0.0, -0.01, 12.34, 7.0, f64::NAN, f64::INFINITY].map(px);
        assert_eq!(lengths, ["0", "0", "12.3", "7", "0", "0"]);
    }
}
