//! An environment that rests: nothing runs, all that was kept stays.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use warren_director_client::Director;
use warren_director_client::tasks::Output;

use crate::lock::Lock;
use crate::step::step;
use crate::up::{Options, Ready, up};
use crate::{Error, Progress, Record, down, levels, machines};

/// Ends all processes of an environment, those of its machines first; files, disks and what the
/// director knows stay.
///
/// # Errors
/// [`Error`]; the next call goes on from there.
pub fn stop(home: &Path, progress: &dyn Progress) -> Result<(), Error> {
    let record = Record::of(home)?;
    let _lock = Lock::take(home)?;
    step(progress, "Machines", || {
        Ok::<_, Error>((machines(home, &record), ()))
    })?;
    down::halt(home, &record, progress)
}

/// Has the processes of machines end in order: who gets no TERM gets KILL with the container.
fn machines(home: &Path, record: &Record) -> String {
    let Some(garden) = levels(home, record).pop().map(|level| level.garden()) else {
        return "none".to_owned();
    };
    let Ok(handles) = garden.list(&Default::default()) else {
        return "their Garden server does not answer; they end with their container".to_owned();
    };
    let failed: Vec<String> = scope(|scope| {
        let stopping: Vec<_> = handles
            .iter()
            .map(|handle| {
                let garden = &garden;
                scope.spawn(move || garden.stop(handle, false).map_err(|error| (handle, error)))
            })
            .collect();
        let ended = stopping
            .into_iter()
            .filter_map(|one| one.join().ok()?.err());
        ended
            .map(|(handle, error)| format!("{handle}: {error}"))
            .collect()
    });
    match failed.as_slice() {
        [] => format!("{} stopped", handles.len()),
        failed => format!("not stopped, and killed: {}", failed.join(", ")),
    }
}

/// Brings an environment up again, and its deployments with it: machines that are gone are made anew
/// with their disks. When it is done, what should run in them does.
///
/// # Errors
/// [`Error`]; the next call goes on from there.
pub fn start(options: &Options, progress: &dyn Progress) -> Result<Ready, Error> {
    Record::of(&options.home)?;
    let ready = up(options, progress)?;
    let director = ready.access.director()?;
    let failed = || Error::director("ask for deployments");
    for deployment in director.deployments(false).map_err(failed())? {
        step(progress, &format!("Deployment {}", deployment.name), || {
            let told = mend(&director, &deployment.name)?;
            until_good(&director, &deployment.name)?;
            Ok::<_, Error>((told, ()))
        })?;
    }
    Ok(ready)
}

/// How long machines may take until all that should run in them does.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often they are asked.
const PAUSE: Duration = Duration::from_millis(200);

/// Waits until the agents of a deployment answer, and what should run in its machines does.
fn until_good(director: &Director, deployment: &str) -> Result<(), Error> {
    let end = Instant::now() + PATIENCE;
    loop {
        let machines = machines::of(director, deployment)?;
        let bad: Vec<String> = machines
            .iter()
            .filter(|machine| !machine.is_good())
            .map(|machine| {
                let state = machine.about.job_state.as_deref();
                format!("{} is {}", machine.name(), state.unwrap_or("silent"))
            })
            .collect();
        if bad.is_empty() {
            return Ok(());
        }
        if Instant::now() >= end {
            return Err(Error::Waiting {
                deployment: deployment.to_owned(),
                seconds: PATIENCE.as_secs(),
                machines: bad,
            });
        }
        sleep(PAUSE);
    }
}

/// What is done about a machine whose processes are gone.
const RECREATE: &str = "recreate_vm";

fn mend(director: &Director, deployment: &str) -> Result<String, Error> {
    let failed = || Error::director("mend a deployment");
    let wait = |task| {
        director
            .follow(task, Output::Event, &mut |_| ())
            .and_then(|task| task.succeeded())
            .map_err(failed())
    };
    wait(director.scan(deployment).map_err(failed())?)?;
    let problems = director.problems(deployment).map_err(failed())?;
    if problems.is_empty() {
        return Ok("as before".to_owned());
    }
    // The director's own choice for a machine that does not answer is to leave it alone.
    let chosen = problems
        .iter()
        .map(|problem| {
            let names = problem
                .resolutions
                .iter()
                .filter_map(|one| one.name.as_deref());
            let mut names = names.filter(|name| *name == RECREATE);
            (problem.id, names.next().map(str::to_owned))
        })
        .collect();
    let task = director.resolve(deployment, &chosen, &BTreeMap::new());
    wait(task.map_err(failed())?)?;
    let left = director.problems(deployment).map_err(failed())?;
    match left.as_slice() {
        [] => Ok(format!("{} problems mended", problems.len())),
        left => Err(Error::Left {
            deployment: deployment.to_owned(),
            problems: left.iter().map(|one| one.description.clone()).collect(),
        }),
    }
}
