//! Packages compiled on machines that live for it.
//!
//! ```text
//! tasks of the plan ──► ready when all that they need is compiled ──► a worker: a machine of the
//! stemcell, compile_package, a row ──► others become ready
//! ```
//!
//! As many machines as `compilation.workers` says; each is kept for the next package of its stemcell if
//! `reuse_compilation_vms` says so, and goes if one of another stemcell is needed in its place. A package
//! that another deploy is compiling is waited for. After a failure nothing is begun any more.

mod boot;
mod machines;
mod package;
mod sweep;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{Mutex, Notify};
use warren_director_plan::compile::{Task as Wanted, first_like, plan};
use warren_director_plan::{Compiled, Draft, Input};

use crate::event_log::Stage;
use crate::many::join_all;
use crate::variables::Variables;
use crate::{Engine, Error, Task};

use machines::Machines;
use package::compile_one;
pub use sweep::sweep;

/// What every package was compiled to, by place of release, package and stemcell.
pub type Outcome = BTreeMap<(usize, usize, usize), Compiled>;

/// Compiles what a draft needs and is not compiled yet.
pub async fn all(
    engine: &Engine,
    task: &Task,
    input: &Input<'_>,
    draft: &Draft,
    deployment_id: i64,
    variables: &Variables,
) -> Result<Outcome, Error> {
    let wanted = plan(input, draft)?;
    let open = wanted.iter().filter(|one| one.compiled.is_none()).count();
    let mut outcome: Outcome = wanted
        .iter()
        .filter_map(|one| {
            let compiled = one.compiled.clone()?;
            Some(((one.release, one.package, one.stemcell), compiled))
        })
        .collect();
    if open == 0 {
        return Ok(spread(input, outcome));
    }
    let machines = Machines::new(engine, task, input, deployment_id, variables);
    let compiled = run(&machines, &wanted, open).await;
    let cleaned = machines.clear().await;
    outcome.extend(compiled?);
    cleaned?;
    Ok(spread(input, outcome))
}

/// Has what was compiled on a stemcell for all stemcells of its OS and version.
fn spread(input: &Input<'_>, mut outcome: Outcome) -> Outcome {
    for stemcell in 0..input.stemcells.len() {
        let first = first_like(input, stemcell);
        if first == stemcell {
            continue;
        }
        let same: Vec<_> = outcome
            .iter()
            .filter(|((_, _, on), _)| *on == first)
            .map(|((release, package, _), one)| ((*release, *package, stemcell), one.clone()))
            .collect();
        outcome.extend(same);
    }
    outcome
}

/// Compiles in order, several at once.
async fn run(machines: &Machines<'_>, wanted: &[Wanted], open: usize) -> Result<Outcome, Error> {
    let stage = Stage::new(machines.task, "Compiling packages", open, &[]);
    let done: Mutex<BTreeMap<usize, Result<Compiled, ()>>> = Mutex::new(
        wanted
            .iter()
            .enumerate()
            .filter_map(|(place, one)| Some((place, Ok(one.compiled.clone()?))))
            .collect(),
    );
    let changed = Notify::new();
    let has_failed = AtomicBool::new(false);
    let turns = tokio::sync::Semaphore::new(machines.input.cloud.compilation.workers as usize);
    let one = |place: usize| {
        let (done, changed, turns, stage) = (&done, &changed, &turns, &stage);
        let has_failed = &has_failed;
        async move {
            let wanted_one = &wanted[place];
            loop {
                let waiting = changed.notified();
                let known = done.lock().await;
                if wanted_one
                    .after
                    .iter()
                    .all(|needed| known.contains_key(needed))
                {
                    break;
                }
                drop(known);
                waiting.await;
            }
            let needs: Result<Vec<(usize, Compiled)>, ()> = {
                let known = done.lock().await;
                wanted_one
                    .after
                    .iter()
                    .map(|needed| known[needed].clone().map(|compiled| (*needed, compiled)))
                    .collect()
            };
            let result = match needs {
                // What it needs has failed, or was not begun, which is told there.
                Err(()) => Err(None),
                Ok(needs) => {
                    let _turn = turns.acquire().await;
                    if has_failed.load(Ordering::Relaxed) {
                        Err(None)
                    } else {
                        let compiled = compile_one(machines, stage, wanted, place, &needs).await;
                        // Before the turn is another's.
                        has_failed.fetch_or(compiled.is_err(), Ordering::Relaxed);
                        compiled.map_err(Some)
                    }
                }
            };
            let mut known = done.lock().await;
            known.insert(place, result.as_ref().map(Clone::clone).map_err(|_| ()));
            drop(known);
            changed.notify_waiters();
            result.map(|compiled| (place, compiled))
        }
    };
    let open: Vec<usize> = (0..wanted.len())
        .filter(|place| wanted[*place].compiled.is_none())
        .collect();
    let results = join_all(open.into_iter().map(one).collect()).await;
    let mut outcome = Outcome::new();
    let mut first = None;
    for result in results {
        match result {
            Ok((place, compiled)) => {
                let one = &wanted[place];
                outcome.insert((one.release, one.package, one.stemcell), compiled);
            }
            Err(Some(error)) if first.is_none() => first = Some(error),
            Err(_) => {}
        }
    }
    match first {
        Some(error) => Err(error),
        None => Ok(outcome),
    }
}
