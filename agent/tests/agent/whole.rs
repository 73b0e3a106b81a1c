//! A whole VM: `warren init` with the real supervisor and the real agent on a real nats-server, in
//! mount, pid, network, cgroup and host name namespaces of its own, with the firewall in force. A job
//! is deployed, its process runs, somebody logs in, a job is let to the supervisor, the agent and the
//! supervisor are killed and come back.

mod access;
mod login;
mod tree;

use std::net::{TcpListener, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use warren_tests_harness::{Sandbox, programs};

use crate::support::certificates::AGENT;
use crate::support::tar::tgz;
use crate::support::until;
use crate::support::vm::Vm;

const EXECUTABLE: &str = "WARREN_TEST_WHOLE";

#[test]
fn a_whole_vm() {
    // The root of the cgroup namespace, as in a container, and removed with all that is made in it.
    let sandbox = Sandbox::new("whole");
    // What is mounted inside goes after those inside, who so cannot remove all that is theirs.
    let directory = tempfile::tempdir().unwrap();
    let enter = "echo $$ >\"$0\"/cgroup.procs; exec unshare --mount --pid --net --uts --cgroup --fork \
        --kill-child \"$@\"";
    let output = Command::new("sh")
        .args(["-c", enter])
        .arg(sandbox.cgroup())
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "whole::inside", "--nocapture"])
        .env(EXECUTABLE, programs::warren())
        .env("TMPDIR", directory.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    let errors = String::from_utf8_lossy(&output.stderr);
    print!("{errors}");
    assert!(
        output.status.success() && text.contains("WHOLE"),
        "{errors}"
    );
}

fn shell(text: &str) {
    let output = Command::new("bash").args(["-ec", text]).output().unwrap();
    assert!(
        output.status.success(),
        "{text}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Where the machine's name server answers, and a question that it always can.
const NAME_SERVER: &str = "169.254.0.2:53";
const UPCHECK: &[u8] = b"\x77\x72\x01\0\0\x01\0\0\0\0\0\0\x07upcheck\x08bosh-dns\0\0\x01\0\x01";

/// Kills a service as the kernel would.
fn kill(name: &str) {
    shell(&format!(
        "pkill_one() {{ for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline 2>/dev/null \
        | grep -q '^warren serve {name}' && kill -9 ${{p#/proc/}}; done; }}; pkill_one || true"
    ));
}

const MONITRC: &str = "set daemon 10\nset logfile /var/vcap/monit/monit.log\n\
    set httpd port 2822 and use address 127.0.0.1\n  allow cleartext /var/vcap/monit/monit.user\n\
    include /var/vcap/monit/*.monitrc\ninclude /var/vcap/monit/job/*.monitrc\n";
const MONIT: &str = "check process web\n  with pidfile /var/vcap/sys/run/web/web.pid\n\
    start program \"/var/vcap/jobs/web/bin/ctl start\"\n\
    stop program \"/var/vcap/jobs/web/bin/ctl stop\"\n  group vcap\n\
    if failed host 127.0.0.1 port 7007 for 60 cycles then alert\n";
/// Where the job says that it answers.
const ANSWERS: (&str, u16) = ("127.0.0.1", 7007);
const CTL: &str = "#!/bin/bash\npid=/var/vcap/sys/run/web/web.pid\ncase $1 in\n\
    start) setsid sleep 1000 > /dev/null 2>&1 & echo $! > $pid;;\n\
    stop) kill $(cat $pid); rm $pid;;\nesac\n";

/// Not a test but what happens in the namespaces, where the variable says so.
#[test]
fn inside() {
    let Ok(warren) = std::env::var(EXECUTABLE) else {
        return;
    };
    let vm = {
        shell("mount --make-rprivate /; ip link set lo up; mount -t proc proc /proc");
        Vm::new()
    };
    // The system's own files are covered, and nothing of the system's is ever bound below the
    // directory of the test: whoever removes that removes all that is in it.
    let root = vm.directory.path().to_string_lossy().into_owned();
    vm.write("var/vcap/bosh/etc/monitrc", MONITRC);
    vm.write("var/vcap/monit/empty.monitrc", "");
    for file in ["hosts", "hostname", "resolv.conf"] {
        vm.write(&format!("etc/{file}"), "");
    }
    login::users(&vm);
    // A checkout may be where the system's own files are covered.
    let programs = std::path::Path::new(&warren).parent().unwrap().display();
    shell(&format!(
        "chmod 700 {root}/var/vcap/bosh/etc/monitrc; \
         exec 9<{programs}; mount -t tmpfs none /var && mkdir -p /var/lib /var/log /var/tmp /var/run /var/cache; \
         mkdir /var/vcap; mount --bind {root}/var/vcap /var/vcap; \
         mount -t tmpfs none /run; mount -t tmpfs -o mode=755 none /home; \
         [ -d {programs} ] || {{ mkdir -p {programs}; mount -c --bind /proc/self/fd/9 {programs}; }}; exec 9<&-; \
         cp -an /etc/. {root}/etc/; rm -f {root}/etc/ssh/ssh_host_*; mount --bind {root}/etc /etc; \
         for f in hosts hostname resolv.conf; do mount --bind {root}/etc/$f /etc/$f; done; \
         mkdir /var/vcap/bosh/bin; ln -s {} /var/vcap/bosh/bin/bosh-enable-monit-access",
        warren
    ));
    let begun = Instant::now();
    let mut init = Command::new(warren).arg("init").spawn().unwrap();
    vm.director.ping();
    println!(
        "from init's start to an answer: {} ms",
        begun.elapsed().as_millis()
    );
    let log = || vm.read("var/vcap/bosh/log/current");
    until("the firewall is proved", || {
        log().contains("[firewall] in force, proved")
    });
    print!("{}", log());

    let mut files = vec![
        ("./web/monit", MONIT),
        ("./web/bin/ctl", CTL),
        ("./web/bin/post-deploy", "#!/bin/bash\nexit 3\n"),
    ];
    files.extend(access::FILES);
    let jobs = tgz(&files);
    let digest = vm.blob("jobs", &jobs);
    let spec = json!({"deployment": "dep", "name": "web", "index": 0, "id": "i-1",
        "job": {"name": "web", "template": "web", "templates":
            [{"name": "web", "version": "1"}, {"name": "asks", "version": "1"}, {"name": "other", "version": "1"}]},
        "networks": {"default": {"type": "manual"}}, "configuration_hash": "h",
        "rendered_templates_archive": {"sha1": digest, "blobstore_id": "jobs"}});
    let begun = Instant::now();
    assert_eq!(vm.director.run("apply", json!([spec])), "applied");
    let applied = begun.elapsed();
    assert_eq!(vm.director.value("start", json!([])), "started");
    let state = || vm.director.value("get_state", json!([]));
    // That its process is there is not enough: nobody answers where the job says.
    until("the job's process is there", || {
        let pid = vm.path("var/vcap/sys/run/web/web.pid");
        let pid = std::fs::read_to_string(pid).unwrap_or_default();
        !pid.is_empty() && std::path::Path::new(&format!("/proc/{}", pid.trim())).exists()
    });
    for _ in 0..3 {
        assert_eq!(state()["job_state"], "starting");
    }
    let _listener = TcpListener::bind(ANSWERS).unwrap();
    until("the job runs", || {
        let all = |state: &serde_json::Value| {
            let processes = state["processes"].as_array().cloned().unwrap_or_default();
            processes.len() == 3 && processes.iter().all(|each| each["state"] == "running")
        };
        state()["job_state"] == "running" && all(&state())
    });
    println!(
        "apply {} ms, to running {} ms",
        applied.as_millis(),
        begun.elapsed().as_millis()
    );
    let pid = vm.read("var/vcap/sys/run/web/web.pid");

    // Whatever is told of a request names it, also on another thread.
    let error = vm.director.fail("run_script", json!(["post-deploy", {}]));
    assert!(error.contains("post-deploy scripts failed"), "{error}");
    for text in [
        "[dispatch] apply done in ",
        "[script] post-deploy of job web: ",
    ] {
        let log = log();
        let line = log
            .lines()
            .find(|line| line.contains(text))
            .unwrap_or_default();
        let id = line.split(" request_id=r").nth(1).unwrap_or_default();
        assert!(id.parse::<u32>().is_ok(), "{text} in {log}");
    }

    // The job's process is not the agent: NATS and monit are closed to it.
    let refused = Command::new("bash")
        .args(["-c", "exec 3<>/dev/tcp/127.0.0.1/2822"])
        .status()
        .unwrap();
    assert!(!refused.success(), "an outsider reached the supervisor");

    access::only_who_asked();
    login::in_and_out(&vm);

    for name in ["agent", "supervisor"] {
        kill(name);
        std::thread::sleep(Duration::from_millis(100));
        vm.director.ping();
        until("all is as it was", || state()["job_state"] == "running");
        assert_eq!(state()["agent_id"], AGENT);
        assert_eq!(
            vm.read("var/vcap/sys/run/web/web.pid"),
            pid,
            "the job went on"
        );
    }
    // The name server comes back.
    let named = || {
        let sent = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
            socket.set_read_timeout(Some(Duration::from_millis(100)))?;
            socket.connect(NAME_SERVER)?;
            socket.send(UPCHECK)?;
            socket.recv(&mut [0; 512])
        });
        sent.is_ok()
    };
    until("names are answered", || {
        named()
            && vm
                .read("etc/resolv.conf")
                .contains("agent\nnameserver 169.254.0.2\n")
    });
    kill("dns");
    until("names are answered again", named);

    let begun = Instant::now();
    assert_eq!(vm.director.run("drain", json!(["shutdown", {}])), 0);
    assert_eq!(vm.director.run("stop", json!([])), "stopped");
    println!("drain and stop {} ms", begun.elapsed().as_millis());
    assert_eq!(state()["job_state"], "stopped");
    tree::as_recorded();
    // Init takes its end a moment later.
    let process = format!("/proc/{}", pid.trim());
    until("the job's process is gone", || {
        !std::path::Path::new(&process).exists()
    });
    // The director ends the machine; an answer may come or not.
    vm.director.send(3, "shutdown", json!([]));
    let mut ended = None;
    until("init has ended", || {
        ended = init.try_wait().unwrap();
        ended.is_some()
    });
    assert!(ended.unwrap().success());
    println!("WHOLE");
}
