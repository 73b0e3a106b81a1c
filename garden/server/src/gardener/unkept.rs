//! Limits that are asked for and not kept: said aloud, for a limit that is lost in silence is taken for one.

use warren_wire_garden::limits::Limits;

/// A remark for each limit that nothing keeps. The stock server passes over the same ones, and over
/// that of inodes, which is kept where the file system can.
/// Source: reference of Garden's API, limits.
#[must_use]
pub(super) fn remarks(limits: &Limits, keeps_inodes: bool) -> Vec<String> {
    let (bandwidth, disk) = (&limits.bandwidth, &limits.disk);
    let all = [
        ("bandwidth_limits.rate", bandwidth.rate),
        ("bandwidth_limits.burst", bandwidth.burst),
        ("disk_limits.inode_soft", disk.inode_soft),
        (
            "disk_limits.inode_hard",
            if keeps_inodes { 0 } else { disk.inode_hard },
        ),
        ("disk_limits.byte_soft", disk.byte_soft),
    ];
    let asked = all.into_iter().filter(|(_, value)| *value > 0);
    asked
        .map(|(name, value)| format!("the limit {name} of {value} is not kept"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_kept_is_named_with_its_value() {
        let mut limits = Limits::default();
        limits.memory.limit_in_bytes = 1;
        limits.disk.byte_hard = 1;
        assert_eq!(remarks(&limits, false), [""; 0]);
        limits.bandwidth.rate = 1000;
        limits.disk.inode_hard = 5;
        let told = [
            "the limit bandwidth_limits.rate of 1000 is not kept",
            "the limit disk_limits.inode_hard of 5 is not kept",
        ];
        assert_eq!(remarks(&limits, false), told);
        assert_eq!(remarks(&limits, true), told[..1]);
    }
}
