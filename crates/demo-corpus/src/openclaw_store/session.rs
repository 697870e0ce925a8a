use super::{Agent, DAY_MILLIS, HOUR_MILLIS, uuid};

pub(super) const ROWS_MIN: u32 = 10;

/// Each so many rows one is that of a chat,
const ROWS_PER_CHAT: u32 = 50;
/// and one that of a job, which its runs go on from.
const ROWS_PER_JOB: u32 = 40;

/// Each so many jobs there is one whose runs all name the transcript of the first, as OpenClaw's do
/// when the row that they go on from has one.
pub(super) const JOBS_PER_SHARED: u32 = 3;
/// Each so many runs one has failed.
const RUNS_PER_FAILED: u32 = 9;

/// Runs that are not over are spread over this time,
const YOUNG_MILLIS: i64 = 22 * HOUR_MILLIS;
/// and the others over this.
const OVER_MILLIS: std::ops::Range<i64> = 26 * HOUR_MILLIS..14 * DAY_MILLIS;

pub(super) const WORDS: [&str; 12] = [
    "calendar", "digest", "weather", "mail", "report", "backup", "search", "notes", "issues",
    "prices", "health", "news",
];

/// A session that has a row in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The key of the row.
    pub key: String,
    /// The session, which a base row shares with the latest run of its job.
    pub id: String,
    /// What the row names as its transcript, relative to the directory of the store.
    pub file: String,
    /// What people call it.
    pub label: String,
    /// `running`, `done` or `failed`.
    pub status: &'static str,
    /// When it was last updated, in milliseconds since the Unix epoch.
    pub updated_millis: i64,
    /// Whether it is a run that ended more than a day ago, or what is left of a job that was deleted
    /// more than a month ago.
    pub is_over: bool,
    pub(super) role: Role,
}

/// What a session is for, and which of those it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Chat(u32),
    Job(u32),
    Run(u32),
}

/// How many rows before this one have a place that comes again after so many, beginning with this.
fn before(row: u32, first: u32, every: u32) -> u32 {
    row.saturating_sub(first).div_ceil(every)
}

impl Role {
    fn of(row: u32) -> Self {
        let (chats, jobs) = (before(row, 0, ROWS_PER_CHAT), before(row, 1, ROWS_PER_JOB));
        match (row % ROWS_PER_CHAT, row % ROWS_PER_JOB) {
            (0, _) => Self::Chat(chats),
            (_, 1) => Self::Job(jobs),
            _ => Self::Run(row - chats - jobs),
        }
    }
}

fn jobs(rows: u32) -> u32 {
    before(rows, 1, ROWS_PER_JOB)
}

/// The last job was deleted, if it is not the only one.
pub(super) fn jobs_alive(rows: u32) -> u32 {
    jobs(rows).saturating_sub(1).max(1)
}

fn runs(rows: u32) -> u32 {
    rows - before(rows, 0, ROWS_PER_CHAT) - jobs(rows)
}

pub(super) fn job_id(seed: u64, job: u32) -> String {
    uuid(&mut Agent { seed, ..Agent::SMALL }.rng(1, job))
}

pub(super) fn job_name(job: u32) -> String {
    format!("{}-{job}", WORDS[job as usize % WORDS.len()])
}

impl Session {
    /// That of a row.
    pub(super) fn new(agent: &Agent, row: u32) -> Self {
        let role = Role::of(row);
        match role {
            Role::Chat(nth) => Self::chat(agent, role, nth),
            Role::Job(job) => Self::job(agent, role, job),
            Role::Run(nth) => Self::run(agent, nth),
        }
    }

    /// One of a run of a job, for a store of one's own.
    pub fn of_run(job: &str, id: &str, updated_millis: i64) -> Self {
        Self {
            key: format!("agent:main:cron:{job}:run:{id}"),
            id: id.to_owned(),
            file: format!("{id}.jsonl"),
            label: format!("Cron: {job}"),
            status: "done",
            updated_millis,
            is_over: true,
            role: Role::Run(0),
        }
    }

    fn chat(agent: &Agent, role: Role, nth: u32) -> Self {
        let mut rng = agent.rng(2, nth);
        let (key, label, age) = if nth == 0 {
            ("agent:main:main".to_owned(), "main".to_owned(), 0)
        } else {
            let number = rng.u32(10_000_000..99_999_999);
            let key = format!("agent:main:telegram:dm:{number}{nth}");
            (key, format!("telegram {number}"), rng.i64(HOUR_MILLIS..90 * DAY_MILLIS))
        };
        let id = uuid(&mut rng);
        Self {
            key,
            file: format!("{id}.jsonl"),
            id,
            label,
            status: "done",
            updated_millis: agent.latest_millis - age,
            is_over: false,
            role,
        }
    }

    /// It shares everything with the latest run.
    fn job(agent: &Agent, role: Role, job: u32) -> Self {
        let (id, name) = (job_id(agent.seed, job), job_name(job));
        let (key, label) = (format!("agent:main:cron:{id}"), format!("Cron: {name}"));
        let (alive, last) = (jobs_alive(agent.rows), runs(agent.rows) - 1);
        if alive <= job {
            let id = uuid(&mut agent.rng(3, job));
            let file = format!("{id}.jsonl");
            let updated_millis = agent.latest_millis - 45 * DAY_MILLIS;
            return Self {
                key,
                id,
                file,
                label,
                status: "done",
                updated_millis,
                is_over: true,
                role,
            };
        }
        let latest = last - (last + alive - job) % alive;
        Self { key, label, is_over: false, role, ..Self::run(agent, latest) }
    }

    /// That of a run, by its number; the older ones come first.
    pub(super) fn run(agent: &Agent, nth: u32) -> Self {
        let id = |nth| uuid(&mut agent.rng(4, nth));
        let (runs, over) = (runs(agent.rows), agent.rows / 2);
        let alive = jobs_alive(agent.rows);
        let job = nth % alive;
        let is_over = nth < over;
        let share = |span: i64, nth: u32, of: u32| span * i64::from(nth) / i64::from(of.max(1));
        let age = if is_over {
            let std::ops::Range { start, end } = OVER_MILLIS;
            end - share(end - start, nth, over)
        } else {
            share(YOUNG_MILLIS, runs - 1 - nth, runs - over)
        };
        let is_shared = job.is_multiple_of(JOBS_PER_SHARED);
        let job_id = job_id(agent.seed, job);
        Self {
            key: format!("agent:main:cron:{job_id}:run:{}", id(nth)),
            id: id(nth),
            file: format!("{}.jsonl", id(if is_shared { job } else { nth })),
            label: format!("Cron: {}", job_name(job)),
            status: match nth {
                _ if nth == runs - 1 => "running",
                _ if nth.is_multiple_of(RUNS_PER_FAILED) => "failed",
                _ => "done",
            },
            updated_millis: agent.latest_millis - age,
            is_over,
            role: Role::Run(nth),
        }
    }
}
