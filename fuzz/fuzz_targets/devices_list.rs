//! `devices.list` of cgroup v1, and the way from it to a policy.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_sys_devicefilter::{Access, Device, Policy, Request, v1};

fuzz_target!(|text: &str| {
    let Ok(list) = v1::List::parse(text) else {
        return;
    };
    let request = Request {
        device: Device::char(1, 3),
        access: Access::READ,
    };
    let _ = list.allows(request);
    let Ok(policy) = Policy::from_rules(&list.allowed) else {
        return;
    };
    let _ = v1::plan(&list, &policy);
    let _ = v1::plan(&v1::List::default(), &policy);
});
