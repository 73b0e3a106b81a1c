//! A network whose addresses the infrastructure gives: known to names, jobs and people once there is a
//! machine.

use serde_json::Value;

use crate::release;
use crate::scene::Scene;

/// The network, of which the director knows the name alone.
const NETWORK: &str =
    "- {name: floating, type: dynamic, subnets: [{azs: [z1], cloud_properties: {}}]}\n";

/// `own` writes down what its templates are told, and what the network has really given.
const FILES: &[(&str, &str)] = &[
    ("config/final.yml", "---\nname: floating\n"),
    ("config/blobs.yml", "--- {}\n"),
    (
        "jobs/own/spec",
        "---\nname: own\ntemplates: {own.erb: config/own, pre-start: bin/pre-start}\npackages: []\n\
         provides: [{name: own, type: own}]\nconsumes: [{name: own, type: own}]\nproperties: {}\n",
    ),
    ("jobs/own/monit", ""),
    (
        "jobs/own/templates/own.erb",
        "<%= spec.ip %>\n<% net = spec.networks.floating %><%= net.ip %> <%= net.netmask %> <%= net.gateway %>\n\
         <%= spec.address %>\n<%= link('own').instances.first.address %>\n",
    ),
    (
        "jobs/own/templates/pre-start",
        "#!/bin/sh\ncp /var/vcap/jobs/own/config/own /var/vcap/data/seen\nexit 0\n",
    ),
];

const MANIFEST: &str = "name: small
releases: [{name: floating, version: latest}]
stemcells: [{alias: default, os: tiny, version: latest}]
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000-20000, update_watch_time: 1000-20000}
instance_groups:
- name: own
  instances: 2
  azs: [z1]
  vm_type: default
  stemcell: default
  networks: [{name: floating}]
  jobs: [{name: own, release: floating}]
";

/// What `bosh instances` tells of each: name, address, machine.
fn rows(scene: &Scene) -> Vec<[String; 3]> {
    let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    let mut rows: Vec<_> = scene
        .rows(&["instances", "--details"])
        .iter()
        .map(|row| [text(row, "instance"), text(row, "ips"), text(row, "vm_cid")])
        .collect();
    rows.sort();
    rows
}

/// Whatever is asked about an instance, it is told its machine's real address.
fn assert_known(scene: &Scene, all: &[[String; 3]]) {
    let other = &all[0][2];
    for [name, address, machine] in all {
        let real = scene.inside(machine, "ip addr | sed -n 's/.*inet \\(10[^/]*\\).*/\\1/p'");
        assert_eq!(real.trim(), address, "{name}");
        let id = name.strip_prefix("own/").unwrap();
        let dns = format!("{id}.own.floating.small.bosh");
        for file in ["/var/vcap/jobs/own/config/own", "/var/vcap/data/seen"] {
            let told = scene.inside(machine, &format!("cat {file}"));
            let lines: Vec<&str> = told.lines().collect();
            assert_eq!(lines[0], address, "{file}: {told}");
            let settings: Vec<&str> = lines[1].split(' ').collect();
            assert_eq!(settings[0], address, "{file}: {told}");
            assert!(settings[1].starts_with("255.255."), "{file}: {told}");
            let gateway = scene.inside(
                machine,
                "ip route | sed -n 's/^default via \\([^ ]*\\).*/\\1/p'",
            );
            assert_eq!(settings[2], gateway.trim(), "{file}: {told}");
            assert_eq!(lines[2], dns, "{file}: {told}");
            assert!(lines[3].ends_with(".own.floating.small.bosh"), "{told}");
        }
        let found = scene.inside(other, &format!("nslookup {dns} 2>&1; true"));
        assert!(found.contains(&format!("{address}\n")), "{dns}: {found}");
    }
}

#[test]
fn addresses_that_the_infrastructure_gives_are_known_everywhere() {
    let scene = Scene::new();
    let cloud = release::CLOUD.replace("\ncompilation:", &format!("\n{NETWORK}compilation:"));
    let cloud = scene.file("floating.yml", &cloud);
    scene.bosh(&["update-cloud-config", cloud.to_str().unwrap()]);
    scene.upload_release("floating", FILES);
    scene.deploy(MANIFEST);
    let first = rows(&scene);
    assert_eq!(first.len(), 2, "{first:?}");
    assert_known(&scene, &first);

    // What is known now is what was known: nothing is to be done.
    let again = scene.deploy(MANIFEST);
    assert!(!again.contains("Updating instance"), "{again}");
    assert_eq!(rows(&scene), first);

    // Another machine has another address, and everybody knows it.
    scene.bosh(&["recreate", &first[0][0]]);
    let second = rows(&scene);
    assert_ne!(second[0][2], first[0][2]);
    assert_eq!(second[1], first[1]);
    assert_known(&scene, &second);
    scene.bosh(&["delete-deployment"]);
}
