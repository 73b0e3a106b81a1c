//! Info, metrics and errors byte for byte as stock servers write them.

mod common;

use common::golden;
use warren_wire_garden::container::Properties;
use warren_wire_garden::error::{Error, text};
use warren_wire_garden::info::{BulkInfoResponse, ContainerInfo, ContainerInfoEntry, PortMapping};
use warren_wire_garden::json::{decode, encode};
use warren_wire_garden::metrics::{
    BulkMetricsResponse, ContainerMetricsEntry, CpuStat, DiskStat, MemoryStat, Metrics,
    NetworkStat, PidStat,
};
use warren_wire_garden::number::Nanoseconds;

const NO_INFO: &str = r#"{"State":"","Events":null,"HostIP":"","ContainerIP":"","ContainerIPv6":"","ExternalIP":"","ContainerPath":"","ProcessIDs":null,"Properties":null,"MappedPorts":null}"#;

#[test]
fn infos() {
    golden(&ContainerInfo::default(), NO_INFO);
    let info = ContainerInfo {
        state: ContainerInfo::ACTIVE.into(),
        events: vec![ContainerInfo::OOM.into()],
        host_ip: "10.254.0.1".into(),
        container_ip: "10.254.0.2".into(),
        container_path: "/depot/h".into(),
        properties: Properties::from([("garden.state".into(), "created".into())]),
        mapped_ports: Some(vec![PortMapping {
            host_port: 61001,
            container_port: 80,
            ..PortMapping::default()
        }]),
        ..ContainerInfo::default()
    };
    golden(
        &info,
        r#"{"State":"active","Events":["oom"],"HostIP":"10.254.0.1","ContainerIP":"10.254.0.2","ContainerIPv6":"","ExternalIP":"","ContainerPath":"/depot/h","ProcessIDs":null,"Properties":{"garden.state":"created"},"MappedPorts":[{"HostPort":61001,"ContainerPort":80}]}"#,
    );
    assert!(!format!("{info:?}").contains("created"));
    let none = ContainerInfo {
        mapped_ports: Some(Vec::new()),
        ..ContainerInfo::default()
    };
    assert!(
        String::from_utf8(encode(&none).unwrap())
            .unwrap()
            .contains(r#""MappedPorts":[]"#)
    );
    let lower: ContainerInfo = decode(br#"{"containerip":"1.2.3.4","state":"stopped"}"#).unwrap();
    assert_eq!(
        (lower.container_ip.as_str(), lower.state.as_str()),
        ("1.2.3.4", "stopped")
    );
}

#[test]
fn bulk_infos() {
    let gone = Error::ContainerNotFound { handle: "b".into() };
    let bulk = BulkInfoResponse::from([
        (
            "a".to_owned(),
            ContainerInfoEntry::from(Ok(ContainerInfo::default())),
        ),
        ("b".to_owned(), ContainerInfoEntry::from(Err(gone))),
    ]);
    golden(
        &bulk,
        &format!(
            r#"{{"a":{{"Info":{NO_INFO},"Err":null}},"b":{{"Info":{NO_INFO},"Err":{{"Type":"","Message":"unknown handle: b","Handle":"","ProcessID":"","Binary":""}}}}}}"#
        ),
    );
}

#[test]
fn metrics() {
    let metrics = Metrics {
        memory_stat: MemoryStat {
            anon: 1,
            total_usage_toward_limit: 2,
            ..MemoryStat::default()
        },
        cpu_stat: CpuStat {
            usage: 3,
            user: 4,
            system: 5,
        },
        disk_stat: DiskStat {
            total_bytes_used: 6,
            total_inodes_used: 7,
            exclusive_bytes_used: 8,
            exclusive_inodes_used: 9,
        },
        network_stat: Some(NetworkStat {
            rx_bytes: 10,
            tx_bytes: 11,
        }),
        pid_stat: PidStat {
            current: 12,
            max: 13,
        },
        age: Nanoseconds(14),
        cpu_entitlement: 15,
    };
    let memory = r#"{"active_anon":0,"active_file":0,"cache":0,"hierarchical_memory_limit":0,"inactive_anon":0,"inactive_file":0,"mapped_file":0,"pgfault":0,"pgmajfault":0,"pgpgin":0,"pgpgout":0,"rss":0,"total_active_anon":0,"total_active_file":0,"total_cache":0,"total_inactive_anon":0,"total_inactive_file":0,"total_mapped_file":0,"total_pgfault":0,"total_pgmajfault":0,"total_pgpgin":0,"total_pgpgout":0,"total_rss":0,"total_unevictable":0,"unevictable":0,"swap":0,"hierarchical_memsw_limit":0,"total_swap":0,"anon":1,"file":0,"swapcached":0,"TotalUsageTowardLimit":2}"#;
    golden(
        &metrics,
        &format!(
            r#"{{"MemoryStat":{memory},"CPUStat":{{"Usage":3,"User":4,"System":5}},"DiskStat":{{"TotalBytesUsed":6,"TotalInodesUsed":7,"ExclusiveBytesUsed":8,"ExclusiveInodesUsed":9}},"NetworkStat":{{"RxBytes":10,"TxBytes":11}},"PidStat":{{"Current":12,"Max":13}},"Age":14,"CPUEntitlement":15}}"#
        ),
    );
    let none = String::from_utf8(encode(&Metrics::default()).unwrap()).unwrap();
    assert!(none.contains(r#""NetworkStat":null"#), "{none}");
    let bulk = BulkMetricsResponse::from([(
        "a".to_owned(),
        ContainerMetricsEntry::from(Err(Error::plain("x"))),
    )]);
    let written = encode(&bulk).unwrap();
    assert_eq!(decode::<BulkMetricsResponse>(&written).unwrap(), bulk);
}

#[test]
fn errors() {
    let cases = [
        (
            Error::ContainerNotFound { handle: "h".into() },
            404,
            r#"{"Type":"ContainerNotFoundError","Message":"unknown handle: h","Handle":"h","ProcessID":"","Binary":""}"#,
        ),
        (
            Error::ProcessNotFound {
                process_id: "p".into(),
            },
            404,
            r#"{"Type":"ProcessNotFoundError","Message":"unknown process: p","Handle":"","ProcessID":"p","Binary":""}"#,
        ),
        (
            Error::ExecutableNotFound("e".into()),
            500,
            r#"{"Type":"ExecutableNotFoundError","Message":"e","Handle":"","ProcessID":"","Binary":""}"#,
        ),
        (
            Error::ServiceUnavailable("s".into()),
            500,
            r#"{"Type":"ServiceUnavailableError","Message":"s","Handle":"","ProcessID":"","Binary":""}"#,
        ),
        (
            Error::Unrecoverable("u".into()),
            500,
            r#"{"Type":"UnrecoverableError","Message":"u","Handle":"","ProcessID":"","Binary":""}"#,
        ),
        (
            Error::plain(text::MAX_CONTAINERS),
            500,
            r#"{"Type":"","Message":"max containers reached","Handle":"","ProcessID":"","Binary":""}"#,
        ),
    ];
    for (error, status, json) in cases {
        golden(&error, json);
        assert_eq!(error.status(), status);
        assert_eq!(Error::from_body(status, json.as_bytes()), error);
    }
    let unknown: Error = decode(br#"{"Type":"NewError","Message":"m"}"#).unwrap();
    assert_eq!(unknown, Error::plain("m"));
}

#[test]
fn texts_that_clients_match() {
    for (error, text) in [
        (Error::handle_in_use("X"), "Handle 'X' already in use"),
        (
            Error::process_id_in_use("X"),
            "process ID 'X' already in use",
        ),
        (Error::no_such_property("K"), "property does not exist: K"),
        (
            Error::no_such_user("X"),
            "unable to find user X: no matching entries in passwd file",
        ),
    ] {
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn foreign_error_bodies() {
    assert_eq!(
        Error::from_body(502, b"<html>\n").to_string(),
        "bad response: status 502: <html>"
    );
    let long = Error::from_body(500, &[b'x'; 100_000]).to_string();
    assert!(long.len() < 1100);
}
