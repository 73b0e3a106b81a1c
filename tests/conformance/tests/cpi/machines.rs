//! Machines from beginning to end.

use serde_json::{Value, json};
use std::net::UdpSocket;
use std::time::{Duration, Instant};
use warren_tests_harness::{Leaks, NetNs};
use warren_wire_garden::info::PortMapping;
use warren_wire_garden::network::Transport;

use crate::scene::{Scene, create_vm, names, request};

#[test]
fn a_machine_has_all_that_its_agent_needs_and_goes_whole() {
    let leaks = Leaks::snapshot();
    let scene = Scene::new("auto");
    let stemcell = scene.stemcell(true);
    let mut size = scene.call(
        "calculate_vm_cloud_properties",
        json!([{"cpu": 1, "ram": 64, "ephemeral_disk_size": 128}]),
    );
    size["ports"] = json!([{"host": 5300, "container": 5353, "protocol": "udp"}, {"host": 5301}]);
    let created = scene.call("create_vm", create_vm(&stemcell, "10.244.0.5", size));
    let cid = created[0].as_str().unwrap();
    let info = scene.server.client().info(cid).unwrap();
    let port = |port: &PortMapping| (port.host_port, port.container_port, port.protocol);
    let ports: Vec<_> = info.mapped_ports.iter().flatten().map(port).collect();
    assert_eq!(
        ports,
        [(5301, 5301, Transport::Tcp), (5300, 5353, Transport::Udp)]
    );
    assert_eq!(created[1]["default"]["ip"], "10.244.0.5");
    assert_eq!(scene.call("has_vm", json!([cid])), true);

    let settings = scene.settings(cid);
    assert_eq!(settings["agent_id"], "agent-1");
    assert_eq!(settings["vm"], json!({"name": cid, "id": cid}));
    assert_eq!(settings["mbus"], "nats://10.254.50.4:4222");
    assert_eq!(settings["networks"]["default"]["preconfigured"], true);
    assert_eq!(
        settings["env"],
        json!({"bosh": {"password": "x", "group": "g"}, "more": 1})
    );
    let mode = scene.says(
        cid,
        "stat -c %a:%u:%g /var/vcap/bosh/warden-cpi-agent-env.json",
    );
    assert_eq!(mode.unwrap(), "600:0:0");
    assert!(
        scene
            .says(cid, "ip address")
            .unwrap()
            .contains("10.244.0.5/24")
    );
    // The agent is to replace these.
    let mounts = scene.says(cid, "cat /proc/mounts").unwrap();
    for file in ["/etc/hosts", "/etc/resolv.conf", "/etc/hostname"] {
        assert!(!mounts.contains(&format!(" {file} ")), "{mounts}");
    }
    assert_eq!(started(&scene, cid, 1), 1);
    let environment = scene.says(cid, "cat /tmp/environment").unwrap();
    // Nothing of the environment that Garden gives processes; the shell adds two of its own.
    let ours = ["PATH=/", "PWD=", "SHLVL="];
    let is_ours = |line: &str| ours.iter().any(|name| line.starts_with(name));
    assert!(environment.lines().all(is_ours), "{environment}");

    let limits = scene.server.client();
    assert_eq!(limits.memory_limits(cid).unwrap().limit_in_bytes, 64 << 20);
    assert_eq!(limits.cpu_limits(cid).unwrap().limit_in_shares, 1024);

    scene.call(
        "set_vm_metadata",
        json!([cid, {"deployment": "d", "index": "0", "job": 1}]),
    );
    let properties = scene.server.client().properties(cid).unwrap();
    assert_eq!(properties["bosh.deployment"], "d");
    assert_eq!(properties["bosh.job"], "1");
    assert_eq!(properties["bosh.agent_id"], "agent-1");

    scene.call("reboot_vm", json!([cid]));
    assert_eq!(started(&scene, cid, 2), 2);
    // Before it sleeps it is another program, and the old one has ended when it begins.
    scene
        .says(
            cid,
            "until ps | grep -q '[s]leep 1000000'; do sleep 0.01; done",
        )
        .unwrap();
    let sleeping = scene.says(cid, "ps | grep -c '[s]leep 1000000'").unwrap();
    assert_eq!(sleeping, "1", "the old services run on");
    let log = scene.call("get_vm_log", json!([cid]));
    let log = log.as_str().unwrap();
    assert!(
        log.contains("==> /var/vcap/bosh/log/current <==\nstarted\nstarted\n"),
        "{log}"
    );

    // What is mounted inside stays inside.
    scene
        .says(
            cid,
            "mkdir /var/vcap/data/in && mount -t tmpfs t /var/vcap/data/in",
        )
        .unwrap();
    let outside = scene.server.actor().read("/proc/self/mountinfo");
    assert!(!outside.contains(&format!("{cid}/in ")), "{outside}");

    scene.call("delete_vm", json!([cid]));
    assert_eq!(scene.call("has_vm", json!([cid])), false);
    scene.call("delete_vm", json!([cid]));
    scene.assert_no_machines();
    scene.call("delete_stemcell", json!([stemcell]));
    scene.call("delete_stemcell", json!([stemcell]));
    assert_eq!(names(&scene.at("stemcells")), Vec::<String>::new());
    drop(scene);
    leaks.assert_same();
}

/// How often services have begun, once it was that often.
fn started(scene: &Scene, cid: &str, wanted: usize) -> usize {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let log = scene
            .says(cid, "cat /var/vcap/bosh/log/current 2>/dev/null; true")
            .unwrap();
        let count = log.lines().count();
        if count >= wanted || Instant::now() > deadline {
            return count;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn equal_stemcells_are_kept_once_and_die_one_by_one() {
    let scene = Scene::new("auto");
    let (one, other) = (scene.stemcell(true), scene.stemcell(true));
    assert_ne!(one, other);
    let contents = || names(&scene.at("stemcells/.content")).len();
    assert_eq!(contents(), 1);
    scene.call("delete_stemcell", json!([one]));
    assert_eq!(contents(), 1);
    let vm = scene.vm(&other, "10.244.0.2");
    scene.call("delete_vm", json!([vm]));
    scene.call("delete_stemcell", json!([other]));
    assert_eq!(contents(), 0);
}

#[test]
fn versions_one_and_three_are_spoken_too() {
    let scene = Scene::new("directory");
    let mut three = request(
        "create_stemcell",
        json!([scene.image(true), {}, {"tags": {"a": "b"}}]),
    );
    three["api_version"] = json!(3);
    // A caller that may die says what ids shall be, and can ask for them later.
    three["context"]["warren_stemcell_cid"] = json!("a-stemcell");
    let stemcell = scene.raw(&three)["result"].as_str().unwrap().to_owned();
    let mut one = request("create_vm", create_vm(&stemcell, "10.244.0.2", json!({})));
    one.as_object_mut().unwrap().remove("api_version");
    one["context"]["warren_vm_cid"] = json!("a-vm");
    let cid = scene.raw(&one)["result"].as_str().unwrap().to_owned();
    assert_eq!((stemcell.as_str(), cid.as_str()), ("a-stemcell", "a-vm"));
    // Whoever has it keeps it.
    let again = scene.raw(&one);
    let said = again["error"]["message"].as_str().unwrap();
    assert!(said.contains("there is a VM 'a-vm' already"), "{said}");
    assert_eq!(scene.call("has_vm", json!([cid])), json!(true));
    one["context"]["warren_vm_cid"] = json!("../x");
    let said = scene.raw(&one)["error"]["message"].to_string();
    assert!(said.contains("cannot be an id"), "{said}");
    let disk = scene.call("create_disk", json!([8, {}, cid]));
    let mut one = request("attach_disk", json!([cid, disk]));
    one["api_version"] = json!(1);
    let answer = scene.raw(&one);
    assert_eq!(
        (&answer["result"], &answer["error"]),
        (&Value::Null, &Value::Null)
    );
    scene.call("delete_vm", json!([cid]));
    scene.assert_no_machines();
}

#[test]
fn a_dynamic_networks_address_is_told_to_the_agent() {
    let scene = Scene::new("auto");
    let stemcell = scene.stemcell(true);
    let networks = json!({"default": {"type": "dynamic", "cloud_properties": {}}});
    let created = scene.call("create_vm", json!(["a", stemcell, {}, networks, [], {}]));
    let cid = created[0].as_str().unwrap();
    let ip = scene.server.client().info(cid).unwrap().container_ip;
    assert_eq!(scene.settings(cid)["networks"]["default"]["ip"], json!(ip));
    scene.call("delete_vm", json!([cid]));
    scene.assert_no_machines();
}

#[test]
fn a_port_of_the_host_leads_to_the_machine() {
    let scene = Scene::new("auto");
    let stemcell = scene.stemcell(true);
    let ports = json!({"ports": [
        {"host": 7070, "container": 80},
        {"host": 7053, "container": 5353, "protocol": "udp"},
    ]});
    let created = scene.call("create_vm", create_vm(&stemcell, "10.244.0.9", ports));
    let cid = created[0].as_str().unwrap();
    let mapped = scene
        .server
        .client()
        .info(cid)
        .unwrap()
        .mapped_ports
        .unwrap();
    assert_eq!((mapped[0].host_port, mapped[0].container_port), (7070, 80));
    scene
        .says(cid, "(echo hello | nc -l -p 80 >/dev/null 2>&1 &) ; true")
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let script = "nc -w 5 192.0.2.1 7070 </dev/null";
    loop {
        let heard = scene
            .server
            .neighbour()
            .run(&["busybox", "sh", "-c", script]);
        if heard.stdout.contains("hello") {
            break;
        }
        assert!(Instant::now() < deadline, "{heard:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    // A datagram arrives, and its answer comes from where it was sent to.
    let socket = |net: &NetNs, at: &str| {
        let socket = net.inside(|| UdpSocket::bind(at)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        socket
    };
    let service = socket(&scene.network(cid), "10.244.0.9:5353");
    let client = socket(scene.server.neighbour(), "192.0.2.2:0");
    client.send_to(b"a question", "192.0.2.1:7053").unwrap();
    let mut buffer = [0; 64];
    let (length, from) = service.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"a question");
    service.send_to(b"an answer", from).unwrap();
    let (length, from) = client.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..length], b"an answer");
    assert_eq!(from.to_string(), "192.0.2.1:7053");
    scene.call("delete_vm", json!([cid]));
    scene.assert_no_machines();
}
