//! The agent is killed at many points of an apply, of a compilation and of a migration from one disk to
//! another, and started again; the same request then comes through, and nothing half-made is taken for
//! whole.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::mount::{UnmountFlags, unmount};
use serde_json::json;
use warren_agent::disk::is_mount_point;

use crate::deploy::spec;
use crate::disks::with_disks;
use crate::scripts::assert_ended;
use crate::support::certificates::AGENT;
use crate::support::tar::tgz;
use crate::support::until;
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
    let pids = vm.path("pids");
    let packaging = format!(
        "echo $$ >>{}; for i in $(seq 60); do echo $i >> $BOSH_INSTALL_TARGET/lines; sleep 0.001; done\n\
         [ ! -e {1} ] || sleep 600",
        pids.display(),
        vm.path("endless").display()
    );
    let source = vm.blob("source", &tgz(&[("packaging", &packaging)]));
    for point in POINTS {
        vm.director.send(
            3,
            "compile_package",
            json!(["source", source, "app", "1", {}]),
        );
        std::thread::sleep(Duration::from_millis(point));
        agent.kill();
        agent = Agent::start(&vm);
        // The script of the life before would write into what the next one makes.
        if pids.exists() {
            assert_ended(&pids);
        }
        let value = vm
            .director
            .run("compile_package", json!(["source", source, "app", "1", {}]));
        let id = value["result"]["blobstore_id"].as_str().unwrap();
        let archive = std::fs::read(vm.path(&format!("var/vcap/blobstore/{id}"))).unwrap();
        let lines = &crate::support::tar::listing(&archive)[0].1;
        assert_eq!(lines.lines().count(), 60);
    }
    // Surely in the middle of it.
    vm.write("endless", "");
    let begun = vm.read("pids").lines().count();
    let argument = json!(["source", source, "app", "1", {}]);
    vm.director.send(3, "compile_package", argument);
    until("the script", || vm.read("pids").lines().count() > begun);
    agent.kill();
    agent = Agent::start(&vm);
    assert_ended(&pids);
    agent.kill();
}

#[test]
fn a_migration_that_is_cut_off_loses_nothing() {
    let vm = Vm::new();
    let _mounts = with_disks(&vm);
    let mut settings = vm.settings();
    let disks = [
        ("cid-1", "warden-cpi-dev/one"),
        ("cid-2", "warden-cpi-dev/two"),
    ];
    settings["disks"]["persistent"] = disks
        .map(|(cid, path)| (cid, format!("/{path}")))
        .into_iter()
        .collect();
    vm.write_settings(&settings);
    let names: Vec<String> = (0..600).map(|at| format!("f{at}")).collect();
    let content = "x".repeat(20_000);
    for name in &names {
        vm.write(&format!("warden-cpi-dev/one/{name}"), &content);
    }
    let whole = |when: &str| {
        for name in &names {
            let found = vm.read(&format!("var/vcap/store/{name}"));
            assert_eq!(found.len(), content.len(), "{when}: {name}");
        }
    };
    let places = [
        vm.path("var/vcap/store"),
        vm.path("var/vcap/store_migration_target"),
    ];
    let mut agent = Agent::start(&vm);
    vm.director.run("mount_disk", json!(["cid-1"]));
    for (round, point) in [5, 30, 100, 300, 700].into_iter().enumerate() {
        let (_, other) = disks[(round + 1) % 2];
        std::fs::remove_dir_all(vm.path(other)).unwrap();
        vm.write(&format!("{other}/who"), "new");
        let mount_other = || {
            vm.director
                .run("mount_disk", json!([disks[(round + 1) % 2].0]))
        };
        mount_other();
        vm.director.send(3, "migrate_disk", json!([]));
        std::thread::sleep(Duration::from_millis(point));
        agent.kill();
        let when = format!("after {point} ms, round {round}");
        if round % 4 >= 2 {
            // With all of the VM.
            for place in &places {
                while is_mount_point(place) {
                    unmount(place, UnmountFlags::DETACH).unwrap();
                }
            }
        }
        agent = Agent::start(&vm);
        whole(&when);
        vm.write("var/vcap/store/mark", &when);
        let managed = vm.read("var/vcap/bosh/managed_disk_settings.json");
        let at_store = disks.iter().find(|(cid, _)| *cid == managed).unwrap().1;
        assert_eq!(
            vm.read(&format!("{at_store}/mark")),
            when,
            "{managed} is kept"
        );
        // The director does it again.
        if managed != disks[(round + 1) % 2].0 {
            mount_other();
        }
        assert_eq!(vm.director.run("migrate_disk", json!([])), json!({}));
        whole("again");
        assert_eq!(vm.read(&format!("{other}/mark")), when);
        let managed = vm.read("var/vcap/bosh/managed_disk_settings.json");
        assert_eq!(managed, disks[(round + 1) % 2].0);
    }
    agent.kill();
}
