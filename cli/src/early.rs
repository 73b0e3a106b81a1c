//! What this executable does before it looks at its command line like a tool for people: parts of
//! containers, of which there are many, and which should be small.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;

use warren_sys_process::init::reap_forever;

/// The name under which we are pid 1 of a container.
const INIT: &[u8] = b"garden-init";

/// The verb of a container's keeper, `warren shim DIR`. Not for people, so no help tells of it.
const SHIM: &[u8] = b"shim";

/// The verb that has an external runtime forget a container, `warren shim-forget DIR`. Neither.
const FORGET: &[u8] = b"shim-forget";

/// Does such a part's work, if that is what is asked for.
pub fn dispatch() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    let called = arguments.next()?;
    if basename(&called) == INIT {
        reap_forever();
    }
    if basename(&called) == warren_bpm::init::NAME.as_bytes() {
        return Some(warren_bpm::init::run(arguments));
    }
    let part = match arguments.next()?.as_bytes() {
        part if part == warren_bpm::init::NAME.as_bytes() => {
            return Some(warren_bpm::init::run(arguments));
        }
        SHIM => warren_container_shim::run,
        FORGET => warren_container_shim::forget,
        _ => return None,
    };
    let directory = arguments.next()?;
    Some(part(Path::new(&directory)))
}

fn basename(called: &OsStr) -> &[u8] {
    let mut parts = called.as_bytes().rsplit(|byte| *byte == b'/');
    parts.next().unwrap_or_default()
}
