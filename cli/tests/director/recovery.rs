//! Recovery plans: questions for each kind of problem of each group, the file in the bosh CLI's format,
//! and what the director is told to do. What is shown is that of the documented sessions of the bosh CLI.

use serde_json::{Value, json as value};

use crate::asking::told;
use crate::server::{Ran, Server, json, started};
use crate::verbs::tty;

const PROBLEMS: &str = include_str!("fixtures/recovery-problems.json");
const LIST: &str = "GET /deployments/zookeeper/problems";
const RESOLVE: &str = "PUT /deployments/zookeeper/problems";
const MANIFEST: &str = "update: {max_in_flight: 2}\n\
    instance_groups: [{name: cell}, {name: api, update: {max_in_flight: 50%}}]\n";

/// A director with these problems.
fn with(problems: &str) -> Server {
    let server = Server::new();
    let manifest = value!({ "manifest": MANIFEST }).to_string();
    server
        .says("POST /deployments/zookeeper/scans", started(97))
        .has_task(97, "done", "", "")
        .says(LIST, json(problems))
        .says("GET /deployments/zookeeper", json(&manifest))
        .says(RESOLVE, started(98))
        .has_task(98, "done", "", "");
    server
}

/// What the director was told to do last; nothing if it was told nothing.
fn resolved(server: &Server) -> Option<Value> {
    let all = server.asked();
    let last = all.iter().rfind(|one| one.line == RESOLVE)?;
    Some(serde_json::from_slice(&last.body).unwrap())
}

/// What was shown behind the lines of the scan.
#[track_caller]
fn behind_scan(ran: &Ran) -> &str {
    let (_, rest) = ran.out.split_once("Task 97. Done\n").unwrap();
    rest
}

#[test]
fn a_plan_is_asked_for_group_by_group() {
    let server = with(PROBLEMS);
    let words = [
        "--tty",
        "create-recovery-plan",
        "-d",
        "zookeeper",
        "plan.yml",
    ];
    let ran = told(&server, &words, "2\ny\n3\n2\n3\ny\n\n");
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert_eq!(
        behind_scan(&ran),
        include_str!("fixtures/recovery-asked.txt")
    );
    let recreate = "1: Skip for now\n2: Recreate VM without waiting for processes to start\n\
        3: Recreate VM and wait for processes to start\n4: Delete VM reference\nmissing_vm (1): ";
    let reattach = "1: Ignore\n2: Reattach disk to instance\n3: Reattach disk and reboot instance\n\
        mount_info_mismatch (1): ";
    assert_eq!(
        ran.err,
        format!(
            "\n1: Skip for now\n2: Reboot VM\nunresponsive_agent (1): \
             \nOverride current max_in_flight value of '50%'? [yN]: \
             \nmax_in_flight override for 'api' (50%): \
             \n{recreate}\n{reattach}\
             \nOverride current max_in_flight value of '2'? [yN]: \
             \nmax_in_flight override for 'cell' (2): "
        )
    );
    let plan = std::fs::read_to_string(server.at("plan.yml")).unwrap();
    assert_eq!(
        plan,
        "instance_groups_plan:
- name: api
  max_in_flight_override: \"3\"
  planned_resolutions:
    unresponsive_agent: reboot_vm
- name: cell
  max_in_flight_override: \"2\"
  planned_resolutions:
    missing_vm: recreate_vm_without_wait
    mount_info_mismatch: reattach_disk_and_reboot
"
    );
    assert_eq!(resolved(&server), None);
}

#[test]
fn a_plan_without_questions_leaves_all_alone() {
    let server = with(PROBLEMS);
    let words = ["create-recovery-plan", "-d", "zookeeper", "plan.yml"];
    // Empty lines are what is offered first; so is no question at all.
    let expected = "instance_groups_plan:
- name: api
  planned_resolutions:
    unresponsive_agent: ignore
- name: cell
  planned_resolutions:
    missing_vm: ignore
    mount_info_mismatch: ignore
";
    let read = || std::fs::read_to_string(server.at("plan.yml")).unwrap();
    let ran = told(&server, &words, "\n\n\n\nno\n");
    assert_eq!((ran.code, read().as_str()), (0, expected), "{ran:#?}");
    std::fs::remove_file(server.at("plan.yml")).unwrap();
    assert_eq!(server.run(&words).code, 0);
    assert_eq!(read(), expected);
}

#[test]
fn no_plan_is_written_of_what_is_no_answer() {
    let server = with(PROBLEMS);
    let words = ["create-recovery-plan", "-d", "zookeeper", "plan.yml"];
    for (input, error) in [
        ("", "Expected a number"),
        ("0\n", "There is no resolution 0"),
        ("3\n", "There is no resolution 3"),
        ("all\n", "Expected a number"),
        (
            "1\ny\nmost\n",
            "Expected a number or a percentage, not 'most'",
        ),
        ("1\nn\n1\n", "Expected a number"),
    ] {
        let ran = told(&server, &words, input);
        assert!(
            ran.code == 1 && ran.err.contains(error),
            "{input:?}: {ran:#?}"
        );
    }
    assert!(!server.at("plan.yml").exists());
    let nowhere = ["create-recovery-plan", "-d", "zookeeper", "not/there.yml"];
    let ran = server.run(&nowhere);
    let error = "Writing recovery plan 'not/there.yml':\n  No such file or directory";
    assert!(ran.code == 1 && ran.err.contains(error), "{ran:#?}");
}

#[test]
fn what_is_planned_is_done() {
    let server = with(PROBLEMS);
    let plan = "instance_groups_plan:
- {name: gone, max_in_flight_override: 7, planned_resolutions: {missing_vm: recreate_vm}}
- name: cell
  max_in_flight_override: 100%
  planned_resolutions: {missing_vm: recreate_vm_without_wait, inactive_disk: delete_disk}
";
    let plan = server.file("plan.yml", plan);
    let words = ["--tty", "recover", "-d", "zookeeper", &plan];
    let shown = include_str!("fixtures/recovery-summary.txt");
    for refusal in ["", "n\n", "\n"] {
        let ran = told(&server, &words, refusal);
        assert!(ran.code == 1 && ran.err.contains("Stopped"), "{ran:#?}");
        assert_eq!(behind_scan(&ran), shown, "{ran:#?}");
        assert_eq!(resolved(&server), None);
    }
    // Both, agreed to and not asked for.
    for ran in [told(&server, &words, "y\n"), server.run(&words)] {
        assert_eq!(ran.code, 0, "{ran:#?}");
        assert!(
            ran.out.ends_with("Task 98. Done\n\nSucceeded\n"),
            "{ran:#?}"
        );
        let expected = value!({
            "resolutions": {"237": "ignore", "239": "recreate_vm_without_wait",
                "242": "recreate_vm_without_wait", "243": "ignore"},
            "max_in_flight_overrides": {"gone": "7", "cell": "100%"},
        });
        assert_eq!(resolved(&server), Some(expected));
    }
    // Without any, the director is not told of any.
    let plan = server.file("plan.yml", "instance_groups_plan: []");
    let ran = server.run(&["recover", "-d", "zookeeper", &plan]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let told = resolved(&server).unwrap();
    assert_eq!(told["resolutions"]["239"], "ignore");
    assert_eq!(told.get("max_in_flight_overrides"), None);
}

#[test]
fn a_plan_that_cannot_be_is_refused_before_anything_is_done() {
    let server = with(PROBLEMS);
    for (plan, error) in [
        ("", "Expected 'instance_groups_plan' to be a list"),
        ("instance_groups_plan: [", "Reading recovery plan"),
        (
            "instance_groups_plan: [{name: cell, planned_resolutions: {missing_vm: reboot_vm}}]",
            "Instance group 'cell': 'reboot_vm' is no resolution of missing_vm, but: ignore, \
             recreate_vm_without_wait, recreate_vm, delete_vm_reference",
        ),
    ] {
        let file = server.file("plan.yml", plan);
        let ran = server.run(&["recover", "-d", "zookeeper", &file]);
        let is_told = ran
            .err
            .starts_with("Reading recovery plan 'HOME/plan.yml':\n  ");
        assert!(
            ran.code == 1 && is_told && ran.err.contains(error),
            "{plan}: {ran:#?}"
        );
    }
    let ran = server.run(&["recover", "-d", "zookeeper", "gone.yml"]);
    let error = "Reading recovery plan 'gone.yml':\n  No such file";
    assert!(ran.code == 1 && ran.err.contains(error), "{ran:#?}");
    assert_eq!(resolved(&server), None);
}

#[test]
fn nothing_to_recover() {
    let server = with("[]");
    let plan = server.file("plan.yml", "instance_groups_plan: []");
    for verb in ["create-recovery-plan", "recover"] {
        let ran = tty(&server, &[verb, "-d", "zookeeper", &plan]);
        assert_eq!(ran.code, 0, "{ran:#?}");
        assert_eq!(behind_scan(&ran), "\nNo problems found\n\n\nSucceeded\n");
    }
    assert_eq!(
        std::fs::read_to_string(&plan).unwrap(),
        "instance_groups_plan: []"
    );
    // A director that does not tell groups of problems apart.
    let mut problems: Value = serde_json::from_str(PROBLEMS).unwrap();
    problems[1]
        .as_object_mut()
        .unwrap()
        .remove("instance_group");
    let server = with(&problems.to_string());
    let plan = server.file("plan.yml", "instance_groups_plan: []");
    for verb in ["create-recovery-plan", "recover"] {
        let ran = server.run(&[verb, "-d", "zookeeper", &plan]);
        let error =
            "does not say of which instance group problem 242 is; use 'cloud-check' instead";
        assert!(ran.code == 1 && ran.err.contains(error), "{ran:#?}");
    }
    assert_eq!(resolved(&server), None);
}
