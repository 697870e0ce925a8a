//! OpenClaw at work, in a process of its own: it makes the database, goes on with it when it is
//! told to, and always knows what all of it adds up to.

use std::{
    env,
    io::{self, BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::mpsc::{self, Receiver, TryRecvError},
};

use anyhow::{Context as _, bail, ensure};
use demo_corpus::{
    Corpus,
    openclaw_db::{self, AgentDb},
};
use serde::{Deserialize, Serialize};

use super::totals::Totals;

/// What the process is told.
#[derive(Debug, clap::Args)]
pub(crate) struct WriteAgent {
    /// A state directory of OpenClaw that does not exist yet
    openclaw: PathBuf,
    /// How many sessions
    sessions: u32,
}

/// What is asked of the process, each on a line of its standard input.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Order {
    /// Say what there is.
    Count,
    /// Go on with one session by one exchange.
    Append,
    /// Go on with one session after the other, without a pause.
    Write,
    /// Do nothing more.
    Rest,
}

/// What it answers to each of them, and at first when there is a database.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Written {
    /// What there is.
    pub(super) totals: Totals,
    /// How many exchanges were appended.
    pub(super) exchanges: u64,
}

/// Or why it cannot.
#[derive(Serialize, Deserialize)]
enum Answer {
    Written(Written),
    Failed(String),
}

/// The process that [`Agent`] starts. It ends when standard input does, whatever it is at then:
/// that is so when whoever has started it ends in whatever way.
pub(crate) fn write(args: WriteAgent) -> anyhow::Result<()> {
    let (orders, ordered) = mpsc::channel();
    std::thread::spawn(move || {
        if let Err(error) = work(&args, &ordered) {
            // Where nobody listens, nobody has to be told.
            answer(&Answer::Failed(format!("{error:#}"))).ok();
        }
    });
    for line in io::stdin().lock().lines() {
        // One that has failed has said so.
        orders.send(serde_json::from_str(&line?)?).ok();
    }
    Ok(())
}

fn answer(answer: &Answer) -> anyhow::Result<()> {
    crate::say(&serde_json::to_string(answer)?)
}

fn work(args: &WriteAgent, orders: &Receiver<Order>) -> anyhow::Result<()> {
    let corpus = Corpus { sessions: args.sessions, ..Corpus::SMALL };
    let (mut db, truth) = openclaw_db::corpus(&corpus, &args.openclaw)?;
    let mut exchanges = 0;
    answer(&Answer::Written(Written { totals: Totals::from(&truth), exchanges }))?;
    let mut is_writing = false;
    loop {
        let order = match orders.try_recv() {
            Err(TryRecvError::Empty) if is_writing => None,
            Err(TryRecvError::Disconnected) => return Ok(()),
            Err(TryRecvError::Empty) => Some(orders.recv()?),
            Ok(order) => Some(order),
        };
        if matches!(order, None | Some(Order::Append)) {
            db.tick()?;
            exchanges += 1;
        }
        if let Some(order) = order {
            is_writing =
                matches!(order, Order::Write) || (is_writing && !matches!(order, Order::Rest));
            answer(&Answer::Written(count(&db, exchanges)))?;
        }
    }
}

fn count(db: &AgentDb, exchanges: u64) -> Written {
    Written { totals: Totals::from(&db.truth()), exchanges }
}

/// OpenClaw at work. It ends with this, at the latest.
pub(super) struct Agent {
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Agent {
    /// Starts it, and waits until it has made its database.
    pub(super) fn start(openclaw: &Path, sessions: u32) -> anyhow::Result<(Self, Written)> {
        let mut command = Command::new(env::current_exe()?);
        command.arg("write-agent").arg("--").arg(openclaw).arg(sessions.to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().context("the writer has no output")?);
        let mut agent = Self { child, orders, answers };
        let written = agent.answer()?;
        Ok((agent, written))
    }

    /// Tells it what to do, and returns what there is then. What is written before that is
    /// counted, and nothing that is written later.
    pub(super) fn order(&mut self, order: Order) -> anyhow::Result<Written> {
        let orders = self.orders.as_mut().context("the writer was told to end")?;
        writeln!(orders, "{}", serde_json::to_string(&order)?)?;
        self.answer()
    }

    fn answer(&mut self) -> anyhow::Result<Written> {
        let mut line = String::new();
        ensure!(self.answers.read_line(&mut line)? != 0, "the writer has ended by itself");
        match serde_json::from_str(&line)? {
            Answer::Written(written) => Ok(written),
            Answer::Failed(why) => bail!("the writer has failed: {why}"),
        }
    }

    pub(super) fn end(mut self) -> anyhow::Result<()> {
        drop(self.orders.take());
        let status = self.child.wait()?;
        ensure!(status.success(), "the writer has failed: {status}");
        Ok(())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
