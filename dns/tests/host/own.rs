//! Names of ours.

use crate::wire::{A, AAAA, PTR};
use crate::world::World;

#[test]
fn instances_are_found_over_both_carriers() {
    let world = World::started();
    for ask in [World::ask, World::ask_tcp] {
        let said = ask(&world, "uuid-a.web.default.dep.bosh", A);
        assert_eq!(
            (said.code, &said.addresses[..]),
            (0, &["10.0.0.1".to_owned()][..])
        );
        assert_eq!(said.ttl, Some(0));
        assert_eq!(
            ask(&world, "1.web.default.dep.bosh", A).addresses,
            ["10.0.0.2"]
        );
        assert_eq!(
            ask(&world, "Q-S0.web.default.dep.bosh", A).addresses.len(),
            2
        );
        assert_eq!(ask(&world, "q-m1n1s0.q-g3.bosh", A).addresses, ["10.0.0.2"]);
        let none = ask(&world, "uuid-a.web.default.dep.bosh", AAAA);
        assert_eq!((none.code, none.addresses.len()), (0, 0));
        assert_eq!(ask(&world, "nobody.web.default.dep.bosh", A).code, 3);
        assert_eq!(ask(&world, "a.b.c.bosh", A).code, 1);
        let back = ask(&world, "1.0.0.10.in-addr.arpa", PTR);
        assert_eq!(back.names, ["uuid-a.web.default.dep.bosh"]);
    }
    // Several questions on one connection.
    let mut stream = world.connect();
    for _ in 0..3 {
        let asked = crate::wire::query(9, "uuid-b.web.default.dep.bosh", A);
        let said = crate::wire::tcp(&mut stream, &asked).unwrap();
        assert_eq!(said.addresses, ["10.0.0.2"]);
    }
}

#[test]
fn new_records_are_known_at_once() {
    let world = World::started();
    for version in 2..50 {
        let address = format!("10.9.0.{version}");
        world.instances(version, &[("uuid-a", &address)]);
        let said = world.ask("uuid-a.web.default.dep.bosh", A);
        assert_eq!(said.addresses, [address]);
        assert_eq!(world.ask("uuid-b.web.default.dep.bosh", A).code, 3);
    }
    // What cannot be read changes nothing.
    world.write("records.json", "{\"version\": 99, \"records\": [[");
    assert_eq!(
        world.ask("uuid-a.web.default.dep.bosh", A).addresses,
        ["10.9.0.49"]
    );
    world.instances(100, &[("uuid-c", "10.9.9.9")]);
    assert_eq!(world.ask("q-s0.q-g3.bosh", A).addresses, ["10.9.9.9"]);
    assert!(world.read("log").contains("cannot read the records"));
}

#[test]
fn before_records_there_is_no_answer_yet() {
    let mut world = World::new();
    std::fs::remove_file(world.at("records.json")).unwrap();
    world.start();
    assert_eq!(world.ask("uuid-a.web.default.dep.bosh", A).code, 2);
    world.instances(1, &[("uuid-a", "10.0.0.1")]);
    assert_eq!(
        world.ask("uuid-a.web.default.dep.bosh", A).addresses,
        ["10.0.0.1"]
    );
}

#[test]
fn aliases_of_jobs_come_and_go() {
    let world = World::started();
    assert_eq!(world.ask("everybody.service.test", A).code, 2);
    world.write(
        "jobs/some/dns/aliases.json",
        r#"{"everybody.service.test": ["*.web.default.dep.bosh"], "_.one.test": ["_.web.default.dep.bosh"]}"#,
    );
    world.until("the alias is known", || {
        world.ask("everybody.service.test", A).addresses == ["10.0.0.1", "10.0.0.2"]
    });
    assert_eq!(world.ask("uuid-b.one.test", A).addresses, ["10.0.0.2"]);
    std::fs::remove_dir_all(world.at("jobs/some")).unwrap();
    world.until("the alias is gone", || {
        world.ask("everybody.service.test", A).code == 2
    });
}

#[test]
fn many_addresses_are_cut_over_udp_and_whole_over_tcp() {
    let world = World::started();
    let names: Vec<(String, String)> = (0..1000)
        .map(|n| (format!("uuid-{n}"), format!("10.1.{}.{}", n / 250, n % 250)))
        .collect();
    let instances: Vec<(&str, &str)> = names.iter().map(|(id, ip)| (&**id, &**ip)).collect();
    world.instances(2, &instances);
    let said = world.ask("q-s0.q-g3.bosh", A);
    assert!(said.cut && said.addresses.len() == 30, "{said:?}");
    let whole = world.ask_tcp("q-s0.q-g3.bosh", A);
    assert!(!whole.cut && whole.addresses.len() == 1000);
    // Each has its turn.
    let firsts: std::collections::HashSet<String> = (0..50)
        .flat_map(|_| world.ask("q-s0.q-g3.bosh", A).addresses)
        .collect();
    assert!(
        firsts.len() > 500,
        "{} of 1000 in 50 answers of 30",
        firsts.len()
    );
}
