//! What is done with a container: files, terminals, network, signals, processes with an image.

use std::fs::Permissions;
use std::io::{Cursor, Read};
use std::os::unix::fs::PermissionsExt;

use warren_garden_client::Streams;
use warren_tests_conformance::garden::shell;
use warren_tests_harness::executable;
use warren_wire_garden::process::ProcessSpec;

use super::{eventually, server, with_each};

with_each! {
    files_streams_and_terminals,
    the_network_is_there_when_init_begins,
    stopping_and_signals,
    a_process_with_its_own_image,
    its_remarks_are_in_the_servers_log,
}

fn files_streams_and_terminals(runtime: &str) {
    let server = server(runtime);
    for privileged in [false, true] {
        let mut spec = server.spec("");
        spec.privileged = privileged;
        let container = server.create(&spec);
        let (client, handle) = (container.client(), container.handle());
        let tar = container.sh("cd /tmp && echo text >f && tar -cf - f | base64");
        assert_eq!(tar.status, 0);
        let mut out = Vec::new();
        let mut body = client.stream_out(handle, "root", "/tmp/f").unwrap();
        body.read_to_end(&mut out).unwrap();
        client
            .stream_in(handle, "alice", "/home/alice/in", &mut Cursor::new(out))
            .unwrap();
        let seen = container.says("cat /home/alice/in/f; stat -c %U /home/alice/in/f");
        assert_eq!(seen, "text\nalice");
        let tty = ProcessSpec {
            tty: Some(warren_wire_garden::process::TtySpec::default()),
            ..shell("alice", "tty; test -w $(tty) && echo mine; exit 3")
        };
        let (process, stdout, _) = container.capture(&tty).unwrap();
        assert_eq!(process.wait().unwrap(), 3);
        assert_eq!(stdout.text(), "/dev/pts/0\r\nmine\r\n");
    }
}

fn the_network_is_there_when_init_begins(runtime: &str) {
    let server = server(runtime);
    let mut spec = server.spec("net");
    spec.network = "10.244.7.9/24".to_owned();
    let container = server.create(&spec);
    assert!(container.says("ip -4 addr show").contains("10.244.7.9/24"));
    assert_eq!(container.says("hostname; cat /etc/hostname"), "net\nnet");
    assert!(container.says("cat /etc/hosts").contains("10.244.7.9"));
    assert!(container.says("cat /etc/resolv.conf").contains("192.0.2.2"));
    assert_eq!(
        container.says("ping -c 1 -W 20 192.0.2.2 >/dev/null && echo answered"),
        "answered"
    );
    let mapped = server.client().net_in("net", 0, 8080).unwrap();
    let listen = shell("root", "while true; do echo hello | nc -l -p 8080; done");
    let _listening = container.start(&listen, Streams::default()).unwrap();
    let port = u16::try_from(mapped.host_port).unwrap();
    eventually("an answer", || {
        server.neighbour().inside(|| {
            let stream = std::net::TcpStream::connect(("192.0.2.1", port));
            let mut text = String::new();
            let read = stream.and_then(|mut stream| stream.read_to_string(&mut text));
            read.is_ok() && text == "hello\n"
        })
    });
}

fn stopping_and_signals(runtime: &str) {
    let server = server(runtime);
    let container = server.container();
    let polite = shell(
        "root",
        "trap 'exit 42' TERM; echo up; while :; do sleep 0.01; done",
    );
    let (process, stdout, _) = container.capture(&polite).unwrap();
    eventually("it is up", || stdout.text() == "up\n");
    server.client().stop(container.handle(), false).unwrap();
    assert_eq!(process.wait().unwrap(), 42);
    assert_eq!(
        server.client().info(container.handle()).unwrap().state,
        "stopped"
    );
    assert_eq!(container.says("echo still"), "still");
}

fn a_process_with_its_own_image(runtime: &str) {
    let server = server(runtime);
    let container = server.container();
    let mut pea = shell(
        "root",
        "for p in self 1; do readlink /proc/$p/ns/net; done | sort -u | wc -l; exit 4",
    );
    pea.image = server.spec("").image;
    let ran = container.run(&pea);
    assert_eq!((ran.status, ran.stdout.as_str()), (4, "1\n"), "{ran:?}");
}

fn its_remarks_are_in_the_servers_log(runtime: &str) {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("remarks");
    // The runtime itself, but that it finds something remarkable.
    let script = format!(
        r#"#!/bin/sh
case " $* " in *" create "*)
    last=; for each; do [ "$last" != --log ] || log=$each; last=$each; done
    echo '{{"level":"warning","msg":"this is remarkable","time":""}}' >>"$log"
esac
exec {runtime} "$@"
"#
    );
    executable(&program, script.as_bytes());
    std::fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let server = server(&program.display().to_string());
    let _container = server.create(&server.spec("remarkable"));
    let log = server.log();
    let told = log
        .lines()
        .any(|line| line.contains(r#"handle="remarkable""#) && line.contains("this is remarkable"));
    assert!(told, "{log}");
}
