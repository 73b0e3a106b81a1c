//! The stock agent's table beside ours: the same names, each working on top of the other.

use std::io::Write;
use std::os::unix::fs::MetadataExt;

use warren_tests_harness::Connected;
use warren_tests_nested::{MONIT, NATS, NATS6, View, assert_reaches};

use crate::scene::{Scene, firewall};

/// The table as the stock agent makes it.
const STOCK: &str = r#"
table inet bosh_agent {
    chain monit_access_jobs { }
    chain monit_access {
        type filter hook output priority filter - 1; policy accept;
        jump monit_access_jobs
        ct state established,related accept
        meta skuid 0 ip daddr 127.0.0.1 tcp dport 2822 accept
        ip daddr 127.0.0.1 tcp dport 2822 drop
    }
    chain nats_access {
        type filter hook output priority filter - 1; policy accept;
        ct state established,related accept
        meta skuid 0 ip daddr 10.99.0.1 tcp dport 4222 accept
        ip daddr 10.99.0.1 tcp dport 4222 drop
    }
}
"#;

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

/// The rule that the stock `enable-monit-access` adds for a job.
#[track_caller]
fn stock_enable(scene: &Scene, job: &str, level: u32, id: u64) {
    let rule = warren_sys_nft::Rule::new()
        .socket_cgroupv2(level, id)
        .ip_daddr(std::net::Ipv4Addr::LOCALHOST)
        .tcp_dport(2822)
        .log("")
        .accept()
        .with_comment(format!("bosh-monit-access:{job}"));
    let mut batch = warren_sys_nft::Batch::new();
    let family = warren_sys_nft::Family::Inet;
    batch.add_rule((family, "bosh_agent", "monit_access_jobs"), rule);
    scene
        .network
        .net
        .inside(|| warren_sys_nft::Nft::open().unwrap().commit(&batch))
        .unwrap();
}

#[test]
fn our_enable_works_on_the_stock_table() {
    let scene = Scene::new(View::HostBound);
    load(&scene, STOCK);
    let job = scene.container.process("job").ids(1000, 1000).spawn();
    assert_reaches(&job, "a user's job", &[MONIT], Connected::TimedOut);
    // The job's own start script runs as root, in the job's cgroup.
    let script = scene.container.process("job").spawn();
    script
        .warren(&["firewall", "enable-monit-access", "--job", "job"])
        .success();
    assert_reaches(&job, "a user's job", &[MONIT], Connected::Connected);
    assert_reaches(
        &scene.unprivileged,
        "another",
        &[MONIT],
        Connected::TimedOut,
    );
}

#[test]
fn a_stock_enable_works_on_our_table() {
    let scene = Scene::new(View::HostBound);
    scene.set_up();
    let job = scene.container.process("job").spawn();
    let directory = scene.container.cgroup.join("job");
    // From the host's cgroup namespace: sandbox, container, job.
    stock_enable(
        &scene,
        "job",
        3,
        std::fs::metadata(directory).unwrap().ino(),
    );
    assert_reaches(&job, "the job", &[MONIT], Connected::Connected);
    scene.assert_protected();
    // Setting up again leaves jobs' rules alone.
    scene.set_up();
    assert_reaches(&job, "the job", &[MONIT], Connected::Connected);
    // And our own enable replaces the stock rule of the same job.
    job.warren(&["firewall", "enable-monit-access", "--job", "job"])
        .success();
    let rules = scene.stock().0;
    assert_eq!(rules.matches("bosh-monit-access:job").count(), 1, "{rules}");
    assert_reaches(&job, "the job", &[MONIT], Connected::Connected);
}

#[test]
fn set_up_takes_the_stock_table_over_and_keeps_its_jobs() {
    let scene = Scene::new(View::HostBound);
    load(&scene, STOCK);
    let job = scene.container.process("job").ids(1000, 1000).spawn();
    let directory = scene.container.cgroup.join("job");
    stock_enable(
        &scene,
        "job",
        3,
        std::fs::metadata(directory).unwrap().ino(),
    );
    assert_reaches(
        &scene.sibling,
        "root, with stock rules",
        &[MONIT],
        Connected::Connected,
    );
    scene.set_up();
    scene.assert_protected();
    assert_reaches(&job, "the job", &[MONIT], Connected::Connected);
}

/// The stock agent writes its own NATS rules again whenever it loses its connection.
#[test]
fn what_the_stock_agent_changes_is_noticed_and_put_right() {
    let scene = Scene::new(View::HostBound);
    scene.set_up();
    load(
        &scene,
        "flush chain inet bosh_agent nats_access
         add rule inet bosh_agent nats_access ct state established,related accept
         add rule inet bosh_agent nats_access meta skuid 0 ip daddr 10.99.0.1 tcp dport 4222 accept
         add rule inet bosh_agent nats_access ip daddr 10.99.0.1 tcp dport 4222 drop",
    );
    assert_reaches(
        &scene.sibling,
        "root, with stock rules",
        &[NATS, NATS6],
        Connected::Connected,
    );
    let verified = scene.agent.warren(&firewall("verify", &["--json"]));
    assert_eq!(verified.code, 1, "{verified:#?}");
    assert!(verified.stdout.contains("rules-replaced"), "{verified:#?}");
    scene.set_up();
    scene.assert_protected();
}

#[test]
fn a_stock_monit_and_an_operators_shell_are_admitted_by_uid() {
    let scene = Scene::new(View::Private);
    scene
        .agent
        .warren(&firewall("setup", &["--allow-uid", "0"]))
        .success();
    for root in [&scene.sibling, &scene.below, &scene.elsewhere, &scene.agent] {
        assert_reaches(root, "root", &[MONIT, NATS], Connected::Connected);
    }
    assert_reaches(
        &scene.unprivileged,
        "a user",
        &[MONIT, NATS],
        Connected::Refused,
    );
    // Off again by setting up without it.
    scene.set_up();
    scene.assert_protected();
}

#[test]
fn silence_instead_of_a_reset_when_asked_for() {
    let scene = Scene::new(View::Private);
    scene
        .agent
        .warren(&firewall("setup", &["--deny", "drop"]))
        .success();
    assert_reaches(
        &scene.sibling,
        "a sibling",
        &[MONIT, NATS],
        Connected::TimedOut,
    );
    assert_reaches(
        &scene.agent,
        "the agent",
        &[MONIT, NATS],
        Connected::Connected,
    );
}

#[test]
fn jammys_own_monit_rules_are_left_alone() {
    let scene = Scene::new(View::Private);
    scene
        .agent
        .warren(&firewall("setup", &["--no-monit"]))
        .success();
    assert_reaches(&scene.sibling, "a sibling", &[MONIT], Connected::Connected);
    assert_reaches(
        &scene.sibling,
        "a sibling",
        &[NATS, NATS6],
        Connected::Refused,
    );
    assert_reaches(
        &scene.agent,
        "the agent",
        &[NATS, NATS6],
        Connected::Connected,
    );
}
