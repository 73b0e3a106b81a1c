//! Block devices.

use super::super::convert::{WEIGHT_MAX, WEIGHT_MIN, bfq_weight};
use super::super::{Bound, Io, IoMax};
use super::{Check, PlanError, Version, Write, in_range, write};

pub(super) fn writes(io: &Io, version: Version) -> Result<Vec<Write>, PlanError> {
    let mut writes = Vec::new();
    if let Some(weight) = io.weight {
        in_range("I/O weight", weight, WEIGHT_MIN, WEIGHT_MAX)?;
        let file = |file, value: u64| write("io", version, file, value, Check::Weight);
        let bfq = bfq_weight(weight);
        let (first, second) = match version {
            Version::V2 => (file("io.weight", weight), file("io.bfq.weight", bfq)),
            Version::V1 => (
                file("blkio.weight", bfq.max(10)),
                file("blkio.bfq.weight", bfq),
            ),
        };
        writes.push(Write {
            otherwise: Some(Box::new(second)),
            ..first
        });
    }
    for device in &io.max {
        match version {
            Version::V2 => writes.extend(io_max(device)),
            Version::V1 => writes.extend(blkio_throttle(device)),
        }
    }
    Ok(writes)
}

fn io_max(device: &IoMax) -> Option<Write> {
    let keys = [
        ("rbps", device.read_bytes),
        ("wbps", device.write_bytes),
        ("riops", device.read_ops),
        ("wiops", device.write_ops),
    ];
    let keys: String = keys
        .iter()
        .filter_map(|(k, v)| v.map(|v| format!(" {k}={v}")))
        .collect();
    let value = format!("{}:{}{keys}", device.major, device.minor);
    (!keys.is_empty()).then(|| write("io", Version::V2, "io.max", value, Check::Device))
}

fn blkio_throttle(device: &IoMax) -> impl Iterator<Item = Write> {
    let IoMax { major, minor, .. } = *device;
    let files = [
        ("blkio.throttle.read_bps_device", device.read_bytes),
        ("blkio.throttle.write_bps_device", device.write_bytes),
        ("blkio.throttle.read_iops_device", device.read_ops),
        ("blkio.throttle.write_iops_device", device.write_ops),
    ];
    files.into_iter().filter_map(move |(file, bound)| {
        // Zero takes a limit away.
        let value = match bound? {
            Bound::Unlimited => 0,
            Bound::At(n) => n,
        };
        let value = format!("{major}:{minor} {value}");
        Some(write("io", Version::V1, file, value, Check::Device))
    })
}
