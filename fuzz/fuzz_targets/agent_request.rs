//! A request or response on the bus, and the method it names.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_wire_agent::envelope::{Request, Response};

fuzz_target!(|data: &[u8]| {
    if let Ok(request) = Request::decode(data) {
        let _ = warren_wire_agent::method::Call::parse(&request.method, &request.arguments);
    }
    let _ = Response::decode(data);
});
