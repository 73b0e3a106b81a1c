//! What one director has compiled, another deploys without compiling; snapshots of real disks.

use std::time::{Duration, Instant};

use warren_tests_harness::programs;

use crate::release::manifest;
use crate::scene::Scene;

/// The only file below a directory whose name ends in `.tgz`.
fn tarball(directory: &std::path::Path) -> Vec<u8> {
    let mut found = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "tgz"));
    let path = found.next().unwrap();
    assert!(found.next().is_none());
    std::fs::read(path).unwrap()
}

#[test]
fn what_one_director_compiled_another_deploys() {
    let scene = Scene::with_passwords();
    scene.deploy(&manifest(1, "hello", false));
    let kept = scene.kept(&scene.machines()[0]);
    let password = scene.secret("blobstore_agent_password");
    assert!(kept.contains(&password), "{kept}");
    let listed = scene.bosh(&["releases", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let version = document["Tables"][0]["Rows"][0]["version"]
        .as_str()
        .unwrap()
        .trim_end_matches('*')
        .to_owned();
    let release = format!("small/{version}");
    let to = scene.at("exported");
    std::fs::create_dir(&to).unwrap();
    let said = scene.bosh(&[
        "export-release",
        &release,
        "tiny/1.1",
        "--dir",
        to.to_str().unwrap(),
    ]);
    assert!(said.contains("copying packages: tool/"), "{said}");
    assert!(said.contains("copying jobs: web/"), "{said}");
    // It was compiled for the deploy.
    assert!(!said.contains("Compiling packages"), "{said}");
    let bytes = tarball(&to);
    drop(scene);

    let scene = Scene::new();
    scene.bosh(&["delete-release", "small"]);
    let file = scene.at("compiled.tgz");
    std::fs::write(&file, bytes).unwrap();
    let said = scene.bosh(&["upload-release", file.to_str().unwrap()]);
    assert!(said.contains("Compiled Release has been created"), "{said}");
    let said = scene.deploy(&manifest(1, "compiled", false));
    assert!(!said.contains("Compiling packages"), "{said}");
    let machines = scene.machines();
    assert_eq!(machines.len(), 1);
    let tool = scene.inside(&machines[0], "sh /var/vcap/packages/tool/bin/tool");
    assert_eq!(tool, "tool\n");
    let running = scene.bosh(&["instances", "--ps"]);
    assert_eq!(running.matches("running").count(), 2, "{running}");
    scene.bosh(&["delete-deployment"]);
}

#[test]
fn snapshots_hold_what_disks_held() {
    let mut scene = Scene::new();
    scene.deploy(&manifest(1, "hello", false));
    // Without being asked to, a director takes none.
    scene.bosh(&["take-snapshot"]);
    assert_eq!(snapshots(&scene).len(), 0);
    scene.kill_director();
    let home = scene.at("home");
    let pid = scene.shell(&format!(
        "setsid '{}' serve director --home {} --address 192.0.2.1 --cpi {} --snapshots \
         >>{} 2>&1 </dev/null & echo $!",
        programs::warren().display(),
        home.display(),
        scene.at("cpi.sh").display(),
        scene.at("daemons.log").display()
    ));
    let end = Instant::now() + Duration::from_secs(60);
    while !scene
        .shell("curl -sk https://192.0.2.1:25555/info || true")
        .contains("\"snapshots\":{\"status\":true}")
    {
        assert!(Instant::now() < end, "{}", scene.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    // Ids whose file is there, and as large as a disk.
    let files = || {
        let ids = snapshots(&scene);
        let is_whole = |id: &String| {
            let file = scene.at("cpi/disks/.snapshots").join(id);
            file.metadata().is_ok_and(|file| file.len() == 16 << 20)
        };
        ids.iter().filter(|id| is_whole(id)).count()
    };
    // Of a disk in use there are only snapshots if files can share blocks.
    let probe = scene.file("probe", "x");
    let shares = scene.shell(&format!(
        "cp --reflink=always {0} {0}.copy >/dev/null 2>&1 && echo yes || echo no",
        probe.display()
    ));
    if shares.trim() == "yes" {
        scene.bosh(&["take-snapshot", "web/0"]);
        assert_eq!(snapshots(&scene).len(), 1);
        scene.bosh(&["delete-snapshots"]);
    } else {
        let said = scene.bosh(&["take-snapshot", "web/0"]);
        assert!(said.contains("No snapshot of disk"), "{said}");
        assert!(said.contains("detach it first"), "{said}");
    }
    assert_eq!((snapshots(&scene).len(), files()), (0, 0));
    // Jobs can be stopped either way.
    scene.bosh(&["stop", "web/0", "--no-converge", "--hard"]);
    scene.bosh(&["delete-snapshots"]);
    scene.bosh(&["take-snapshot", "web/0"]);
    scene.bosh(&["take-snapshot"]);
    let taken = snapshots(&scene);
    assert_eq!((taken.len(), files()), (2, 2), "{taken:?}");
    assert_ne!(taken[0], taken[1]);
    scene.bosh(&["delete-snapshot", &taken[0]]);
    assert_eq!(snapshots(&scene), taken[1..]);
    scene.bosh(&["start", "web/0", "--no-converge"]);
    let machine = scene.machines().remove(0);
    let started = scene.inside(&machine, "wc -l </var/vcap/store/started");
    assert_eq!(started.trim(), "2");
    scene.bosh(&["delete-snapshots"]);
    assert!(snapshots(&scene).is_empty());
    let left = std::fs::read_dir(scene.at("cpi/disks/.snapshots")).unwrap();
    assert_eq!(left.count(), 0);
    scene.bosh(&["delete-deployment"]);
    scene.shell(&format!("kill {pid}"));
}

/// Ids of all snapshots of the deployment.
fn snapshots(scene: &Scene) -> Vec<String> {
    let text = scene.bosh(&["snapshots", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    document["Tables"][0]["Rows"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|row| Some(row["cid"].as_str()?.to_owned()))
        .collect()
}
