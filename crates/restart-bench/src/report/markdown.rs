//! What is shown in a comment on a pull request.

use super::{
    content,
    table::{Kind, Table},
};
use crate::{Summary, record::Record};

/// What a measurement means, in GitHub's Markdown: the numbers that matter, and all restarts behind a fold.
pub fn markdown(record: &Record, summary: &Summary) -> String {
    let title = format!("{}, restarted by {}", content::target(record), record.target.trigger);
    let mut text = format!("### {}\n\n", escape(&title));
    let numbers = content::headline(summary);
    let numbers = numbers.iter().map(|(name, value)| format!("{name} **{}**", escape(value)));
    text += &format!("{}.\n", numbers.collect::<Vec<_>>().join(", "));
    text += &list("Failures", &content::failures(summary));
    text += &table(&content::statistics(summary));
    text += &table(&content::growth(summary));
    let restarts = content::clients(summary).beside(&content::server(summary));
    if !restarts.rows.is_empty() {
        text += &format!(
            "\n<details>\n<summary>{}</summary>\n{}\n</details>\n",
            escape(&content::counts(summary)),
            table(&restarts)
        );
    }
    text += &list("Measurement", &content::observer(summary));
    text + &list("Method", &content::method(record))
}

fn list(title: &str, sentences: &[String]) -> String {
    if sentences.is_empty() {
        return String::new();
    }
    let items = sentences.iter().map(|sentence| format!("- {}\n", escape(sentence)));
    format!("\n{title}:\n\n{}", items.collect::<String>())
}

fn table(table: &Table) -> String {
    if table.rows.is_empty() {
        return String::new();
    }
    let names = table.columns.iter().map(|(name, _)| (*name).to_owned());
    let rules = table.columns.iter().map(|(_, kind)| match kind {
        Kind::Number => "---:".to_owned(),
        Kind::Text => ":---".to_owned(),
    });
    let mut text = "\n".to_owned() + &line(names) + &line(rules);
    for row in &table.rows {
        text += &line(row.iter().map(|cell| escape(cell)));
    }
    text
}

fn line(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

/// Text from data, that means nothing in Markdown or HTML and stays on its line.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '&' => escaped += "&amp;",
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => {
                escaped.push('\\');
                escaped.push(char);
            }
            _ if char.is_control() => escaped.push(' '),
            _ => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_nothing() {
        assert_eq!(escape("<b>|`x`\n[a](b)"), "&lt;b&gt;\\|\\`x\\` \\[a\\](b)");
    }
}
