//! An agent that is a systemd service.

use warren_tests_vm::warren;

use super::scene::{AGENT, MONIT, Scene, address, assert_passes, assert_refused, firewall, json};

/// Level of `/system.slice/UNIT` from a namespace at the real root.
const LEVEL: u64 = 2;

#[test]
fn only_the_agents_service_gets_through() {
    let scene = Scene::new();
    let before = scene.stock();
    let agent = scene.process_of(AGENT);
    let others = scene.others();
    for (who, actor) in &others {
        assert_passes(actor, who);
    }

    let report = json(&warren(&agent, &firewall("setup", &["--json"])).success());
    assert_eq!(report["agent"]["identity"]["path"], AGENT);
    assert_eq!(report["agent"]["identity"]["level"], LEVEL);
    assert_eq!(report["agent"]["identity"]["agreed"], true);
    assert_eq!(
        report["proof"]["no_outsider"],
        serde_json::Value::Null,
        "{report:#}"
    );
    let inode = scene
        .vm
        .run(&["stat", "-c", "%i", &format!("/sys/fs/cgroup{AGENT}")])
        .success();
    assert_eq!(
        report["agent"]["identity"]["id"].to_string(),
        inode.stdout.trim_end()
    );

    assert_passes(&agent, "the agent");
    for (who, actor) in &others {
        assert_refused(actor, who);
    }
    warren(&agent, &firewall("verify", &[])).success();
    warren(&agent, &["firewall", "teardown"]).success();
    assert_eq!(scene.stock(), before);
    drop((agent, others));
}

#[test]
fn a_user_id_can_be_let_through_as_well() {
    let scene = Scene::new();
    let agent = scene.process_of(AGENT);
    warren(&agent, &firewall("setup", &["--allow-uid", "0"])).success();
    assert_passes(&agent, "the agent");
    for (who, actor) in &scene.others() {
        if who.contains("user") {
            assert_refused(actor, who);
        } else {
            assert_passes(actor, who);
        }
    }
    drop(agent);
}

#[test]
fn set_up_from_outside_by_cgroup_and_by_process() {
    let scene = Scene::new();
    let agent = scene.process_of(AGENT);
    let (id, others) = (
        scene
            .vm
            .run(&["stat", "-c", "%i", &format!("/sys/fs/cgroup{AGENT}")]),
        scene.others(),
    );
    let show = scene
        .vm
        .run(&["systemctl", "show", "-P", "MainPID", "bosh-agent.service"]);
    let pid = show.success().stdout.trim_end().to_owned();
    for flags in [["--agent-cgroup", AGENT], ["--agent-pid", &pid]] {
        let report = json(
            &scene
                .vm
                .warren(&firewall("setup", &[&flags[..], &["--json"]].concat()))
                .success(),
        );
        let identity = &report["agent"]["identity"];
        assert_eq!(
            (&identity["path"], &identity["level"]),
            (&AGENT.into(), &LEVEL.into())
        );
        assert_eq!(identity["id"].to_string(), id.stdout.trim_end());
        assert_passes(&agent, "the agent");
        for (who, actor) in &others {
            assert_refused(actor, who);
        }
        scene.vm.warren(&["firewall", "teardown"]).success();
    }
    drop((agent, others));
}

/// The service itself runs `warren`, as `ExecStartPre` of an agent would.
#[test]
fn set_up_by_the_service_itself_before_it_starts() {
    let scene = Scene::with_agent(
        "/bin/sh -c '/warren firewall setup --nats 10.99.0.1:4222 && exec sleep infinity'",
    );
    let status = "for i in $(seq 600); do nft list chain inet bosh_agent nats_access 2>/dev/null \
                  && exit; sleep 0.1; done; exit 1";
    scene.vm.shell(status).success();
    let agent = scene.process_of(AGENT);
    let report = json(&warren(&agent, &firewall("verify", &["--json"])).success());
    assert_eq!(report["changes"], serde_json::json!([]));
    assert_passes(&agent, "the agent");
    for (who, actor) in &scene.others() {
        assert_refused(actor, who);
    }
    drop(agent);
}

#[test]
fn the_measured_level_is_what_cgroup_show_says() {
    let scene = Scene::new();
    let agent = scene.process_of(AGENT);
    let shown = json(&warren(&agent, &["cgroup", "show", "--json"]).success());
    assert_eq!(shown["layout"], "unified");
    assert_eq!(shown["level"]["level"], LEVEL, "{shown:#}");
    assert_eq!(shown["identity"]["agreement"], "agreed", "{shown:#}");
    assert_eq!(shown["namespace"]["initial"], true, "{shown:#}");
    let report = json(&warren(&agent, &firewall("setup", &["--json"])).success());
    assert_eq!(
        report["agent"]["identity"]["level"],
        shown["level"]["level"]
    );
    assert_eq!(report["agent"]["identity"]["id"], shown["identity"]["id"]);
    drop(agent);
}

#[test]
fn explain_names_the_agents_unit() {
    let scene = Scene::new();
    scene
        .vm
        .warren(&firewall("setup", &["--agent-cgroup", AGENT]))
        .success();
    let explained = scene
        .vm
        .warren(&["firewall", "explain", "--agent-cgroup", AGENT])
        .success();
    assert!(explained.stdout.contains(AGENT), "{}", explained.stdout);
    let passes = format!("its packet to {MONIT} is let through");
    assert!(explained.stdout.contains(&passes), "{}", explained.stdout);
}

/// The machine's other network namespaces are none of the agent's business.
#[test]
fn nothing_is_protected_in_other_network_namespaces() {
    let scene = Scene::new();
    scene
        .vm
        .warren(&firewall("setup", &["--agent-cgroup", AGENT]))
        .success();
    let other = warren_tests_harness::ActorBuilder::contained().spawn_in(scene.vm.actor());
    other.listen(address(MONIT));
    assert_eq!(
        other.connect(address(MONIT), std::time::Duration::from_secs(5)),
        warren_tests_harness::Connected::Connected
    );
    drop(other);
}
