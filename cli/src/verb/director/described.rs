//! Machines or instances of several deployments: a task each, as many at once as `--parallel` says.

use std::collections::VecDeque;

use warren_director_client::Director;
use warren_director_client::instances::{Instance, Kind, parse_lines};

use super::problem::Problem;
use super::session::Session;

/// Shows these deployments in their order.
pub fn each(
    session: &mut Session<'_>,
    director: &Director,
    kind: Kind,
    names: Vec<String>,
    mut show: impl FnMut(&mut Session<'_>, &str, Vec<Instance>),
) -> Result<(), Problem> {
    let what = match kind {
        Kind::Vms => "vms",
        Kind::Instances => "instances",
    };
    let mut names = names.into_iter();
    let mut begun = VecDeque::new();
    loop {
        while begun.len() < session.common.parallel.get()
            && let Some(name) = names.next()
        {
            let id = director.describe_instances(&name, kind)?;
            begun.push_back((name, id));
        }
        let Some((name, id)) = begun.pop_front() else {
            return Ok(());
        };
        session.wait(director, id)?;
        show(
            session,
            &name,
            parse_lines(&director.task_result(id)?, what)?,
        );
    }
}
