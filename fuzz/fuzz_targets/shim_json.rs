//! JSON of the shim's requests and answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_container_shim::spec::{ContainerSpec, ProcessSpec};
use warren_container_shim::wire::{Failure, Process, Request, Started, State};
use warren_fuzz::json_again;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = serde_json::from_slice::<Request>(bytes) {
        let text = serde_json::to_vec(&request).expect("what was read can be written");
        serde_json::from_slice::<Request>(&text).expect("what was written can be read");
    }
    json_again::<Started>(bytes);
    json_again::<State>(bytes);
    json_again::<Vec<Process>>(bytes);
    json_again::<Failure>(bytes);
    json_again::<ProcessSpec>(bytes);
    if let Some(spec) = json_again::<ContainerSpec>(bytes) {
        let _ = spec.hostname();
    }
});
