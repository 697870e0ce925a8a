//! A page that needs nothing else: no network, no fonts, no scripts.
//!
//! It is a function of what is known and of the time. Everything in it that comes from data goes
//! through [`Element`], so that it means nothing; should that fail, the page forbids the browser to
//! load or run anything.

mod cache;
mod columns;
mod element;
mod groups;
mod headline;
mod heat;
mod plot;
mod scale;
mod spend;
mod table;
#[cfg(test)]
mod tests;

use cli_support::text::counted;
use common_fs::Timestamp;
use usage_cache::{By, Facts, Gone, ModelUsage, Query, RootState, Status, Summary};

use crate::{notes, text::minute};
use element::{Element, paragraph};
use scale::Measure;

/// What a page shows.
pub(crate) struct Page<'p> {
    pub(crate) facts: &'p Facts,
    pub(crate) query: &'p Query,
    pub(crate) status: &'p Status,
    pub(crate) now: Timestamp,
    /// Whether the transcripts are made up.
    pub(crate) is_demo: bool,
}

/// The sections, and what they are called where one chooses among them.
const SECTIONS: [(&str, &str); 6] = [
    ("spend", "Days"),
    ("hours", "Hours"),
    ("projects", "Projects"),
    ("sessions", "Sessions"),
    ("cache", "Cache"),
    ("notes", "Notes"),
];

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

impl Page<'_> {
    /// The page, as the text of a file.
    pub(crate) fn html(&self) -> String {
        let summary = self.facts.summary(self.query);
        let notes = notes::notes(&summary, self.status);
        let title = if self.is_demo {
            "What your agents cost: made-up transcripts"
        } else {
            "What your agents cost"
        };
        let mut header = Element::new("header")
            .child(Element::new("h1").text(title))
            .child(paragraph(&self.about(&summary)).class("faint"));
        let mut main = Element::new("main").attr("id", "content");
        if summary.daily.is_empty() {
            main = main.children(self.nothing());
        } else {
            let today = self.query.zone.day(self.now);
            header = header.child(choices());
            main = main
                .children(headline::headline(&summary, self.query, today))
                .children(beforehand(&notes))
                .children(self.sections(&summary));
        }
        if !(notes.is_empty() && self.has_nothing()) {
            main = main.child(section(
                "notes",
                "What the numbers include, and what not",
                [sentences(&notes)],
            ));
        }
        let made = format!("Made by usage-cache on {}.", minute(&self.query.zone, self.now));
        let body = Element::new("body")
            .child(Element::new("a").class("skip").attr("href", "#content").text("To the numbers"))
            .child(header)
            .child(main)
            .child(Element::new("footer").child(paragraph(&made).class("faint")));
        let page = Element::new("html").attr("lang", "en").child(head(title)).child(body);
        format!("<!doctype html>\n{page}\n")
    }

    fn sections(&self, summary: &Summary) -> [Element; 5] {
        let (facts, query, all) = (self.facts, self.query, &summary.totals);
        let measure = Measure::of(all);
        let models: Vec<ModelUsage> =
            facts.groups(query, By::Model).into_iter().flat_map(|group| group.models).collect();
        [
            spend::spend(summary, measure, &models),
            heat::heat(&facts.hours(query), measure),
            groups::projects(facts, query, measure, all),
            groups::sessions(facts, query, measure, all),
            cache::cache(summary, &models),
        ]
    }

    /// What was asked for.
    fn about(&self, summary: &Summary) -> String {
        let Query { zone, since, until, gone, source, model, project } = self.query;
        let first = since.or(summary.daily.first().map(|day| day.day));
        let last = until.or(summary.daily.last().map(|day| day.day));
        let mut parts = Vec::new();
        if let (Some(first), Some(last)) = (first, last) {
            parts.push(format!("{first} to {last}"));
        }
        parts.push(format!("days of {zone}"));
        parts.extend(source.as_ref().map(|source| format!("{source} only")));
        parts.extend(model.as_ref().map(|part| format!("models with “{part}” in their name")));
        parts.extend(project.as_ref().map(|part| format!("projects with “{part}” in their path")));
        if *gone == Gone::Exclude {
            parts.push("only transcripts that still exist".to_owned());
        }
        parts.extend(
            self.status.refreshed_at.map(|time| format!("last read {}", minute(zone, time))),
        );
        parts.join(" · ")
    }

    /// Whether no transcript is known.
    fn has_nothing(&self) -> bool {
        let Status { cached_files, pending_files, gone_files, unverified_files, .. } = self.status;
        cached_files + pending_files + gone_files + unverified_files == 0
    }

    /// Why there is nothing to be shown.
    fn nothing(&self) -> Vec<Element> {
        if !self.has_nothing() {
            return vec![paragraph("No usage in these days.")];
        }
        let roots = self.status.roots.iter().map(|root| {
            let state = match root.state {
                RootState::Listed => "",
                RootState::Missing => " (no such directory)",
                RootState::Unreadable => " (cannot be read)",
            };
            format!("{}{state}", root.path.display())
        });
        let roots: Vec<String> = roots.collect();
        let found = paragraph("No transcripts found. Looked in:");
        vec![found, list(&roots), paragraph(notes::ELSEWHERE)]
    }
}

fn head(title: &str) -> Element {
    let meta =
        |name, value, content| Element::new("meta").attr(name, value).attr("content", content);
    Element::new("head")
        .child(Element::new("meta").attr("charset", "utf-8"))
        .child(meta("http-equiv", "Content-Security-Policy", POLICY))
        .child(meta("name", "viewport", "width=device-width, initial-scale=1"))
        .child(meta("name", "color-scheme", "light dark"))
        .child(Element::new("title").text(title))
        .child(Element::new("style").verbatim(include_str!("html/style.css")))
}

fn choices() -> Element {
    let choice = |(id, name): (&str, &str)| {
        let link = Element::new("a").attr("href", format!("#{id}")).text(name);
        Element::new("li").child(link)
    };
    let list = Element::new("ul").children(SECTIONS.map(choice));
    Element::new("nav").attr("aria-label", "Sections").child(list)
}

/// That there is something to know about the numbers before they are believed.
fn beforehand(notes: &[String]) -> Option<Element> {
    let notes = counted(notes.len() as u64, "note");
    let link = Element::new("a").attr("href", "#notes").text(&notes);
    (notes != "0 notes").then(|| {
        let text = paragraph("* what is missing, and what else is in the numbers: ");
        text.class("faint").child(link)
    })
}

fn sentences(notes: &[String]) -> Element {
    if notes.is_empty() {
        return paragraph("Everything that was found is counted, and all of it has a price.");
    }
    list(notes)
}

fn list(sentences: &[String]) -> Element {
    let items = sentences.iter().map(|sentence| Element::new("li").text(sentence));
    Element::new("ul").class("sentences").children(items)
}

/// A part of the page with a heading of its own.
fn section(id: &str, title: &str, content: impl IntoIterator<Item = Element>) -> Element {
    let heading = format!("{id}-heading");
    Element::new("section")
        .attr("id", id)
        .attr("aria-labelledby", &heading)
        .child(Element::new("h2").attr("id", &heading).text(title))
        .children(content)
}
