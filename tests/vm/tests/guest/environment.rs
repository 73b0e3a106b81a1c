//! `warren up` as the unit of `docs/how-to/systemd.md`, where there is nothing but cgroup v2: a director
//! in a container, a machine of its, and nothing of it in the end.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use warren_tests_conformance::release;
use warren_tests_harness::protocol::Program;
use warren_tests_harness::{page, programs};
use warren_tests_vm::{Turn, Vm};

/// All of it is emulated.
const PATIENCE: Duration = Duration::from_secs(600);
/// Far less than what the harness waits for an answer.
const LIMIT_MS: u64 = 900_000;
const HOME: &str = "/var/lib/warren/up";
/// Whose unit and commands these are, under which heading.
const PAGE: (&str, &str) = ("docs/how-to/systemd.md", "The whole environment");
/// Files of the test's own.
const FOLDER: &str = "/var/tmp/warren-test-environment";
/// What may be left behind, as text that is the same before and after.
const STOCK: &str = "ip -o link | cut -d: -f2; ip route; nft list tables
    grep lib/warren/up /proc/self/mounts; find /sys/fs/cgroup -type d -path '*/warren.service*'
    ps -e -o args= | grep -e lib/warren/up -e vcap | grep -v grep";

/// Checks that call a program inside which the small root file system does not have.
const NOT_THERE: [(&str, &str); 2] = [("BPM process start", "pgrep"), ("Blobstore", "curl")];

fn try_shell(vm: &Vm, script: &str, stdin: &str) -> warren_tests_harness::Output {
    vm.actor().run_program(Program {
        argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
        env: [
            ("WARREN_HOME", HOME),
            ("HOME", FOLDER),
            ("BOSH_NON_INTERACTIVE", "true"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec(),
        stdin: stdin.to_owned(),
        timeout_ms: LIMIT_MS,
    })
}

#[track_caller]
fn shell(vm: &Vm, script: &str) -> String {
    shell_with(vm, script, "")
}

#[track_caller]
fn shell_with(vm: &Vm, script: &str, stdin: &str) -> String {
    let output = try_shell(vm, &format!("set -e\n{script}"), stdin);
    assert_eq!(output.code, 0, "{script}: {output:?}\n{}", logs(vm));
    output.stdout
}

/// What everything has said last.
fn logs(vm: &Vm) -> String {
    let script = format!(
        "journalctl -u warren --no-pager | tail -n 40
        find {HOME} -name '*.log' -path '*log*' -not -path '*/garden/*/*' -size +0 \
            -exec tail -n 12 -v {{}} +"
    );
    try_shell(vm, &script, "").stdout
}

#[track_caller]
fn bosh(vm: &Vm, arguments: &str) -> String {
    shell(
        vm,
        &format!("eval \"$(/warren env)\"; export BOSH_DEPLOYMENT=small; /warren {arguments}"),
    )
}

/// The small release as an archive, in base64.
fn archive() -> String {
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("release");
    release::write(&source);
    let archive = directory.path().join("small.tgz");
    let made = Command::new(programs::warren())
        .args(["release", "create", "--force", "--tarball"])
        .arg(&archive)
        .current_dir(&source)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let encoded = Command::new("base64").arg(&archive).output().unwrap();
    String::from_utf8(encoded.stdout).unwrap()
}

/// Does what the page says, flags in `ExecStart` included.
#[track_caller]
fn install(vm: &Vm) {
    let (path, heading) = PAGE;
    let unit = page::block(path, heading, "ini");
    let unit = unit.replace("warren up", "warren up --directory /host/director");
    let write = format!(
        "mkdir -p {FOLDER} && ln -s /warren /usr/local/bin/warren
        cat >/etc/systemd/system/warren.service"
    );
    shell_with(vm, &write, &unit);
    let said = shell(vm, &page::block(path, heading, ""));
    // What is where in its group, but for words of commands.
    let shown = page::block(path, heading, "text");
    for line in shown.lines() {
        let mut words = line
            .split([' ', '│', '├', '└', '─'])
            .filter(|word| !word.is_empty());
        let name = words.next().unwrap_or_default();
        assert!(said.contains(name), "{name}: {said}");
    }
}

#[test]
fn a_director_in_a_container() {
    let turn = Turn::take();
    let vm = turn.vm();
    let began = Instant::now();
    let took = |what: &str| println!("{:6.1} s {what}", began.elapsed().as_secs_f64());
    let before = vm.shell(STOCK).stdout;
    install(vm);
    took("up");
    let state = || {
        let show = "systemctl show --value -p ActiveState warren.service";
        vm.shell(show).stdout.trim().to_owned()
    };
    assert_eq!(state(), "active", "{}", logs(vm));
    println!("{}", shell(vm, "journalctl -u warren -o cat --no-pager"));
    let again = shell(vm, "/warren up --directory /host/director");
    assert!(
        !again.contains("made") && !again.contains("started"),
        "{again}"
    );
    took("again");

    shell_with(vm, &format!("base64 -d >{FOLDER}/small.tgz"), &archive());
    bosh(vm, &format!("upload-release {FOLDER}/small.tgz"));
    took("release");
    let system = shell(vm, &format!("cat {HOME}/images/*.json"));
    let system: Value = serde_json::from_str(&system).unwrap();
    let system = system["operating_system"].as_str().unwrap();
    let manifest =
        release::manifest(1, "hello", false).replace("os: tiny", &format!("os: {system}"));
    shell_with(vm, &format!("cat >{FOLDER}/small.yml"), &manifest);
    bosh(vm, &format!("deploy {FOLDER}/small.yml"));
    took("deploy");
    let rows = try_shell(vm, "/warren status --json", "").stdout;
    let rows: Value = serde_json::from_str(&rows).unwrap();
    let failing = rows.as_array().unwrap().iter().filter(|row| {
        let is_without = NOT_THERE.iter().any(|(component, program)| {
            let note = row["note"].as_str().unwrap();
            row["component"] == *component && note.contains(&format!("{program}: not found"))
        });
        row["state"] == "failing" && !is_without
    });
    let failing: Vec<&Value> = failing.collect();
    assert!(failing.is_empty(), "{failing:?}\n{}", logs(vm));
    took("status");

    shell(vm, "systemctl disable --now warren");
    assert_eq!(state(), "inactive", "{}", logs(vm));
    took("stop");
    // What it starts for that has a group of its own: the test's may not hand controllers down.
    shell(
        vm,
        &format!(
            "set -e
            systemd-run --quiet --wait --pipe -p Delegate=yes -E WARREN_HOME /warren down --all
            rm -r {FOLDER} /usr/local/bin/warren /etc/systemd/system/warren.service
            systemctl daemon-reload"
        ),
    );
    took("down");
    let end = Instant::now() + PATIENCE;
    loop {
        let after = vm.shell(STOCK).stdout;
        if after == before {
            break;
        }
        assert!(Instant::now() < end, "{before}\nis now\n{after}");
        std::thread::sleep(Duration::from_millis(200));
    }
}
