//! What is killed, and comes back.

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
    scene.assert_good();
    scene.upload_release();
    scene.deploy(1, "whole");
    scene.assert_good();
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
    scene.assert_good();
    let machines = scene.machines("vm_cid");

    // Nobody keeps this machine's server up but the command itself; containers do not miss it.
    let pid = std::fs::read_to_string(scene.home().join("garden.pid")).unwrap();
    scene.shell(&format!("kill -9 {pid}"));
    scene.until("the server ends", || {
        !std::path::Path::new(&format!("/proc/{pid}")).exists()
    });
    let failing = scene.failing();
    assert!(
        failing.iter().any(|(component, _)| component == "Garden"),
        "{failing:?}"
    );
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
    scene.assert_good();
    let [cid] = scene.machines("vm_cid").try_into().unwrap();
    assert!(!machines.contains(&cid));
    let started = scene.inside(1, &cid, "wc -l </var/vcap/store/started");
    assert!(started.trim().parse::<u32>().unwrap() >= 2, "{started}");
    scene.deploy(1, "after-all");
}

#[test]
fn each_part_that_is_stopped_has_a_row_that_says_so() {
    let scene = Scene::new();
    scene.up(&[]);
    scene.upload_release();
    scene.deploy(1, "hello");
    scene.assert_good();
    for (name, components) in [
        (
            "garden",
            &["Inner Garden", "Warden CPI StreamIn", "BPM process start"][..],
        ),
        ("nats", &["NATS", "VM creation"]),
        ("director", &["Director", "TLS front"]),
        ("worker", &["Workers"]),
        ("blobstore", &["Blobstore"]),
        ("scheduler", &["Scheduler"]),
        ("sync_dns", &["Sync-DNS"]),
    ] {
        let monit = |verb: &str| {
            let warren = "/var/vcap/bosh/bin/warren";
            scene.inside(0, "director", &format!("{warren} monit {verb} {name}"));
        };
        monit("stop");
        scene.until(name, || scene.process(0, "director", name).is_none());
        let failing = scene.failing();
        for component in components {
            let row = failing.iter().find(|row| row.0 == *component);
            assert!(
                row.is_some_and(|row| !row.1.is_empty()),
                "{name}, {component}: {failing:?}"
            );
        }
        monit("start");
        scene.until(name, || scene.failing().is_empty());
    }
    // An agent that says nothing.
    let [cid] = scene.machines("vm_cid").try_into().unwrap();
    scene.inside(1, &cid, "pkill -STOP -f '[s]erve agent'");
    let failing = scene.failing();
    let row = failing.iter().find(|row| row.0 == "VM creation");
    assert!(
        row.is_some_and(|row| row.1.contains("web/0")),
        "{failing:?}"
    );
    scene.inside(1, &cid, "pkill -CONT -f '[s]erve agent'");
    scene.until("the agent answers", || scene.failing().is_empty());
}
