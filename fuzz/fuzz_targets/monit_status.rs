//! The status of a supervisor.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_agent::monit::status::Status;

fuzz_target!(|data: &[u8]| {
    if let Ok(status) = Status::parse(data) {
        let _ = (status.job_state(), status.processes());
    }
});
