//! Disks that change their size under what is on them: every byte survives, whoever is killed meanwhile.
//!
//! | the director is killed | with | then |
//! |---|---|---|
//! | when the new disk is attached | the old one full, the new one empty | another new one is made |
//! | while the agent copies | an agent that goes on | the old one is mounted again, and copied again |
//! | before the old disk is detached | the new one in its place | the old one is let go |

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::release::manifest;
use crate::scene::Scene;

const STORE: &str = "/var/vcap/store";
/// What the copying waits for, and what says that it does.
const HOLD: &str = "/var/vcap/data/hold";
const HELD: &str = "/var/vcap/data/held";

/// A stemcell whose `tar`, which copies disks, keeps what disks keep, and waits if it shall.
fn stemcell(scene: &Scene) {
    let root = scene.server.rootfs.root();
    let copy = |from: &Path, to: &Path| {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    };
    let tar = Path::new("/bin/tar");
    copy(tar, &root.join("opt/tar"));
    let needs = Command::new("ldd").arg(tar).output().unwrap();
    for word in String::from_utf8(needs.stdout).unwrap().split_whitespace() {
        if word.starts_with('/') {
            copy(Path::new(word), &root.join(word.trim_start_matches('/')));
        }
    }
    let waits = root.join("bin/tar");
    fs::remove_file(&waits).unwrap();
    let script = format!(
        "#!/bin/sh\nwhile [ -e {HOLD} ]; do touch {HELD}; sleep 0.05; done\nexec /opt/tar \"$@\"\n"
    );
    fs::write(&waits, script).unwrap();
    fs::set_permissions(&waits, fs::Permissions::from_mode(0o755)).unwrap();
    let stemcell = scene.stemcell("1.2");
    scene.bosh(&["upload-stemcell", stemcell.to_str().unwrap()]);
}

/// A CPI that waits before it does what `hold-METHOD` names, for as long as there is `held`.
fn cpi(scene: &Scene) {
    let path = scene.at("cpi.sh");
    let does = fs::read_to_string(&path).unwrap();
    let does = does
        .lines()
        .next_back()
        .unwrap()
        .trim_start_matches("exec ");
    let at = scene.at("");
    let script = format!(
        "#!/bin/sh\nrequest=$(cat)\nmethod=${{request#*'\"method\":\"'}}\nmethod=${{method%%'\"'*}}\n\
         cd {} && if mv hold-$method held 2>/dev/null; then while [ -e held ]; do sleep 0.05; done; fi\n\
         printf %s \"$request\" | {does}\n",
        at.display(),
    );
    // A call may be reading the other one.
    let new = scene.file("cpi.new", &script);
    fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
    fs::rename(new, path).unwrap();
}

fn sized(size: usize) -> String {
    manifest(1, "hello", false)
        .replace("persistent_disk: 16", &format!("persistent_disk: {size}"))
        .replace("1000-20000", "1-20000")
}

/// What is on the disk, but for what grows with each start. How large directories are depends on the order
/// in which names came into them.
fn content(scene: &Scene) -> String {
    let sums = "find . ! -name started ! -name lost+found -exec stat -c '%n %F %a %u' {} + | sort; \
                readlink link; find . -type f ! -name started | sort | xargs sha256sum";
    scene.inside(
        &scene.web(0),
        &format!("cd {STORE} && ({sums}) | sha256sum"),
    )
}

/// The deployment is as the manifest says, with all that was on the disk, on a disk of this size.
#[track_caller]
fn assert_whole(scene: &Scene, size: usize, before: &str) {
    scene.assert_running(1);
    assert_eq!(content(scene), before);
    let blocks = scene.inside(&scene.web(0), &format!("df -k {STORE} | tail -n 1"));
    let blocks: usize = blocks.split_whitespace().nth(1).unwrap().parse().unwrap();
    let least = size * 1024 * 3 / 4;
    assert!(
        (least..=size * 1024).contains(&blocks),
        "{blocks} of {size} MiB"
    );
    let target = scene.inside(&scene.web(0), "mount | grep -c store_migration || true");
    assert_eq!(target.trim(), "0");
    let again = scene.deploy(&sized(size));
    assert!(!again.contains("Updating instance"), "{again}");
}

/// Kills the director while the CPI waits in a method, lets that go on, and starts another.
fn kill_at(scene: &mut Scene, method: &str, size: usize) {
    scene.file(&format!("hold-{method}"), "");
    scene.begin_deploy(&sized(size));
    let held = scene.at("held");
    scene.wait("nothing waits", || held.exists());
    scene.kill_director();
    fs::remove_file(&held).unwrap();
    scene.start_director();
    scene.settle();
}

#[test]
fn disks_grow_and_shrink_with_all_that_is_on_them() {
    let mut scene = Scene::new();
    stemcell(&scene);
    cpi(&scene);
    scene.deploy(&sized(16));
    let fill = "mkdir -p many/dir && head -c 4000000 /dev/urandom >large && ln -s large link && \
                for at in $(seq 200); do echo $at >many/dir/$at; done && chown 1000:1000 many/dir/7 && \
                chmod 640 many/dir/8";
    scene.inside(&scene.web(0), &format!("cd {STORE} && {fill}"));
    let before = content(&scene);

    kill_at(&mut scene, "set_disk_metadata", 32);
    assert_whole(&scene, 32, &before);

    let machine = scene.web(0);
    scene.inside(&machine, &format!("touch {HOLD}"));
    scene.begin_deploy(&sized(16));
    let held = format!("ls {HELD} 2>&1 || true");
    scene.wait("nothing waits", || {
        scene.inside(&machine, &held).trim() == HELD
    });
    scene.kill_director();
    scene.inside(&machine, &format!("rm {HOLD}"));
    scene.start_director();
    scene.settle();
    assert_whole(&scene, 16, &before);

    kill_at(&mut scene, "detach_disk", 32);
    assert_whole(&scene, 32, &before);

    // Another one of the same size.
    let disk = |scene: &Scene| scene.rows(&["instances", "--details"])[0]["disk_cids"].clone();
    let old = disk(&scene);
    let file = scene.file("manifest.yml", &sized(32));
    scene.bosh(&[
        "deploy",
        "--recreate-persistent-disks",
        file.to_str().unwrap(),
    ]);
    assert_ne!(disk(&scene), old);
    assert_whole(&scene, 32, &before);
    // One that somebody took off.
    scene.inside(&scene.web(0), &format!("umount {STORE} && ls {STORE}"));
    scene.bosh(&["restart", "web"]);
    assert_whole(&scene, 32, &before);

    scene.bosh(&["delete-deployment"]);
    scene.bosh(&["clean-up", "--all"]);
    let left = fs::read_dir(scene.at("cpi/disks")).unwrap();
    let names = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    assert_eq!(left, Vec::<String>::new());
}
