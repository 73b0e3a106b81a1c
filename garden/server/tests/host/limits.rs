//! Limits and what is used.

use serde_json::{Value, json};

use crate::world::World;

#[test]
fn limits_hold_and_are_read_back() {
    let world = World::new("limits");
    let client = &world.client;
    let handle = client.create(json!({
        "handle": "limited",
        "privileged": true,
        "limits": {
            "memory_limits": {"limit_in_bytes": 64 << 20},
            "cpu_limits": {"limit_in_shares": 50},
            "pid_limits": {"max": 128},
        },
    }));
    let limit = |kind: &str| client.get::<Value>(&format!("/containers/{handle}/limits/{kind}"));
    assert_eq!(limit("memory"), json!({"limit_in_bytes": 64 << 20}));
    assert_eq!(limit("cpu"), json!({"limit_in_shares": 50}));
    assert_eq!(limit("disk"), json!({}));
    assert_eq!(limit("bandwidth"), json!({}));
    let fits = "dd if=/dev/zero of=/dev/shm/x bs=1M count=50 2>/dev/null && echo fits";
    assert_eq!(client.script(&handle, fits).stdout, "fits\n");
    let metrics: Value = client.get(&format!("/containers/{handle}/metrics"));
    assert_eq!(metrics["PidStat"]["Max"], 128);
    assert!(metrics["PidStat"]["Current"].as_u64().unwrap() > 0);
    assert!(
        metrics["MemoryStat"]["TotalUsageTowardLimit"]
            .as_u64()
            .unwrap()
            > 0
    );
    assert!(metrics["CPUStat"]["Usage"].as_u64().unwrap() > 0);
    assert!(metrics["DiskStat"]["TotalBytesUsed"].as_u64().unwrap() > 0);
    assert!(metrics["Age"].as_u64().unwrap() > 0);
    let bulk: Value = client.get(&format!("/containers/bulk_metrics?handles={handle}"));
    assert_eq!(bulk[&handle]["Metrics"]["PidStat"]["Max"], 128);
    let spills = "dd if=/dev/zero of=/dev/shm/y bs=1M count=80";
    assert_ne!(client.script(&handle, spills).status, 0);
    // Somebody unmounts a hierarchy: what it counts is missing, and told once; limits are no guess.
    let covering = ["mount", "-t", "tmpfs", "none", "/sys/fs/cgroup/pids"];
    world.run(&covering);
    for _ in 0..2 {
        let metrics: Value = client.get(&format!("/containers/{handle}/metrics"));
        assert_eq!(metrics["PidStat"], json!({"Current": 0, "Max": 0}));
        let used = &metrics["MemoryStat"]["TotalUsageTowardLimit"];
        assert!(used.as_u64().unwrap() > 0);
        assert!(metrics["CPUStat"]["Usage"].as_u64().unwrap() > 0);
    }
    let told = world.log().matches("metrics lack").count();
    assert_eq!(told, 1, "{}", world.log());
    let read_back = client.send("GET", &format!("/containers/{handle}/limits/memory"), b"");
    assert_eq!(read_back.head.status, 500);
    world.run(&["umount", "/sys/fs/cgroup/pids"]);
    assert_eq!(limit("memory"), json!({"limit_in_bytes": 64 << 20}));
    world.close();
}
