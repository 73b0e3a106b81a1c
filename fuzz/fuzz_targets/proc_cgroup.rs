//! `/proc/PID/cgroup`, and the paths in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_sys_cgroup::{NsPath, ProcessCgroups};

fuzz_target!(|text: &[u8]| {
    let _ = NsPath::parse(text);
    let Ok(groups) = ProcessCgroups::parse(text) else {
        return;
    };
    let _ = groups.v1("memory");
    let Some(member) = groups.v2() else { return };
    let _ = (
        member.path.is_root(),
        member.path.is_outside(),
        member.path.inside(),
    );
    let _ = member.path.relative_to(&member.path);
    let _ = warren_firewall::jobs::name_from_path(&member.path.to_string());
});
