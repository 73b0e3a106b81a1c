//! `remove_file`: removes a path with all below it, as `bundle_logs` is followed by.

use super::Outcome;
use crate::agent::Agent;
use crate::files;

pub(super) fn run(agent: &Agent, path: String) -> Outcome {
    let target = std::path::Path::new(&path);
    let is_absolute = target.is_absolute();
    let leads_up = target
        .components()
        .any(|part| part == std::path::Component::ParentDir);
    if !is_absolute
        || leads_up
        || target == agent.paths.root()
        || target == std::path::Path::new("/")
    {
        return Err(format!("{path:?} is no path of a file").into());
    }
    files::remove(target)?;
    Ok(path.into())
}
