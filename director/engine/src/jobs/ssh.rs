//! `ssh: setup:{...}`: agents make, or remove, a user for somebody to log in as.

use serde_json::{Value, json};
use warren_director_store::instances::Instance;
use warren_director_store::vms::Vm;
use warren_director_store::work::Ssh;

use super::targets;
use crate::many::join_all;
use crate::task::Event;
use crate::{Engine, Error, Task};

/// How long an agent may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(45);

/// Asks all agents at once; their answers are one array in the task's result.
pub async fn run(engine: &Engine, task: &Task, wanted: &Ssh) -> Result<String, Error> {
    let deployment = targets::deployment(engine, &wanted.deployment).await?;
    let group = wanted.job.as_deref().filter(|job| !job.is_empty());
    let machines = targets::with_machines(engine, &deployment, group, &wanted.ids).await?;
    let asked = machines
        .iter()
        .map(|(row, vm)| one(engine, task, wanted, row, vm))
        .collect();
    let mut answers = Vec::new();
    for answer in join_all(asked).await {
        answers.push(answer?);
    }
    task.result(format!("{}\n", Value::Array(answers)).as_bytes());
    Ok(String::new())
}

async fn one(
    engine: &Engine,
    task: &Task,
    wanted: &Ssh,
    row: &Instance,
    vm: &Vm,
) -> Result<Value, Error> {
    let agent = engine.bus.agent(&vm.agent_id);
    let arguments = vec![json!(wanted.command), Value::Object(wanted.params.clone())];
    let answer = agent.ask("ssh", arguments, PATIENCE).await;
    let name = row.name();
    let error = answer
        .as_ref()
        .err()
        .map(|error| warren_lib_errchain::chain(error));
    task.event(Event {
        action: &format!("{} ssh", wanted.command),
        object_type: "instance",
        object_name: Some(&name),
        instance: Some(&name),
        error: error.as_deref(),
        context: wanted.params.get("user").map(|user| json!({"user": user})),
        ..Event::default()
    })
    .await?;
    let mut answer = answer?;
    if let Some(map) = answer.as_object_mut() {
        map.insert("id".into(), json!(row.uuid));
        map.insert("index".into(), json!(row.index_number));
        map.insert("job".into(), json!(row.job));
    }
    Ok(answer)
}
