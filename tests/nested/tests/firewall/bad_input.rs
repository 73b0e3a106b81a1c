//! Bad input: a clear error, and no partial ruleset.

use std::io::Write;

use warren_sys_nft::{Batch, Family, Nft, Table};
use warren_tests_harness::Output;
use warren_tests_nested::{NATS, View};

use crate::scene::{Scene, firewall};

#[track_caller]
fn refused(scene: &Scene, arguments: &[&str], says: &[&str]) -> Output {
    let before = scene.stock();
    let output = scene.agent.warren(arguments);
    assert!(
        output.code == 1 || output.code == 2,
        "{arguments:?}: {output:#?}"
    );
    for text in says {
        assert!(output.stderr.contains(text), "no '{text}' in {output:#?}");
    }
    assert_eq!(scene.stock(), before, "{arguments:?}");
    output
}

#[track_caller]
fn load(scene: &Scene, rules: &str) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(rules.as_bytes()).unwrap();
    scene
        .network
        .net
        .run(&["nft", "-f", &file.path().display().to_string()])
        .success();
}

#[test]
fn malformed_nats_urls() {
    let scene = Scene::new(View::Private);
    for (url, says) in [
        ("", "empty"),
        ("nats://", "no host"),
        ("nats://10.0.0.6:0", "'0' is no TCP port"),
        ("nats://10.0.0.6:99999", "'99999' is no TCP port"),
        ("nats://10.0.0.6:x", "'x' is no TCP port"),
        ("http://10.0.0.6:4222", "scheme 'http'"),
        ("nats://10.0.0:4222", "'10.0.0' is no IP address"),
        ("nats://[fd00::1:4222", "is no IP address"),
    ] {
        refused(
            &scene,
            &["firewall", "setup", "--nats", url],
            &["reading --nats", says],
        );
    }
    let secret = ["firewall", "setup", "--nats", "nats://nats:hunter2@:4222"];
    assert!(
        !refused(&scene, &secret, &["no host"])
            .stderr
            .contains("hunter2")
    );
}

#[test]
fn ports_and_flags_out_of_range() {
    let scene = Scene::new(View::Private);
    refused(
        &scene,
        &["firewall", "setup", "--monit-port", "0"],
        &["--monit-port"],
    );
    refused(
        &scene,
        &["firewall", "setup", "--agent-pid", "0"],
        &["--agent-pid"],
    );
    refused(
        &scene,
        &["firewall", "setup", "--deny", "maybe"],
        &["reject"],
    );
    refused(
        &scene,
        &["firewall", "setup", "--no-monit"],
        &["nothing to protect", "--nats"],
    );
}

#[test]
fn a_host_that_does_not_exist() {
    let scene = Scene::new(View::Private);
    // The peer is a network without a name server.
    let unknown = [
        "firewall",
        "setup",
        "--nats",
        NATS,
        "--nats",
        "no-such-host.invalid:4222",
    ];
    refused(
        &scene,
        &unknown,
        &["no-such-host.invalid", "does not resolve", "Remedy: "],
    );
}

#[test]
fn settings_that_no_agent_wrote() {
    let scene = Scene::new(View::Private);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("settings.json");
    let shown = path.display().to_string();
    refused(
        &scene,
        &["firewall", "setup", "--settings", &shown],
        &[&shown, "No such file"],
    );
    for (text, says) in [
        ("{", "not what an agent writes"),
        (r#"{"mbus": 7}"#, "not what an agent writes"),
        (
            r#"{"mbus": "nats://u:hunter2@10.0.0.6:0"}"#,
            "number 1 is unusable",
        ),
    ] {
        std::fs::write(&path, text).unwrap();
        let output = refused(
            &scene,
            &["firewall", "setup", "--settings", &shown],
            &[&shown, says],
        );
        assert!(!output.stderr.contains("hunter2"));
    }
    std::fs::write(&path, r#"{"mbus": "nats://u:hunter2@10.99.0.1:4222"}"#).unwrap();
    let output = scene
        .agent
        .warren(&["firewall", "setup", "--settings", &shown])
        .success();
    assert!(!output.stdout.contains("hunter2") && output.stdout.contains(NATS));
}

#[test]
fn agents_that_are_not_there() {
    let scene = Scene::new(View::Private);
    let by_pid = firewall("setup", &["--agent-pid", "4194303"]);
    refused(&scene, &by_pid, &["process 4194303", "Remedy: "]);
    let by_path = firewall("setup", &["--agent-cgroup", "/no/such/cgroup"]);
    refused(&scene, &by_path, &["/no/such/cgroup", "Remedy: "]);
    let relative = firewall("setup", &["--agent-cgroup", "agent"]);
    refused(&scene, &relative, &["'agent' is no cgroup path"]);
}

/// The fallback is taken only when asked for, and said.
#[test]
fn an_unidentified_agent_degrades_to_its_user_only_when_asked() {
    let scene = Scene::new(View::Private);
    let flags = ["--agent-cgroup", "/gone", "--on-unresolved", "uid"];
    let output = scene.agent.warren(&firewall("setup", &flags)).success();
    assert!(
        output.stdout.contains("Warning") && output.stdout.contains("uid 0"),
        "{output:#?}"
    );
    use warren_tests_harness::Connected::{Connected, Refused};
    warren_tests_nested::assert_reaches(&scene.sibling, "root", &[NATS], Connected);
    warren_tests_nested::assert_reaches(&scene.unprivileged, "a user", &[NATS], Refused);
}

#[test]
fn a_table_of_the_same_name_that_is_somebody_elses() {
    let scene = Scene::new(View::Private);
    for (rules, says) in [
        (
            "table inet bosh_agent { chain monit_access { type filter hook input priority 0; }\n}",
            "monit_access",
        ),
        (
            "table inet bosh_agent { chain monit_access { }\n}",
            "a regular chain",
        ),
        (
            "table inet bosh_agent { chain nats_access {
                type filter hook output priority 10; policy drop; }\n}",
            "priority 10",
        ),
        ("table inet bosh_agent { flags dormant;\n}", "dormant"),
    ] {
        load(&scene, rules);
        refused(&scene, &firewall("setup", &[]), &[says, "Remedy: "]);
        load(&scene, "delete table inet bosh_agent");
    }
    scene.set_up();
    load(
        &scene,
        "table inet bosh_agent { set monit_access_job_ids { type ipv4_addr; }\n}",
    );
    let enable = ["firewall", "enable-monit-access", "--job", "x"];
    refused(&scene, &enable, &["monit_access_job_ids"]);
}

#[test]
fn a_table_that_another_process_owns() {
    let scene = Scene::new(View::Private);
    scene.network.net.inside(|| {
        let mut owner = Nft::open().unwrap();
        let mut batch = Batch::new();
        batch.add_table(&Table::new(Family::Inet, "bosh_agent").owned());
        owner.commit(&batch).unwrap();
        refused(
            &scene,
            &firewall("setup", &[]),
            &["belongs to another process"],
        );
        refused(&scene, &["firewall", "teardown"], &["bosh_agent"]);
    });
}
