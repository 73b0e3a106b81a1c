//! Connected network namespaces.

use std::time::Duration;

use warren_tests_harness::{ActorBuilder, Connected, NetNs, bridge, veth};

const SOON: Duration = Duration::from_secs(2);

#[test]
fn a_router_passes_packets_between_two_hosts() {
    let (left, router, right) = (NetNs::new(), NetNs::new(), NetNs::new());
    veth(
        (&left, "eth0", Some("10.0.1.2/24")),
        (&router, "left", Some("10.0.1.1/24")),
    );
    veth(
        (&right, "eth0", Some("10.0.2.2/24")),
        (&router, "right", Some("10.0.2.1/24")),
    );
    left.route("default", "10.0.1.1");
    right.route("default", "10.0.2.1");

    let client = ActorBuilder::new().join_net(&left).spawn();
    let server = ActorBuilder::new().join_net(&right).spawn();
    server.listen(([10, 0, 2, 2], 4222));
    let short = Duration::from_millis(200);
    assert_ne!(
        client.connect(([10, 0, 2, 2], 4222), short),
        Connected::Connected
    );
    router.forward();
    assert_eq!(
        client.connect(([10, 0, 2, 2], 4222), SOON),
        Connected::Connected
    );
}

#[test]
fn a_bridge_joins_links_in_both_families() {
    let (hub, one, two) = (NetNs::new(), NetNs::new(), NetNs::new());
    veth((&hub, "one", None), (&one, "eth0", Some("10.0.3.2/24")));
    veth((&hub, "two", None), (&two, "eth0", Some("10.0.3.3/24")));
    bridge(&hub, "br0", Some("10.0.3.1/24"), &["one", "two"]);
    one.address("eth0", "fd00::2/64");
    two.address("eth0", "fd00::3/64");
    assert_ne!(one.inode(), two.inode());

    let server = ActorBuilder::new().join_net(&two).spawn();
    let client = ActorBuilder::new().join_net(&one).spawn();
    server.listen(([10, 0, 3, 3], 80));
    assert_eq!(
        client.connect(([10, 0, 3, 3], 80), SOON),
        Connected::Connected
    );
    let address = "[fd00::3]:81".parse().unwrap();
    assert_eq!(server.listen(address), address);
    assert_eq!(client.connect(address, SOON), Connected::Connected);
}
