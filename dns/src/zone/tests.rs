//! The query language, on the records of a small world.

use std::net::IpAddr;

use proptest::prelude::*;
use serde_json::json;
use warren_wire_agent::dns::Records;

use super::alias::Aliases;
use super::{Unresolved, Zone, address_of};

const KEYS: [&str; 13] = [
    "id",
    "num_id",
    "instance_group",
    "group_ids",
    "az",
    "az_id",
    "network",
    "network_id",
    "deployment",
    "ip",
    "domain",
    "agent_id",
    "instance_index",
];

/// Two `web` in two zones and on two networks, one `db` of another deployment.
fn records() -> Records {
    let value = json!({
        "version": 7,
        "records": [["10.0.0.1", "uuid-a.web.default.dep.bosh"], ["10.0.0.2", "uuid-b.web.default.dep.bosh"]],
        "record_keys": KEYS,
        "record_infos": [
            ["uuid-a", "1", "web", ["3", "5"], "z1", "1", "default", "1", "dep", "10.0.0.1", "bosh", "agent-a", 0],
            ["uuid-a", "1", "web", ["3", "5"], "z1", "1", "private", "2", "dep", "10.9.0.1", "bosh", "agent-a", 0],
            ["uuid-b", "2", "web", ["3", "5"], "z2", "2", "default", "1", "dep", "10.0.0.2", "bosh", "agent-b", 1],
            ["uuid-c", "3", "db", ["4"], null, null, "default", "1", "other", "fd00::7", "bosh", "agent-c", 0],
            ["uuid-d", "9", "far", ["8"], null, null, "default", "1", "dep", "10.0.0.9", "example.test", null, 0],
        ],
        "aliases": {
            "web.service.test": [
                {"root_domain": "bosh", "group_id": "3", "health_filter": null},
                {"root_domain": "bosh", "group_id": "4", "health_filter": "all"}],
            "_.by-uuid.test": [{"root_domain": "bosh", "group_id": "3", "placeholder_type": "uuid"}],
            "_.by-index.test": [{"root_domain": "bosh", "group_id": "3", "placeholder_type": "index"}],
            "_.by-az.test": [{"root_domain": "bosh", "group_id": "3", "placeholder_type": "availability_zone"}],
            "_.by-net.test": [{"root_domain": "bosh", "group_id": "3", "placeholder_type": "network"}],
            "*.any.test": [{"root_domain": "bosh", "group_id": "3"}],
            "taken.test": [{"root_domain": "bosh", "group_id": "3"}],
        },
    });
    serde_json::from_value(value).unwrap()
}

fn zone() -> Zone {
    let mut aliases = Aliases::default();
    aliases
        .add_file(
            br#"{"taken.test": ["192.0.2.1"], "all.test.": ["*.web.default.dep.bosh", "*.db.*.other.bosh."],
                 "_.cell.test": ["_.web.default.dep.bosh"], "Twice.test": ["all.test", "uuid-a.web.default.dep.bosh"],
                 "round.test": ["about.test"], "about.test": ["round.test"], "bad.test": ["q-.web.default.dep.bosh"],
                 "foreign.test": ["www.example.com"], "none.test": []}"#,
        )
        .unwrap();
    // A later file does not change what is there.
    aliases
        .add_file(br#"{"taken.test": ["192.0.2.2"]}"#)
        .unwrap();
    Zone::new(Some(&records()), aliases)
}

fn asked(name: &str) -> Result<Vec<String>, Unresolved> {
    let mut found: Vec<String> = zone()
        .resolve(name)?
        .iter()
        .map(IpAddr::to_string)
        .collect();
    found.sort();
    Ok(found)
}

fn answers(name: &str, wanted: &[&str]) {
    assert_eq!(asked(name).unwrap(), wanted, "{name}");
}

#[test]
fn instances_are_found() {
    answers("uuid-a.web.default.dep.bosh", &["10.0.0.1"]);
    answers("uuid-a.web.private.dep.bosh", &["10.9.0.1"]);
    answers("uuid-a.web.*.dep.bosh", &["10.0.0.1", "10.9.0.1"]);
    answers("1.web.default.dep.bosh", &["10.0.0.2"]);
    answers("uuid-c.db.default.other.bosh", &["fd00::7"]);
    answers("uuid-d.far.default.dep.example.test", &["10.0.0.9"]);
    answers("agent-b.bosh-agent-id", &["10.0.0.2"]);
    for name in [
        "uuid-a.db.default.dep.bosh",
        "7.web.default.dep.bosh",
        "agent-x.bosh-agent-id",
    ] {
        assert_eq!(asked(name), Err(Unresolved::Unknown), "{name}");
    }
}

#[test]
fn groups_are_found() {
    let both = ["10.0.0.1", "10.0.0.2"];
    answers("q-s0.web.default.dep.bosh", &both);
    answers("q-s0.w*.default.*ep.bosh", &both);
    answers("q-s0.q-g3.bosh", &["10.0.0.1", "10.0.0.2", "10.9.0.1"]);
    answers("q-n1s0.q-g5.bosh", &both);
    answers("q-m2n1s0.q-g3.bosh", &["10.0.0.2"]);
    answers("q-a1s0.web.default.dep.bosh", &["10.0.0.1"]);
    answers("q-a1a2s0y1.web.default.dep.bosh", &both);
    answers("q-s3-a2.web.*.*.bosh", &["10.0.0.2"]);
    answers("q-i1s4.q-g3.bosh", &["10.0.0.2"]);
    answers("q-g4s0.*.bosh", &["fd00::7"]);
    answers(
        "q-s4.*.bosh",
        &["10.0.0.1", "10.0.0.2", "10.9.0.1", "fd00::7"],
    );
    assert_eq!(asked("q-s0.q-g99.bosh"), Err(Unresolved::Unknown));
    assert_eq!(
        asked("q-a9s0.web.default.dep.bosh"),
        Err(Unresolved::Unknown)
    );
}

#[test]
fn without_knowledge_of_health_nobody_is_unhealthy() {
    let both = ["10.0.0.1", "10.0.0.2"];
    for health in ["s0", "s3", "s4", "s7"] {
        answers(&format!("q-{health}.web.default.dep.bosh"), &both);
    }
    answers("q-s1.web.default.dep.bosh", &[]);
    assert_eq!(
        asked("q-s1.nobody.default.dep.bosh"),
        Err(Unresolved::Unknown)
    );
}

#[test]
fn what_is_no_query_is_refused() {
    for name in [
        "bosh",
        "a.bosh",
        "a.b.c.bosh",
        "a.b.c.d.e.bosh",
        "q-.web.default.dep.bosh",
        "q-zz.web.default.dep.bosh",
        "q-x5.web.default.dep.bosh",
        "q-s0.q-g.bosh",
        "q-s0.web.bosh",
    ] {
        assert_eq!(asked(name), Err(Unresolved::Malformed), "{name}");
    }
}

#[test]
fn aliases_of_files_stand_for_others() {
    answers("taken.test", &["192.0.2.1"]);
    answers("all.test", &["10.0.0.1", "10.0.0.2", "fd00::7"]);
    answers("twice.test", &["10.0.0.1", "10.0.0.2", "fd00::7"]);
    answers("uuid-b.cell.test", &["10.0.0.2"]);
    assert_eq!(asked("nobody.cell.test"), Err(Unresolved::Unknown));
    assert_eq!(asked("a.b.cell.test"), Err(Unresolved::Unknown));
    assert_eq!(asked("round.test"), Err(Unresolved::Unknown));
    assert_eq!(asked("none.test"), Err(Unresolved::Unknown));
    assert_eq!(asked("foreign.test"), Err(Unresolved::Unknown));
    assert_eq!(asked("bad.test"), Err(Unresolved::Malformed));
    assert!(Aliases::default().add_file(b"[]").is_err());
}

#[test]
fn aliases_of_records_stand_for_groups() {
    answers(
        "web.service.test",
        &["10.0.0.1", "10.0.0.2", "10.9.0.1", "fd00::7"],
    );
    answers("uuid-a.by-uuid.test", &["10.0.0.1", "10.9.0.1"]);
    answers("1.by-index.test", &["10.0.0.2"]);
    answers("z2.by-az.test", &["10.0.0.2"]);
    answers("private.by-net.test", &["10.9.0.1"]);
    answers("whatever.any.test", &["10.0.0.1", "10.0.0.2", "10.9.0.1"]);
    assert_eq!(asked("z9.by-az.test"), Err(Unresolved::Unknown));
}

#[test]
fn roots_are_known() {
    let zone = zone();
    assert_eq!(zone.root_of("a.b.c.d.bosh"), Some("bosh"));
    assert_eq!(zone.root_of("bosh"), Some("bosh"));
    assert_eq!(zone.root_of("x.bosh-agent-id"), Some("bosh-agent-id"));
    assert_eq!(zone.root_of("deep.in.example.test"), Some("example.test"));
    assert_eq!(zone.root_of("a.cell.test"), Some("cell.test"));
    assert_eq!(zone.root_of("below.all.test"), Some("all.test"));
    for name in ["kebosh", "test", "www.example.com", "bosh.example.com", ""] {
        assert_eq!(zone.root_of(name), None, "{name}");
    }
    assert_eq!(
        Zone::new(None, Aliases::default()).root_of("a.bosh"),
        Some("bosh")
    );
}

#[test]
fn addresses_have_names() {
    let zone = zone();
    let names = |text: &str| zone.names_of(text.parse().unwrap()).to_vec();
    assert_eq!(
        names("10.0.0.1"),
        ["uuid-a.web.default.dep.bosh", "twice.test"]
    );
    assert_eq!(names("192.0.2.1"), ["taken.test"]);
    assert!(names("10.7.7.7").is_empty());
}

#[test]
fn reverse_names_are_read() {
    let read = |name: &str| address_of(name).map(|address| address.to_string());
    assert_eq!(read("4.3.2.10.in-addr.arpa").unwrap(), "10.2.3.4");
    let zeros = "0.".repeat(27);
    assert_eq!(
        read(&format!("7.{zeros}0.0.d.f.ip6.arpa")).unwrap(),
        "fd00::7"
    );
    for name in [
        "3.2.10.in-addr.arpa",
        "5.4.3.2.10.in-addr.arpa",
        "300.3.2.10.in-addr.arpa",
        "x.in-addr.arpa",
        "in-addr.arpa",
        "7.ip6.arpa",
        "a.bosh",
    ] {
        assert_eq!(read(name), None, "{name}");
    }
}

proptest! {
    #[test]
    fn any_name_gives_an_answer(name in "[qgsaimny0-9*._-]{0,40}(\\.bosh|\\.cell\\.test|\\.any\\.test)?") {
        let zone = zone();
        let _ = zone.root_of(&name);
        let _ = zone.resolve(&name);
        let _ = address_of(&name);
    }

    #[test]
    fn any_aliases_give_an_answer(
        names in prop::collection::vec("[ab_*]\\.[ab]", 1..6),
        targets in prop::collection::vec("[ab_*]\\.[ab]", 0..6),
    ) {
        let file = names.iter().map(|name| (name.clone(), json!(targets))).collect();
        let mut aliases = Aliases::default();
        aliases.add_file(serde_json::Value::Object(file).to_string().as_bytes()).unwrap();
        let zone = Zone::new(Some(&records()), aliases);
        for name in &names {
            let _ = zone.resolve(name);
        }
    }
}
