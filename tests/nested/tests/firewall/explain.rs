//! `warren firewall explain`: whom the rules are about, and which evidence that rests on.

use serde_json::Value;
use warren_tests_harness::Actor;
use warren_tests_nested::{MONIT, View};

use crate::scene::Scene;

#[track_caller]
fn explain(actor: &Actor, more: &[&str]) -> Value {
    let flags = [&["firewall", "explain", "--json"][..], more].concat();
    let output = actor.warren(&flags).success();
    serde_json::from_str(&output.stdout).unwrap()
}

/// The decisions about this role.
fn about<'a>(report: &'a Value, role: &str) -> Vec<&'a Value> {
    let decisions = report["decisions"].as_array().unwrap();
    decisions
        .iter()
        .filter(|decision| decision["who"]["role"] == role)
        .collect()
}

/// What became of the subject's own packet to a place.
fn seen<'a>(report: &'a Value, place: &str) -> &'a str {
    let packets = report["packets"].as_array().unwrap();
    let packet = packets
        .iter()
        .find(|packet| packet["destination"] == place)
        .unwrap();
    packet["seen"].as_str().unwrap()
}

#[test]
fn every_decision_names_its_evidence() {
    for view in [View::HostBound, View::Private, View::PrivateNoMount] {
        let scene = Scene::new(view);
        scene.set_up();
        let report = explain(&scene.agent, &[]);
        let agent = about(&report, "agent");
        // Monit by both address families, NATS by both.
        assert_eq!(agent.len(), 4, "{report:#}");
        for decision in agent {
            assert_eq!(decision["passes"], true);
            assert_eq!(decision["who"]["id"], report["subject"]["id"]);
            let evidence = decision["evidence"].to_string();
            for part in [
                "socket diagnostics: id",
                "the cgroup exists",
                "level measured",
            ] {
                assert!(evidence.contains(part), "no '{part}' in {evidence}");
            }
        }
        assert!(
            about(&report, "below the agent")
                .iter()
                .all(|it| it["passes"] == false)
        );
        assert_eq!(seen(&report, MONIT), "let-through");
    }
}

#[test]
fn jobs_are_named_and_those_whose_cgroup_is_gone_are_told() {
    let scene = Scene::new(View::Private);
    scene.set_up();
    let job = scene.container.process("job").spawn();
    job.warren(&["firewall", "enable-monit-access", "--job", "uaa"])
        .success();
    let report = explain(&job, &[]);
    assert_eq!(seen(&report, MONIT), "let-through");
    let path = &about(&report, "job uaa")[0]["who"]["path"];
    assert!(path.as_str().unwrap().ends_with("/job"), "{path}");
    drop(job);
    warren_tests_harness::remove_dir(scene.container.cgroup.join("job"));
    let report = explain(&scene.agent, &[]);
    let gone = about(&report, "job uaa")[0];
    assert!(
        gone["evidence"].to_string().contains("no such cgroup"),
        "{gone:#}"
    );
}

#[test]
fn another_process_is_asked_about_by_pid() {
    let scene = Scene::new(View::Private);
    scene.set_up();
    let pid = scene.sibling.pid().to_string();
    let report = explain(&scene.agent, &["--agent-pid", &pid]);
    assert_eq!(seen(&report, MONIT), "refused");
    let pid = scene.agent.pid().to_string();
    let report = explain(&scene.sibling, &["--agent-pid", &pid]);
    assert_eq!(seen(&report, MONIT), "let-through");
}

#[test]
fn the_table_in_nfts_language_is_what_nft_lists() {
    let scene = Scene::new(View::Private);
    scene.set_up();
    let report = explain(&scene.agent, &[]);
    let rules = report["rules"].as_str().unwrap();
    assert!(rules.starts_with("table inet bosh_agent {"), "{rules}");
    // nft loads what it lists: an operator can save and restore the table. It writes cgroups as
    // paths, so it has to do both from inside.
    let list = ["nft", "list", "table", "inet", "bosh_agent"];
    let listed = scene.agent.run(&list).success().stdout;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), listed).unwrap();
    scene.agent.warren(&["firewall", "teardown"]).success();
    scene
        .agent
        .run(&["nft", "-f", &file.path().display().to_string()])
        .success();
    scene.assert_protected();
    scene
        .agent
        .warren(&crate::scene::firewall("verify", &[]))
        .success();
}

#[test]
fn without_rules_it_says_so() {
    let scene = Scene::new(View::Private);
    let output = scene.agent.warren(&["firewall", "explain"]);
    assert_eq!(output.code, 1);
    assert!(
        output.stderr.contains("no table inet bosh_agent"),
        "{output:#?}"
    );
}
