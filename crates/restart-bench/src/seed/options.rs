use crate::{
    js,
    seed::{CASES, Case, Platform},
};

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// [`help`] on the standard output, and nothing else.
    Help,
    /// To measure.
    Run(SeedOptions),
}

/// How to measure (seed 003, `CliOptions`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedOptions {
    /// The cases to run, in this order; one that is named twice is run twice.
    pub cases: Vec<&'static Case>,
    /// The script of the gateway, relative to the working directory.
    pub entry: String,
    /// Whether the report goes to the standard output as JSON.
    pub json: bool,
    /// Where the report goes as JSON besides.
    pub output: Option<String>,
    /// How long to wait before the last snapshot of a restart, in milliseconds.
    pub post_ready_delay_ms: u64,
    /// How often each process is restarted.
    pub restarts: u64,
    /// How many processes are measured for each case,
    pub runs: u64,
    /// how long one of them may take with all its restarts, in milliseconds. That it is not the
    /// time of one restart makes `--restarts 30` fail with the defaults.
    pub timeout_ms: u64,
    /// How many processes are run first, and not measured.
    pub warmup: u64,
}

/// The numbers that hold if the command line says nothing.
pub const DEFAULTS: Defaults =
    Defaults { post_ready_delay_ms: 250, restarts: 5, runs: 1, timeout_ms: 30_000, warmup: 0 };

/// See [`DEFAULTS`] and the fields of [`SeedOptions`].
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "documented where they are used")]
pub struct Defaults {
    pub post_ready_delay_ms: u64,
    pub restarts: u64,
    pub runs: u64,
    pub timeout_ms: u64,
    pub warmup: u64,
}

const DEFAULT_ENTRY: &str = "dist/entry.js";

/// JavaScript counts no further without a gap.
const SAFE_INTEGER_MAX: u64 = (1 << 53) - 1;

/// Why a command line is none. The texts are those of the seed, which prints them with the stack
/// and ends with exit code 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// There are no signals there.
    #[error(
        "Gateway restart benchmark is not supported on Windows because it requires SIGUSR1 \
         in-process restarts; run it on macOS or Linux."
    )]
    Windows,
    /// There is no such case.
    #[error("Unknown --case \"{0}\"")]
    UnknownCase(String),
    /// A path cannot have a NUL in it.
    #[error("{0} must not contain NUL bytes")]
    Nul(&'static str),
    /// Node would take it for an option.
    #[error("--entry must be a file path, not a Node option: {}", js::quoted(.0))]
    NotAFile(String),
    /// It is not an integer, or too small a one.
    #[error("{label} must be an integer >= {min}; got {}", js::quoted(raw))]
    NotAnInteger {
        /// The option.
        label: &'static str,
        /// The smallest that it takes.
        min: u64,
        /// What it got, without the white space around.
        raw: String,
    },
}

/// Reads the arguments behind the name of the program as the seed does:
///
/// * `--help` and `-h` win over all, wherever they stand.
/// * Then Windows is refused.
/// * The value of an option is what follows its first occurrence, even if that is an option.
/// * `--case` may come more than once; each value counts.
/// * What is not known is ignored.
pub fn parse_options(arguments: &[String], platform: &Platform) -> Result<Command, OptionsError> {
    let arguments = Arguments(arguments);
    if arguments.has("--help") || arguments.has("-h") {
        return Ok(Command::Help);
    }
    if platform.platform == "win32" {
        return Err(OptionsError::Windows);
    }
    let integer =
        |label, min, fallback| strict_integer(arguments.value(label), label, min, fallback);
    // The first that is wrong is told, in this order.
    Ok(Command::Run(SeedOptions {
        cases: resolve_cases(&arguments.values("--case"))?,
        entry: resolve_entry(arguments.value("--entry"))?,
        json: arguments.has("--json"),
        output: resolve_output(arguments.value("--output"))?,
        post_ready_delay_ms: integer("--post-ready-delay-ms", 0, DEFAULTS.post_ready_delay_ms)?,
        restarts: integer("--restarts", 1, DEFAULTS.restarts)?,
        runs: integer("--runs", 1, DEFAULTS.runs)?,
        timeout_ms: integer("--timeout-ms", 1, DEFAULTS.timeout_ms)?,
        warmup: integer("--warmup", 0, DEFAULTS.warmup)?,
    }))
}

#[derive(Clone, Copy)]
struct Arguments<'a>(&'a [String]);

impl<'a> Arguments<'a> {
    fn has(self, flag: &str) -> bool {
        self.0.iter().any(|argument| argument == flag)
    }

    fn value(self, flag: &str) -> Option<&'a str> {
        let at = self.0.iter().position(|argument| argument == flag)?;
        self.0.get(at + 1).map(String::as_str)
    }

    fn values(self, flag: &str) -> Vec<&'a str> {
        let pairs = self.0.iter().zip(self.0.iter().skip(1));
        let values = pairs.filter(|(argument, _)| *argument == flag).map(|(_, value)| value);
        values.map(String::as_str).filter(|value| !value.is_empty()).collect()
    }
}

fn resolve_cases(ids: &[&str]) -> Result<Vec<&'static Case>, OptionsError> {
    if ids.is_empty() {
        return Ok(CASES.iter().take(1).collect());
    }
    let find = |id: &&str| {
        let case = CASES.iter().find(|case| case.id == *id);
        case.ok_or_else(|| OptionsError::UnknownCase((*id).to_owned()))
    };
    ids.iter().map(find).collect()
}

fn resolve_entry(raw: Option<&str>) -> Result<String, OptionsError> {
    let entry = raw.map(js::trim).filter(|entry| !entry.is_empty()).unwrap_or(DEFAULT_ENTRY);
    if entry.contains('\0') {
        return Err(OptionsError::Nul("--entry"));
    }
    if entry.starts_with('-') {
        return Err(OptionsError::NotAFile(entry.to_owned()));
    }
    Ok(entry.to_owned())
}

fn resolve_output(raw: Option<&str>) -> Result<Option<String>, OptionsError> {
    let output = raw.map(js::trim).filter(|output| !output.is_empty());
    if output.is_some_and(|output| output.contains('\0')) {
        return Err(OptionsError::Nul("--output"));
    }
    Ok(output.map(str::to_owned))
}

fn strict_integer(
    raw: Option<&str>,
    label: &'static str,
    min: u64,
    fallback: u64,
) -> Result<u64, OptionsError> {
    let Some(raw) = raw.map(js::trim).filter(|raw| !raw.is_empty()) else {
        return Ok(fallback);
    };
    // Rust would take a plus.
    let digits = raw.bytes().all(|byte| byte.is_ascii_digit()).then_some(raw);
    digits
        .and_then(|digits| digits.parse().ok())
        .filter(|number| (min..=SAFE_INTEGER_MAX).contains(number))
        .ok_or_else(|| OptionsError::NotAnInteger { label, min, raw: raw.to_owned() })
}

/// What `--help` prints, without the last end of a line.
pub fn help() -> String {
    let Defaults { post_ready_delay_ms, restarts, runs, timeout_ms, warmup } = DEFAULTS;
    let cases = CASES.map(|case| format!("{} ({})", case.id, case.name)).join("\n  ");
    format!(
        "OpenClaw Gateway restart benchmark

Usage:
  pnpm test:restart:gateway -- [options]
  node --import tsx scripts/bench-gateway-restart.ts [options]

Options:
  --case <id>              Specific case id to run; repeatable (default: skipChannels)
  --entry <path>           Gateway CLI entry file (default: {DEFAULT_ENTRY})
  --runs <n>               Measured process samples per case (default: {runs})
  --warmup <n>             Warmup process samples per case (default: {warmup})
  --restarts <n>           In-process restarts per process sample (default: {restarts})
  --timeout-ms <ms>        Per-process timeout (default: {timeout_ms})
  --post-ready-delay-ms <ms> Resource snapshot delay after next ready (default: {post_ready_delay_ms})
  --output <path>          Write machine-readable JSON to a file
  --json                   Emit machine-readable JSON
  --help, -h               Show this text

Case ids:
  {cases}
"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(arguments: &[&str]) -> Result<SeedOptions, String> {
        let arguments: Vec<_> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        match parse_options(&arguments, &Platform::of("x86_64", "linux")) {
            Ok(Command::Run(options)) => Ok(options),
            Ok(Command::Help) => Err("help".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn without_arguments() {
        let options = SeedOptions {
            cases: vec![&CASES[0]],
            entry: "dist/entry.js".to_owned(),
            json: false,
            output: None,
            post_ready_delay_ms: 250,
            restarts: 5,
            runs: 1,
            timeout_ms: 30_000,
            warmup: 0,
        };
        assert_eq!(parse(&[]), Ok(options.clone()));
        assert_eq!(parse(&["x", "--unknown", "--run"]), Ok(options.clone()));
        let blank =
            ["--entry", " ", "--output", "\t", "--runs", "", "--restarts", "  ", "--case", ""];
        assert_eq!(parse(&blank), Ok(options.clone()));
        assert_eq!(parse(&["--case"]), Ok(options));
    }

    #[test]
    fn what_is_said_is_taken() {
        let options = parse(&[
            "--case",
            "default",
            "--entry",
            " a.js ",
            "--runs",
            " 2 ",
            "--warmup",
            "0",
            "--restarts",
            "007",
            "--timeout-ms",
            "9007199254740991",
            "--post-ready-delay-ms",
            "0",
            "--output",
            " o.json ",
            "--json",
            "--case",
            "default",
            "--runs",
            "x",
        ])
        .unwrap();
        assert_eq!(options.cases, [&CASES[3], &CASES[3]]);
        assert_eq!((options.entry.as_str(), options.output.as_deref()), ("a.js", Some("o.json")));
        assert_eq!((options.runs, options.warmup, options.restarts), (2, 0, 7));
        assert_eq!((options.timeout_ms, options.post_ready_delay_ms), (SAFE_INTEGER_MAX, 0));
        assert!(options.json);
        // A value is a flag as well.
        let options = parse(&["--output", "--json"]).unwrap();
        assert_eq!((options.output.as_deref(), options.json), (Some("--json"), true));
    }

    #[test]
    fn what_is_refused_and_how() {
        let table: &[(&[&str], &str)] = &[
            (&["--case", "x"], "Unknown --case \"x\""),
            (&["--case", "--case", "default"], "Unknown --case \"--case\""),
            (&["--runs", "x", "--case", "y"], "Unknown --case \"y\""),
            (&["--entry", "a\0b"], "--entry must not contain NUL bytes"),
            (
                &["--entry", " --inspect"],
                "--entry must be a file path, not a Node option: \"--inspect\"",
            ),
            (&["--output", "\0"], "--output must not contain NUL bytes"),
            (&["--restarts", "0", "--runs", "0"], "--restarts must be an integer >= 1; got \"0\""),
            (&["--runs", "--json"], "--runs must be an integer >= 1; got \"--json\""),
            (&["--warmup", "-1"], "--warmup must be an integer >= 0; got \"-1\""),
            (&["--warmup", "0", "-h"], "help"),
            (&["--runs", "--help"], "help"),
        ];
        for (arguments, expected) in table {
            assert_eq!(parse(arguments), Err((*expected).to_owned()));
        }
        for raw in ["+5", "-1", "1e3", "0x10", "2abc", "0", "1.0", "9007199254740992", "\u{661}"] {
            for label in ["--runs", "--restarts", "--timeout-ms"] {
                let expected = format!("{label} must be an integer >= 1; got \"{raw}\"");
                assert_eq!(parse(&[label, &format!(" {raw} ")]), Err(expected));
            }
        }
        let long = "9".repeat(40);
        parse(&["--post-ready-delay-ms", &long]).unwrap_err();
    }

    #[test]
    fn windows_is_refused_but_for_help() {
        let windows = Platform::of("x86_64", "windows");
        let error = parse_options(&["--case".to_owned(), "x".to_owned()], &windows).unwrap_err();
        assert_eq!(
            error.to_string(),
            "Gateway restart benchmark is not supported on Windows because it requires SIGUSR1 \
             in-process restarts; run it on macOS or Linux."
        );
        assert_eq!(parse_options(&["-h".to_owned()], &windows), Ok(Command::Help));
    }

    #[test]
    fn help_lists_the_cases() {
        let help = help();
        assert!(help.starts_with("OpenClaw Gateway restart benchmark\n\nUsage:\n"));
        let end = "Case ids:\n  skipChannels (gateway restart, skip channels)\n";
        assert!(help.contains(end));
        assert!(help.ends_with("\n  fiftyPlugins (gateway restart, 50 manifest plugins)\n"));
        assert!(!help.contains("[gateway-restart-bench]"));
    }

    proptest! {
        #[test]
        fn any_arguments_are_read_or_refused(arguments in prop::collection::vec("(--[a-z-]{1,12}|--case|--runs|\\PC{0,4})", 0..8)) {
            parse_options(&arguments, &Platform::of("", "")).ok();
        }
    }
}
