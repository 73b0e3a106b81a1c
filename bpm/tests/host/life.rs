//! From start to stop.

use warren_tests_harness::{Leaks, cgroup};

use crate::scene::{FOREVER, Scene, eventually, is_alive};

#[test]
fn a_process_is_what_its_file_says() {
    let leaks = Leaks::snapshot();
    let scene = Scene::new("life");
    let program = format!(
        "id -u; id -g; id -G; pwd; hostname; env | sort; grep -E '^(Cap|NoNew|Seccomp:)' /proc/self/status
        readlink /proc/self/ns/net /proc/self/ns/user /proc/self/ns/cgroup; echo in $(readlink \
         /proc/self/ns/pid); touch /etc/x /usr/x $TMPDIR/a /tmp/b /var/tmp/c $HOME/d 2>&1
        cp /bin/true $TMPDIR/true; $TMPDIR/true 2>&1; unshare -m true 2>&1; echo ready; {FOREVER}"
    );
    scene.shell_job(
        "web",
        &program,
        "  env: {LANG: C, A: 1.50}\n  capabilities: [NET_BIND_SERVICE]\n  workdir: /var/vcap/sys/log/web\n",
    );
    assert_eq!(scene.says("bpm start web"), "");
    let said = scene.said("web", "ready\n");
    let lines: Vec<&str> = said.lines().collect();
    let hostname = scene.says("hostname");
    assert_eq!(
        lines[..5],
        ["1000", "1001", "1001", "/var/vcap/sys/log/web", &hostname],
        "{said}"
    );
    for line in [
        "A=1.50",
        "LANG=C",
        "HOME=/var/vcap/data/web/tmp",
        "TMPDIR=/var/vcap/data/web/tmp",
        "PATH=/var/vcap/jobs/web/bin:/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin:.",
        "CapEff:\t0000000000000400",
        "CapPrm:\t0000000000000400",
        "CapBnd:\t0000000000000400",
        "CapAmb:\t0000000000000400",
        "NoNewPrivs:\t1",
        "Seccomp:\t2",
        "touch: cannot touch '/etc/x': Read-only file system",
        "touch: cannot touch '/usr/x': Read-only file system",
        "sh: 1: /var/vcap/data/web/tmp/true: Permission denied",
        "unshare: unshare failed: Operation not permitted",
    ] {
        // The shell numbers the lines of its program.
        let found = lines.iter().any(|each| {
            *each == line || line.starts_with("sh: 1") && each.ends_with(&line["sh: 1".len()..])
        });
        assert!(found, "{line:?} is missing in\n{said}");
    }
    assert!(!said.contains("USER=") && !said.contains("BPM_"), "{said}");
    let link =
        |name: &str| std::fs::read_link(format!("/proc/{}/ns/{name}", scene.actor.host_pid()));
    for (name, same) in [("net", true), ("user", true), ("cgroup", true)] {
        let outside = link(name).unwrap().display().to_string();
        assert_eq!(lines.contains(&outside.as_str()), same, "{name}");
    }
    assert!(!said.contains(&format!("in {}", link("pid").unwrap().display())));
    for file in ["a", "b", "c"] {
        assert!(scene.v("data/web/tmp").join(file).exists(), "{file}");
    }

    let pid = scene.pid("web");
    assert!(is_alive(pid));
    assert_eq!(scene.says("bpm pid web"), pid.to_string());
    let width = pid.to_string().len().max(3);
    assert_eq!(
        scene.says("bpm list"),
        format!("Name {:width$} Status\nweb  {pid:<width$} running", "Pid")
    );
    assert_eq!(
        scene.says("bpm list --json | tr -d ' \\n'"),
        format!(r#"{{"processes":[{{"name":"web","pid":{pid},"status":"running"}}]}}"#)
    );
    assert_eq!(
        scene.says("bpm start web; bpm pid web"),
        pid.to_string(),
        "started twice"
    );
    assert_eq!(
        scene.says("cat $V/data/bpm/bundles/web/web/config.json | head -c 1"),
        "{"
    );

    assert_eq!(scene.says("bpm stop web"), "");
    assert!(!is_alive(pid));
    assert_eq!(
        scene.fails("bpm pid web"),
        (
            1,
            "Error: process is not running or could not be found".to_owned()
        )
    );
    assert_eq!(scene.says("bpm list | tail -1"), "web  -   stopped");
    assert_eq!(scene.says("bpm stop web; bpm stop web"), "");
    scene.assert_clean();
    drop(scene);
    leaks.assert_same();
}

#[test]
fn signals_reach_the_program_and_orphans_are_waited_for() {
    let leaks = Leaks::snapshot();
    let scene = Scene::new("signals");
    scene.shell_job(
        "web",
        "trap 'echo got HUP' HUP; trap 'echo got INT; exit 0' INT; trap 'echo got TERM' TERM
        sh -c 'sleep 0.1 & echo orphan $!'; echo ready
        while :; do sleep 0.02; done",
        "  shutdown_signal: INT\n",
    );
    scene.says("bpm start web");
    scene.said("web", "ready");
    let pid = scene.pid("web");
    scene.says(&format!("kill -HUP {pid}"));
    let said = scene.said("web", "got HUP");
    let orphan: u32 = said
        .split("orphan ")
        .nth(1)
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    eventually("no trace of the orphan", || {
        let path = format!("/proc/{pid}/root/proc/{orphan}");
        (!std::path::Path::new(&path).exists()).then_some(())
    });
    scene.says("bpm stop web");
    let said = scene.said("web", "got INT");
    assert!(!said.contains("got TERM"), "{said}");
    scene.assert_clean();
    drop(scene);
    leaks.assert_same();
}

#[test]
fn who_does_not_end_is_killed_before_monit_loses_patience() {
    let scene = Scene::new("deaf");
    let program = format!(
        "trap '' TERM; trap 'echo got QUIT' QUIT; setsid sh -c '{FOREVER}' & echo ready; {FOREVER}"
    );
    scene.shell_job("web", &program, "");
    scene.says("bpm start web");
    scene.said("web", "ready");
    let pid = scene.pid("web");
    let started = std::time::Instant::now();
    scene.says("bpm stop web");
    let took = started.elapsed().as_secs();
    assert!((17..30).contains(&took), "{took} s");
    assert!(!is_alive(pid));
    scene.said("web", "got QUIT");
    scene.assert_clean();
}

#[test]
fn a_process_that_ended_has_failed_and_is_started_anew() {
    let scene = Scene::new("ended");
    scene.shell_job(
        "web",
        &format!("echo once; [ -e $TMPDIR/go ] || exit 3; {FOREVER}"),
        "",
    );
    scene.says("bpm start web");
    eventually("failed", || {
        (scene.says("bpm list | tail -1") == "web  -   failed").then_some(())
    });
    std::fs::write(scene.v("data/web/tmp/go"), "").unwrap();
    scene.says("bpm start web");
    eventually("a second start", || {
        (scene.said("web", "once").matches("once").count() == 2).then_some(())
    });
    scene.says("bpm stop web");
    scene.assert_clean();
}

#[test]
fn processes_of_one_job_have_names_of_their_own() {
    let scene = Scene::new("two");
    let process = |name: &str| {
        format!("- name: {name}\n  executable: /bin/sh\n  args: [-c, 'echo {name}; {FOREVER}']\n")
    };
    scene.job(
        "web",
        &format!("processes:\n{}{}", process("web"), process("side_car")),
    );
    scene.says("bpm start web; bpm start web -p side_car");
    let list = scene.says("bpm list | cut -d' ' -f1");
    assert_eq!(list, "Name\nweb\nweb.side_car");
    let state = scene.v("sys/run/bpm-warren/bpm-web.2eside_car.json");
    assert!(state.exists());
    assert!(scene.v("sys/run/bpm/web/side_car.pid").exists());
    let log = scene.v("sys/log/web/side_car.stdout.log");
    eventually("its log", || {
        (std::fs::read(&log).ok()? == b"side_car\n").then_some(())
    });
    // The firewall of the agent looks for the job's name in the path of the group.
    let pid = scene.says("bpm pid web -p side_car");
    let group = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    assert!(
        group
            .lines()
            .all(|line| line.ends_with("/bpm-web.2eside_car/init") || !line.contains("warren-bpm")),
        "{group}"
    );
    scene.says("bpm stop web");
    assert_eq!(
        scene.says("bpm list | tail -2 | tr -s ' '").lines().last(),
        Some(format!("web.side_car {pid} running").as_str())
    );
    scene.says("bpm stop web -p side_car");
    scene.assert_clean();
}

#[test]
fn logs_are_shown_and_a_shell_opens() {
    let scene = Scene::new("shell");
    scene.shell_job(
        "web",
        &format!("echo one; echo two; echo bad >&2; echo ready; {FOREVER}"),
        "",
    );
    assert_eq!(
        scene.fails("bpm logs web"),
        (1, "Error: logs not found".to_owned())
    );
    assert_eq!(
        scene.fails("bpm shell web"),
        (
            1,
            "Error: process is not running or could not be found".to_owned()
        )
    );
    scene.says("bpm start web");
    scene.said("web", "ready");
    assert_eq!(scene.says("bpm logs web -n 2"), "two\nready");
    assert_eq!(scene.says("bpm logs web -e"), "bad");
    assert!(scene.says("bpm logs web -a").contains("==>"));
    assert_eq!(scene.says("bpm logs web -a -q"), "one\ntwo\nready\nbad");
    let pid = scene.pid("web");
    let shell = scene.sh(
        "echo 'tty; id -u; echo $TERM; head -c 17 /proc/1/cmdline; exit 5' | TERM=vt7 bpm shell web",
    );
    assert_eq!(shell.code, 5, "{shell:?}");
    for line in ["/dev/pts/0", "1000", "vt7", "/.warren/bpm-init"] {
        assert!(shell.stdout.contains(line), "{line} is not in {shell:?}");
    }
    assert!(is_alive(pid));
    scene.says("bpm stop web");
    scene.assert_clean();
}

/// Our supervisor starts `bpm` in a group of its service, which is gone afterwards: the process is where
/// any other shell would have started it, and is found from there.
#[test]
fn whoever_starts_it_the_group_is_the_same() {
    let scene = Scene::new("service");
    scene.shell_job("web", "exec sleep 1000", "");
    let own = scene.says("sed -n 's/^0:://p' /proc/self/cgroup");
    let service = format!(
        "{}/warren-jobs-1f/warren-job-web",
        cgroup::root().join(&own[1..]).display()
    );
    std::fs::create_dir_all(&service).unwrap();
    scene.says(&format!("echo $$ >{service}/cgroup.procs; bpm start web"));
    let group = scene.says("sed -n 's/^0:://p' /proc/$(bpm pid web)/cgroup");
    assert!(group.starts_with(&format!("{own}/warren-bpm-")), "{group}");
    assert!(group.ends_with("/bpm-web/init"), "{group}");
    // Nothing of it is left in the service's group, once who has ended there is gone.
    eventually("its removal", || std::fs::remove_dir(&service).ok());
    scene.says("bpm stop web");
    assert!(scene.says("bpm list").contains("stopped"));
}
