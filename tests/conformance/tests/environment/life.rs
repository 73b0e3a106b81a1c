//! From nothing to a deployment and back to nothing.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use warren_tests_conformance::environment::PATIENCE;
use warren_tests_conformance::firewall::assert_only_agents_reach_monit_and_the_bus;
use warren_tests_harness::{Connected, Leaks};

use crate::events;
use crate::scene::{Scene, another_claims, command};

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
    // Everybody may go through the home; who reaches a Garden server is root.
    assert_eq!(mode_of(&scene.level(0).join("garden.sock")), 0o600);
    assert_eq!(mode_of(&scene.home()), 0o711);
    assert_eq!(mode_of(&scene.level(1)), 0o700);

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
    logs_are_those_that_are_asked_for(&scene);
    a_request_is_followed_into_machines(&scene);
    metrics_are_had_from_this_machine(&scene);
    a_firewall_that_does_not_hold(&scene, &machines[0]);

    // It rests, and comes back with what it had.
    its_executable_is_another(&scene);
    scene.warren(&["stop"]);
    assert!(!scene.level(0).join("garden.sock").exists());
    it_starts_beside_others(&scene);
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
    let said = scene.warren(&["down"]);
    assert!(said.contains("there was no environment"), "{said}");
    scene.warren(&["down", "--all"]);
    assert!(!scene.home().exists());
    let said = scene.warren(&["down"]);
    assert!(said.contains("there is none in"), "{said}");
    drop(scene);
    leaks.assert_same();
}

/// While it rested others came: one has its addresses, another the letter in names of its links.
#[track_caller]
fn it_starts_beside_others(scene: &Scene) {
    for verb in [&["status"] as &[&str], &["status", "--json"], &["vms"]] {
        let said = scene.refused(verb);
        assert!(
            said.contains("is stopped: warren start brings it back"),
            "{said}"
        );
    }
    let record = || -> serde_json::Value {
        let record = fs::read(scene.level(0).join("environment.json")).unwrap();
        serde_json::from_slice(&record).unwrap()
    };
    let before = record();
    let network = format!("10.{}", before["machines"][1]);
    let letter = before["tag"].as_str().unwrap();
    let link = format!("w{letter}brdg-0a090900");
    scene.shell(&format!(
        "ip link add taken0 type bridge && ip address add {network}.9.1/24 dev taken0
        ip link add {link} type bridge"
    ));
    let said = scene.refused(&["start"]);
    let taken = format!("{network}.0.0/16, which the environment in ");
    assert!(
        said.contains(&taken) && said.contains("by the link taken0: "),
        "{said}"
    );
    scene.shell("ip link delete taken0");
    let another = another_claims(scene, &[&network.replace('.', "_")]);
    let said = scene.refused(&["start"]);
    assert!(said.contains("being started just now: wait"), "{said}");
    // Its table goes a moment after it, which is waited for.
    drop(another);
    scene.warren(&["start"]);
    let after = record();
    assert_eq!(after["machines"], before["machines"]);
    assert_ne!(after["tag"], before["tag"]);
    scene.shell(&format!("ip link delete {link}"));
}

/// As after this one was built anew: what it was started with stops, starts and removes it.
#[track_caller]
fn its_executable_is_another(scene: &Scene) {
    let kept = scene.level(0).join("bin/warren");
    let other = scene.level(0).join("bin/other");
    fs::copy(&kept, &other).unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(&other).unwrap();
    file.write_all(b"\0").unwrap();
    drop(file);
    fs::rename(&other, &kept).unwrap();
    scene.until_rows(|rows| rows.works("Executable", "another than this one"));
}

fn mode_of(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
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
    for name in ["machine", "director"] {
        for fact in ["rootfs: ", "cgroup /", "device filter: ", "no firewall"] {
            assert!(line(name).contains(fact), "{fact}: {tree}");
        }
    }
    for name in ["small/web/0", "small/web/1"] {
        let line = line(name);
        for fact in [
            "rootfs: overlay",
            "10.",
            "/garden/",
            "device filter: ",
            "firewall holds",
        ] {
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
    names_of_all_kinds(scene, 1);
}

/// Each name leads to a shell where it should, and to logs, or is refused.
#[track_caller]
fn names_of_all_kinds(scene: &Scene, depth: usize) {
    let cids = scene.machines("vm_cid");
    let is_first = |cid: &&String| {
        let config = "cat /var/vcap/jobs/web/config/config";
        scene.inside(depth, cid, config).contains("from web/0")
    };
    let cid = cids.iter().find(is_first).unwrap().as_str();
    let own = |name: &str| {
        let look = ["shell", name, "--", "readlink", "/proc/self/ns/pid"];
        scene.warren(&look).trim().to_owned()
    };
    let here = scene.shell("readlink /proc/self/ns/pid").trim().to_owned();
    let inside = |level: usize, handle: &str| {
        let look = scene.inside(level, handle, "readlink /proc/self/ns/pid");
        look.trim().to_owned()
    };
    let director = inside(depth - 1, "director");
    let machine = inside(depth, cid);
    let of_cid = format!("{cid}:web");
    // A name, where it is, and a word of its logs.
    let mut table = vec![
        ("machine", &here, "serving"),
        ("machine/garden", &here, "serving"),
        ("director", &director, "roles=worker"),
        ("director/worker", &director, "roles=worker"),
        ("director:garden", &director, "serving"),
        ("worker", &director, "roles=worker"),
        ("small/web/0", &machine, ""),
        ("web/0:web", &machine, ""),
        (cid, &machine, ""),
        (&of_cid, &machine, ""),
    ];
    let level1;
    if depth > 1 {
        level1 = inside(0, "level1");
        table.push(("level1", &level1, "serving"));
        table.push(("level1/garden", &level1, "serving"));
    }
    for (name, place, said) in table {
        assert_eq!(&own(name), place, "{name}");
        let logs = scene.warren(&["logs", name, "--num", "1000"]);
        assert!(logs.contains(said), "{name}: {logs}");
    }
    for (name, why) in [
        ("web/0:odd", "nothing is called"),
        ("director/0", "nothing is called director/0"),
        ("director:odd", "nothing is called director:odd"),
        ("machine/odd", "nothing is called machine/odd"),
        ("level7", "nothing is called level7; there are machine, "),
    ] {
        let said = scene.refused(&["shell", name, "--", "true"]);
        assert!(said.contains(why), "{name}: {said}");
    }
    let said = scene.refused(&["shell", "-u", "vcap", "machine", "--", "true"]);
    assert!(said.contains("su vcap"), "{said}");
}

/// Flags of fetched logs mean something for shown ones, or are refused.
#[track_caller]
fn logs_are_those_that_are_asked_for(scene: &Scene) {
    scene.inside(0, "director", "echo system-says >/var/log/own.txt");
    for (arguments, said) in [
        (&["web/0", "--agent"] as &[&str], "apply, for "),
        (&["director", "--system"], "system-says"),
        (&["director", "--job", "worker"], "roles=worker"),
        (&["director", "--only", "sched*/*.log"], "roles=scheduler"),
        (&["director", "--all-logs", "--job", "nats"], "system-says"),
    ] {
        let told = scene.try_shell(&command(&[&["logs", "--num", "1000"], arguments].concat()));
        assert!(told.stdout.contains(said), "{arguments:?}: {told:?}");
    }
    let only = ["logs", "director", "--only", "nats/*.log,worker/*.log"];
    assert!(scene.warren(&only).contains("==> nats/nats.log <=="));
    let quiet = scene.warren(&[&only as &[&str], &["--quiet"]].concat());
    assert!(!quiet.contains("==>"), "{quiet}");
    for (arguments, why) in [
        (&["director", "--dir", "."] as &[&str], "--dir is for logs"),
        (&["worker", "--job", "nats"], "is a process"),
        (&["machine", "--agent"], "garden.log alone"),
        (&["director", "--job", "$(x)"], "is no name of a job"),
        (&["director:odd"], "it has no logs"),
    ] {
        let said = scene.refused(&[&["logs"], arguments].concat());
        assert!(said.contains(why), "{arguments:?}: {said}");
    }
}

/// Somebody has emptied a chain of its rules: others reach monit.
#[track_caller]
fn a_firewall_that_does_not_hold(scene: &Scene, cid: &str) {
    let flush = "nft flush chain inet bosh_agent monit_access";
    scene.inside(1, cid, flush);
    let tree = scene.warren(&["tree"]);
    let mut lines = tree.lines();
    let line = lines.find(|line| line.ends_with(cid)).unwrap();
    let told = "firewall DOES NOT HOLD: an outsider reaches 127.0.0.1:2822";
    assert!(line.contains(told), "{line}");
}

/// As the page on metrics has Prometheus do it; not without a password.
#[track_caller]
fn metrics_are_had_from_this_machine(scene: &Scene) {
    let get = |more: &str| {
        scene.shell(&format!(
            "eval \"$({})\"; echo \"$BOSH_CA_CERT\" >{ca}; \
             curl -sS --cacert {ca} {more} $BOSH_ENVIRONMENT/metrics",
            command(&["env"]),
            ca = scene.at("ca.pem").display(),
        ))
    };
    let said = get("-u $BOSH_CLIENT:$BOSH_CLIENT_SECRET");
    assert!(said.contains("process=\"worker\""), "{said}");
    let said = get("");
    assert!(said.contains("Not authorized"), "{said}");
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
    names_of_all_kinds(&scene, 2);
    let cid = what_is_planned_is_recovered(&scene, &cid);
    let inside = |script: &str| scene.inside(2, &cid, script);
    assert_only_agents_reach_monit_and_the_bus(inside, &scene.director());
    // The server's number was never written down: it ends all the same.
    let pid = scene.home().join("garden.pid");
    let server = std::fs::read_to_string(&pid).unwrap();
    std::fs::remove_file(pid).unwrap();
    scene.warren(&["down", "--all"]);
    assert!(!scene.home().exists());
    assert!(warren_tests_harness::has_ended(&server));
    drop(scene);
    leaks.assert_same();
}

/// A machine is lost; a plan is written of what to do about it, changed and followed. The new machine.
#[track_caller]
fn what_is_planned_is_recovered(scene: &Scene, lost: &str) -> String {
    scene.garden(2, &["destroy", lost]);
    let plan = scene.at("plan.yml");
    let file = plan.to_str().unwrap();
    scene.bosh(&["create-recovery-plan", file]);
    // Nobody was asked, so nothing is planned.
    let text = std::fs::read_to_string(&plan).unwrap();
    assert!(text.contains("missing_vm: ignore"), "{text}");
    std::fs::write(&plan, text.replace("ignore", "recreate_vm")).unwrap();
    let said = scene.bosh(&["recover", file]);
    assert!(said.contains("Recreate VM and wait"), "{said}");
    let [cid] = scene.machines("vm_cid").try_into().unwrap();
    assert_ne!(cid, lost);
    let told = "cat /var/vcap/jobs/web/config/config; wc -l </var/vcap/store/started";
    let told = scene.inside(2, &cid, told);
    assert!(told.starts_with("deep from web/0"), "{told}");
    assert!(told.ends_with("\n2\n"), "{told}");
    let said = scene.bosh(&["recover", file]);
    assert!(said.contains("1 OK, 0 unresponsive, 0 missing"), "{said}");
    cid
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
    a_process_in_a_container_of_its_own(&scene);
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

/// A command, and a shell, see what the process does.
#[track_caller]
fn a_process_in_a_container_of_its_own(scene: &Scene) {
    let own = |name: &str, kind: &str| {
        let look = format!("/proc/self/ns/{kind}");
        scene.warren(&["shell", name, "--", "readlink", &look])
    };
    for kind in ["mnt", "pid"] {
        assert_eq!(own("worker", kind), own("director", kind));
        assert_ne!(own("scheduler", kind), own("director", kind));
    }
    let tree = scene.warren(&["tree"]);
    for (name, is_apart) in [("worker", false), ("scheduler", true)] {
        let mut lines = tree.lines();
        let line = lines.find(|line| line.split(' ').any(|word| word == name));
        let line = line.unwrap_or_else(|| panic!("no {name}: {tree}"));
        assert!(line.contains("cgroup /"), "{line}");
        assert_eq!(line.contains("mounts of its own"), is_apart, "{line}");
    }
    let user = ["shell", "-u", "vcap", "scheduler", "--", "id", "-un"];
    assert_eq!(scene.warren(&user).trim(), "vcap");
    let typed = command(&["shell", "director:scheduler"]);
    let said = scene.shell(&format!(
        "echo 'readlink /proc/self/ns/mnt; exit' | {typed}"
    ));
    assert!(said.contains(own("scheduler", "mnt").trim()), "{said}");
    scene.inside(
        0,
        "director",
        "/var/vcap/bosh/bin/warren monit stop scheduler",
    );
    let refused = || scene.try_shell(&command(&["shell", "scheduler", "--", "true"]));
    scene.until("it has no shell", || {
        refused()
            .stderr
            .contains("scheduler does not run in director")
    });
    scene.inside(
        0,
        "director",
        "/var/vcap/bosh/bin/warren monit start scheduler",
    );
    scene.until_good();
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
