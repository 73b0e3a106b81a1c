//! Containers in the group of a unit that systemd has been asked for.

use serde_json::Value;
use warren_tests_harness::page;
use warren_tests_vm::Turn;

use crate::scene::Scene;

const PAGE: &str = "docs/how-to/systemd.md";
const HEADING: &str = "A Garden server alone";
const UNIT: &str = "garden-containers.scope";
const GROUP: &str = "/sys/fs/cgroup/system.slice/garden-containers.scope";

/// Everything that limits `limited`.
fn limits(scene: &Scene) -> String {
    scene.shell(&format!(
        "cd {GROUP}/garden/limited
        for each in memory.max memory.swap.max pids.max cpu.weight cpu.max; do
            echo $each $(cat $each)
        done
        echo below $(cat cgroup.subtree_control) of all $(cat {GROUP}/cgroup.subtree_control)"
    ))
}

fn show(scene: &Scene, property: &str) -> String {
    let value = scene.shell(&format!("systemctl show --value -p {property} {UNIT}"));
    value.trim().to_owned()
}

#[test]
fn containers_are_below_a_unit_and_outlive_the_server() {
    let turn = Turn::take();
    let vm = turn.vm();
    let scene = Scene::new(vm, "driver");
    // No delegation: the server makes nothing below its own group.
    let unit = page::block(PAGE, HEADING, "ini");
    let flags = "--depot $F/depot --store $F/store --default-rootfs $F/rootfs.tar \
                 --cpu-quota-per-share 20";
    let unit = unit.replace("serve garden", &format!("serve garden {flags}"));
    scene.shell(&format!(
        "ln -s /warren /usr/local/bin/warren && ln -s /run/garden.sock $F/sock
        cat >/etc/systemd/system/garden.service <<END\n{unit}END
        systemctl daemon-reload && systemctl start garden"
    ));
    scene.answers();
    let commands = page::block(PAGE, HEADING, "").replace("IMAGE.tar", "$F/rootfs.tar");
    let said = scene.shell(&commands);
    assert!(
        said.contains("keepers") && said.ends_with("web\n"),
        "{said}"
    );
    scene.garden("destroy web");
    scene.garden("create -n limited --limit-memory 67108864 --limit-pids 100 --limit-cpu 2048");
    scene.garden("run limited --id long -- sleep 100000");
    for (property, value) in [
        ("ActiveState", "active"),
        ("Transient", "yes"),
        ("Delegate", "yes"),
        ("ControlGroup", "/system.slice/garden-containers.scope"),
        ("TasksMax", "infinity"),
    ] {
        assert_eq!(show(&scene, property), value, "{property}");
    }
    let before = limits(&scene);
    for expected in [
        "memory.max 67108864\n",
        "memory.swap.max 0\n",
        "pids.max 100\n",
        "cpu.weight 174\n",
        "cpu.max 40960 100000\n",
    ] {
        assert!(before.contains(expected), "{before}");
    }
    // systemd and the kernel tell of the same tree.
    let tree = scene.shell(&format!("systemd-cgls --no-pager --full --unit {UNIT}"));
    for expected in ["keepers", "limited", "init", "sleep 100000", "shim"] {
        assert!(tree.contains(expected), "{tree}");
    }
    let own = scene.shell("systemd-cgls --no-pager --full --unit garden.service");
    assert!(
        own.contains("serve garden") && !own.contains("shim"),
        "{own}"
    );

    scene.shell("systemctl daemon-reload");
    assert_eq!(limits(&scene), before);
    scene.shell("systemctl daemon-reexec");
    assert_eq!(limits(&scene), before);
    // It sets a property of the unit, and so writes to the unit's group.
    scene.shell(&format!(
        "systemctl set-property --runtime {UNIT} CPUWeight=77 && systemctl daemon-reload"
    ));
    assert_eq!(limits(&scene), before);
    assert_eq!(scene.shell(&format!("cat {GROUP}/cpu.weight")), "77\n");
    let greedy = "run limited --attach -- busybox dd if=/dev/zero of=/dev/shm/x bs=1M count=80";
    assert_ne!(scene.try_garden(greedy).code, 0);

    // Its own unit goes, by force and in good order; processes live on in the other.
    for end in ["kill --signal=KILL", "restart"] {
        let pid = scene.shell("systemctl show --value -p MainPID garden.service");
        scene.shell(&format!("systemctl {end} garden.service"));
        scene.shell(&format!(
            "until new=$(systemctl show --value -p MainPID garden.service) &&
                [ $new != 0 ] && [ $new != {} ]; do sleep 0.1; done",
            pid.trim()
        ));
        scene.answers();
        assert_eq!(
            scene.garden("run limited --attach -- echo there"),
            "there\n"
        );
        let long = scene.shell(&format!(
            "cat {GROUP}/garden/limited/init/cgroup.procs | wc -l"
        ));
        assert_eq!(long.trim(), "2", "init and the sleeper");
        assert_eq!(limits(&scene), before);
    }
    let metrics = scene.garden("info limited --json");
    let metrics: Value = serde_json::from_str(&metrics).unwrap();
    assert!(metrics.to_string().contains("active"), "{metrics}");

    // Whoever stops the unit ends its containers, and the next container has a new one.
    scene.shell(&format!("systemctl stop {UNIT}"));
    scene.garden("destroy limited");
    scene.garden("create -n again --limit-pids 10");
    assert_eq!(
        scene.shell(&format!("cat {GROUP}/garden/again/pids.max")),
        "10\n"
    );
    scene.garden("destroy again");
    assert_eq!(
        scene.shell(&format!("ls -d {GROUP}/garden/*/ 2>/dev/null || :")),
        ""
    );
    scene.close();
    vm.shell(
        "rm /usr/local/bin/warren /etc/systemd/system/garden.service; systemctl daemon-reload",
    )
    .success();
    let left = vm.shell(&format!(
        "systemctl list-units --all --no-legend '{UNIT}'; ls -d {GROUP} 2>/dev/null; \
         systemctl --failed --no-legend"
    ));
    assert_eq!(left.stdout, "", "something was left behind");
}

#[test]
fn without_systemd_it_says_so() {
    let turn = Turn::take();
    let vm = turn.vm();
    let scene = Scene::new(vm, "no-systemd");
    let refused = scene.try_shell(
        "unshare --mount sh -c 'mount -t tmpfs none /run/systemd &&
            /warren serve garden --cgroup-driver systemd --bind-socket $F/sock --depot $F/depot \
                --store $F/store'",
    );
    assert_ne!(refused.code, 0);
    for expected in ["/run/systemd/private", "--cgroup-driver cgroupfs"] {
        assert!(refused.stderr.contains(expected), "{refused:?}");
    }
    scene.shell("rm -r $F");
}
