//! Any instructions end, in an answer or a reason why there is none.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_sys_devicefilter::insn::Insn;
use warren_sys_devicefilter::{Access, Device, Request, interpret};

fuzz_target!(|bytes: &[u8]| {
    let (chunks, _) = bytes.as_chunks::<8>();
    let insns: Vec<Insn> = chunks
        .iter()
        .map(|chunk| Insn::from_bytes(*chunk))
        .collect();
    let _ = format!("{insns:?}");
    let _ = interpret::allows(
        &insns,
        Request {
            device: Device::char(1, 3),
            access: Access::READ,
        },
    );
});
