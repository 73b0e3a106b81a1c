//! What programs inside may do and find: users made there, set-id programs, the clock, capabilities
//! of files, names of the network.

use std::io::{Cursor, Read};
use std::net::UdpSocket;

use warren_garden_client::Streams;
use warren_lib_tar::{Entry, Kind, Time, Writer};
use warren_tests_conformance::garden::{Container, Server, Sink, shell};
use warren_wire_garden::container::BindMount;
use warren_wire_garden::process::{ProcessSpec, ResourceLimits, Signal};

use crate::image::layout;

/// A container of each kind.
fn both(server: &Server) -> [Container; 2] {
    [false, true].map(|is_privileged| {
        let mut spec = server.spec("");
        spec.privileged = is_privileged;
        server.create(&spec)
    })
}

#[test]
fn users_that_are_added_inside_are_users() {
    let server = Server::new();
    // The machine's own useradd(8), with its libraries.
    let tools = [
        ("/usr/lib", "/lib"),
        ("/usr/lib64", "/lib64"),
        ("/usr/sbin", "/host"),
    ];
    for is_privileged in [false, true] {
        let mut spec = server.spec("");
        spec.privileged = is_privileged;
        spec.bind_mounts = tools
            .iter()
            .map(|(from, to)| BindMount {
                src_path: (*from).to_owned(),
                dst_path: (*to).to_owned(),
                ..BindMount::default()
            })
            .collect();
        let container = server.create(&spec);
        container.says("/host/useradd -m -u 50000 bob && echo hers >/home/bob/file");
        container.says("chown bob /home/bob/file && chmod 600 /home/bob/file");
        let ran = container.sh_as("bob", "whoami; id -u; pwd; cat file; echo x >>file");
        let expected = "bob\n50000\n/home/bob\nhers\n";
        assert_eq!((ran.status, &*ran.stdout), (0, expected), "{ran:?}");
        assert_ne!(container.sh_as("alice", "cat /home/bob/file").status, 0);
        let ran = container.sh_as("big", "touch /tmp/big; stat -c '%u %g' /tmp/big");
        assert_eq!(ran.stdout, "1000000000 1000000000\n");
    }
}

/// A set-uid program as sudo is one. Busybox keeps the rights of its `ping`, so its process can be
/// looked at.
const SET_ID: &str = "ln -f /bin/su-exec /bin/busybox-set-id";

#[test]
fn the_set_uid_bit_makes_root_and_not_more_than_the_container_has() {
    let server = Server::new();
    for container in both(&server) {
        container.says(SET_ID);
        let script = "/bin/busybox-set-id ping -i 1 127.0.0.1 >/dev/null & pid=$!
            until tr '\\0' ' ' </proc/$pid/cmdline | grep -q '^/bin/busybox-set-id '; do
                sleep 0.01
            done
            grep -E '^(Uid|CapEff|CapBnd|NoNewPrivs)' /proc/$pid/status; kill -9 $pid
            grep CapBnd /proc/$$/status";
        let ran = container.sh_as("alice", script);
        let lines: Vec<Vec<&str>> = ran
            .stdout
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        let line = |name: &str| lines.iter().find(|line| line[0] == name);
        // Real and effective.
        let uids = line("Uid:").unwrap();
        assert_eq!(uids[1..3], ["1001", "0"], "{ran:?}");
        // As much as its own user could ever have, and no more.
        let effective = line("CapEff:").unwrap()[1];
        assert_eq!(effective, line("CapBnd:").unwrap()[1], "{ran:?}");
        assert_eq!(effective, lines.last().unwrap()[1], "{ran:?}");
        assert_ne!(u64::from_str_radix(effective, 16).unwrap(), 0);
        assert_eq!(line("NoNewPrivs:").unwrap()[1], "0", "{ran:?}");
    }
}

#[test]
fn nobody_sets_the_clock_who_is_not_root_of_a_privileged_container() {
    let server = Server::new();
    // To what it is, in case it works.
    let set = "date -s @$(date +%s)";
    let [unprivileged, privileged] = both(&server);
    for (container, user) in [
        (&unprivileged, "root"),
        (&unprivileged, "alice"),
        (&privileged, "alice"),
    ] {
        let ran = container.sh_as(user, set);
        assert!(ran.stderr.contains("not permitted"), "{user}: {ran:?}");
    }
    // Nor with the rights of a set-uid program: CAP_SYS_TIME is not among them.
    let bound = privileged.sh_as("alice", "grep CapBnd /proc/self/status");
    let bound = bound.stdout.split_whitespace().nth(1).unwrap().to_owned();
    let sys_time = 1 << 25;
    assert_eq!(u64::from_str_radix(&bound, 16).unwrap() & sys_time, 0);
    // Nor does the machine obey the unprivileged.
    let ran = unprivileged.sh("echo h >/proc/sysrq-trigger");
    assert_ne!(ran.status, 0, "{ran:?}");
}

#[test]
fn the_first_process_has_the_capabilities_of_root() {
    let server = Server::new();
    for container in both(&server) {
        let of = |pid: &str| container.says(&format!("grep Cap /proc/{pid}/status"));
        assert_eq!(of("1"), of("self"));
        let maps = ["uid_map", "gid_map"].map(|map| container.says(&format!("cat /proc/1/{map}")));
        assert_eq!(maps[0], maps[1]);
        assert_eq!(container.says("stat -c %t:%T /dev/pts/ptmx"), "5:2");
    }
}

/// `security.capability` with CAP_NET_BIND_SERVICE, permitted and effective. Source: `vfs_cap_data`,
/// revision 2, in linux/capability.h.
const CAPABILITY: [u8; 20] = {
    let mut value = [0; 20];
    (value[0], value[3]) = (1, 2);
    // Bit 10.
    value[5] = 1 << 2;
    value
};

/// An archive of the machine's busybox, at this path, with [`CAPABILITY`].
fn capable(path: &str) -> Vec<u8> {
    let data = std::fs::read("/bin/busybox").unwrap();
    let entry = Entry {
        path: path.as_bytes().to_vec(),
        kind: Kind::File,
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime: Time::default(),
        stored: data.len() as u64,
        xattrs: vec![(b"security.capability".to_vec(), CAPABILITY.to_vec())],
        sparse: None,
    };
    let mut writer = Writer::new(Vec::new());
    writer.start(&entry).unwrap();
    writer.data(&data).unwrap();
    writer.finish().unwrap()
}

#[test]
fn capabilities_of_files_come_in_and_go_out() {
    let server = Server::new();
    for container in both(&server) {
        let tar = capable("busybox-bind");
        let client = container.client();
        let sent = client.stream_in(container.handle(), "root", "/usr/bin", Cursor::new(tar));
        sent.unwrap();
        let script = "/usr/bin/busybox-bind grep CapEff /proc/self/status";
        let ran = container.sh_as("alice", script);
        assert_eq!(ran.stdout, "CapEff:\t0000000000000400\n", "{ran:?}");
        let mut body = client
            .stream_out(container.handle(), "root", "/usr/bin/busybox-bind")
            .unwrap();
        let mut back = Vec::new();
        body.read_to_end(&mut back).unwrap();
        let mut reader = warren_lib_tar::Reader::new(&*back);
        let entry = reader.next_entry().unwrap().unwrap();
        let names: Vec<&[u8]> = entry.xattrs.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, [b"security.capability"]);
    }
}

#[test]
fn capabilities_of_files_are_kept_in_the_image() {
    let server = Server::new();
    let at = server.directory();
    std::fs::write(at.join("bind.tar"), capable("bin/busybox-bind")).unwrap();
    let directory = at.join("layout");
    layout(
        &directory,
        &[server.rootfs.path(), at.join("bind.tar")],
        &[],
    );
    for is_privileged in [false, true] {
        let mut spec = server.spec("");
        spec.image.uri = format!("oci://{}#1", directory.display());
        spec.privileged = is_privileged;
        let container = server.create(&spec);
        let script = "/bin/busybox-bind grep CapEff /proc/self/status";
        let ran = container.sh_as("alice", script);
        assert_eq!(ran.stdout, "CapEff:\t0000000000000400\n", "{ran:?}");
    }
}

#[test]
fn input_is_at_its_name_in_dev() {
    let server = Server::new();
    for container in both(&server) {
        for user in ["root", "alice"] {
            let output = Sink::default();
            let streams = Streams {
                stdin: Some(Box::new(Cursor::new(b"said by its client".to_vec()))),
                stdout: Some(Box::new(output.clone())),
                stderr: None,
            };
            let process = container.start(&shell(user, "cat /dev/stdin"), streams);
            assert_eq!(process.unwrap().wait().unwrap(), 0);
            assert_eq!(output.text(), "said by its client");
        }
    }
}

#[test]
fn a_process_is_signalled_where_there_is_no_kill() {
    let server = Server::new();
    let container = server.container();
    container.says("rm /bin/kill /bin/killall");
    for (signal, status) in [(Signal::KILL, 137), (Signal::TERMINATE, 143)] {
        let sleeping = shell("root", "exec sleep 1234");
        let process = container.start(&sleeping, Streams::default()).unwrap();
        process.handle().signal(signal).unwrap();
        assert_eq!(process.wait().unwrap(), status);
        assert_eq!(container.sh("pgrep -f 'sleep 1234$'").stdout, "");
    }
}

#[test]
fn a_status_comes_while_input_is_still_sent() {
    let server = Server::new();
    let container = server.container();
    for _ in 0..10 {
        let streams = Streams {
            stdin: Some(Box::new(std::io::repeat(b'x'))),
            ..Streams::default()
        };
        let process = container.start(&shell("root", "exit 9"), streams);
        assert_eq!(process.unwrap().wait().unwrap(), 9);
    }
}

#[test]
fn the_output_of_children_is_waited_for() {
    let server = Server::new();
    let container = server.container();
    let ran = container.sh("(sleep 0.3; echo late) & exit 3");
    assert_eq!((ran.status, &*ran.stdout), (3, "late\n"));
}

#[test]
fn the_environment_keeps_its_order() {
    let server = Server::new();
    let mut spec = server.spec("");
    spec.env = vec!["FIRST=1".to_owned()];
    let container = server.create(&spec);
    let ran = container.run(&ProcessSpec {
        env: vec!["TEST=hello".to_owned(), "FRUIT=banana".to_owned()],
        path: "env".to_owned(),
        ..ProcessSpec::default()
    });
    let at = |name: &str| ran.stdout.find(name).unwrap();
    assert!(at("FIRST=1") < at("TEST=hello") && at("TEST=hello") < at("FRUIT=banana"));
}

#[test]
fn the_number_of_a_users_processes_is_limited() {
    let server = Server::new();
    let container = server.container();
    let ran = container.run(&ProcessSpec {
        rlimits: ResourceLimits {
            nproc: Some(10),
            ..ResourceLimits::default()
        },
        ..shell(
            "alice",
            // What is left holds no output, which would be waited for.
            "grep -i processes /proc/self/limits; i=0
             while [ $i -lt 20 ]; do sleep 100 >/dev/null 2>&1 & i=$((i+1)); done",
        )
    });
    assert!(ran.stdout.contains(" 10 "), "{ran:?}");
    assert!(ran.stderr.contains("fork"), "{ran:?}");
}

/// Answers every question with the address 192.0.2.2.
pub fn name_server(server: &Server) {
    let socket = server
        .neighbour()
        .inside(|| UdpSocket::bind("192.0.2.2:53"));
    let socket = socket.unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((size, from)) = socket.recv_from(&mut buffer) {
            let question = &buffer[..size];
            // Past the name: its end, type and class.
            let end = 12 + question[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
            let is_a = question[end - 3] == 1;
            let mut answer = question[..end].to_vec();
            answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, u8::from(is_a), 0, 0, 0, 0]);
            if is_a {
                answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 2]);
            }
            socket.send_to(&answer, from).unwrap();
        }
    });
}

#[test]
fn names_are_resolved_by_the_name_server() {
    let server = Server::new();
    name_server(&server);
    for container in both(&server) {
        // The image has neither hosts nor resolv.conf.
        let found = container.says("nslookup www.example.com");
        assert!(found.contains("192.0.2.2"), "{found}");
        container.says("ping -c 1 -W 20 www.example.com");
        container.says("ping -c 1 -W 20 localhost");
    }
}

#[test]
fn the_debug_server_has_figures() {
    let flags = ["--debug-bind-ip", "127.0.0.1", "--debug-bind-port", "17013"];
    let server = Server::builder().arguments(&flags).start();
    let text = server.net().inside(|| {
        let mut stream = std::net::TcpStream::connect("127.0.0.1:17013").unwrap();
        let request = b"GET /debug/vars HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        std::io::Write::write_all(&mut stream, request).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    });
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    let vars: serde_json::Value = serde_json::from_str(body).unwrap();
    assert!(vars["memstats"]["Alloc"].as_u64().unwrap() > 0, "{vars}");
}
