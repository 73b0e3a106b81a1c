//! The agent of a machine that is new: waited for, and what it wrote if it never answers.

use std::time::Duration;

use tokio::time::Instant;
use warren_director_store::vms::Vm;

use crate::{Engine, Error, Task};

/// Waits until an agent answers. One that is silent for long is looked after: a machine that is gone
/// ends the waiting.
pub(super) async fn wait_for_agent(engine: &Engine, task: &Task, vm: &Vm) -> Result<(), Error> {
    let agent = engine.bus.agent(&vm.agent_id);
    let begun = Instant::now();
    loop {
        let left = engine.config.agent_patience.saturating_sub(begun.elapsed());
        let part = left
            .min(engine.config.silent_after)
            .max(Duration::from_millis(1));
        match agent.wait_until_ready(part, task).await {
            Err(error) if error.is_timeout() && begun.elapsed() < engine.config.agent_patience => {}
            done => return Ok(done?),
        }
        let cid = vm.cid.as_deref().unwrap_or_default();
        let silent = begun.elapsed().as_secs();
        let log = match look_at(engine, task, vm, cid).await {
            Ok(Some(log)) => log,
            Ok(None) => {
                return Err(Error::refused(
                    450_002,
                    format!("The machine {cid} ended before its agent answered"),
                ));
            }
            // What cannot be looked at now may be all right: the agent is what counts.
            Err(error) => {
                task.warn(&format!(
                    "The agent of {cid} has not answered for {silent} s, and the machine cannot be looked at: {}",
                    error.story()
                ));
                continue;
            }
        };
        let said = of_agent(&log);
        let last = said.lines().rev().find(|line| !line.trim().is_empty());
        let last = last.map(|line| format!(", and its log ends with: {line}"));
        task.warn(&format!(
            "The agent of {cid} has not answered for {silent} s{}",
            last.unwrap_or_default()
        ));
        if !log.is_empty() {
            task.log(&format!("what is written in {cid}:\n{log}"));
        }
        // An agent that never stays up, or cannot get on, will not answer later either: its init or it says so.
        if let Some(line) = fatal(said) {
            return Err(Error::refused(
                450_002,
                format!("The agent of {cid} cannot start: {line}"),
            ));
        }
    }
}

/// Why an agent does not stay up or cannot get on, unless it did get on after it had said so.
fn fatal(said: &str) -> Option<&str> {
    let mut got_on = false;
    said.lines().rev().find(|line| {
        got_on |= line.contains("[bus] connected to ");
        // One that ends whenever it is started may come as far as that.
        line.contains("FATAL") && (!got_on || line.contains("[init] "))
    })
}

/// What is written in a machine; `None` if it is gone.
async fn look_at(
    engine: &Engine,
    task: &Task,
    vm: &Vm,
    cid: &str,
) -> Result<Option<String>, Error> {
    let cpi = engine.cpi_named(task, &vm.cpi).await?;
    if cpi.has_vm(cid).await? == Some(false) {
        return Ok(None);
    }
    Ok(Some(cpi.get_vm_log(cid).await?.unwrap_or_default()))
}

/// The agent's own part of what is written in a machine, which may have more files; all of it if it is not known
/// which is the agent's.
fn of_agent(log: &str) -> &str {
    let Some((_, rest)) = log.split_once("/current <==\n") else {
        return log;
    };
    rest.split_once("\n==> ").map_or(rest, |(part, _)| part)
}

/// An error of a machine that never answered, with what its agent wrote last.
pub(super) async fn with_log(engine: &Engine, task: &Task, vm: &Vm, error: Error) -> Error {
    let Some(cid) = vm.cid.as_deref().filter(|_| error.code() == 450_002) else {
        return error;
    };
    let Ok(cpi) = engine.cpi_named(task, &vm.cpi).await else {
        return error;
    };
    match cpi.get_vm_log(cid).await {
        Ok(Some(log)) if !log.trim().is_empty() => {
            let lines: Vec<&str> = of_agent(&log).lines().collect();
            let tail = lines[lines.len().saturating_sub(15)..].join("\n  ");
            Error::refused(
                450_002,
                format!(
                    "{}\nThe machine's own log ends with:\n  {tail}",
                    error.story()
                ),
            )
        }
        _ => error,
    }
}
