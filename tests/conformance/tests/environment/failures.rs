//! What is killed, and comes back.

use crate::events;
use crate::rows::Rows;
use crate::scene::Scene;

/// Until what is said does `up` live, in that order; each time it goes on from what was there.
const POINTS: [&str; 6] = [
    "",
    "Image ",
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
    for point in POINTS {
        std::fs::write(&log, "").unwrap();
        // In the middle of the first step, or right after what is said. One shell does it all: much of
        // what follows takes only milliseconds.
        let (log, images) = (log.display(), scene.home().join("images"));
        let is_there = match point {
            "" => format!("ls -d {}/.making-* >{log}.ls 2>&1", images.display()),
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
    scene.until_good();
    scene.upload_release();
    scene.deploy(1, "whole");
    scene.until_good();
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
            ("Warden CPI StreamIn", "no container could be made", None),
            ("BPM process start", "no container could be made", None),
        ],
    ),
    (
        "nats",
        &[
            ("NATS", ":4222 does not answer", Some("nats/nats.log")),
            ("VM creation", "zookeeper/0: unresponsive agent", None),
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
        monit("start");
        scene.until(name, || scene.failing().is_empty());
    }
    let [cid] = scene.machines("vm_cid").try_into().unwrap();
    an_agent_that_says_nothing(&scene, &cid);
    names_that_nobody_knows(&scene, &cid);
    a_quorum_that_is_none(&scene, &cid);
}

fn an_agent_that_says_nothing(scene: &Scene, cid: &str) {
    scene.inside(1, cid, "pkill -STOP -f '[s]erve agent'");
    scene.until_rows(|rows| rows.fails("VM creation", 1, "zookeeper/0: unresponsive agent", None));
    scene.inside(1, cid, "pkill -CONT -f '[s]erve agent'");
    scene.until_good();
}

/// Where more is said of the machine.
const MORE: &str = "see 'warren logs small/zookeeper/0'";

/// The machine's own name server does not answer, and it asks elsewhere; `/etc/hosts` is as it was.
fn names_that_nobody_knows(scene: &Scene, cid: &str) {
    let elsewhere = "pkill -STOP -f '[s]erve dns' && cp /etc/resolv.conf /resolv.kept && \
         echo nameserver 127.0.0.9 >/etc/resolv.conf";
    scene.inside(1, cid, elsewhere);
    scene.until_rows_both_ways(|rows| {
        let cause = "zookeeper/0: 127.0.0.9 gave no address for ";
        rows.fails("DNS in machines", 1, cause, None)?;
        rows.fails("DNS in machines", 1, MORE, None)?;
        rows.works("VM creation", "1 agents answer")
    });
    scene.inside(1, cid, "echo >/etc/resolv.conf");
    scene.until_rows(|rows| {
        let cause = "zookeeper/0: no name server is named to ask for ";
        rows.fails("DNS in machines", 1, cause, None)
    });
    let back = "cat /resolv.kept >/etc/resolv.conf && pkill -CONT -f '[s]erve dns'";
    scene.inside(1, cid, back);
    scene.until_good();
}

/// It is alone and follows; then it is not there.
fn a_quorum_that_is_none(scene: &Scene, cid: &str) {
    scene.inside(1, cid, "printf follower >/var/vcap/data/mode");
    scene.until_rows(|rows| rows.fails("ZooKeeper", 1, "no quorum: {\"follower\": 1}", None));
    let stop = "rm /var/vcap/data/mode && touch /var/vcap/data/down && \
         kill -9 $(cat /var/vcap/sys/run/quorum/quorum.pid)";
    scene.inside(1, cid, stop);
    let [address] = scene.machines("ips").try_into().unwrap();
    let cause = format!("zookeeper/0 at {address}:2181: Connection refused");
    scene.until_rows_both_ways(|rows| {
        rows.fails("ZooKeeper", 1, &cause, None)?;
        rows.fails("ZooKeeper", 1, MORE, None)?;
        rows.works("DNS in machines", " in zookeeper/0")
    });
    scene.inside(1, cid, "rm /var/vcap/data/down");
    scene.until_good();
}
