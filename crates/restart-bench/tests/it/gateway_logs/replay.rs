//! The output of real gateways, as it was recorded, and the table of what is in it.
//!
//! Also a part of `cargo xtask proof restart`.

use restart_bench::{Lines, Mark, Object, Stream, TraceKind, mark, parse_trace};

/// `<milliseconds since spawn>\t<out|err>\t<line>`, under headers that begin with `# `.
const LOGS: &str = include_str!("../../fixtures/openclaw-gateway-logs.txt");

/// What a gateway said from one header to the next.
#[derive(Default)]
struct Section {
    name: String,
    /// When the signal was sent, in milliseconds since spawn; zero at the initial start.
    since: f64,
    lines: usize,
    restart: (usize, Object<f64>),
    startup: (usize, Object<f64>),
    listen: Option<f64>,
    ready: Option<f64>,
}

impl Section {
    fn add(&mut self, at: f64, line: &str) {
        self.lines += 1;
        let traces =
            [(TraceKind::Restart, &mut self.restart), (TraceKind::Startup, &mut self.startup)];
        for (kind, (count, object)) in traces {
            if let Some(trace) = parse_trace(kind, line) {
                *count += 1;
                trace.record(object);
            }
        }
        let first = match mark(line) {
            Some(Mark::HttpListen) => &mut self.listen,
            Some(Mark::GatewayReady) => &mut self.ready,
            None => return,
        };
        first.get_or_insert(at - self.since);
    }

    /// A row of the table; `-` where there is nothing.
    fn row(&self) -> String {
        let ms = |ms: Option<f64>| ms.map_or("-".to_owned(), |ms| format!("{ms:.1}"));
        let restart = |name: &str| ms(self.restart.1.get(name).copied());
        let count = |(lines, object): &(usize, Object<f64>)| format!("{lines}/{}", object.len());
        [
            self.name.clone(),
            self.lines.to_string(),
            count(&self.restart),
            count(&self.startup),
            ms(self.listen),
            ms(self.ready),
            restart("restart.ready"),
            restart("restart.ready.total"),
            restart("restart.ready.rssMb"),
        ]
        .join(" | ")
    }
}

/// The rows, each line of them pushed in chunks of `chunk` bytes.
pub(crate) fn rows(chunk: usize) -> Vec<String> {
    let mut sections: Vec<Section> = Vec::new();
    let mut gateway = String::new();
    let mut lines = Lines::new();
    for record in LOGS.lines().filter(|record| !record.is_empty()) {
        if let Some(header) = record.strip_prefix("# ===== openclaw@") {
            let kind = if header.contains("NEGATIVE") { " negative" } else { "" };
            gateway = format!("{}{kind}", header.split(' ').next().unwrap_or_default());
        } else if let Some(header) = record.strip_prefix("# --- ") {
            let what = header.split([':', ' ']).take(2).collect::<Vec<_>>().join(" ");
            let since = header.split_once("signal sent at ").map_or(0.0, |(_, rest)| {
                rest.split(' ').next().and_then(|at| at.parse().ok()).unwrap_or_default()
            });
            sections.push(Section {
                name: format!("{gateway} {what}"),
                since,
                ..Section::default()
            });
        } else if !record.starts_with("# ") {
            let mut columns = record.splitn(3, '\t');
            let mut column = || columns.next().unwrap_or_default();
            let at: f64 = column().parse().unwrap_or(f64::NAN);
            let stream = if column() == "out" { Stream::Stdout } else { Stream::Stderr };
            let line = format!("{}\r\n", column());
            let Some(section) = sections.last_mut() else { continue };
            for chunk in line.as_bytes().chunks(chunk) {
                lines.push(stream, chunk, |line| section.add(at, line));
            }
        }
    }
    let mut rest = 0;
    lines.flush(|_| rest += 1);
    let cut = format!("lines that were cut {}, without an end {rest}", lines.cut());
    sections.iter().map(Section::row).chain([cut]).collect()
}

/// Lines; lines and names of the restart trace, of the startup trace; milliseconds to listening
/// and to ready; `restart.ready`, its total and its megabytes, as the rules
/// of seed 003 give them.
pub(crate) const EXPECTED: [&str; 11] = [
    "2026.5.20 initial start | 89 | 0/0 | 76/242 | 10536.1 | 10801.0 | - | - | -",
    "2026.5.20 restart 1 | 152 | 72/245 | 65/224 | 571.7 | 831.3 | 705.5 | 828.4 | 642.3",
    "2026.5.20 restart 2 | 152 | 72/245 | 65/224 | 991.2 | 1301.5 | 1237.8 | 1326.2 | 645.8",
    "2026.5.20 restart 3 | 152 | 72/245 | 65/224 | 819.7 | 998.0 | 956.9 | 1001.2 | 648.0",
    "2026.5.20 SIGTERM sent | 5 | ",
    "2026.9.6 initial start | 262 | 0/0 | 245/650 | 21862.7 | 26816.2 | - | - | -",
    "2026.9.6 restart 1 | 263 | 124/361 | 122/435 | 9198.0 | 10041.2 | 4435.2 | 8498.3 | 749.6",
    "2026.9.6 restart 2 | 265 | 125/364 | 123/438 | 10953.7 | 12206.1 | 5217.7 | 10257.2 | 774.9",
    "2026.9.6 restart 3 | 268 | 124/361 | 123/438 | 9833.3 | 10288.4 | 5049.0 | 9151.4 | 770.7",
    "2026.9.6 negative restart 1 | 3 | 0/0 | 1/3 | - | - | - | - | -",
    "lines that were cut 0, without an end 0",
];
