//! Bodies of the Garden wire: what reads is written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;
use warren_wire_garden::container::{
    Capacity, ContainerSpec, CreateResponse, ListResponse, PropertyValue, StopRequest,
};
use warren_wire_garden::info::{ContainerInfo, ContainerInfoEntry};
use warren_wire_garden::limits::{BandwidthLimits, CpuLimits, DiskLimits, Limits, MemoryLimits};
use warren_wire_garden::metrics::{ContainerMetricsEntry, Metrics};
use warren_wire_garden::network::{NetIn, NetInRequest, NetOutRule};
use warren_wire_garden::number::Nanoseconds;
use warren_wire_garden::process::{ProcessSpec, TtySpec};
use warren_wire_garden::{Error, json};

fn again<T: Serialize + DeserializeOwned + PartialEq>(bytes: &[u8]) {
    let Ok(value) = json::decode::<T>(bytes) else {
        return;
    };
    let text = json::encode(&value).expect("what was read can be written");
    let same: T = json::decode(&text).expect("what was written can be read");
    assert!(same == value, "{}", String::from_utf8_lossy(&text));
}

fuzz_target!(|bytes: &[u8]| {
    let Some((which, bytes)) = bytes.split_first() else {
        return;
    };
    match which % 21 {
        0 => again::<ContainerSpec>(bytes),
        1 => again::<ProcessSpec>(bytes),
        2 => again::<NetInRequest>(bytes),
        3 => again::<NetOutRule>(bytes),
        4 => again::<Vec<NetOutRule>>(bytes),
        5 => again::<StopRequest>(bytes),
        6 => again::<PropertyValue>(bytes),
        7 => again::<Nanoseconds>(bytes),
        8 => again::<Limits>(bytes),
        9 => again::<CpuLimits>(bytes),
        10 => again::<DiskLimits>(bytes),
        11 => again::<MemoryLimits>(bytes),
        12 => again::<BandwidthLimits>(bytes),
        13 => again::<ContainerInfo>(bytes),
        14 => again::<std::collections::BTreeMap<String, ContainerInfoEntry>>(bytes),
        15 => again::<Metrics>(bytes),
        16 => again::<std::collections::BTreeMap<String, ContainerMetricsEntry>>(bytes),
        17 => again::<(CreateResponse, ListResponse, Capacity)>(bytes),
        18 => again::<TtySpec>(bytes),
        19 => again::<NetIn>(bytes),
        _ => {
            let error = Error::from_body(500, bytes);
            let text = json::encode(&error).expect("every error has a form");
            let _ = Error::from_body(error.status(), &text);
        }
    }
});
