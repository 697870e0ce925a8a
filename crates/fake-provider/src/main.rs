//! `fake-provider`: answers like the APIs of Anthropic and OpenAI, with a prompt cache that expires.

use std::{
    error::Error,
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use fake_provider::{Config, FakeProvider, Fault, Faults, Lifetimes, Minimum};

/// Longer texts of durations are refused: some of them make `humantime` 2.4 panic.
const DURATION_LENGTH_MAX: usize = 24;

/// Answers like the APIs of Anthropic and OpenAI, with a prompt cache that expires
///
/// It listens on 127.0.0.1 only, prints its base URL, and serves until it is ended. There is no
/// model in it: an answer is a few words, and a token is four bytes.
#[derive(Parser)]
#[command(name = "fake-provider", max_term_width = 100, after_long_help = EXAMPLES)]
struct Program {
    /// The port to listen on; 0 for any that is free
    #[arg(long, value_name = "N", default_value_t = 0)]
    port: u16,
    /// How long Anthropic's five minutes are
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    five_minutes: Duration,
    /// How long Anthropic's hour is
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    one_hour: Duration,
    /// How long OpenAI's cache in memory keeps what nobody reads
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    in_memory: Duration,
    /// How long OpenAI's thirty minutes (of GPT-5.6 and later models) are
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = duration)]
    thirty_minutes: Duration,
    /// The shortest prefix that Anthropic's cache takes, for all models
    #[arg(long, value_name = "TOKENS")]
    minimum: Option<u64>,
    /// How many tokens an answer has
    #[arg(long, value_name = "TOKENS", default_value_t = Config::USUAL.reply_tokens)]
    reply: u64,
    /// How long it takes until an answer starts
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    before_first_part: Duration,
    /// How long each further event of a stream takes
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    between_parts: Duration,
    /// What goes wrong with the request of that number, such as 3=429:2; may be given repeatedly
    #[arg(long, value_name = "NUMBER=FAULT", value_parser = numbered_fault)]
    fault: Vec<(u64, Fault)>,
    /// What goes wrong with all other requests
    #[arg(long, value_name = "FAULT")]
    otherwise: Option<Fault>,
    /// The only credential that is accepted
    #[arg(long, value_name = "TEXT")]
    credential: Option<String>,
}

const EXAMPLES: &str = "\
Faults:
  400, 401, 429[:SECONDS], 500, 529   the request is refused with that status
  hang                                it is never answered
  drop[:PARTS]                        the connection breaks after so many parts of the answer
  slow:MILLIS                         so long before each part but the first
  error[:EVENTS]                      after so many events a stream says that there is an error

  A request with a header `x-fake-fault` goes wrong as its value says.

Example:
  A cache that keeps entries for ten seconds, and a rate limit for the second request:

    fake-provider --port 4010 --five-minutes 10s --fault 2=429:2 &
    curl http://127.0.0.1:4010/v1/messages -H 'x-api-key: any' -H 'anthropic-version: 2023-06-01' \\
      -d '{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}'
    curl http://127.0.0.1:4010/fake/requests";

fn main() -> ExitCode {
    match run(Program::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let source = error.source().map(|source| format!(": {source}")).unwrap_or_default();
            writeln!(io::stderr(), "fake-provider: {error}{source}").ok();
            ExitCode::FAILURE
        }
    }
}

fn run(program: Program) -> Result<(), Box<dyn Error>> {
    let provider = FakeProvider::start(program.config())?;
    let mut stdout = io::stdout().lock();
    // Whoever does not listen may still be a client.
    writeln!(stdout, "{}", provider.base_url()).and_then(|()| stdout.flush()).ok();
    drop(stdout);
    provider.serve();
    Ok(())
}

impl Program {
    fn config(self) -> Config {
        Config {
            port: self.port,
            lifetimes: Lifetimes {
                five_minutes: self.five_minutes,
                one_hour: self.one_hour,
                thirty_minutes: self.thirty_minutes,
                in_memory: self.in_memory,
                extended: Lifetimes::DOCUMENTED.extended,
            },
            minimum: self.minimum.map_or(Minimum::OfModel, Minimum::Tokens),
            reply_tokens: self.reply,
            before_first_part: self.before_first_part,
            between_parts: self.between_parts,
            faults: Faults { at: self.fault.into_iter().collect(), otherwise: self.otherwise },
            credential: self.credential,
        }
    }
}

/// `40ms`, `1s 500ms`.
fn duration(text: &str) -> Result<Duration, String> {
    if DURATION_LENGTH_MAX < text.len() {
        return Err("too long for a duration".to_owned());
    }
    humantime::parse_duration(text).map_err(|error| error.to_string())
}

/// `3=429:2`.
fn numbered_fault(text: &str) -> Result<(u64, Fault), String> {
    let (number, fault) = text.split_once('=').ok_or("not of the form NUMBER=FAULT")?;
    let number = number.parse().map_err(|_| "the number is not a whole one".to_owned())?;
    Ok((number, fault.parse().map_err(|error: fake_provider::UnknownFault| error.to_string())?))
}
