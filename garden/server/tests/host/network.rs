//! Addresses and ports.

use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{LONG, shell};
use crate::world::{EXTERNAL, World, info};

#[test]
fn a_mapped_port_leads_into_the_container() {
    let world = World::new("netin");
    let client = &world.client;
    let handle = client.create(json!({
        "handle": "net",
        "privileged": true,
        "network": "10.44.0.5/24",
        "netin": [{"host_port": 7001, "container_port": 8080}],
    }));
    let told = info(client, &handle);
    assert_eq!(told["ContainerIP"], "10.44.0.5");
    assert_eq!(told["HostIP"], "10.44.0.1");
    assert_eq!(told["ExternalIP"], EXTERNAL);
    let made: Value = client.put(
        "POST",
        "/containers/net/net/in",
        json!({"container_port": 9}),
    );
    assert!(made["host_port"].as_u64().unwrap() >= 61001);
    assert_eq!(made["container_port"], 9);
    let ports = &info(client, &handle)["MappedPorts"];
    assert_eq!(ports[0], json!({"HostPort": 7001, "ContainerPort": 8080}));
    assert_eq!(ports[1]["ContainerPort"], 9);

    let server = client.run(
        &handle,
        &shell("while true; do echo hello | nc -l -p 8080; done"),
    );
    let began = Instant::now();
    let said = loop {
        let attempt = world.sandbox.net().inside(|| {
            let mut stream = TcpStream::connect((EXTERNAL, 7001)).ok()?;
            stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
            let mut said = [0; 6];
            stream.read_exact(&mut said).ok()?;
            Some(said)
        });
        if let Some(said) = attempt {
            break said;
        }
        assert!(began.elapsed() < LONG, "{}", world.log());
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(&said, b"hello\n");
    server.hang_up();

    let rule = json!({"protocol": 1, "networks": [{"start": "8.8.8.8"}], "ports": [{"start": 53}]});
    let allowed: Value = client.put("POST", "/containers/net/net/out", rule.clone());
    assert_eq!(allowed, json!({}));
    let allowed: Value = client.put("POST", "/containers/net/net/out/bulk", json!([rule]));
    assert_eq!(allowed, json!({}));
    let wrong = client.send("POST", "/containers/net/net/out", br#"{"protocol":4}"#);
    assert_eq!(wrong.head.status, 500);
    world.close();
}
