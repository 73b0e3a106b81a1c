//! The agent is killed at many points of an apply, of a compilation and of a migration from one disk to
//! another, and started again; the same request then comes through, and nothing half-made is taken for
//! whole.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use warren_agent::disk::is_mount_point;

use crate::deploy::spec;
use crate::disks::with_disks;
use crate::scripts::{assert_ended, has_ended, with_jobs};
use crate::support::certificates::AGENT;
use crate::support::tar::tgz;
use crate::support::until;
use crate::support::vm::{Vm, executable, options};

const ROOT: &str = "WARREN_TEST_AGENT_ROOT";
const MONIT: &str = "WARREN_TEST_AGENT_MONIT";

/// Not a test but the agent's process, where the variables say so.
#[test]
fn agent_process() {
    let (Ok(root), Ok(monit)) = (std::env::var(ROOT), std::env::var(MONIT)) else {
        return;
    };
    warren_agent::serve::run(&options(Path::new(&root), &monit)).unwrap();
}

pub struct Agent(Child);

impl Agent {
    fn start(vm: &Vm) -> Self {
        let agent = Self::spawn(vm, Stdio::null());
        vm.director.ping();
        agent
    }

    /// It need not get on.
    pub fn spawn(vm: &Vm, log: impl Into<Stdio>) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::agent_process", "--nocapture"])
            .env(ROOT, vm.directory.path())
            .env(MONIT, &vm.supervisor.place)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self(child)
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

/// What a program begins and leaves behind: one of its own process group, and one in a session of its own.
/// Each tells its id and writes on and on.
const LEFT_BEHIND: &str = "rm -f PIDS.*\n\
    write='echo $$ >>PIDS.KIND; for i in {1..6000}; do echo x >>WHERE; sleep 0.01; done'\n\
    bash -c \"${write/KIND/group}\" & setsid bash -c \"${write/KIND/session}\" &\n\
    until [ -s PIDS.group ] && [ -s PIDS.session ]; do sleep 0.01; done\n\
    echo $$ >PIDS.first\n";

fn left_behind(pids: &Path, place: &str) -> String {
    let pids = pids.display().to_string();
    LEFT_BEHIND.replace("PIDS", &pids).replace("WHERE", place)
}

/// Waits until a program has left all that behind; it is gone itself when it has heard nothing of the agent.
fn until_left(pids: &Path) {
    until("the program", || {
        let first = std::fs::read_to_string(pids.with_extension("first"));
        first.is_ok_and(|text| text.ends_with('\n'))
    });
}

fn until_ended(pids: &Path) {
    let first = std::fs::read_to_string(pids.with_extension("first")).unwrap();
    until("the end of the first process", || has_ended(&first));
}

#[test]
fn a_compilation_that_is_cut_off_begins_anew() {
    let vm = Vm::new();
    let mut agent = Agent::start(&vm);
    let pids = vm.path("pids");
    // It says nothing to the agent, and so does not end by itself when that is gone.
    let packaging = format!(
        "set +x; exec >/dev/null 2>&1; echo $$ >>{}\n\
         for i in $(seq 60); do echo $i >> $BOSH_INSTALL_TARGET/lines; sleep 0.001; done",
        pids.display(),
    );
    let source = vm.blob("source", &tgz(&[("packaging", &packaging)]));
    let argument = json!(["source", source, "app", "1", {}]);
    for point in POINTS {
        vm.director.send(3, "compile_package", argument.clone());
        std::thread::sleep(Duration::from_millis(point));
        agent.kill();
        agent = Agent::start(&vm);
        // The script of the life before would write into what the next one makes.
        if pids.exists() {
            assert_ended(&pids);
        }
        let value = vm.director.run("compile_package", argument.clone());
        let id = value["result"]["blobstore_id"].as_str().unwrap();
        let archive = std::fs::read(vm.path(&format!("var/vcap/blobstore/{id}"))).unwrap();
        let lines = &crate::support::tar::listing(&archive)[0].1;
        assert_eq!(lines.lines().count(), 60);
    }
    // Surely in the middle of it. The first process ends with the agent, what it has begun does not.
    let pids = vm.path("left");
    let packaging = format!(
        "{}while echo; do sleep 0.01; done",
        left_behind(&pids, "$BOSH_INSTALL_TARGET/lines")
    );
    let source = vm.blob("endless", &tgz(&[("packaging", &packaging)]));
    let argument = json!(["endless", source, "app", "1", {}]);
    vm.director.send(3, "compile_package", argument);
    until_left(&pids);
    agent.kill();
    until_ended(&pids);
    agent = Agent::start(&vm);
    assert_ended(&pids.with_extension("group"));
    assert_ended(&pids.with_extension("session"));
    assert_eq!(records(&vm), Vec::<String>::new());
    agent.kill();
}

/// Of programs whose end the agent has not seen.
fn records(vm: &Vm) -> Vec<String> {
    let names = std::fs::read_dir(vm.path("var/vcap/bosh/programs")).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    names
        .map(|entry| name(entry).to_string_lossy().into_owned())
        .collect()
}

#[test]
fn a_script_that_is_cut_off_is_not_there_twice() {
    let vm = Vm::new();
    let agent = Agent::start(&vm);
    with_jobs(&vm, &["a"]);
    let pids = vm.path("left");
    let script = format!(
        "{}[ -e {} ] || while echo; do sleep 0.01; done",
        left_behind(&pids, "/dev/null"),
        vm.path("ends").display()
    );
    executable(&vm, "var/vcap/data/jobs/a/v/bin/pre-start", &script);
    vm.director.send(3, "run_script", json!(["pre-start", {}]));
    until_left(&pids);
    agent.kill();
    until_ended(&pids);
    let agent = Agent::start(&vm);
    assert_ended(&pids.with_extension("group"));
    // What a script has put into a session of its own is to stay.
    let ids = |name: &str| std::fs::read_to_string(pids.with_extension(name)).unwrap();
    let stayed = ids("session");
    assert!(!has_ended(&stayed));
    // So does all that one has left that did end.
    vm.write("ends", "");
    vm.director.run("run_script", json!(["pre-start", {}]));
    assert_eq!(records(&vm), Vec::<String>::new());
    agent.kill();
    let agent = Agent::start(&vm);
    for pid in [stayed, ids("group"), ids("session")] {
        assert!(!has_ended(&pid), "{pid}");
        let pid = Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
        kill_process(pid, Signal::KILL).unwrap();
    }
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
