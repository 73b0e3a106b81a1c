//! Request bodies byte for byte as stock clients write them, and what else is read.

mod common;

use common::golden;
use warren_wire_garden::container::{
    BindMount, BindMountMode, BindMountOrigin, Capacity, ContainerSpec, CreateResponse,
    GraceTimeRequest, ImageRef, ListResponse, Properties, PropertyValue, StopRequest,
};
use warren_wire_garden::json::decode;
use warren_wire_garden::limits::{
    BandwidthLimits, CpuLimits, DiskLimitScope, DiskLimits, Limits, MemoryLimits, PidLimits,
    ProcessLimits,
};
use warren_wire_garden::network::{
    IcmpControl, IpRange, NetIn, NetInRequest, NetInResponse, NetOutRule, PortRange, Protocol,
    Transport,
};
use warren_wire_garden::number::Nanoseconds;
use warren_wire_garden::process::{ProcessSpec, ResourceLimits, TtySpec, WindowSize};

fn ip(text: &str) -> Option<std::net::IpAddr> {
    text.parse().ok()
}

const NO_LIMITS: &str = r#"{"bandwidth_limits":{},"cpu_limits":{},"disk_limits":{},"memory_limits":{},"pid_limits":{}}"#;

#[test]
fn an_empty_container_spec_still_has_image_and_limits() {
    golden(
        &ContainerSpec::default(),
        &format!(r#"{{"image":{{}},"limits":{NO_LIMITS}}}"#),
    );
}

#[test]
fn the_spec_of_a_stock_vm() {
    let bind = |src: &str, dst: &str| BindMount {
        src_path: src.into(),
        dst_path: dst.into(),
        mode: BindMountMode::READ_WRITE,
        origin: BindMountOrigin::HOST,
    };
    let spec = ContainerSpec {
        handle: "vm".into(),
        image: ImageRef {
            uri: "/stemcells/s".into(),
            ..ImageRef::default()
        },
        bind_mounts: vec![
            bind("/e/vm", "/var/vcap/data"),
            bind("/p/vm", "/warden-cpi-dev"),
        ],
        network: "10.244.0.2/24".into(),
        privileged: true,
        ..ContainerSpec::default()
    };
    golden(
        &spec,
        &format!(
            r#"{{"handle":"vm","image":{{"uri":"/stemcells/s"}},"bind_mounts":[{{"src_path":"/e/vm","dst_path":"/var/vcap/data","mode":1}},{{"src_path":"/p/vm","dst_path":"/warden-cpi-dev","mode":1}}],"network":"10.244.0.2/24","privileged":true,"limits":{NO_LIMITS}}}"#
        ),
    );
}

#[test]
fn a_container_spec_with_everything() {
    let spec = ContainerSpec {
        handle: "h".into(),
        grace_time: Nanoseconds(5_000_000_000),
        rootfs: "/r".into(),
        image: ImageRef {
            uri: "docker:///busybox#1".into(),
            username: "u".into(),
            password: "p".into(),
        },
        bind_mounts: vec![BindMount {
            src_path: "/s".into(),
            dst_path: "/d".into(),
            mode: BindMountMode::READ_ONLY,
            origin: BindMountOrigin::CONTAINER,
        }],
        network: String::new(),
        properties: Properties::from([("b".into(), "2".into()), ("a".into(), "1".into())]),
        env: vec!["K=v".into()],
        privileged: false,
        limits: Limits {
            bandwidth: BandwidthLimits { rate: 1, burst: 2 },
            cpu: CpuLimits {
                weight: 3,
                limit_in_shares: 4,
            },
            disk: DiskLimits {
                inode_soft: 5,
                inode_hard: 6,
                byte_soft: 7,
                byte_hard: 8,
                scope: DiskLimitScope::EXCLUSIVE,
            },
            memory: MemoryLimits {
                limit_in_bytes: u64::MAX,
            },
            pid: PidLimits { max: 9 },
        },
        netout_rules: vec![NetOutRule::default()],
        netin: vec![NetIn {
            host_port: 0,
            container_port: 80,
            protocol: Transport::Tcp,
        }],
    };
    golden(
        &spec,
        r#"{"handle":"h","grace_time":5000000000,"rootfs":"/r","image":{"uri":"docker:///busybox#1","username":"u","password":"p"},"bind_mounts":[{"src_path":"/s","dst_path":"/d","origin":1}],"properties":{"a":"1","b":"2"},"env":["K=v"],"limits":{"bandwidth_limits":{"rate":1,"burst":2},"cpu_limits":{"weight":3,"limit_in_shares":4},"disk_limits":{"inode_soft":5,"inode_hard":6,"byte_soft":7,"byte_hard":8,"scope":1},"memory_limits":{"limit_in_bytes":18446744073709551615},"pid_limits":{"max":9}},"netout_rules":[{}],"netin":[{"container_port":80}]}"#,
    );
    assert_eq!(spec.limits.cpu.shares(), 3);
    let shown = format!("{spec:?}");
    assert!(
        !shown.contains("\"p\"") && !shown.contains("K=v"),
        "{shown}"
    );
}

#[test]
fn net_out_rules() {
    golden(&NetOutRule::default(), "{}");
    golden(
        &NetOutRule {
            protocol: Protocol::ICMP,
            networks: vec![
                IpRange {
                    start: ip("10.0.0.1"),
                    end: ip("10.0.0.9"),
                },
                IpRange {
                    start: ip("fd00::1"),
                    end: None,
                },
            ],
            ports: vec![PortRange {
                start: 80,
                end: 443,
            }],
            icmps: Some(IcmpControl {
                kind: 0,
                code: Some(0),
            }),
            log: true,
        },
        r#"{"protocol":3,"networks":[{"start":"10.0.0.1","end":"10.0.0.9"},{"start":"fd00::1"}],"ports":[{"start":80,"end":443}],"icmps":{"code":0},"log":true}"#,
    );
    golden(
        &vec![NetOutRule {
            protocol: Protocol::TCP,
            ..NetOutRule::default()
        }],
        r#"[{"protocol":1}]"#,
    );
    let odd: IpRange = decode(br#"{"start":"","end":"::ffff:1.2.3.4"}"#).unwrap();
    assert_eq!(
        odd,
        IpRange {
            start: None,
            end: ip("1.2.3.4")
        }
    );
    let error = decode::<IpRange>(br#"{"start":"1.2.3"}"#).unwrap_err();
    assert!(
        error.to_string().contains("invalid IP address: 1.2.3"),
        "{error}"
    );
    let any_code: IcmpControl = decode(br#"{"type":8,"code":null}"#).unwrap();
    assert_eq!(
        any_code,
        IcmpControl {
            kind: 8,
            code: None
        }
    );
    let unknown: NetOutRule = decode(br#"{"protocol":200}"#).unwrap();
    assert!(!unknown.protocol.is_known());
}

#[test]
fn net_in() {
    golden(
        &NetInRequest {
            handle: "h".into(),
            host_port: 0,
            container_port: 8080,
            protocol: Transport::Tcp,
        },
        r#"{"handle":"h","container_port":8080}"#,
    );
    golden(
        &NetInResponse {
            host_port: 61001,
            container_port: 8080,
            protocol: Transport::Tcp,
        },
        r#"{"host_port":61001,"container_port":8080}"#,
    );
    golden(
        &NetInResponse {
            host_port: 61001,
            container_port: 8080,
            protocol: Transport::Udp,
        },
        r#"{"host_port":61001,"container_port":8080,"protocol":"udp"}"#,
    );
    let other = decode::<NetIn>(br#"{"protocol":"icmp"}"#).unwrap_err();
    assert!(other.to_string().contains("neither tcp nor udp"), "{other}");
}

#[test]
fn process_specs() {
    let plain = ProcessSpec {
        path: "/bin/bash".into(),
        args: vec!["-c".into(), "sync && true".into()],
        user: "root".into(),
        ..ProcessSpec::default()
    };
    golden(
        &plain,
        r#"{"path":"/bin/bash","args":["-c","sync \u0026\u0026 true"],"user":"root","rlimits":{},"image":{}}"#,
    );
    assert!(!plain.has_own_image());
    let full = ProcessSpec {
        id: "i".into(),
        path: "p".into(),
        args: vec!["a".into()],
        env: vec!["K=secret".into()],
        dir: "/d".into(),
        user: "1:2".into(),
        rlimits: ResourceLimits {
            address_space: Some(1),
            nofile: Some(0),
            ..ResourceLimits::default()
        },
        limits: Some(ProcessLimits::default()),
        tty: Some(TtySpec {
            window_size: Some(WindowSize {
                columns: 0,
                rows: 50,
            }),
        }),
        image: ImageRef {
            uri: "docker:///x".into(),
            ..ImageRef::default()
        },
        bind_mounts: vec![BindMount::default()],
    };
    golden(
        &full,
        r#"{"id":"i","path":"p","args":["a"],"env":["K=secret"],"dir":"/d","user":"1:2","rlimits":{"as":1,"nofile":0},"limits":{"cpu_limits":{},"memory_limits":{}},"tty":{"window_size":{"rows":50}},"image":{"uri":"docker:///x"},"bind_mounts":[{}]}"#,
    );
    assert!(full.has_own_image());
    assert!(!format!("{full:?}").contains("secret"));
    let absent: ProcessSpec = decode(br#"{"limits":null,"tty":null}"#).unwrap();
    assert_eq!(absent, ProcessSpec::default());
    let present: ProcessSpec = decode(br#"{"limits":{},"tty":{}}"#).unwrap();
    assert_eq!(present.limits, Some(ProcessLimits::default()));
    assert_eq!(present.tty, Some(TtySpec::default()));
}

#[test]
fn every_rlimit_has_its_key() {
    let json = r#"{"as":1,"core":2,"cpu":3,"data":4,"fsize":5,"locks":6,"memlock":7,"msgqueue":8,"nice":9,"nofile":10,"nproc":11,"rss":12,"rtprio":13,"sigpending":14,"stack":15}"#;
    let limits: ResourceLimits = decode(json.as_bytes()).unwrap();
    golden(&limits, json);
}

#[test]
fn terminal_sizes() {
    let size = |columns, rows| WindowSize { columns, rows }.to_columns_and_rows();
    assert_eq!(TtySpec::default().size(), (80, 24));
    assert_eq!(size(0, 100), (80, 100));
    assert_eq!(size(-1, i64::MAX), (80, u16::MAX));
}

#[test]
fn small_bodies() {
    golden(&CreateResponse { handle: "h".into() }, r#"{"Handle":"h"}"#);
    golden(&ListResponse::default(), r#"{"Handles":[]}"#);
    golden(
        &ListResponse {
            handles: vec!["a".into()],
        },
        r#"{"Handles":["a"]}"#,
    );
    golden(&StopRequest { kill: false }, r#"{"kill":false}"#);
    golden(&StopRequest { kill: true }, r#"{"kill":true}"#);
    golden(
        &PropertyValue {
            value: String::new(),
        },
        r#"{"value":""}"#,
    );
    golden(&GraceTimeRequest::default(), "0");
    golden(&Nanoseconds(500_000_000), "500000000");
    golden(&Properties::new(), "{}");
    assert_eq!(decode::<Properties>(b"null").unwrap(), Properties::new());
    golden(&Limits::default().memory, "{}");
    golden(&Capacity::default(), "{}");
    golden(
        &Capacity {
            memory_in_bytes: 1,
            disk_in_bytes: 2,
            schedulable_disk_in_bytes: 3,
            max_containers: 4,
        },
        r#"{"memory_in_bytes":1,"disk_in_bytes":2,"schedulable_disk_in_bytes":3,"max_containers":4}"#,
    );
    assert!(!format!("{:?}", PropertyValue { value: "s3".into() }).contains("s3"));
}

#[test]
fn durations() {
    use std::time::Duration;
    assert_eq!(Nanoseconds(-5).to_duration(), Duration::ZERO);
    assert_eq!(
        Nanoseconds::from(Duration::from_secs(2)),
        Nanoseconds(2_000_000_000)
    );
    assert_eq!(Nanoseconds::from(Duration::MAX), Nanoseconds(i64::MAX));
}
