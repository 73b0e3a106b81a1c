//! From nothing to a deployment and back to nothing.

use std::time::Duration;

use warren_tests_conformance::environment::PATIENCE;
use warren_tests_harness::{Connected, Leaks};

use crate::events;
use crate::scene::Scene;

/// Words for what was done, in the lines of steps.
const DONE: [&str; 4] = [", made", "started", "given", "uploaded"];

#[test]
fn from_nothing_and_back() {
    let leaks = Leaks::snapshot();
    let scene = Scene::new();
    let said = scene.up(&[]);
    for done in DONE {
        assert!(said.contains(done), "{done}: {said}");
    }
    let again = scene.up(&[]);
    for done in DONE {
        assert!(!again.contains(done), "{done}: {again}");
    }
    scene.until_good();

    scene.upload_release();
    let said = scene.deploy(2, "hello");
    assert!(said.contains("Creating missing vms: web/"), "{said}");
    scene.until_good();
    let machines = scene.machines("vm_cid");
    assert_eq!(machines.len(), 2);
    let made = [
        "Preparing deployment",
        "Compiling packages",
        "Creating missing vms",
    ];
    events::assert_told(&scene, 2, events::NEW, &made);
    let again = scene.deploy(2, "hello");
    assert!(!again.contains("Updating instance"), "{again}");
    the_tree_tells_how_each_is_kept(&scene, &machines);
    everything_has_a_shell_and_logs(&scene);
    a_request_is_followed_into_machines(&scene);

    // It rests, and comes back with what it had.
    scene.warren(&["stop"]);
    assert!(!scene.level(0).join("garden.sock").exists());
    scene.warren(&["start"]);
    scene.until_good();
    let again = scene.deploy(2, "hello");
    assert!(!again.contains("Compiling packages"), "{again}");
    for cid in scene.machines("vm_cid") {
        assert!(!machines.contains(&cid), "{cid} cannot have lived on");
        let started = scene.inside(1, &cid, "wc -l </var/vcap/store/started");
        assert!(started.trim().parse::<u32>().unwrap() >= 2, "{started}");
    }

    scene.warren(&["down"]);
    assert!(scene.level(0).join("images").exists());
    assert!(!scene.level(1).exists());
    // There is nothing to remove any more, and that is good.
    scene.warren(&["down", "--all"]);
    assert!(!scene.home().exists());
    scene.warren(&["down"]);
    drop(scene);
    leaks.assert_same();
}

#[track_caller]
fn the_tree_tells_how_each_is_kept(scene: &Scene, machines: &[String]) {
    let tree = scene.warren(&["tree"]);
    let line = |name: &str| {
        let mut lines = tree.lines();
        let found = lines.find(|line| line.split([' ', ',']).any(|word| word == name));
        found
            .unwrap_or_else(|| panic!("no {name}: {tree}"))
            .to_owned()
    };
    for name in ["nats", "scheduler", "web"] {
        assert!(line(name).contains("running"), "{tree}");
    }
    assert!(line("machine").contains("rootfs: "), "{tree}");
    assert!(line("director").contains("device filter: "), "{tree}");
    for name in ["small/web/0", "small/web/1"] {
        let line = line(name);
        for fact in ["10.", "/garden/", "device filter: ", "firewall holds"] {
            assert!(line.contains(fact), "{fact}: {line}");
        }
        let container = line.rsplit("container ").next().unwrap();
        assert!(machines.iter().any(|cid| cid == container), "{line}");
    }
    assert!(!tree.contains("unknown"), "{tree}");
}

#[track_caller]
fn everything_has_a_shell_and_logs(scene: &Scene) {
    let config = "/var/vcap/jobs/web/config/config";
    for name in ["web/0", "small/web/1"] {
        let said = scene.warren(&["shell", name, "--", "cat", config]);
        assert!(said.contains("hello"), "{said}");
    }
    let said = scene.warren(&["shell", "-u", "vcap", "director", "--", "id", "-un"]);
    assert_eq!(said.trim(), "vcap");
    let said = scene.refused(&["shell", "web/7", "--", "true"]);
    assert!(said.contains("web/7"), "{said}");
    for name in ["scheduler", "director"] {
        let said = scene.warren(&["logs", name]);
        assert!(said.contains("started"), "{name}: {said}");
    }
}

/// The id that the client gave its request is in the log of the worker and of each agent that it asked.
#[track_caller]
fn a_request_is_followed_into_machines(scene: &Scene) {
    let log = scene.level(1).join("vcap/sys/log/worker/worker.log");
    let log = std::fs::read_to_string(log).unwrap();
    let mut begun = log.lines().filter(|line| line.contains(" task_begun "));
    let deploy = begun.find(|line| line.contains("type=update_deployment"));
    let words = deploy.unwrap_or_else(|| panic!("{log}")).split(' ');
    let mut ids = words.filter_map(|word| word.strip_prefix("request_id="));
    let id = ids.next().unwrap_or_else(|| panic!("{log}"));
    for name in ["web/0", "web/1"] {
        let look = ["shell", name, "--", "sh", "-c", "cat /var/vcap/bosh/log/*"];
        let said = scene.warren(&look);
        let mut lines = said.lines();
        let asked = lines.any(|line| line.contains("apply, for ") && line.contains(id));
        assert!(asked, "{id}: {said}");
    }
}

#[test]
fn a_machine_two_containers_deep() {
    let leaks = Leaks::snapshot();
    let scene = Scene::new();
    let said = scene.up(&["--depth", "2"]);
    for step in [
        "Garden at level 1",
        "Container level1",
        "Container director",
    ] {
        assert!(said.contains(step), "{said}");
    }
    let again = scene.up(&["--depth", "2"]);
    for done in DONE {
        assert!(!again.contains(done), "{done}: {again}");
    }
    scene.upload_release();
    scene.deploy(1, "deep");
    scene.until_good();
    let [cid] = scene.machines("vm_cid").try_into().unwrap();
    let [address] = scene.machines("ips").try_into().unwrap();
    let config = scene.inside(2, &cid, "cat /var/vcap/jobs/web/config/config");
    assert!(config.starts_with("deep from web/0"), "{config}");
    // Its sshd answers this machine, past two others.
    let sshd = (address.parse::<std::net::Ipv4Addr>().unwrap(), 22);
    let connected = scene.machine.actor().connect(sshd, Duration::from_secs(10));
    assert_eq!(connected, Connected::Connected);
    scene.warren(&["down", "--all"]);
    assert!(!scene.home().exists());
    drop(scene);
    leaks.assert_same();
}

#[test]
fn rows_in_postgresql_and_processes_in_containers_of_their_own() {
    let scene = Scene::with("postgresql");
    let wanted = ["--database", "postgres", "--bpm"];
    scene.up(&wanted);
    let again = scene.up(&wanted);
    for done in DONE {
        assert!(!again.contains(done), "{done}: {again}");
    }
    scene.upload_release();
    scene.deploy(1, "rows");
    scene.until_good();
    let asked = scene.inside(0, "director", "ps -C postgres -o args= | head -1");
    assert!(asked.contains("/var/vcap/store/postgres"), "{asked}");
    let contained = scene.inside(0, "director", "/var/vcap/bosh/bin/bpm list");
    for name in ["director", "blobstore", "scheduler"] {
        assert!(contained.contains(name), "{contained}");
    }
    // It rests, and its rows are there again.
    scene.warren(&["stop"]);
    scene.warren(&["start"]);
    scene.until_good();
    let again = scene.deploy(1, "rows");
    assert!(!again.contains("Compiling packages"), "{again}");
    killed_during_a_deploy(&scene);
    a_database_that_does_not_answer(&scene);
}

/// It is killed and cannot be started again; its row says so, and whoever waits for it is not waited for.
fn a_database_that_does_not_answer(scene: &Scene) {
    scene.until_rows(|rows| rows.works("Postgres", " tasks; process "));
    let inside = |script: &str| scene.inside(0, "director", script);
    let kill = "chmod -x /var/vcap/jobs/postgres/bin/run && \
         kill -9 $(ps -C postgres -o pid=,args= | awk '/ -D / { print $1 }')";
    inside(kill);
    scene.until_rows(|rows| {
        let log = Some("sys/log/postgres/postgres.log");
        rows.fails(
            "Postgres",
            1,
            ".s.PGSQL.5432\" failed: Connection refused",
            log,
        )
    });
    inside("chmod +x /var/vcap/jobs/postgres/bin/run");
    scene.until_good();
}

/// PostgreSQL with all its processes, while a machine is made anew; another deploy makes it good.
fn killed_during_a_deploy(scene: &Scene) {
    let manifest = scene.manifest(1, "killed");
    let begun = scene.begin(&["deploy", "--recreate", &manifest]);
    begun.until_said("L executing post-stop");
    // Its first process, which all others leave with.
    let first = || {
        let find = "ps -C postgres -o pid=,args= | awk '/ -D / { print $1 }'";
        scene.inside(0, "director", find).trim().to_owned()
    };
    let old = first();
    scene.inside(0, "director", &format!("kill -9 {old}"));
    let (_, said) = begun.end(PATIENCE);
    scene.until("PostgreSQL runs again", || {
        let new = first();
        !new.is_empty() && new != old
    });
    scene.until_no_tasks();
    scene.deploy(1, "killed");
    scene.until_good();
    let [cid] = scene.machines("vm_cid").try_into().unwrap();
    let config = scene.inside(1, &cid, "cat /var/vcap/jobs/web/config/config");
    assert!(config.starts_with("killed from web/0"), "{config}\n{said}");
    assert_eq!(scene.garden(1, &["list"]).trim(), cid, "{said}");
}
