//! A measurement from its beginning to its end.

mod facts;
mod measuring;
mod task;

use std::sync::mpsc;

pub use facts::host_facts;
pub use task::{Run, RunError, ServerKind, Step, Task, Trigger};

use self::{
    measuring::{Measured, Measuring},
    task::line,
};
use crate::{
    MainProcess, Server,
    clock::now,
    gather::{Event, Gatherer},
    output::{self, Tail},
    proc,
    record::{Failure, Observer, Record, SCHEMA_VERSION, TargetFacts},
};

/// Measures. `on_step` is told what comes next; `is_interrupted` is asked all the time.
pub fn run(
    task: &Task,
    on_step: &mut dyn FnMut(Step),
    is_interrupted: &dyn Fn() -> bool,
) -> Result<Run, RunError> {
    let port = task.endpoints.main().ok_or(RunError::NoEndpoint)?.address.port();
    let (began_us, cpu_us) = (now(), facts::cpu());
    let is_taken =
        matches!(task.server, ServerKind::Started(_)) && !proc::listeners(port).is_empty();
    let mut measured = Measured::default();
    if is_taken {
        measured.failure = Some(Failure::PortTaken);
    } else {
        on_step(Step::Start);
        measured = measure(task, on_step, is_interrupted)?;
    }
    let observer = Observer {
        cpu_us: facts::cpu().since(cpu_us),
        wall_us: now().since(began_us),
        peak_memory_bytes: facts::peak_memory_bytes(),
        log_bytes: measured.tail.bytes(),
        long_lines: measured.tail.long_lines(),
    };
    let record = Record {
        schema_version: SCHEMA_VERSION,
        tool: format!("restart-bench {}", env!("CARGO_PKG_VERSION")),
        measured_at: task.measured_at.clone(),
        host: task.host.clone(),
        target: target_facts(task, port),
        settings: task.settings.clone(),
        calibration: measured.calibration,
        restarts: measured.restarts,
        failure: measured.failure,
        observer,
    };
    Ok(Run { record, tail: measured.tail.lines() })
}

fn target_facts(task: &Task, port: u16) -> TargetFacts {
    let command = match &task.server {
        ServerKind::Started(orders) => Some(line(&orders.command)),
        ServerKind::Running(_) => None,
    };
    // One that is free is another one each time, which configures nothing.
    let same = command.as_deref().unwrap_or_default().replace(&port.to_string(), "PORT");
    let trigger = task.trigger.describe();
    TargetFacts {
        name: task.name.clone(),
        version: task.version.clone(),
        config_hash: facts::hash(&[&same, &trigger, &format!("{:?}", task.settings)]),
        command,
        trigger,
    }
}

fn measure(
    task: &Task,
    on_step: &mut dyn FnMut(Step),
    is_interrupted: &dyn Fn() -> bool,
) -> Result<Measured, RunError> {
    let events = mpsc::channel();
    let tail = Tail::default();
    let (server, main) = match &task.server {
        ServerKind::Started(orders) => {
            let (server, output) = Server::start(orders)?;
            let told = events.0.clone();
            output::read(output, &task.log, &tail, move |line| {
                // Who does not listen any more is about to end the server.
                told.send(Event::Line(line)).ok();
            })?;
            let main = server.main();
            (Some(server), MainProcess::Started(main))
        }
        ServerKind::Running(main) => {
            main.find().ok_or(RunError::NoProcess)?;
            (None, main.clone())
        }
    };
    let gatherer = Gatherer::start(&task.endpoints, &task.settings, main.clone(), events)?;
    let mut measuring =
        Measuring { task, server, main, gatherer, triggered_us: None, is_interrupted };
    let measured = measuring.all(on_step);
    on_step(Step::Stop);
    let Measuring { server, gatherer, .. } = measuring;
    let stopped = gatherer.stop();
    if let Some(server) = server {
        server.stop()?;
    }
    stopped?;
    Ok(Measured { tail, ..measured? })
}
