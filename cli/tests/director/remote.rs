//! `ssh`, `scp`, `logs` and `pcap` with a real `sshd`, as on two instances.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::scene::{FIRST, SECOND, Scene, is_inside, shell};
use crate::server::{self, Server, started};

/// Lines in any order.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn a_command_runs_on_all_instances() {
    if !is_inside("remote::a_command_runs_on_all_instances") {
        return;
    }
    let scene = Scene::new();
    let ran = scene.run(
        94,
        &["ssh", "-c", "echo $((6*7)); echo $LOGNAME | cut -c1-5"],
    );
    assert_eq!(ran.code, 0, "{ran:#?} {}", scene.log());
    // recorded, but for what the command writes
    let head = "Using environment 'DIRECTOR' as client 'admin'\n\nUsing deployment 'zookeeper'\n\nTask 94. Done\n";
    let rest = ran
        .out
        .strip_prefix(head)
        .unwrap()
        .strip_suffix("\nSucceeded\n")
        .unwrap();
    assert_eq!(
        sorted(rest),
        [
            &format!("zookeeper/{FIRST}: stderr | Connection to 10.244.0.2 closed."),
            &format!("zookeeper/{FIRST}: stdout | 42"),
            &format!("zookeeper/{FIRST}: stdout | bosh_"),
            &format!("zookeeper/{SECOND}: stderr | Connection to 10.244.0.4 closed."),
            &format!("zookeeper/{SECOND}: stdout | 42"),
            &format!("zookeeper/{SECOND}: stdout | bosh_"),
        ]
    );
    let asked = scene.server.asked();
    let body: Value = serde_json::from_slice(&asked[0].body).unwrap();
    assert_eq!(body["target"], json!({"indexes": [], "ids": []}));

    let ran = scene.run(96, &["ssh", "zookeeper/0", "-c", "exit 3"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    let expected = format!("Running SSH:\n  Running 'zookeeper/{FIRST}': exit status: 3");
    assert!(ran.err.contains(&expected), "{ran:#?}");

    let ran = scene.run(
        94,
        &["ssh", "-r", "-c", "hostname >/dev/null; echo a; echo b"],
    );
    assert_eq!(ran.code, 0, "{ran:#?}");
    let table = format!(
        "\nInstance   zookeeper/{FIRST}  \nStdout     a  \n           b  \n\
        Stderr     Connection to 10.244.0.2 closed.  \nExit Code  0  \nError      -  \n"
    );
    // Lines of standard error end as a terminal's do.
    assert!(ran.out.replace('\r', "").contains(&table), "{ran:#?}");
    assert!(ran.out.contains("\n2 results\n"), "{ran:#?}");

    let ran = scene.run(94, &["ssh", "-c", "true", "--opts", "-o SendEnv=X -p 1"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(ran.out.contains("port 1: Connection refused"), "{ran:#?}");
}

#[test]
fn a_shell_is_for_one_instance() {
    if !is_inside("remote::a_shell_is_for_one_instance") {
        return;
    }
    let scene = Scene::new();
    let shell = |task: u64, words: &[&str], typed: &str| {
        scene.expects(task);
        let mut command = scene
            .server
            .command(&[&["--tty", "-d", "zookeeper"], words].concat());
        command
            .env("BOSH_CLIENT", "admin")
            .env("BOSH_CLIENT_SECRET", "secret");
        let ran = scene.server.ran(server::told(&mut command, typed));
        scene.has_cleaned_up();
        ran
    };
    let ran = shell(96, &["ssh", "zookeeper/0"], "echo $((6*7))\nexit 0\n");
    assert_eq!(ran.code, 0, "{ran:#?} {}", scene.log());
    assert!(ran.out.contains("42"), "{ran:#?}");
    let ran = shell(96, &["ssh", "zookeeper/0"], "exit 7\n");
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(ran.err.contains("Running SSH:\n  exit code 7"), "{ran:#?}");
    let ran = shell(94, &["ssh", "zookeeper"], "");
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(
        ran.err.contains("only works for a single host at a time"),
        "{ran:#?}"
    );
    // Who cannot type needs a command; the director is not even asked.
    let ran = scene.server.run(&["ssh", "-d", "zookeeper"]);
    assert!(
        ran.err
            .contains("Non-interactive SSH requires non-empty command"),
        "{ran:#?}"
    );
}

#[test]
fn instances_are_who_the_director_says_they_are() {
    if !is_inside("remote::instances_are_who_the_director_says_they_are") {
        return;
    }
    let scene = Scene::new();
    let mut other = scene.answer("zookeeper", FIRST, "10.244.0.2");
    let key = fs::read_to_string(scene.top.join("mine.pub")).unwrap();
    other["host_public_key"] = key.into();
    scene
        .server
        .has_task(97, "done", "", &json!([other]).to_string());
    let ran = scene.run(97, &["ssh", "-c", "true"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(ran.out.contains("Host key verification failed"), "{ran:#?}");

    // With a key of one's own nobody says who they are, and the director makes no user.
    let mine = scene.top.join("mine").display().to_string();
    let public = fs::read_to_string(scene.top.join("mine.pub")).unwrap();
    shell(&format!(
        "echo 'me:*:0:0::{0}/home:/bin/sh' >>/etc/passwd",
        scene.top.display()
    ));
    fs::write(scene.top.join("keys/me"), public).unwrap();
    let before = scene.server.asked().len();
    let ran = scene.server.run(&[
        "ssh",
        "-i",
        &mine,
        "-l",
        "me",
        "10.244.0.4",
        "-c",
        "echo there",
    ]);
    assert_eq!(ran.code, 0, "{ran:#?} {}", scene.log());
    assert!(ran.out.contains("stdout | there"), "{ran:#?}");
    assert_eq!(scene.server.asked().len(), before);
    let vms = json!({"job_name": "zookeeper", "id": FIRST, "index": 0, "ips": ["10.244.0.2"], "active": true});
    scene
        .server
        .says("GET /deployments/zookeeper/vms?format=full", started(98));
    scene.server.has_task(98, "done", "", &format!("{vms}\n"));
    let words = [
        "-d",
        "zookeeper",
        "ssh",
        "-i",
        &mine,
        "-l",
        "me",
        "zookeeper/0",
        "-c",
        "echo there",
    ];
    let ran = scene.server.run(&words);
    assert_eq!(ran.code, 0, "{ran:#?} {}", scene.log());
    assert!(
        ran.out
            .contains(&format!("zookeeper/{FIRST}: stdout | there")),
        "{ran:#?}"
    );

    // Through another host: with its key, and as its user.
    let logins = || {
        scene
            .log()
            .matches("Accepted publickey for me from")
            .count()
    };
    let before = logins();
    let gateway = [
        "--gw-host",
        "10.244.0.4",
        "--gw-user",
        "me",
        "--gw-private-key",
        &mine,
    ];
    let ran = scene.run(
        96,
        &[&["ssh", "zookeeper/0", "-c", "echo there"], &gateway[..]].concat(),
    );
    assert_eq!(ran.code, 0, "{ran:#?} {}", scene.log());
    assert!(ran.out.contains("stdout | there"), "{ran:#?}");
    assert_eq!(logins(), before + 1, "{}", scene.log());
    // Not if it is to be left out.
    let ran = scene.run(
        96,
        &[
            &["ssh", "zookeeper/0", "-c", "true", "--gw-disable"],
            &gateway[..],
        ]
        .concat(),
    );
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert_eq!(logins(), before + 1, "{}", scene.log());
}

#[test]
fn files_go_there_and_come_back() {
    if !is_inside("remote::files_go_there_and_come_back") {
        return;
    }
    let scene = Scene::new();
    let top = scene.top.display().to_string();
    let source = scene.server.file("a.txt", "hello\n");
    let there = format!("zookeeper:{top}/home/((instance_id)).txt");
    let ran = scene.run(94, &["scp", &source, &there]);
    assert_eq!(ran.code, 0, "{ran:#?} {}", scene.log());
    for id in [FIRST, SECOND] {
        let text = fs::read_to_string(scene.top.join(format!("home/{id}.txt"))).unwrap();
        assert_eq!(text, "hello\n");
    }
    let there = format!("zookeeper/0:{top}/home");
    let ran = scene.run(96, &["scp", "-r", &there, "./of-((instance_id))"]);
    assert_eq!(ran.code, 0, "{ran:#?} {}", scene.log());
    let copied = scene.top.join(format!("of-{FIRST}/{SECOND}.txt"));
    assert_eq!(fs::read_to_string(copied).unwrap(), "hello\n");
    let ran = scene.run(96, &["scp", "zookeeper/0:/nothing/there", "x"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(ran.err.contains("Running SCP:\n"), "{ran:#?}");
    let ran = scene.server.run(&["-d", "zookeeper", "scp", "x", "y"]);
    assert!(
        ran.err.contains("Missing remote host information"),
        "{ran:#?}"
    );
}

#[test]
fn logs_are_followed_until_somebody_interrupts() {
    if !is_inside("remote::logs_are_followed_until_somebody_interrupts") {
        return;
    }
    let scene = Scene::new();
    let ran = scene.run(96, &["logs", "zookeeper/0", "--num", "1", "--job", "zk"]);
    assert_eq!(ran.code, 0, "{ran:#?} {}", scene.log());
    assert!(
        ran.out
            .contains(&format!("zookeeper/{FIRST}: stdout | two\n")),
        "{ran:#?}"
    );
    assert!(!ran.out.contains("| one"), "{ran:#?}");

    scene.expects(94);
    let out = scene.top.join("followed");
    let mut command = scene
        .server
        .command(&["--tty", "-d", "zookeeper", "logs", "-f"]);
    command
        .env("BOSH_CLIENT", "admin")
        .env("BOSH_CLIENT_SECRET", "secret");
    command
        .stdout(fs::File::create(&out).unwrap())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let text = || fs::read_to_string(&out).unwrap();
    scene.wait("the old lines", || {
        text().matches("stdout | two").count() == 2
    });
    let log = scene.top.join("var/vcap/sys/log/zk/zk.stdout.log");
    let mut log = fs::OpenOptions::new().append(true).open(log).unwrap();
    writeln!(log, "three").unwrap();
    scene.wait("the new line", || {
        text().matches("stdout | three").count() == 2
    });
    let number = child.id();
    shell(&format!("kill -INT {number}"));
    let ran = scene.server.ran(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(
        ran.err.contains("Received an interrupt, exiting..."),
        "{ran:#?}"
    );
    scene.has_cleaned_up();
    let asked = scene.server.lines();
    let posts = asked.iter().filter(|line| line.ends_with("/ssh")).count();
    assert_eq!(posts, 4, "{asked:#?}");
}

#[test]
fn packets_of_many_instances_are_one_file() {
    if !is_inside("remote::packets_of_many_instances_are_one_file") {
        return;
    }
    let scene = Scene::new();
    assert!(
        std::path::Path::new("/usr/bin/tcpdump").exists(),
        "tcpdump is missing: apt-get install tcpdump"
    );
    scene.expects(94);
    let words = [
        "--tty",
        "-d",
        "zookeeper",
        "pcap",
        "-i",
        "lo",
        "--output=all.pcap",
        "-f",
        "udp port 9",
    ];
    let mut command = scene.server.command(&words);
    command
        .env("BOSH_CLIENT", "admin")
        .env("BOSH_CLIENT_SECRET", "secret");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let path = scene.top.join("all.pcap");
    let socket = std::net::UdpSocket::bind("10.244.0.2:0").unwrap();
    // Both see what is on the one interface here: each packet twice.
    let packets = || {
        fs::read(&path)
            .unwrap_or_default()
            .windows(6)
            .filter(|w| w == b"hello!")
            .count()
    };
    scene.wait("packets of both", || {
        socket.send_to(b"hello!", "10.244.0.4:9").unwrap();
        packets() >= 4
    });
    shell(&format!("kill -INT {}", child.id()));
    let ran = scene.server.ran(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{ran:#?} {}", scene.log());
    assert!(ran.out.contains("Capturing on 2 instance(s)"), "{ran:#?}");
    scene.has_cleaned_up();
    let all = packets();
    assert!(
        ran.out.contains(&format!("Captured {all} packet(s)")),
        "{all}: {ran:#?}"
    );
    // None goes on.
    scene.wait("the end of tcpdump", || {
        let found = std::process::Command::new("pgrep")
            .args(["-x", "tcpdump"])
            .output();
        found.unwrap().stdout.is_empty()
    });
    // It is one that others can read.
    let read = std::process::Command::new("tcpdump")
        .args(["-n", "-r"])
        .arg(&path)
        .output()
        .unwrap();
    let read = String::from_utf8(read.stdout).unwrap();
    assert_eq!(read.lines().count(), all, "{read}");
    assert!(
        read.lines()
            .all(|line| line.contains("10.244.0.4.9: UDP, length 6")),
        "{read}"
    );

    let mut words = words;
    words[5] = "nowhere";
    scene.expects(94);
    let ran = scene.server.run(&words);
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(ran.out.contains("stderr | tcpdump: nowhere"), "{ran:#?}");
    assert!(ran.err.contains("Capturing packets:\n"), "{ran:#?}");
    scene.has_cleaned_up();
}

#[test]
fn logs_are_fetched() {
    let server = Server::new();
    let line = "GET /deployments/zookeeper/jobs/zookeeper/0/logs?type=agent%2Cjob%2Csystem&filters=a%2Cb%2F%2A";
    server
        .says(line, started(75))
        .says("GET /resources/b-1", server::json("packed"))
        .has_task(75, "done", "", "");
    server.forgets("GET /tasks/75");
    server.says(
        "GET /tasks/75",
        server::json(r#"{"id":75,"state":"done","result":"b-1"}"#),
    );
    let words = [
        "--tty",
        "-d",
        "zookeeper",
        "logs",
        "zookeeper/0",
        "--all-logs",
        "--only",
        "a,b/*",
    ];
    let ran = server.run(&words);
    assert_eq!(ran.code, 0, "{ran:#?}");
    // recorded, but for where it is and when
    let told = "\nTask 75. Done\n\nDownloading resource 'b-1' to './zookeeper.zookeeper.0-";
    assert!(ran.out.contains(told), "{ran:#?}");
}
