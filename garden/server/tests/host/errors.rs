//! What clients and their tests match on when something cannot be done.

use serde_json::{Value, json};

use crate::world::World;

#[test]
fn requests_that_are_no_calls_get_text() {
    let world = World::new("no-calls");
    let unknown = world.client.send("GET", "/nowhere", b"");
    assert_eq!(unknown.head.status, 404);
    let wrong = world.client.send("POST", "/ping", b"");
    assert_eq!(wrong.head.status, 405);
    assert_eq!(wrong.head.header("allow"), Some("GET, HEAD"));
    let head = world.client.send("HEAD", "/ping", b"");
    assert_eq!((head.head.status, head.body.len()), (200, 0));
    let broken = world.client.send("POST", "/containers", b"{");
    let (status, kind, _) = broken.error();
    assert_eq!((status, kind.as_str()), (500, ""));
    world.close();
}

#[test]
fn an_unknown_container_is_not_found_whatever_is_asked() {
    let world = World::new("unknown");
    let calls: &[(&str, &str, &str)] = &[
        ("GET", "info", ""),
        ("DELETE", "", ""),
        ("PUT", "stop", "{}"),
        ("PUT", "files?user=root&destination=/", ""),
        ("GET", "files?user=root&source=/", ""),
        ("GET", "limits/bandwidth", ""),
        ("GET", "limits/cpu", ""),
        ("GET", "limits/disk", ""),
        ("GET", "limits/memory", ""),
        ("POST", "net/in", "{}"),
        ("POST", "net/out", "{}"),
        ("POST", "net/out/bulk", "[]"),
        ("POST", "processes", r#"{"path":"true"}"#),
        ("GET", "processes/1", ""),
        ("GET", "processes/1/attaches/1/stdout", ""),
        ("PUT", "grace_time", "0"),
        ("GET", "properties", ""),
        ("GET", "properties/a", ""),
        ("PUT", "properties/a", r#"{"value":"x"}"#),
        ("DELETE", "properties/a", ""),
        ("GET", "metrics", ""),
    ];
    for (method, path, body) in calls {
        let target = match *path {
            "" => "/containers/none".to_owned(),
            path => format!("/containers/none/{path}"),
        };
        let answer = world.client.send(method, &target, body.as_bytes());
        let expected = (
            404,
            "ContainerNotFoundError".to_owned(),
            "unknown handle: none".to_owned(),
        );
        assert_eq!(answer.error(), expected, "{method} {path}");
        let object: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(object["Handle"], "none");
    }
    let bulk: Value = world.client.get("/containers/bulk_info?handles=none");
    assert_eq!(bulk["none"]["Err"]["Message"], "unknown handle: none");
    assert_eq!(bulk["none"]["Err"]["Type"], "");
    let empty: Value = world.client.get("/containers/bulk_metrics?handles=");
    assert_eq!(empty, json!({}));
    world.close();
}

#[test]
fn a_container_that_cannot_be_made_leaves_nothing() {
    let world = World::with("refused", &["max-containers=1"]);
    let refused = |spec: Value| {
        let body = serde_json::to_vec(&spec).unwrap();
        let (status, kind, message) = world.client.send("POST", "/containers", &body).error();
        assert_eq!((status, kind.as_str()), (500, ""));
        message
    };
    let both = refused(json!({"rootfs": "/a", "image": {"uri": "/b"}}));
    assert_eq!(both, "Cannot provide both Image.URI and RootFSPath");
    let registry = refused(json!({"image": {"uri": "docker:///busybox#1.37"}}));
    assert!(
        registry.contains("no image plugin configured"),
        "{registry}"
    );
    let missing = refused(json!({"image": {"uri": "/no/such.tar"}}));
    assert!(missing.contains("/no/such.tar"), "{missing}");
    let bind = json!({"src_path": "/no/such", "dst_path": "/x"});
    let bind = refused(json!({"privileged": true, "bind_mounts": [bind]}));
    assert!(bind.contains("/no/such"), "{bind}");
    let gateway = refused(json!({"privileged": true, "network": "10.9.0.1/24"}));
    assert!(
        gateway.contains("must not equal the gateway IP"),
        "{gateway}"
    );
    let limits = json!({"disk_limits": {"byte_hard": 1}});
    let small = refused(json!({"privileged": true, "limits": limits}));
    assert!(small.contains("disk limit"), "{small}");

    let handle = world.container("only");
    let again = refused(json!({"handle": "only"}));
    assert_eq!(again, "Handle 'only' already in use");
    let other = refused(json!({"handle": "other"}));
    assert_eq!(other, "max containers reached");
    world.client.destroy(&handle);
    world.close();
}

#[test]
fn privileged_containers_can_be_forbidden() {
    let world = World::with("forbidden", &["disable-privileged-containers=true"]);
    let answer = world
        .client
        .send("POST", "/containers", br#"{"privileged":true}"#);
    assert_eq!(
        answer.error().2,
        "privileged container creation is disabled"
    );
    world.close();
}
