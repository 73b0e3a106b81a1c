//! Whatever is written is read back; whatever is read gives an answer.

use proptest::prelude::*;
use warren_wire_garden::container::{
    BindMount, BindMountMode, BindMountOrigin, ContainerSpec, ImageRef,
};
use warren_wire_garden::error::Error;
use warren_wire_garden::info::{BulkInfoResponse, ContainerInfoEntry};
use warren_wire_garden::json::{decode, encode};
use warren_wire_garden::limits::{
    BandwidthLimits, CpuLimits, DiskLimitScope, DiskLimits, Limits, MemoryLimits, PidLimits,
};
use warren_wire_garden::metrics::Metrics;
use warren_wire_garden::network::{IcmpControl, IpRange, NetOutRule, PortRange, Protocol};
use warren_wire_garden::number::Nanoseconds;
use warren_wire_garden::process::ProcessSpec;

fn limits() -> impl Strategy<Value = Limits> {
    (any::<[u64; 6]>(), any::<u8>()).prop_map(|(n, scope)| Limits {
        bandwidth: BandwidthLimits {
            rate: n[0],
            burst: 0,
        },
        cpu: CpuLimits {
            weight: n[1],
            limit_in_shares: n[2],
        },
        disk: DiskLimits {
            byte_hard: n[3],
            scope: DiskLimitScope(scope),
            ..DiskLimits::default()
        },
        memory: MemoryLimits {
            limit_in_bytes: n[4],
        },
        pid: PidLimits { max: n[5] },
    })
}

fn rules() -> impl Strategy<Value = NetOutRule> {
    let address =
        || any::<Option<std::net::IpAddr>>().prop_map(|ip| ip.map(|ip| ip.to_canonical()));
    let range = (address(), address()).prop_map(|(start, end)| IpRange { start, end });
    let port = any::<(u16, u16)>().prop_map(|(start, end)| PortRange { start, end });
    let icmp = any::<(u8, Option<u8>)>().prop_map(|(kind, code)| IcmpControl { kind, code });
    (
        any::<u8>(),
        proptest::collection::vec(range, 0..3),
        proptest::collection::vec(port, 0..3),
        proptest::option::of(icmp),
        any::<bool>(),
    )
        .prop_map(|(protocol, networks, ports, icmps, log)| NetOutRule {
            protocol: Protocol(protocol),
            networks,
            ports,
            icmps,
            log,
        })
}

fn specs() -> impl Strategy<Value = ContainerSpec> {
    (
        (".*", any::<i64>(), ".*", ".*", any::<bool>()),
        proptest::collection::btree_map(".*", ".*", 0..4),
        proptest::collection::vec(".*", 0..4),
        limits(),
        proptest::collection::vec(rules(), 0..3),
        proptest::collection::vec((".*", ".*", any::<u8>(), any::<u8>()), 0..3),
    )
        .prop_map(
            |(
                (handle, grace, uri, network, privileged),
                properties,
                env,
                limits,
                netout_rules,
                binds,
            )| {
                ContainerSpec {
                    handle,
                    grace_time: Nanoseconds(grace),
                    image: ImageRef {
                        uri,
                        ..ImageRef::default()
                    },
                    bind_mounts: binds
                        .into_iter()
                        .map(|(src_path, dst_path, mode, origin)| BindMount {
                            src_path,
                            dst_path,
                            mode: BindMountMode(mode),
                            origin: BindMountOrigin(origin),
                        })
                        .collect(),
                    network,
                    properties,
                    env,
                    privileged,
                    limits,
                    netout_rules,
                    ..ContainerSpec::default()
                }
            },
        )
}

proptest! {
    #[test]
    fn container_specs_round_trip(spec in specs()) {
        prop_assert_eq!(decode::<ContainerSpec>(&encode(&spec).unwrap()).unwrap(), spec);
    }

    #[test]
    fn errors_round_trip(kind in 0..6, words in ".*") {
        let error = match kind {
            0 => Error::ContainerNotFound { handle: words },
            1 => Error::ProcessNotFound { process_id: words },
            2 => Error::ExecutableNotFound(words),
            3 => Error::ServiceUnavailable(words),
            4 => Error::Unrecoverable(words),
            _ => Error::Plain(words),
        };
        prop_assert_eq!(decode::<Error>(&encode(&error).unwrap()).unwrap(), error);
    }

    #[test]
    fn junk_gives_an_answer(bytes: Vec<u8>) {
        let _ = decode::<ContainerSpec>(&bytes);
        let _ = decode::<ProcessSpec>(&bytes);
        let _ = decode::<BulkInfoResponse>(&bytes);
        let _ = decode::<Metrics>(&bytes);
        let _ = Error::from_body(500, &bytes);
    }

    #[test]
    fn fields_of_another_type_give_an_answer(
        key in "(handle|image|limits|env|netin|tty|rlimits|Info|Err|MemoryStat|Age|properties)",
        value in "(1|-1|1.5|\"x\"|\\[\\]|\\{\\}|null|true|\\[\\[1\\]\\]|\\{\"uri\":\\[\\]\\})",
    ) {
        let json = format!(r#"{{"{key}":{value}}}"#);
        let _ = decode::<ContainerSpec>(json.as_bytes());
        let _ = decode::<ProcessSpec>(json.as_bytes());
        let _ = decode::<ContainerInfoEntry>(json.as_bytes());
        let _ = decode::<Metrics>(json.as_bytes());
    }
}
