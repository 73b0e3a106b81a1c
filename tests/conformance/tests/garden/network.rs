//! Network: reached, reaching, named.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use warren_garden_client::Streams;
use warren_tests_conformance::garden::{Server, shell};

/// What a connection from the neighbour is told, tried until it is.
fn ask(server: &Server, port: u16) -> String {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let answer = server.neighbour().inside(|| -> std::io::Result<String> {
            let mut stream = TcpStream::connect(("192.0.2.1", port))?;
            let mut text = String::new();
            stream.read_to_string(&mut text)?;
            Ok(text)
        });
        match answer {
            Ok(text) if !text.is_empty() => return text,
            other => assert!(Instant::now() < deadline, "{other:?}"),
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_mapped_port_is_reached_and_told() {
    let server = Server::new();
    let container = server.container();
    let mapped = server.client().net_in(container.handle(), 0, 8080).unwrap();
    let spec = shell("root", "while true; do echo hello | nc -l -p 8080; done");
    let _listening = container.start(&spec, Streams::default()).unwrap();
    assert_eq!(
        ask(&server, mapped.host_port.try_into().unwrap()),
        "hello\n"
    );
    let info = server.client().info(container.handle()).unwrap();
    let ports = info.mapped_ports.unwrap();
    assert_eq!(
        (ports[0].host_port, ports[0].container_port),
        (mapped.host_port, 8080)
    );
}

#[test]
fn ports_mapped_at_the_same_time_are_all_told() {
    const MANY: u32 = 24;
    let server = Server::new();
    let container = server.container();
    let (client, handle) = (server.client(), container.handle());
    std::thread::scope(|scope| {
        for port in 1..=MANY {
            let client = &client;
            scope.spawn(move || client.net_in(handle, 0, 8000 + port).unwrap());
        }
    });
    let info = client.info(handle).unwrap();
    let told = &info.properties["garden.network.mapped-ports"];
    let told: Vec<serde_json::Value> = serde_json::from_str(told).unwrap();
    assert_eq!(told.len(), 24, "{told:?}");
}

#[test]
fn it_reaches_what_it_may() {
    let server = Server::builder()
        .arguments(&["--deny-network", "192.0.2.0/24"])
        .start();
    let container = server.container();
    let listener = server
        .neighbour()
        .inside(|| TcpListener::bind("192.0.2.2:7000"))
        .unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            _ = stream.unwrap().write_all(b"welcome");
        }
    });
    let ask = "nc -w 20 192.0.2.2 7000 </dev/null";
    assert_ne!(container.sh(ask).status, 0);
    let rule: warren_wire_garden::network::NetOutRule = serde_json::from_str(
        r#"{"protocol":1,"networks":[{"start":"192.0.2.2","end":"192.0.2.2"}],
            "ports":[{"start":7000,"end":7000}]}"#,
    )
    .unwrap();
    server.client().net_out(container.handle(), &rule).unwrap();
    assert_eq!(container.says(ask), "welcome");
}

#[test]
fn names_are_in_its_files_and_root_may_change_them() {
    let server = Server::new();
    let mut spec = server.spec("named");
    spec.network = "10.244.7.9/24".to_owned();
    let container = server.create(&spec);
    let info = server.client().info("named").unwrap();
    assert_eq!(
        (&*info.container_ip, &*info.host_ip),
        ("10.244.7.9", "10.244.7.1")
    );
    assert!(
        container
            .says("cat /etc/hosts")
            .contains("10.244.7.9 named")
    );
    assert_eq!(
        container.says("cat /etc/resolv.conf"),
        "nameserver 192.0.2.2"
    );
    container.says("echo '10.0.0.1 other' >>/etc/hosts && echo '# more' >>/etc/resolv.conf");
    for file in ["hosts", "resolv.conf"] {
        assert_ne!(
            container
                .sh_as("alice", &format!("echo x >>/etc/{file}"))
                .status,
            0
        );
    }
    assert_eq!(container.says("hostname -i"), "10.244.7.9");
}

#[test]
fn root_of_a_privileged_container_overwrites_its_files_and_nobody_else() {
    let server = Server::new();
    let mut spec = server.spec("");
    spec.privileged = true;
    let container = server.create(&spec);
    for file in ["hosts", "resolv.conf"] {
        container.says(&format!("echo '# new' >/etc/{file}"));
        assert_eq!(container.says(&format!("cat /etc/{file}")), "# new");
        let ran = container.sh_as("alice", &format!("echo x >/etc/{file}"));
        assert_ne!(ran.status, 0);
    }
    // As the CPI does before it starts a machine.
    container.says("umount /etc/hosts && umount /etc/resolv.conf");
}

#[test]
fn a_static_subnet_comes_back_after_its_last_container() {
    let server = Server::new();
    for (handle, last) in [("one", 2), ("two", 3), ("three", 2)] {
        let mut spec = server.spec(handle);
        spec.network = format!("10.244.4.{last}/24");
        let container = server.create(&spec);
        assert_eq!(container.sh("ping -c 1 -W 20 192.0.2.2").status, 0);
    }
}

#[test]
fn a_static_subnet_outlives_siblings_and_comes_back() {
    let server = Server::new();
    let spec = |handle: &str, ip: &str| {
        let mut spec = server.spec(handle);
        spec.network = format!("{ip}/24");
        spec
    };
    let stays = server.create(&spec("stays", "10.244.3.2"));
    for _ in 0..3 {
        let goes = server.create(&spec("goes", "10.244.3.3"));
        assert_eq!(stays.sh("ping -c 1 -W 20 10.244.3.3").status, 0);
        assert_eq!(goes.sh("ping -c 1 -W 20 192.0.2.2").status, 0);
        drop(goes);
        assert_eq!(stays.sh("ping -c 1 -W 20 192.0.2.2").status, 0);
    }
}
