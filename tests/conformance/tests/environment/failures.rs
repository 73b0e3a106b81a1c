//! What is killed, and comes back.

use crate::events;
use crate::rows::Rows;
use crate::scene::Scene;

/// The server of this machine is begun, and does not answer yet.
const BEGUN: &str = "serve garden";
/// Until what is said does `up` live, in that order; each time it goes on from what was there.
const POINTS: [&str; 7] = [
    "",
    "Image ",
    BEGUN,
    "Garden at level 0 ",
    "Container director ",
    "Director ",
    "Cloud config ",
];

#[test]
fn up_may_be_broken_off_anywhere() {
    let scene = Scene::new();
    let log = scene.at("up.log");
    let made = |name: &str| {
        let images = std::fs::read_dir(scene.home().join("images"));
        images.is_ok_and(|mut all| {
            all.any(|one| one.unwrap().file_name().to_string_lossy().starts_with(name))
        })
    };
    let server = format!("{}/bin/[w]arren serve garden", scene.home().display());
    for point in POINTS {
        std::fs::write(&log, "").unwrap();
        // In the middle of the first step, or right after what is said. One shell does it all: much of
        // what follows takes only milliseconds.
        let (log, images) = (log.display(), scene.home().join("images"));
        let is_there = match point {
            "" => format!("ls -d {}/.making-* >{log}.ls 2>&1", images.display()),
            BEGUN => format!("pgrep -f '{server}' >{log}.ls"),
            point => format!("grep -q '^{point}' {log}"),
        };
        scene.shell(&format!(
            "{} >>{log} 2>&1 </dev/null & pid=$!
            until {is_there}; do kill -0 $pid || {{ {is_there}; exit; }}; done
            kill -9 $pid; wait $pid || true",
            scene.command_up(&[]),
        ));
    }
    let said = scene.up(&[]);
    assert!(said.contains("The director answers"), "{said}");
    assert!(!made(".making-"));
    // There is one server, and its number is written down.
    let servers = scene.shell(&format!("pgrep -f '{server}'"));
    let pid = std::fs::read_to_string(scene.home().join("garden.pid")).unwrap();
    assert_eq!(servers.trim(), pid);
    scene.until_good();
    files_that_the_supervisor_has_not_read(&scene);
    scene.upload_release();
    scene.deploy(1, "whole");
    scene.until_good();
}

/// As if `up` was killed after it had written them.
#[track_caller]
fn files_that_the_supervisor_has_not_read(scene: &Scene) {
    let inside = |script: &str| scene.inside(0, "director", script);
    let monit = "/var/vcap/bosh/bin/warren monit";
    for name in ["worker", "director"] {
        inside(&format!("{monit} stop {name}"));
        scene.until(name, || scene.process(0, "director", name).is_none());
    }
    inside(&format!(
        "cd /var/vcap/monit/job && mkdir kept && mv *_worker.monitrc *_director.monitrc kept && {monit} reload"
    ));
    let kept = inside(&format!("{monit} summary"));
    assert!(
        !kept.contains("'worker'") && !kept.contains("'director'"),
        "{kept}"
    );
    inside("cd /var/vcap/monit/job && mv kept/* . && rmdir kept");
    let said = scene.up(&[]);
    assert!(said.contains("started"), "{said}");
    let again = scene.up(&[]);
    assert!(!again.contains("started"), "{again}");
}

#[test]
fn what_is_killed_comes_back() {
    let scene = Scene::new();
    scene.up(&[]);
    scene.upload_release();
    scene.deploy(1, "first");
    let director = |name: &str| scene.process(0, "director", name);
    let all = [
        "garden",
        "nats",
        "director",
        "worker",
        "blobstore",
        "scheduler",
        "sync_dns",
    ];
    for name in all {
        let old = director(name);
        assert!(old.is_some(), "{name} does not run");
        scene.inside(0, "director", &format!("kill -9 {}", old.as_ref().unwrap()));
        scene.until(name, || director(name).is_some_and(|new| Some(new) != old));
        scene.up(&[]);
        scene.deploy(1, &format!("after-{name}"));
    }
    events::assert_told(&scene, 1, events::UPDATED, &["Preparing deployment"]);
    scene.until_good();
    let machines = scene.machines("vm_cid");

    // Nobody keeps this machine's server up but the command itself; containers do not miss it.
    let pid = std::fs::read_to_string(scene.home().join("garden.pid")).unwrap();
    scene.shell(&format!("kill -9 {pid}"));
    scene.until("the server ends", || warren_tests_harness::has_ended(&pid));
    scene.until_rows(|rows| rows.fails("Garden", 0, "garden.sock", Some("home/garden.log")));
    let said = scene.up(&[]);
    assert!(said.contains("started"), "{said}");
    assert_eq!(scene.machines("vm_cid"), machines);
    scene.deploy(1, "after-all");

    // All at once, as when the power fails: containers are made anew, disks are as they were.
    let pid = std::fs::read_to_string(scene.home().join("garden.pid")).unwrap();
    scene.shell(&format!("kill -9 {pid}"));
    scene.kill_all_in("director");
    scene.up(&[]);
    scene.warren(&["start"]);
    scene.until_good();
    let [cid] = scene.machines("vm_cid").try_into().unwrap();
    assert!(!machines.contains(&cid));
    let started = scene.inside(1, &cid, "wc -l </var/vcap/store/started");
    assert!(started.trim().parse::<u32>().unwrap() >= 2, "{started}");
    scene.deploy(1, "after-all");
}

/// A part with a row of its own, what it must say, and the log that it must name.
type Expected = (&'static str, &'static str, Option<&'static str>);

/// Processes of the director's, and the rows that fail without them.
const STOPPED: &[(&str, &[Expected])] = &[
    (
        "garden",
        &[
            ("Inner Garden", "garden.sock", Some("garden/garden.log")),
            (
                "Warden CPI StreamIn",
                "no container could be made",
                Some("garden/garden.log"),
            ),
            (
                "BPM process start",
                "no container could be made",
                Some("garden/garden.log"),
            ),
        ],
    ),
    (
        "nats",
        &[
            (
                "NATS",
                ":4222 does not answer within 6 s: cannot connect: Connection refused",
                Some("nats/nats.log"),
            ),
            (
                "VM creation",
                "zookeeper/0: unresponsive agent",
                Some("worker/worker.log"),
            ),
        ],
    ),
    (
        "director",
        &[
            ("Director", "refused", Some("director/director.log")),
            ("TLS front", "refused", Some("director/director.log")),
        ],
    ),
    (
        "worker",
        &[("Workers", "no process", Some("worker/worker.log"))],
    ),
    (
        "blobstore",
        &[("Blobstore", "refused", Some("blobstore/blobstore.log"))],
    ),
    (
        "scheduler",
        &[("Scheduler", "no process", Some("scheduler/scheduler.log"))],
    ),
    (
        "sync_dns",
        &[("Sync-DNS", "no process", Some("sync_dns/sync_dns.log"))],
    ),
];

#[test]
fn each_part_that_is_stopped_has_a_row_that_says_so() {
    let scene = Scene::new();
    scene.up(&[]);
    scene.upload_release();
    scene.deploy_quorum();
    scene.until_good();
    let [cid] = scene.machines("vm_cid").try_into().unwrap();
    scene.until_rows_both_ways(|rows| {
        rows.all_good(1)?;
        rows.works("ZooKeeper", "one node, alone")
    });
    for (name, expected) in STOPPED {
        let monit = |verb: &str| {
            let warren = "/var/vcap/bosh/bin/warren";
            scene.inside(0, "director", &format!("{warren} monit {verb} {name}"));
        };
        monit("stop");
        scene.until(name, || scene.process(0, "director", name).is_none());
        let fail = |rows: &Rows| {
            let mut all = expected.iter();
            all.try_for_each(|(component, cause, log)| rows.fails(component, 1, cause, *log))
        };
        match *name {
            "nats" => scene.until_rows_both_ways(fail),
            _ => scene.until_rows(fail),
        }
        if matches!(*name, "director" | "worker") {
            names_without_a_director(&scene, &cid);
        }
        monit("start");
        scene.until(name, || scene.failing().is_empty());
    }
    an_agent_that_says_nothing(&scene, &cid);
    names_that_nobody_knows(&scene, &cid);
    a_quorum_that_is_none(&scene, &cid);
}

/// A machine is found by what it says itself.
#[track_caller]
fn names_without_a_director(scene: &Scene, cid: &str) {
    for name in ["zookeeper/0", "small/zookeeper/0", cid] {
        let look = ["shell", name, "--", "cat", "/var/vcap/instance/deployment"];
        assert_eq!(scene.warren(&look).trim(), "small", "{name}");
    }
    assert!(scene.warren(&["tree"]).contains("small/zookeeper/0"));
    let said = scene.refused(&["shell", "web/9"]);
    assert!(said.contains("small/zookeeper/0"), "{said}");
}

fn an_agent_that_says_nothing(scene: &Scene, cid: &str) {
    scene.inside(1, cid, "pkill -STOP -f '[s]erve agent'");
    scene.until_rows(|rows| {
        let log = Some("worker/worker.log");
        rows.fails("VM creation", 1, "zookeeper/0: unresponsive agent", log)
    });
    scene.inside(1, cid, "pkill -CONT -f '[s]erve agent'");
    scene.until_good();
}

/// Where more is said of the machine.
const MORE: &str = "see 'warren logs small/zookeeper/0'";
/// The log of whoever tells machines all names.
const NAMES: Option<&str> = Some("sync_dns/sync_dns.log");

/// The machine's own name server does not answer, and it asks elsewhere; `/etc/hosts` is as it was.
fn names_that_nobody_knows(scene: &Scene, cid: &str) {
    let elsewhere = "pkill -STOP -f '[s]erve dns' && cp /etc/resolv.conf /resolv.kept && \
         echo nameserver 127.0.0.9 >/etc/resolv.conf";
    scene.inside(1, cid, elsewhere);
    scene.until_rows_both_ways(|rows| {
        let cause = "zookeeper/0: 127.0.0.9 gave no address for ";
        rows.fails("DNS in machines", 1, cause, NAMES)?;
        rows.fails("DNS in machines", 1, MORE, NAMES)?;
        rows.works("VM creation", "1 agents answer")
    });
    scene.inside(1, cid, "echo >/etc/resolv.conf");
    scene.until_rows(|rows| {
        let cause = "zookeeper/0: no name server is named to ask for ";
        rows.fails("DNS in machines", 1, cause, NAMES)
    });
    let back = "cat /resolv.kept >/etc/resolv.conf && pkill -CONT -f '[s]erve dns'";
    scene.inside(1, cid, back);
    scene.until_good();
}

/// It is alone and follows; then it is not there.
fn a_quorum_that_is_none(scene: &Scene, cid: &str) {
    scene.inside(1, cid, "printf follower >/var/vcap/data/mode");
    let log = format!("{cid}/sys/log");
    let log = Some(log.as_str());
    scene.until_rows(|rows| rows.fails("ZooKeeper", 1, "no quorum: {\"follower\": 1}", log));
    let stop = "rm /var/vcap/data/mode && touch /var/vcap/data/down && \
         kill -9 $(cat /var/vcap/sys/run/quorum/quorum.pid)";
    scene.inside(1, cid, stop);
    let [address] = scene.machines("ips").try_into().unwrap();
    let cause = format!("zookeeper/0 at {address}:2181: Connection refused");
    scene.until_rows_both_ways(|rows| {
        rows.fails("ZooKeeper", 1, &cause, log)?;
        rows.fails("ZooKeeper", 1, MORE, log)?;
        rows.works("DNS in machines", " in zookeeper/0")
    });
    scene.inside(1, cid, "rm /var/vcap/data/down");
    scene.until_good();
}
