use std::ffi::OsStr;
use usage_cache::{read_objects, Event, Key, Name, Outcome, Parser, Source, TokenCounts, TranscriptName};

#[derive(Debug)]
pub(super) struct Acme;

impl Source for Acme {
    fn name(&self) -> &'static str { "acme" }
    fn version(&self) -> u32 { 1 }
    fn dirs(&self) -> &'static [&'static str] { &["logs/*"] }
    fn classify<'n>(&self, name: &'n OsStr) -> Name<'n> {
        let is_log = name.as_encoded_bytes().ends_with(b".log");
        if is_log { Name::Transcript(TranscriptName::default()) } else { Name::Other }
    }
    fn parser(&self, _state: Option<&str>) -> Box<dyn Parser> { Box::new(Self) }
}

impl Parser for Acme {
    fn line(&mut self, line: &[u8], hand_on: &mut dyn FnMut(&Event<'_>)) -> Outcome {
        read_objects(line, &mut |object| {
            let json: serde_json::Value = serde_json::from_slice(object)?;
            let (input, output) = (json["in"].as_u64().unwrap_or(0), json["out"].as_u64().unwrap_or(0));
            let at = usage_cache::parse_time(json["at"].as_str().unwrap_or_default());
            let identity = json["id"].as_str().map(|id| Key::of(&[b"acme", id.as_bytes()]));
            let tokens = TokenCounts { input, output, total: input.saturating_add(output), ..Default::default() };
            if tokens.total != 0 { hand_on(&Event { identity, at, tokens, ..Event::default() }); }
            Ok(Outcome::Fine)
        })
    }
}
