//! Ends the process when there is something to do that needs rights.

use std::thread::Builder;

use warren_sys_process::ending;

use super::{STACK, ServeError};
use crate::keeper::watch::{Watch, Woken};
use crate::keeper::{has_job, is_first};
use crate::{Log, Sources};

/// Ends it with 0 when it is told to, when there is a job that does the same, and when
/// `/etc/resolv.conf` named us first and does not any more. Signals that [`ending::exec`] has held
/// until now count.
pub(super) fn start(sources: &Sources, mut first: bool, log: Log) -> Result<(), ServeError> {
    let mut watch = Watch::new(&[&sources.jobs, &sources.resolv_conf])?;
    // Before other threads, which would hold them on.
    ending::release().map_err(|errno| ServeError::Signals(errno.into()))?;
    let sources = sources.clone();
    let watching = move || {
        loop {
            if has_job(&sources.jobs) {
                log("stepping aside for the job bosh-dns");
                std::process::exit(0);
            }
            let now = is_first(&sources);
            if first && !now {
                log("the system does not ask us first any more");
                std::process::exit(0);
            }
            first = now;
            match watch.wait(None) {
                Ok(Woken::Change) => {}
                Ok(Woken::End) => std::process::exit(0),
                Err(error) => {
                    log(&warren_lib_errchain::chain(&error));
                    std::process::exit(1);
                }
            }
        }
    };
    let thread = Builder::new().name("watch".to_owned()).stack_size(STACK);
    thread.spawn(watching).map(drop).map_err(ServeError::Thread)
}
