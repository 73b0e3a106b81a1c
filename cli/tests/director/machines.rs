//! Instances and their machines: as lists, and put into another state.

use serde_json::json as value;

use crate::server::{Server, started};
use crate::verbs::{asked, log, tty};

/// The instances of the recorded deployment, as lines.
fn recorded_instances(with_errand: bool) -> String {
    let one =
        |number: usize, id: &str, cid: &str, disk: &str, agent: &str, sys: &str, user: &str| {
            let created = format!("2026-11-22T01:46:1{}Z", usize::from(number == 0));
            value!({"vm_cid": cid, "active": true, "vm_created_at": created, "cloud_properties": {},
            "disk_cid": disk, "disk_cids": [disk], "ips": [format!("10.244.0.{}", number + 2)],
            "agent_id": agent, "job_name": "zookeeper", "index": number, "job_state": "running",
            "state": "started", "vm_type": "default",
            "vitals": {"cpu": {"sys": sys, "user": user, "wait": "0.4"},
                "disk": {"ephemeral": {"inode_percent": "4", "percent": "11"},
                    "persistent": {"inode_percent": "0", "percent": "0"},
                    "system": {"inode_percent": "4", "percent": "11"}},
                "load": ["0.73", "0.61", "0.67"], "mem": {"kb": "1744808", "percent": "7"},
                "swap": {"kb": "0", "percent": "0"}, "uptime": {"secs": 9541}},
            "processes": [{"name": "zookeeper", "state": "running", "uptime": {"secs": 1},
                "mem": {"kb": 75920, "percent": 0.3}, "cpu": {"total": 0}}],
            "az": format!("z{}", number + 1), "id": id, "bootstrap": number == 0, "ignore": false,
            "stemcell": {"name": "bosh-warden-boshlite-debian-bookworm", "version": "1.1",
                "api_version": 3}})
        };
    let errand = value!({"vm_cid": null, "active": null, "vm_created_at": null,
        "cloud_properties": {}, "disk_cid": null, "disk_cids": [], "ips": [], "agent_id": null,
        "job_name": "smoke-tests", "index": 0, "job_state": null, "state": "started",
        "vm_type": null, "vitals": null, "processes": [], "az": "z1",
        "id": "a37816a1-09e6-4c7c-8945-df7e2d8c16b8", "bootstrap": true, "ignore": false,
        "stemcell": {"name": null, "version": null, "api_version": null}});
    let mut all = vec![
        one(
            2,
            "c89822e6-a3f6-45d5-99a1-998fe2ad65d9",
            "321727df-2b21-41c3-52bb-2c9f999fa0f7",
            "6d314f06-d00c-4e50-6981-a1168afe762b",
            "2ff866cf-ff64-47e1-8287-89a8960258cd",
            "7.0",
            "12.2",
        ),
        one(
            0,
            "9e53905a-4b45-4b55-9d58-3e6e9bb92794",
            "28241c38-402c-4677-40e6-883b4bb0261c",
            "0fd16578-bb5b-4ab3-4251-4bd9f293e74b",
            "c5e4accb-16ad-4635-8b28-1d8c385adf9e",
            "7.0",
            "12.2",
        ),
        one(
            1,
            "63fc6ae8-87be-4a0c-b9a9-fc0da561d074",
            "c4941301-f865-4417-52f8-baec9d60ad2f",
            "4eeb9544-387a-4a37-6385-39455eafa158",
            "8e4d4e29-6391-4a09-aef2-a2fb5df0478e",
            "7.4",
            "13.3",
        ),
    ];
    if with_errand {
        all.push(errand);
    }
    all.iter().map(|one| format!("{one}\n")).collect()
}

#[test]
fn machines_have_the_recorded_bytes() {
    let server = Server::new();
    let (vms, all) = (recorded_instances(false), recorded_instances(true));
    let path = |what: &str| format!("GET /deployments/zookeeper/{what}?format=full");
    for (verb, what, task, result, flag, text) in [
        (
            "vms",
            "vms",
            89,
            &vms,
            "",
            include_str!("fixtures/recorded-vms.txt"),
        ),
        (
            "instances",
            "instances",
            90,
            &all,
            "",
            include_str!("fixtures/recorded-instances.txt"),
        ),
        (
            "instances",
            "instances",
            91,
            &all,
            "--ps",
            include_str!("fixtures/recorded-instances-ps.txt"),
        ),
        (
            "instances",
            "instances",
            92,
            &all,
            "--details",
            include_str!("fixtures/recorded-instances-details.txt"),
        ),
    ] {
        server.forgets(&path(what));
        server
            .says(&path(what), started(task))
            .has_task(task, "done", "", result);
        let words = [verb, "-d", "zookeeper", flag];
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        assert_eq!(tty(&server, &words).shown(), text, "{words:?}");
    }
    server.forgets(&path("vms"));
    server
        .says(&path("vms"), started(93))
        .has_task(93, "done", "", &vms);
    let shown = tty(&server, &["vms", "-d", "zookeeper", "--vitals"]);
    let recorded = include_str!("fixtures/recorded-vms-vitals.txt");
    // Of this table the recording has the first columns of each line.
    let begins: String = shown
        .shown()
        .lines()
        .zip(recorded.lines().chain(std::iter::repeat("")))
        .map(|(line, other)| line.chars().take(other.chars().count()).collect::<String>() + "\n")
        .collect();
    assert_eq!(begins, recorded);
}

#[test]
fn a_restart_has_the_recorded_bytes() {
    let server = Server::new();
    let (ready, preparing) = ("Preparing deployment", "Preparing package compilation");
    let one = "zookeeper/9e53905a-4b45-4b55-9d58-3e6e9bb92794 (0) (canary)";
    let update = "Updating instance";
    let step = |second, said| (second, update, "zookeeper", one, "in_progress", said);
    let events = log(&[
        (40, ready, "", ready, "started", ""),
        (40, ready, "", ready, "finished", ""),
        (40, ready, "", "Rendering templates", "started", ""),
        (40, ready, "", "Rendering templates", "finished", ""),
        (
            40,
            preparing,
            "",
            "Finding packages to compile",
            "started",
            "",
        ),
        (
            40,
            preparing,
            "",
            "Finding packages to compile",
            "finished",
            "",
        ),
        (40, update, "zookeeper", one, "started", ""),
        step(41, "executing pre-stop"),
        step(41, "executing drain"),
        step(42, "stopping jobs"),
        step(44, "executing post-stop"),
        step(47, "installing packages"),
        step(49, "configuring jobs"),
        step(49, "executing pre-start"),
        step(50, "starting jobs"),
        step(52, "executing post-start"),
        (52, update, "zookeeper", one, "finished", ""),
    ]);
    let path = "PUT /deployments/zookeeper/jobs/zookeeper/0?state=restart";
    server
        .says(path, started(98))
        .has_task(98, "done", &events, "");
    let words = ["-n", "restart", "-d", "zookeeper", "zookeeper/0"];
    assert_eq!(
        tty(&server, &words).shown(),
        include_str!("fixtures/recorded-restart.txt")
    );
}

#[test]
fn states_are_asked_for_as_stock_asks() {
    let server = Server::new();
    server.has_task(7, "done", "", "");
    let jobs = "/deployments/zk/jobs";
    let actions = "/deployments/zk/instance_groups/web/0/actions";
    for (words, line) in [
        (&["start"][..], format!("PUT {jobs}/*?state=started")),
        (&["start", "web"], format!("PUT {jobs}/web?state=started")),
        (
            &["start", "web/0", "--no-converge"],
            format!("POST {actions}/start"),
        ),
        // A yes, not a list of groups, which a stock director would not hear.
        (
            &["stop", "--skip-drain"],
            format!("PUT {jobs}/*?state=stopped&skip_drain=true"),
        ),
        (
            &["stop", "web/0", "--hard"],
            format!("PUT {jobs}/web/0?state=detached"),
        ),
        (
            &["restart", "web", "--skip-drain"],
            format!("PUT {jobs}/web?state=restart&skip_drain=true"),
        ),
        (
            &["restart", "web/0", "--no-converge", "--skip-drain"],
            format!("POST {actions}/restart?skip_drain=true"),
        ),
        (
            &["recreate", "web", "--skip-drain", "--fix"],
            format!("PUT {jobs}/web?state=recreate&skip_drain=true&fix=true"),
        ),
    ] {
        server.says(&line, started(7));
        let lines = asked(&server, &[&["-n", "-d", "zk"], words].concat());
        assert!(lines.contains(&line), "{words:?}: {lines:?}");
    }
}
