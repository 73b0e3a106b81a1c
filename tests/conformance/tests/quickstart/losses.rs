//! What an ensemble can do without, what it cannot, and that whoever asks is told.

use crate::scene::{Scene, Wanted};

/// It does without one node, whose machine is gone; not without two.
pub fn nodes(scene: &Scene) {
    let nodes = scene.nodes();
    let errand = ["run-errand", "smoke-tests"];
    scene.bosh(&["stop", "zookeeper/0", "--hard"]);
    let said = scene.bosh(&errand);
    let absent = format!("{}:2181 does not serve", nodes[0].address);
    assert!(said.contains(&absent), "{said}");
    assert!(said.contains("2 of 3 nodes agree"), "{said}");

    // The deploy that stops it does not mind: it is what was asked for.
    scene.bosh(&["stop", "zookeeper/1"]);
    scene.until("the last one is without a leader", || {
        let last = scene.node(&nodes[2]);
        last.lives() && last.mode().is_none()
    });
    let said = scene.bosh_refused(&errand);
    let few = "0 of 3 nodes serve, which is no majority";
    assert!(said.contains(few), "{said}");

    scene.bosh(&["start", "zookeeper"]);
}

/// All nodes run, and none reaches another: a deploy that ends like this has failed.
pub fn leader(scene: &Scene, wanted: &mut Wanted) {
    const CLOSE: &str = "nft 'table inet closed { chain in { type filter hook input priority 0;
        tcp dport { 2888, 3888 } reject with tcp reset; }; }'";
    let nodes = scene.nodes();
    for node in &nodes {
        scene.in_machine(&node.cid, CLOSE);
    }
    wanted.tick += 100;
    wanted.more += "- {type: replace, path: \"/instance_groups/name=zookeeper/jobs/name=zookeeper/\
                    properties?/quorum_timeout\", value: 2}\n";
    let said = scene.deploy_refused(wanted);
    assert!(said.contains("post-deploy scripts failed"), "{said}");
    // All of them were changed, and run.
    assert_eq!(said.matches("L starting jobs").count(), 3, "{said}");
    for node in &nodes {
        let log = "cat /var/vcap/sys/log/zookeeper/post-deploy.stderr.log";
        let log = scene.in_machine(&node.cid, log);
        let told = "has no leader after 2 s, though 3 of 3 nodes run";
        assert!(log.contains(told) && log.contains("2888 and 3888"), "{log}");
        assert!(scene.node(node).lives());
        scene.in_machine(&node.cid, "nft delete table inet closed");
    }
}
