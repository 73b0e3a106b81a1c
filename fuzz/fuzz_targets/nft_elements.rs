//! Elements of sets of several types. First bytes: which type, and whether it holds ranges.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_sys_nft::{DataType, Family, Set, fuzz};

fuzz_target!(|bytes: &[u8]| {
    let [kind, ranges, a, b, list @ ..] = bytes else {
        return;
    };
    let key_type = match kind % 6 {
        0 => DataType::Ipv4Addr,
        1 => DataType::Ipv6Addr,
        2 => DataType::CgroupV2,
        3 => DataType::InetService,
        4 => DataType::Concat(vec![DataType::IfName, DataType::CgroupV2]),
        _ => fuzz::data_type(u32::from_be_bytes([0, 0, *a, *b]), u32::from(*b)),
    };
    let mut set = Set::new(Family::Inet, "t", "s", key_type);
    if ranges & 1 != 0 {
        set = set.with_intervals();
    }
    let _ = fuzz::decode_elements(&set, list);
});
