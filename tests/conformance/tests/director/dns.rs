//! Names of instances, asked for inside machines.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::scene::Scene;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// `names` looks for itself when it starts, and as an errand; `idle` is only there and
/// has another name for them.
const FILES: &[(&str, &str)] = &[
    ("config/final.yml", "---\nname: names\n"),
    ("config/blobs.yml", "--- {}\n"),
    (
        "jobs/names/spec",
        "---\nname: names\ntemplates: {pre-start.erb: bin/pre-start, run.erb: bin/run}\npackages: []\n\
         provides: [{name: names, type: names}]\nconsumes: [{name: names, type: names}]\nproperties: {}\n",
    ),
    ("jobs/names/monit", ""),
    (
        "jobs/names/templates/pre-start.erb",
        "#!/bin/sh\nnslookup <%= link('names').address %> >/var/vcap/data/looked 2>&1\nexit 0\n",
    ),
    (
        "jobs/names/templates/run.erb",
        "#!/bin/sh\n<% link('names').instances.each do |one| %>echo asking <%= one.address %>\n\
         nslookup <%= one.address %>\n<% end %>exit 0\n",
    ),
    (
        "jobs/idle/spec",
        "---\nname: idle\ntemplates: {aliases: dns/aliases.json}\npackages: []\nproperties: {}\n",
    ),
    ("jobs/idle/monit", ""),
    (
        "jobs/idle/templates/aliases",
        "{\"everybody.service.test\": [\"*.names.default.small.bosh\"]}\n",
    ),
];

fn manifest(instances: usize) -> String {
    let group = |name: &str, instances: usize| {
        format!(
            "- name: {name}\n  instances: {instances}\n  azs: [z1]\n  vm_type: default\n  \
             stemcell: default\n  networks: [{{name: default}}]\n  jobs: [{{name: {name}, release: names}}]\n"
        )
    };
    format!(
        "name: small\nfeatures: {{use_dns_addresses: true}}\n\
         releases: [{{name: names, version: latest}}]\n\
         stemcells: [{{alias: default, os: tiny, version: latest}}]\n\
         update: {{canaries: 1, max_in_flight: 2, canary_watch_time: 1000-20000, update_watch_time: 1000-20000}}\n\
         instance_groups:\n{}{}",
        group("names", instances),
        group("idle", 1)
    )
}

/// Machines of a group: their ids as instances and as machines.
fn machines(scene: &Scene, group: &str) -> Vec<(String, String)> {
    let text = scene.bosh(&["vms", "--json"]);
    let document: Value = serde_json::from_str(&text).unwrap();
    let rows = document["Tables"][0]["Rows"].as_array().unwrap();
    let of_group = |row: &Value| {
        let id = row["instance"]
            .as_str()?
            .strip_prefix(&format!("{group}/"))?;
        Some((id.to_owned(), row["vm_cid"].as_str()?.to_owned()))
    };
    rows.iter().filter_map(of_group).collect()
}

/// The addresses of the network that a name has inside a machine.
pub fn look(scene: &Scene, machine: &str, name: &str) -> Vec<String> {
    addresses(&scene.inside(machine, &format!("nslookup {name} 2>&1; true")))
}

fn addresses(said: &str) -> Vec<String> {
    let address = |line: &str| {
        Some(
            line.trim()
                .strip_prefix("Address")?
                .rsplit(' ')
                .next()?
                .to_owned(),
        )
    };
    let mut found: Vec<String> = said
        .lines()
        .filter_map(address)
        .filter(|address| address.starts_with("10.250.0."))
        .collect();
    found.sort();
    found.dedup();
    found
}

#[track_caller]
fn until(scene: &Scene, what: &str, is: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < end, "not in time: {what}\n{}", scene.log());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Process ids inside a machine by their command line.
fn pids(scene: &Scene, machine: &str, command: &str) -> Vec<String> {
    let script = format!(
        "for one in /proc/[0-9]*; do tr '\\0' ' ' <$one/cmdline 2>/dev/null | \
         grep -q '{command}' && echo ${{one#/proc/}}; done; true"
    );
    let own = scene.inside(machine, &script);
    // The script's own command line holds the words, too: what is still there afterwards counts.
    let alive = |pid: &&str| {
        let read = format!("tr '\\0' ' ' </proc/{pid}/cmdline 2>/dev/null; true");
        let line = scene.inside(machine, &read);
        line.contains(command) && !line.contains("/proc/")
    };
    own.lines().filter(alive).map(str::to_owned).collect()
}

#[test]
fn names_are_found_inside_machines() {
    let scene = Scene::new();
    scene.upload_release("names", FILES);
    scene.deploy(&manifest(1));
    let (idle, first) = (
        &machines(&scene, "idle")[0].1,
        &machines(&scene, "names")[0],
    );

    // The job found its link's name when it started, and anybody finds it now, by either name.
    let looked = scene.inside(&first.1, "cat /var/vcap/data/looked");
    assert_eq!(addresses(&looked).len(), 1, "{looked}");
    let group = "q-s0.names.default.small.bosh";
    assert_eq!(look(&scene, idle, group), addresses(&looked));
    let name = format!("{}.names.default.small.bosh", first.0);
    assert_eq!(look(&scene, idle, &name), addresses(&looked));
    let alias = "everybody.service.test";
    assert_eq!(look(&scene, idle, alias), addresses(&looked));
    let resolv_conf = scene.inside(idle, "grep nameserver /etc/resolv.conf");
    assert!(
        resolv_conf.starts_with("nameserver 169.254.0.2\n"),
        "{resolv_conf}"
    );

    // Who answers is nobody.
    let answering = &pids(&scene, idle, "warren serve dns --answer")[0];
    let status = scene.inside(idle, &format!("cat /proc/{answering}/status"));
    assert!(
        status.contains("Uid:\t65534\t65534\t65534\t65534"),
        "{status}"
    );
    assert!(status.contains("CapEff:\t0000000000000000"), "{status}");

    // A new instance is known to machines that were not touched, by the same process.
    let said = scene.deploy(&manifest(2));
    assert!(!said.contains("Updating instance idle"), "{said}");
    // An agent that is slow to answer is told later.
    until(&scene, "the new one is known", || {
        look(&scene, idle, group).len() == 2
    });
    assert_eq!(
        &pids(&scene, idle, "warren serve dns --answer")[0],
        answering
    );
    let asked = scene.bosh(&["run-errand", "names", "--instance", "names/0"]);
    assert_eq!(asked.matches("asking ").count(), 2, "{asked}");
    assert_eq!(addresses(&asked).len(), 2, "{asked}");

    // An agent and a name server that are killed are there again.
    let agent = &pids(&scene, idle, "warren serve agent")[0];
    scene.inside(idle, &format!("kill -9 {agent} {answering}"));
    until(&scene, "an agent is there again", || {
        let now = pids(&scene, idle, "warren serve agent");
        now.first().is_some_and(|now| now != agent)
    });
    until(&scene, "it answers", || {
        let vms = scene.bosh(&["vms"]);
        !vms.contains("unresponsive") && vms.matches("running").count() == 3
    });
    scene.deploy(&manifest(3));
    until(&scene, "names are found again", || {
        look(&scene, idle, group).len() == 3
    });
    scene.bosh(&["delete-deployment"]);
}
