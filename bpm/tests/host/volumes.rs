//! What a process sees of the machine.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use warren_tests_harness::Leaks;

use crate::scene::{FOREVER, Scene};

#[test]
fn volumes_are_there_as_asked_for() {
    let leaks = Leaks::snapshot();
    let scene = Scene::new("volumes");
    let there = scene.v("data/there");
    std::fs::create_dir(&there).unwrap();
    std::fs::set_permissions(&there, PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::write(scene.v("data/file"), "in a file").unwrap();
    for name in ["disk1", "disk2", "other"] {
        std::fs::create_dir(scene.v("data").join(name)).unwrap();
    }
    scene.shell_job(
        "web",
        &format!(
            "touch /var/vcap/data/new/a /var/vcap/data/there/a /var/vcap/data/ro/a 2>&1
            cat /var/vcap/data/file; echo
            for each in new there; do cp /bin/true /var/vcap/data/$each/; /var/vcap/data/$each/true && echo runs in $each; done
            ls /var/vcap/data; ls -d /var/vcap/store/web; ls /var/vcap/sys/run; echo ready; {FOREVER}"
        ),
        "  persistent_disk: true
  additional_volumes:
  - {path: /var/vcap/data/new, writable: true, allow_executions: true}
  - {path: /var/vcap/data/there, writable: true}
  - {path: /var/vcap/data/ro}
  - {path: /var/vcap/data/ro, writable: true}
  - {path: /var/vcap/data/file, mount_only: true}
  unsafe:
    unrestricted_volumes:
    - {path: '/var/vcap/data/disk*'}
    - {path: /var/vcap/data/nothing/*}
    - {path: /var/vcap/data/missing}
",
    );
    scene.says("bpm start web");
    let said = scene.said("web", "ready");
    assert_eq!(
        said,
        "touch: cannot touch '/var/vcap/data/ro/a': Read-only file system\nin a file\nruns in new\n\
         disk1\ndisk2\nfile\nnew\npackages\nro\nthere\nweb\n/var/vcap/store/web\nready\n",
    );
    let of = |path: &str| {
        let found = std::fs::metadata(scene.v(path)).unwrap();
        (found.uid(), found.mode() & 0o777)
    };
    assert_eq!(of("data/new"), (1000, 0o700));
    assert_eq!(of("data/there"), (1000, 0o755), "the mode stays");
    assert_eq!(of("data/file").0, 0, "mount_only");
    assert_eq!(of("store/web"), (1000, 0o700));
    scene.says("bpm stop web");
    scene.assert_clean();
    drop(scene);
    leaks.assert_same();
}

#[test]
fn mounts_below_a_shared_volume_are_seen_by_all_and_others_are_not() {
    let scene = Scene::new("shared");
    for name in ["shared/a", "plain/a"] {
        std::fs::create_dir_all(scene.v("data").join(name)).unwrap();
    }
    // Everything of the machine is shared, as systemd has it.
    scene.says("mount --make-rshared /");
    let more = "  unsafe: {privileged: true}
  additional_volumes:
  - {path: /var/vcap/data/shared, writable: true, shared: true}
  - {path: /var/vcap/data/plain, writable: true}
";
    let mount = "mount -t tmpfs x /var/vcap/data";
    scene.shell_job("maker", &format!("{mount}/shared/a; {mount}/plain/a; touch /var/vcap/data/shared/a/x; echo ready; {FOREVER}"), more);
    scene.shell_job(
        "user",
        &format!("while ! [ -e /var/vcap/data/shared/a/x ]; do sleep 0.02; done; ls /var/vcap/data/plain/a; echo ready; {FOREVER}"),
        more,
    );
    scene.says("bpm start user; bpm start maker");
    scene.said("maker", "ready");
    assert_eq!(scene.said("user", "ready"), "ready\n");
    // Outside it is there once for the volume and once for the file system that it lies on, as all of
    // it is shared.
    let outside = |name: &str| {
        let mounts = scene.says("cat /proc/self/mountinfo");
        mounts.matches(&format!("/data/{name}/a ")).count()
    };
    assert!(outside("shared") > 0 && outside("plain") == 0);
    // What is mounted outside appears inside, wherever.
    scene.says("mount -t tmpfs y $V/data/plain/a; touch $V/data/plain/a/late");
    let pid = scene.pid("user");
    assert_eq!(
        scene.says(&format!("ls /proc/{pid}/root/var/vcap/data/plain/a")),
        "late"
    );
    scene.says("bpm stop user; bpm stop maker; umount $V/data/plain/a; umount -R $V/data/shared");
    scene.assert_clean();
}

#[test]
fn a_link_of_the_jobs_user_leads_root_nowhere() {
    let scene = Scene::new("links");
    std::fs::create_dir(scene.v("data/web")).unwrap();
    let secret = scene.directory.path().join("secret");
    std::fs::create_dir(&secret).unwrap();
    std::os::unix::fs::symlink(&secret, scene.v("data/web/cache")).unwrap();
    std::os::unix::fs::lchown(scene.v("data/web/cache"), Some(1000), Some(1001)).unwrap();
    let more = "  ephemeral_disk: true\n  additional_volumes: [{path: /var/vcap/data/web/cache, writable: true}]\n";
    scene.shell_job("web", FOREVER, more);
    let (code, said) = scene.fails("bpm start web");
    assert_eq!(code, 1);
    assert!(
        said.starts_with("Error: failed to start job-process: "),
        "{said}"
    );
    assert!(said.contains("is a symbolic link of user 1000"), "{said}");
    assert_eq!(std::fs::metadata(&secret).unwrap().uid(), 0);
    std::fs::create_dir_all(scene.v("sys/log/other")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", scene.v("sys/log/other/other.stdout.log")).unwrap();
    scene.shell_job("other", FOREVER, "");
    let (_, said) = scene.fails("bpm start other");
    assert!(said.contains("refusing to open symlink at "), "{said}");
    scene.assert_clean();
}

#[test]
fn privileged_and_host_pids_take_down_what_they_say() {
    let scene = Scene::new("privileged");
    let program = format!(
        "id -u; grep -E '^(CapEff|NoNewPrivs|Seccomp:)' /proc/self/status; ls /proc/{}/ns | wc -l; echo ready; {FOREVER}",
        std::process::id()
    );
    scene.shell_job(
        "root",
        &program,
        "  unsafe: {privileged: true, host_pid_namespace: true}\n",
    );
    scene.says("bpm start root");
    let said = scene.said("root", "ready");
    let lines: Vec<&str> = said.lines().collect();
    let own = scene.says("grep ^CapBnd /proc/self/status | cut -f2");
    let effective = u64::from_str_radix(&own, 16).unwrap() & 0x3f_ffff_ffff;
    assert_eq!(lines[0], "0");
    assert!(
        lines.contains(&"NoNewPrivs:\t0") && lines.contains(&"Seccomp:\t0"),
        "{said}"
    );
    assert!(
        lines.contains(&format!("CapEff:\t{effective:016x}").as_str()),
        "{said}"
    );
    assert_ne!(lines[4], "0", "the machine's processes are seen: {said}");
    scene.says("bpm stop root");
    scene.assert_clean();
}
