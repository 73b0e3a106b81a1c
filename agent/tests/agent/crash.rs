//! The agent is killed at many points of an apply and of a compilation, and started again; the
//! same request then comes through, and nothing half-made is taken for whole.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::deploy::spec;
use crate::support::certificates::AGENT;
use crate::support::tar::tgz;
use crate::support::vm::{Vm, options};

const ROOT: &str = "WARREN_TEST_AGENT_ROOT";
const MONIT: &str = "WARREN_TEST_AGENT_MONIT";

/// Not a test but the agent's process, where the variables say so.
#[test]
fn agent_process() {
    let (Ok(root), Ok(monit)) = (std::env::var(ROOT), std::env::var(MONIT)) else {
        return;
    };
    warren_agent::serve::run(&options(std::path::Path::new(&root), &monit)).unwrap();
}

struct Agent(Child);

impl Agent {
    fn start(vm: &Vm) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::agent_process", "--nocapture"])
            .env(ROOT, vm.directory.path())
            .env(MONIT, &vm.supervisor.place)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let agent = Self(child);
        vm.director.ping();
        agent
    }

    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Points in time from the request on; the work takes some tens of milliseconds.
const POINTS: [u64; 8] = [0, 2, 5, 9, 15, 25, 40, 70];

#[test]
fn an_apply_that_is_cut_off_is_completed_by_the_next() {
    let vm = Vm::new();
    let mut agent = Agent::start(&vm);
    for (round, point) in POINTS.into_iter().enumerate() {
        let mut spec = spec(&vm, &format!("{round}"));
        // Enough files for the kill to hit in the middle.
        let names: Vec<String> = (0..400).map(|at| format!("./f{at}")).collect();
        let content = format!("{round}").repeat(2000);
        let files: Vec<(&str, &str)> = names.iter().map(|name| (&**name, &*content)).collect();
        let digest = vm.blob(&format!("big-{round}"), &tgz(&files));
        spec["packages"]["big"] = json!({"name": "big", "version": format!("{round}"), "sha1": digest,
            "blobstore_id": format!("big-{round}")});
        vm.director.send(3, "apply", json!([spec]));
        std::thread::sleep(Duration::from_millis(point));
        agent.kill();
        agent = Agent::start(&vm);
        assert_eq!(vm.director.run("apply", json!([spec])), "applied");
        for name in &names {
            assert_eq!(
                vm.read(&format!("var/vcap/packages/big/{}", &name[2..])),
                content
            );
        }
        assert_eq!(
            vm.read("var/vcap/jobs/web/config/web.yml"),
            format!("version: {round}\n")
        );
        let state = vm.director.value("get_state", json!([]));
        assert_eq!(
            (&state["agent_id"], &state["configuration_hash"]),
            (&json!(AGENT), &spec["configuration_hash"])
        );
        for directory in [
            "data/packages/big",
            "data/packages/ruby",
            "data/jobs/web",
            "data/jobs",
        ] {
            let names = std::fs::read_dir(vm.path(&format!("var/vcap/{directory}"))).unwrap();
            let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(names.len(), 1, "{directory}: {names:?}");
        }
    }
    agent.kill();
}

#[test]
fn a_compilation_that_is_cut_off_begins_anew() {
    let vm = Vm::new();
    let mut agent = Agent::start(&vm);
    let packaging =
        "for i in $(seq 60); do echo $i >> $BOSH_INSTALL_TARGET/lines; sleep 0.001; done";
    let source = vm.blob("source", &tgz(&[("packaging", packaging)]));
    for point in POINTS {
        vm.director.send(
            3,
            "compile_package",
            json!(["source", source, "app", "1", {}]),
        );
        std::thread::sleep(Duration::from_millis(point));
        agent.kill();
        agent = Agent::start(&vm);
        let value = vm
            .director
            .run("compile_package", json!(["source", source, "app", "1", {}]));
        let id = value["result"]["blobstore_id"].as_str().unwrap();
        let archive = std::fs::read(vm.path(&format!("var/vcap/blobstore/{id}"))).unwrap();
        let lines = &crate::support::tar::listing(&archive)[0].1;
        // A packaging script of the life before may still be at it, but in a directory that is gone.
        assert_eq!(lines.lines().count(), 60);
    }
    agent.kill();
}
