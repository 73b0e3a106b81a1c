//! Scripts of jobs, drain scripts, errands.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use warren_wire_agent::envelope::Response;

use crate::support::until;
use crate::support::vm::{Vm, executable};

/// Jobs whose programs tests write themselves.
pub fn with_jobs(vm: &Vm, jobs: &[&str]) {
    for job in jobs {
        std::fs::create_dir_all(vm.path(&format!("var/vcap/data/jobs/{job}/v/bin"))).unwrap();
        let link = vm.path(&format!("var/vcap/jobs/{job}"));
        std::os::unix::fs::symlink(vm.path(&format!("var/vcap/data/jobs/{job}/v")), link).unwrap();
    }
    let templates: Vec<Value> = jobs
        .iter()
        .map(|job| json!({"name": job, "version": "1"}))
        .collect();
    let job = json!({"name": "g", "template": jobs[0], "templates": templates});
    vm.director
        .run("apply", json!([{"job": job, "persistent_disk": 10}]));
}

#[test]
fn scripts_run_side_by_side_with_logs_and_variables() {
    let (vm, running) = Vm::started();
    with_jobs(&vm, &["a", "b", "none"]);
    // Each waits for the other.
    let text = |own: &str, other: &str| {
        format!(
            "touch $DIR/{own}; until [ -e $DIR/{other} ]; do sleep 0.01; done; echo out $X; echo err >&2; echo $PATH; nice"
        )
    };
    executable(&vm, "var/vcap/data/jobs/a/v/bin/pre-start", &text("a", "b"));
    executable(&vm, "var/vcap/data/jobs/b/v/bin/pre-start", &text("b", "a"));
    let options = json!({"env": {"X": "x", "DIR": vm.path("var")}});
    assert_eq!(
        vm.director.run("run_script", json!(["pre-start", options])),
        json!({})
    );
    let log = vm.read("var/vcap/sys/log/a/pre-start.stdout.log");
    assert!(
        log.starts_with("out x\n/usr/sbin:/usr/bin:/sbin:/bin\n"),
        "{log}"
    );
    assert_eq!(vm.read("var/vcap/sys/log/b/pre-start.stderr.log"), "err\n");
    vm.director.run("run_script", json!(["pre-start", options]));
    assert_eq!(
        vm.read("var/vcap/sys/log/b/pre-start.stderr.log"),
        "err\nerr\n"
    );
    // Jobs without it are none to fail.
    assert_eq!(
        vm.director.run("run_script", json!(["post-deploy", {}])),
        json!({})
    );

    executable(&vm, "var/vcap/data/jobs/a/v/bin/post-start", "exit 3");
    executable(&vm, "var/vcap/data/jobs/b/v/bin/post-start", "exit 0");
    let error = vm.director.fail("run_script", json!(["post-start", {}]));
    assert!(
        error.ends_with("1 of 2 post-start scripts failed. Failed Jobs: a. Successful Jobs: b."),
        "{error}"
    );
    assert!(
        vm.director
            .fail("run_script", json!(["../x", {}]))
            .contains("no name of a file")
    );
    running.stop();
}

#[test]
fn drains_are_asked_again_until_they_are_done() {
    let (vm, running) = Vm::started();
    with_jobs(&vm, &["a"]);
    let script = "echo \"$@ $BOSH_JOB_STATE $BOSH_JOB_NEXT_STATE\" >> $(dirname $0)/calls\n\
        case $1 in job_check_status) echo 0;; *) echo -1;; esac; exit 1";
    executable(&vm, "var/vcap/data/jobs/a/v/bin/drain", script);
    let begun = Instant::now();
    assert_eq!(
        vm.director
            .run("drain", json!(["shutdown", {"persistent_disk": 20}])),
        0
    );
    assert!(begun.elapsed().as_secs() >= 1);
    assert_eq!(
        vm.read("var/vcap/data/jobs/a/v/bin/calls"),
        "job_shutdown hash_unchanged {\"persistent_disk\":10} {\"persistent_disk\":20}\n\
         job_check_status hash_unchanged {\"persistent_disk\":10} {\"persistent_disk\":20}\n"
    );
    executable(&vm, "var/vcap/data/jobs/a/v/bin/drain", "echo oops; exit 4");
    let error = vm.director.fail("drain", json!(["shutdown"]));
    assert!(
        error.contains("ended with 4 and said no number: \"oops\""),
        "{error}"
    );
    assert!(
        vm.director
            .fail("drain", json!(["status"]))
            .contains("drain type 'status'")
    );
    assert!(
        vm.director
            .fail("drain", json!(["sideways"]))
            .contains("Unknown drain type")
    );
    // It can be cancelled while it sleeps.
    executable(
        &vm,
        "var/vcap/data/jobs/a/v/bin/drain",
        "touch $(dirname $0)/asked; echo 600",
    );
    let task = vm.director.start("drain", json!(["shutdown"]));
    until("the script", || {
        vm.path("var/vcap/data/jobs/a/v/bin/asked").exists()
    });
    assert_eq!(vm.director.value("cancel_task", json!([task])), "canceled");
    let Response::Exception(error) = vm.director.finish(&task) else {
        panic!("no exception")
    };
    assert!(error.contains("cancelled"), "{error}");
    running.stop();
}

#[test]
fn errands_end_with_their_output_or_on_demand() {
    let (vm, running) = Vm::started();
    with_jobs(&vm, &["smoke", "other"]);
    executable(
        &vm,
        "var/vcap/data/jobs/smoke/v/bin/run",
        "echo good; echo bad >&2; exit 7",
    );
    let expected = json!({"stdout": "good\n", "stderr": "bad\n", "exit_code": 7});
    assert_eq!(vm.director.run("run_errand", json!(["smoke"])), expected);
    assert_eq!(vm.director.run("run_errand", json!([])), expected);
    assert!(
        vm.director
            .fail("run_errand", json!(["other"]))
            .contains("no bin/run")
    );
    assert!(
        vm.director
            .fail("run_errand", json!(["../x"]))
            .contains("no name of a file")
    );

    executable(
        &vm,
        "var/vcap/data/jobs/other/v/bin/run",
        "head -c 3000000 /dev/zero | tr '\\0' x",
    );
    let value = vm.director.run("run_errand", json!(["other"]));
    let stdout = value["stdout"].as_str().unwrap();
    assert!(stdout.starts_with("...[truncated]...") && stdout.len() > 100_000);

    // The whole group of processes ends.
    let script = "trap '[ -e $(dirname $0)/../../../../../monit/stopped ] || echo term; exit 9' TERM\n\
        sleep 600 & echo $! > $(dirname $0)/pid; wait";
    executable(&vm, "var/vcap/data/jobs/smoke/v/bin/run", script);
    let task = vm.director.start("run_errand", json!(["smoke"]));
    let pid = vm.path("var/vcap/data/jobs/smoke/v/bin/pid");
    until("the errand", || {
        std::fs::read_to_string(&pid).is_ok_and(|text| text.ends_with('\n'))
    });
    // Beside it, tasks go on that touch no jobs. Who asks for it again, as a director does whose life before has
    // begun it, gets what is running.
    vm.director.run("list_disk", json!([]));
    assert_eq!(vm.director.start("run_errand", json!(["smoke"])), task);
    // Jobs are not ended under it.
    executable(
        &vm,
        "var/vcap/data/jobs/other/v/bin/drain",
        "touch $(dirname $0)/drained; echo 0",
    );
    let drain = vm.director.start("drain", json!(["shutdown"]));
    vm.director.value("cancel_task", json!([drain]));
    let Response::Exception(error) = vm.director.finish(&drain) else {
        panic!("no exception")
    };
    assert!(error.contains("while an errand was waited for"), "{error}");
    assert!(!vm.path("var/vcap/data/jobs/other/v/bin/drained").exists());
    let stop = vm.director.start("stop", json!([]));
    vm.director.value("cancel_task", json!([task]));
    let Response::Value(value) = vm.director.finish(&task) else {
        panic!("an exception")
    };
    assert_eq!(
        (&value["stdout"], &value["exit_code"]),
        (&json!("term\n"), &json!(9))
    );
    assert_eq!(vm.director.finish(&stop), Response::Value("stopped".into()));
    until("the child's end", || {
        has_ended(&std::fs::read_to_string(&pid).unwrap())
    });
    running.stop();
}

/// Whether a process is gone, or nobody has asked for its end yet.
pub fn has_ended(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    stat.map_or(true, |stat| stat.contains(") Z"))
}

/// None of the processes whose ids a file has is there any more.
#[track_caller]
pub fn assert_ended(pids: &std::path::Path) {
    let pids = std::fs::read_to_string(pids).unwrap();
    let left: Vec<&str> = pids.lines().filter(|pid| !has_ended(pid)).collect();
    assert_eq!(left, Vec::<&str>::new());
}

#[test]
fn scripts_end_on_demand_with_all_that_they_have_begun() {
    let (vm, running) = Vm::started();
    with_jobs(&vm, &["a", "b"]);
    let pids = |job: &str| vm.path(&format!("pids-{job}"));
    // It ends at once; its child only does when it has done what it has to.
    let script = format!(
        "(trap 'sleep 0.2; touch {0}.tidy; exit' TERM; while :; do sleep 0.05; done) &\n\
         echo $! >{0}.new; echo $$ >>{0}.new; mv {0}.new {0}; wait",
        pids("a").display()
    );
    executable(&vm, "var/vcap/data/jobs/a/v/bin/pre-start", &script);
    executable(&vm, "var/vcap/data/jobs/b/v/bin/pre-start", "exit 0");
    let task = vm.director.start("run_script", json!(["pre-start", {}]));
    until("the script", || pids("a").exists());
    // Jobs are not started under it.
    let start = vm.director.send(3, "start", json!([]));
    assert_eq!(vm.director.answer(&start, Duration::from_millis(200)), None);
    assert_eq!(vm.director.value("cancel_task", json!([task])), "canceled");
    let Response::Exception(error) = vm.director.finish(&task) else {
        panic!("no exception")
    };
    let started = vm.director.answer(&start, Duration::from_secs(60));
    assert_eq!(started, Some(Response::Value("started".into())));
    assert!(
        error.contains("the pre-start scripts were cancelled"),
        "{error}"
    );
    assert_ended(&pids("a"));
    assert!(vm.path("pids-a.tidy").exists());
    // The next one is another one.
    executable(&vm, "var/vcap/data/jobs/a/v/bin/pre-start", "exit 0");
    vm.director.run("run_script", json!(["pre-start", {}]));
    running.stop();
}
