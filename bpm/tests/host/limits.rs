//! What a process may use at most.

use crate::scene::{FOREVER, Scene, eventually};

#[test]
fn limits_hold() {
    let scene = Scene::new("limits");
    scene.shell_job(
        "web",
        "ulimit -n; ulimit -Hn; ulimit -c; mkfifo $TMPDIR/never
            (for i in 1 2 3 4 5 6 7 8 9; do sleep 60 & done) 2>&1; read nothing <$TMPDIR/never",
        "  limits: {memory: 48M, open_files: 77, core_file_size: 0, processes: 8}\n",
    );
    scene.says("bpm start web");
    let said = eventually("the limit of processes", || {
        let said = scene.sh("cat $V/sys/log/web/web.std*.log").stdout;
        said.to_lowercase().contains("fork").then_some(said)
    });
    assert!(said.starts_with("77\n77\n0\n"), "{said}");
    let pid = scene.pid("web");
    let of = |controller: &str, v1: &str, v2: &str| {
        let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
        let path = |start: &str| {
            let line = groups
                .lines()
                .find(|line| line.split(':').nth(1) == Some(start))?;
            line.split(':')
                .nth(2)
                .map(|path| path.trim_end_matches("/init").to_owned())
        };
        let layout = warren_sys_cgroup::layout::Layout::discover().unwrap();
        let (mount, path, file) = match (layout.v1(controller), path(controller)) {
            (Some(v1_mount), Some(path)) => (v1_mount.mount.clone(), path, v1),
            _ => (layout.unified().unwrap().clone(), path("").unwrap(), v2),
        };
        let root = mount.root.to_string();
        let below = path.strip_prefix(root.trim_end_matches('/')).unwrap();
        let file = mount
            .mount_point
            .join(below.trim_start_matches('/'))
            .join(file);
        std::fs::read_to_string(file).unwrap().trim().to_owned()
    };
    assert_eq!(
        of("memory", "memory.limit_in_bytes", "memory.max"),
        (48 << 20).to_string()
    );
    assert_eq!(of("pids", "pids.max", "pids.max"), "8");
    scene.says("bpm stop web");
    scene.assert_clean();
}

#[test]
fn memory_that_is_used_up_ends_the_program_and_nothing_else() {
    let scene = Scene::new("oom");
    scene.shell_job(
        "web",
        "echo score $(cat /proc/self/oom_score_adj); a=0123456789abcdef; while :; do a=$a$a; done",
        "  limits: {memory: 32M}\n",
    );
    let own = scene.says("cat /proc/self/oom_score_adj");
    scene.says("bpm start web");
    // No more and no less in danger than whoever started it.
    assert_eq!(scene.said("web", "score"), format!("score {own}\n"));
    eventually("its end", || {
        (scene.says("bpm list | tail -1") == "web  -   failed").then_some(())
    });
    scene.says("bpm stop web");
    scene.assert_clean();
}

#[test]
fn more_files_than_we_may_open_are_cut_and_told() {
    use rustix::thread::CapabilitySet;
    let scene = Scene::with("files", |builder| {
        builder.drop_capabilities(CapabilitySet::SYS_RESOURCE)
    });
    scene.shell_job(
        "web",
        &format!("ulimit -n; echo ready; {FOREVER}"),
        "  limits: {open_files: 5000}\n",
    );
    scene.says("ulimit -n 3000; bpm start web");
    assert_eq!(scene.said("web", "ready"), "3000\nready\n");
    let log = scene.says("cat $V/sys/log/web/bpm.log");
    assert!(
        log.contains("limit open_files is 3000 instead of 5000"),
        "{log}"
    );
    scene.says("bpm stop web");
    scene.assert_clean();
}
