//! `warren doctor` on a whole machine: pure cgroup v2, systemd, all capabilities.

use serde_json::Value;
use warren_tests_vm::Turn;

#[test]
fn nothing_that_warren_needs_is_missing_on_a_plain_machine() {
    // Alone: a check looks at device programs and tables, which other tests make.
    let turn = Turn::take();
    let vm = turn.vm();
    // A check leaves the machine as it was: groups, and what they hand down.
    let handed = "at=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
        while [ \"$at\" != /sys/fs ]; do cat $at/cgroup.subtree_control; at=$(dirname $at); done";
    let here = vm.shell(&format!(
        "handed() {{ {handed}\n}}\nhanded >/tmp/before; /warren doctor --json --only container-runtimes >/tmp/doctor
        handed | diff /tmp/before -; code=$?; cat /tmp/doctor; find /sys/fs/cgroup -name '*doctor*'; rm /tmp/before /tmp/doctor; exit $code"
    ));
    assert_eq!(here.code, 0, "{here:#?}");
    for program in ["runc (runc version ", "crun (crun version "] {
        assert!(here.stdout.contains(program), "{here:#?}");
    }
    assert!(here.stdout.contains("\"status\": \"pass\""), "{here:#?}");
    assert!(!here.stdout.contains("/warren-doctor"), "{here:#?}");
    let output = vm.warren(&["doctor", "--json"]);
    let report: Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:#?}"));
    let checks = report["checks"].as_array().unwrap();
    assert!(checks.len() >= 53, "only {} checks", checks.len());
    let with = |status: &str| -> Vec<&Value> {
        checks
            .iter()
            .filter(|check| check["status"] == status)
            .collect()
    };
    assert!(with("fail").is_empty(), "{:#?}", with("fail"));
    assert!(with("unknown").is_empty(), "{:#?}", with("unknown"));
    assert_eq!(output.code, 0, "{output:#?}");
    let versions = checks
        .iter()
        .find(|check| check["name"] == "cgroup-versions")
        .unwrap();
    assert!(
        versions["evidence"].to_string().contains("v2 alone"),
        "{versions:#}"
    );
}
