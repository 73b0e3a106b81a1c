//! Limits on what each process may take.

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::inner::Failure;
use crate::plan::Options;

/// Sets the limits of the calling process, which all that it starts inherit and none can raise.
///
/// A process's number of children is its own to give up ([`Resource::Nproc`]): a program may need
/// to start some of its own before it turns to what others wrote.
pub(crate) fn set(options: &Options) -> Result<(), Failure> {
    for (resource, most) in [
        (Resource::As, options.memory),
        (Resource::Nofile, options.open_files),
        (Resource::Core, 0),
        (Resource::Memlock, 0),
        (Resource::Msgqueue, 0),
        (Resource::Rtprio, 0),
    ] {
        let had = rustix::process::getrlimit(resource);
        // What we have ourselves cannot be exceeded.
        let most = had.maximum.map_or(most, |had| had.min(most));
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit)
            .map_err(|errno| Failure::new("limit", format!("{resource:?}"), errno))?;
    }
    Ok(())
}
