//! The planner of limits, without a kernel.

use proptest::prelude::*;

use super::apply::judge;
use super::convert::*;
use super::plan::{Check, Now, controllers, parse_list};
use super::*;

const MIB: u64 = 1 << 20;

fn memory(max: Option<Bound>, swap: Option<Bound>) -> Limits {
    Limits {
        memory: Memory {
            max,
            swap,
            ..Memory::default()
        },
        ..Limits::default()
    }
}

fn lines(limits: &Limits, controller: &str, version: Version, now: Now) -> Vec<String> {
    let writes = plan(limits, controller, version, now).unwrap();
    writes
        .iter()
        .map(|w| format!("{} {}", w.file, w.value))
        .collect()
}

#[test]
fn nothing_wanted_is_nothing_planned() {
    assert!(controllers(&Limits::default()).is_empty());
    for controller in ["memory", "cpu", "pids", "io", "cpuset"] {
        for version in [Version::V1, Version::V2] {
            assert!(lines(&Limits::default(), controller, version, Now::default()).is_empty());
        }
    }
}

#[test]
fn v2_memory() {
    let mut limits = memory(Some(Bound::At(64 * MIB)), Some(Bound::At(0)));
    limits.memory.high = Some(Bound::Unlimited);
    limits.memory.oom_group = Some(true);
    assert_eq!(
        lines(&limits, "memory", Version::V2, Now::default()),
        [
            "memory.high max",
            "memory.oom.group 1",
            "memory.swap.max 0",
            "memory.max 67108864"
        ]
    );
}

#[test]
fn v1_memory_keeps_the_sum_above_the_part() {
    let at = |n| Some(Bound::At(n));
    // Lowering from no limit: the part first.
    assert_eq!(
        lines(
            &memory(at(100), at(50)),
            "memory",
            Version::V1,
            Now::default()
        ),
        [
            "memory.limit_in_bytes 100",
            "memory.memsw.limit_in_bytes 150"
        ]
    );
    // Raising: the sum first.
    let now = Now {
        memory: Bound::At(100),
        memory_and_swap: at(150),
    };
    assert_eq!(
        lines(&memory(at(200), at(0)), "memory", Version::V1, now),
        [
            "memory.memsw.limit_in_bytes 200",
            "memory.limit_in_bytes 200"
        ]
    );
    // Memory alone keeps the swap allowance.
    assert_eq!(
        lines(&memory(at(400), None), "memory", Version::V1, now),
        [
            "memory.memsw.limit_in_bytes 450",
            "memory.limit_in_bytes 400"
        ]
    );
    assert_eq!(
        lines(
            &memory(Some(Bound::Unlimited), None),
            "memory",
            Version::V1,
            now
        ),
        ["memory.memsw.limit_in_bytes -1", "memory.limit_in_bytes -1"]
    );
    // Swap alone is added to the limit there is.
    assert_eq!(
        lines(&memory(None, at(7)), "memory", Version::V1, now),
        ["memory.memsw.limit_in_bytes 107"]
    );
}

#[test]
fn what_v1_cannot_do_is_refused() {
    let v1 = |limits: &Limits, now| plan(limits, "memory", Version::V1, now).unwrap_err();
    let mut limits = Limits::default();
    limits.memory.high = Some(Bound::At(1));
    assert_eq!(
        v1(&limits, Now::default()),
        PlanError::NoV1Equivalent("memory.high")
    );
    let swap = memory(None, Some(Bound::At(1)));
    assert_eq!(v1(&swap, Now::default()), PlanError::SwapNeedsMemory);
    let unaccounted = Now {
        memory_and_swap: None,
        ..Now::default()
    };
    assert_eq!(v1(&swap, unaccounted), PlanError::NoSwapAccounting);
}

#[test]
fn cpu_in_both_versions() {
    let mut limits = Limits::default();
    limits.cpu.share = Some(CpuShare::Shares(512));
    limits.cpu.quota = Some(CpuQuota {
        quota_us: Bound::At(50_000),
        period_us: 100_000,
    });
    let now = Now::default();
    assert_eq!(
        lines(&limits, "cpu", Version::V2, now),
        ["cpu.weight 59", "cpu.max 50000 100000"]
    );
    assert_eq!(
        lines(&limits, "cpu", Version::V1, now),
        [
            "cpu.shares 512",
            "cpu.cfs_quota_us -1",
            "cpu.cfs_period_us 100000",
            "cpu.cfs_quota_us 50000"
        ]
    );
    limits.cpu.quota = Some(CpuQuota {
        quota_us: Bound::Unlimited,
        period_us: 999,
    });
    let error = plan(&limits, "cpu", Version::V2, now).unwrap_err();
    assert!(matches!(
        error,
        PlanError::OutOfRange {
            what: "CPU period",
            value: 999,
            ..
        }
    ));
}

#[test]
fn io_in_both_versions() {
    let device = IoMax {
        major: 8,
        minor: 16,
        read_bytes: Some(Bound::At(MIB)),
        write_ops: Some(Bound::Unlimited),
        ..IoMax::default()
    };
    let io = Io {
        weight: Some(5),
        max: vec![device, IoMax::default()],
    };
    let limits = Limits {
        io,
        ..Limits::default()
    };
    let now = Now::default();
    assert_eq!(
        lines(&limits, "io", Version::V2, now),
        ["io.weight 5", "io.max 8:16 rbps=1048576 wiops=max"]
    );
    assert_eq!(
        lines(&limits, "io", Version::V1, now),
        [
            "blkio.weight 10",
            "blkio.throttle.read_bps_device 8:16 1048576",
            "blkio.throttle.write_iops_device 8:16 0"
        ]
    );
    let writes = plan(&limits, "io", Version::V2, now).unwrap();
    assert_eq!(writes[0].otherwise.as_ref().unwrap().file, "io.bfq.weight");
}

#[test]
fn lists_are_checked_before_the_kernel_sees_them() {
    let mut limits = Limits::default();
    limits.cpuset.cpus = Some("0-1,x".into());
    let error = plan(&limits, "cpuset", Version::V2, Now::default()).unwrap_err();
    assert_eq!(error, PlanError::BadList("0-1,x".into()));
    assert_eq!(parse_list("3,0-1,2\n"), Some(vec![(0, 3)]));
    assert_eq!(parse_list("2-1"), None);
    assert_eq!(parse_list(""), Some(vec![]));
}

fn judged(check: Check, asked: &str, got: &str) -> Option<Fidelity> {
    let write = Write {
        controller: "memory",
        version: Version::V2,
        file: "f",
        value: asked.into(),
        check,
        otherwise: None,
    };
    judge(&write, got).map(|(fidelity, _)| fidelity)
}

#[test]
fn reading_back_tells_rounding_from_loss() {
    use Fidelity::{Exact, Rounded};
    let bytes = |n| Check::Bytes(Bound::At(n));
    let page = u64::try_from(rustix::param::page_size()).unwrap();
    assert_eq!(judged(bytes(page), "", &format!("{page}\n")), Some(Exact));
    assert_eq!(
        judged(bytes(page + 1), "", &format!("{page}\n")),
        Some(Rounded)
    );
    assert_eq!(judged(bytes(2 * page), "", &format!("{page}\n")), None);
    assert_eq!(judged(bytes(page), "", "max\n"), None);
    assert_eq!(judged(bytes(page), "", &format!("{}\n", 2 * page)), None);
    let none = Check::Bytes(Bound::Unlimited);
    assert_eq!(judged(none, "", "9223372036854771712\n"), Some(Exact));
    assert_eq!(judged(none, "", "max\n"), Some(Exact));
    assert_eq!(judged(none, "", "4096\n"), None);
    assert_eq!(judged(Check::Same, "max", "max\n"), Some(Exact));
    assert_eq!(judged(Check::Same, "10", "max\n"), None);
    assert_eq!(judged(Check::List, "0,1", "0-1\n"), Some(Exact));
    assert_eq!(judged(Check::List, "0,1", "0\n"), None);
    assert_eq!(
        judged(Check::Weight, "50", "default 50\n8:0 70\n"),
        Some(Exact)
    );
    let io = "8:0 rbps=max wbps=9 riops=max wiops=max\n";
    assert_eq!(
        judged(Check::Device, "8:0 wbps=9 rbps=max", io),
        Some(Exact)
    );
    assert_eq!(judged(Check::Device, "8:0 wbps=8", io), None);
    assert_eq!(judged(Check::Device, "8:1 wbps=max", io), Some(Exact));
    assert_eq!(judged(Check::Device, "8:1 wbps=1", io), None);
    assert_eq!(judged(Check::Device, "8:0 4096", "8:0 4096\n"), Some(Exact));
    assert_eq!(judged(Check::Device, "8:0 0", ""), Some(Exact));
}

#[test]
fn known_points_of_the_conversions() {
    // As runc and crun compute them.
    let weights = [
        (2, 1),
        (10, 4),
        (50, 10),
        (512, 59),
        (1000, 99),
        (1024, 100),
        (2048, 174),
        (10_000, 627),
        (262_144, 10_000),
    ];
    for (shares, weight) in weights {
        assert_eq!(weight_from_shares(shares), weight, "{shares}");
    }
    assert_eq!(shares_from_weight(100), 1024);
    assert_eq!(shares_from_weight(1), 2);
    assert_eq!(shares_from_weight(10_000), 262_144);
}

proptest! {
    #[test]
    fn weights_survive_a_round_trip(weight in 1_u64..=10_000) {
        prop_assert_eq!(weight_from_shares(shares_from_weight(weight)), weight);
    }

    #[test]
    fn conversions_stay_in_range(n in any::<u64>()) {
        prop_assert!((1..=10_000).contains(&weight_from_shares(n)));
        prop_assert!((2..=262_144).contains(&shares_from_weight(n)));
        prop_assert!((1..=1000).contains(&bfq_weight(n)));
    }

    #[test]
    fn junk_is_never_taken_for_a_limit_in_force(text in "[a-z =:0-9]{0,30}") {
        prop_assume!(text.trim() != "max");
        let page = Check::Bytes(Bound::At(1));
        prop_assert!(judged(page, "1", &text).is_none() || text.trim().parse::<u64>().is_ok());
        let _ = parse_list(&text);
        let _ = judged(Check::Device, &text, &text);
    }

    // The invariant of v1: at every step the sum is at least the part.
    #[test]
    fn v1_order_never_breaks_the_invariant(old in 1_u64..1000, old_swap in 0_u64..1000, new in 1_u64..1000, swap in proptest::option::of(0_u64..1000)) {
        let now = Now { memory: Bound::At(old), memory_and_swap: Some(Bound::At(old + old_swap)) };
        let limits = memory(Some(Bound::At(new)), swap.map(Bound::At));
        let (mut part, mut sum) = (old, old + old_swap);
        for write in plan(&limits, "memory", Version::V1, now).unwrap() {
            let value = write.value.parse().unwrap();
            match write.file {
                "memory.limit_in_bytes" => part = value,
                _ => sum = value,
            }
            prop_assert!(part <= sum, "{} > {}", part, sum);
        }
        prop_assert_eq!((part, sum), (new, new + swap.unwrap_or(old_swap)));
    }
}
