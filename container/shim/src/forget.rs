//! Having an external runtime forget a container whose processes and groups are gone.
//!
//! A runtime may keep what we know nothing of. It is asked in a process of its own, which the depot
//! starts as `PROGRAM shim-forget DIR` when all else of the container has gone: that may leave the
//! machine's mount namespace, and has one thread.

use std::path::Path;
use std::process::ExitCode;

use warren_container_runtime::engine::external::{External, forget as ask};
use warren_lib_errchain::chain;
use warren_sys_process::descriptor_limit::take_back;

use crate::spec::ContainerSpec;

/// The runtime's directory in the container's; see the engine's `external`.
pub(crate) const RUNTIME: &str = "runtime";

/// The verb.
pub(crate) const VERB: &str = "shim-forget";

/// The verb `warren shim-forget DIR`. What failed is told on standard error, in one line.
///
/// Must be called while the process has one thread.
pub fn forget(directory: &Path) -> ExitCode {
    match done(directory) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

fn done(directory: &Path) -> Result<(), String> {
    take_back().map_err(|errno| format!("cannot set the limit of descriptors back: {errno}"))?;
    let file = directory.join("container.json");
    let failed =
        |error: &dyn std::error::Error| format!("cannot read {}: {}", file.display(), chain(error));
    let bytes = std::fs::read(&file).map_err(|error| failed(&error))?;
    let spec: ContainerSpec = serde_json::from_slice(&bytes).map_err(|error| failed(&error))?;
    match External::of(&spec, &directory.join(RUNTIME)) {
        None => Ok(()),
        Some(external) => {
            let place = spec.cgroup.parent.child(&spec.cgroup.name);
            ask(&external, &place).map_err(|error| chain(&error))
        }
    }
}
