//! The scene most tests play in: a container with an agent and everyone who is not the agent.

use std::path::PathBuf;

use warren_tests_harness::{Actor, ActorBuilder, Connected, Leaks, Output, Sandbox, cgroup};
use warren_tests_nested::{Container, MONIT, NATS, NATS6, Network, View, assert_reaches};

/// All places the firewall protects here.
pub const PLACES: [&str; 3] = [MONIT, NATS, NATS6];

/// The flags that protect them.
pub const PROTECT: [&str; 4] = ["--nats", NATS, "--nats", NATS6];

/// `warren firewall VERB` with the flags that protect the scene's places.
pub fn firewall<'a>(verb: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["firewall", verb][..], &PROTECT, more].concat()
}

/// A container, its agent, and the others.
pub struct Scene {
    pub agent: Actor,
    pub sibling: Actor,
    pub below: Actor,
    pub elsewhere: Actor,
    pub unprivileged: Actor,
    pub container: Container,
    pub network: Network,
    /// The containers around it, innermost first; the sandbox goes last, with all in it.
    pub _outer: Vec<Container>,
    pub sandbox: Sandbox,
}

impl Scene {
    /// A container on the machine with this view, the agent in the cgroup `agent` of it.
    #[track_caller]
    pub fn new(view: View) -> Scene {
        let sandbox = Sandbox::new("firewall");
        let container = Container::on(&sandbox, "container", view);
        Scene::in_container(sandbox, container, "agent")
    }

    /// The same in a container that exists, the agent in the cgroup `agent` of it.
    #[track_caller]
    pub fn in_container(sandbox: Sandbox, container: Container, agent: &str) -> Scene {
        let network = Network::of(&container);
        let below = format!("{agent}/below");
        let below = below.trim_start_matches('/');
        let elsewhere = sandbox.child_cgroup("elsewhere");
        let scene = Scene {
            agent: container.process(agent).spawn(),
            sibling: container.process("sibling").spawn(),
            below: container.process(below).spawn(),
            // Outside of the container but for its network: the host's root.
            elsewhere: ActorBuilder::new()
                .cgroup(elsewhere)
                .join_net(&network.net)
                .spawn(),
            unprivileged: container.process("unprivileged").ids(1000, 1000).spawn(),
            container,
            network,
            _outer: Vec::new(),
            sandbox,
        };
        scene
            .container
            .actor
            .listen(warren_tests_nested::address(MONIT));
        scene
    }

    /// Sets the firewall up as the agent.
    #[track_caller]
    pub fn set_up(&self) -> Output {
        self.agent.warren(&firewall("setup", &[])).success()
    }

    /// Asserts that the agent gets through and nobody else.
    #[track_caller]
    pub fn assert_protected(&self) {
        assert_reaches(&self.agent, "the agent", &PLACES, Connected::Connected);
        for (who, actor) in [
            ("root in a sibling cgroup", &self.sibling),
            ("root below the agent's cgroup", &self.below),
            ("root elsewhere", &self.elsewhere),
            ("an unprivileged user", &self.unprivileged),
        ] {
            assert_reaches(actor, who, &PLACES, Connected::Refused);
        }
    }

    /// What set-up could leave in the scene: nftables' ruleset and cgroups.
    #[track_caller]
    pub fn stock(&self) -> (String, Vec<PathBuf>) {
        let ruleset = self
            .network
            .net
            .run(&["nft", "list", "ruleset"])
            .success()
            .stdout;
        (ruleset, cgroup::below(self.sandbox.cgroup()))
    }

    /// Asserts that there is no firewall: everyone gets through.
    #[track_caller]
    pub fn assert_open(&self) {
        for (who, actor) in [("the agent", &self.agent), ("a sibling", &self.sibling)] {
            assert_reaches(actor, who, &PLACES, Connected::Connected);
        }
    }
}

/// Plays a scene from set-up to teardown and checks that nothing is left.
#[track_caller]
pub fn play(view: View) {
    // Stock is taken first: it waits for other tests, which must not wait for this one.
    let leaks = Leaks::snapshot();
    play_in(&Scene::new(view));
    leaks.assert_same();
}

/// Sets up, asserts, tears down, asserts, and compares what there is before and after.
#[track_caller]
pub fn play_in(scene: &Scene) {
    let before = scene.stock();
    scene.assert_open();
    scene.set_up();
    scene.assert_protected();
    let verified = scene
        .agent
        .warren(&firewall("verify", &["--json"]))
        .success();
    assert_proof(&verified, "refused");
    scene.agent.warren(&["firewall", "teardown"]).success();
    scene.assert_open();
    assert_eq!(scene.stock(), before);
}

/// Asserts that the report holds a packet of the agent's let through and, if there is any, an
/// outsider's that was not.
#[track_caller]
pub fn assert_proof(output: &Output, outsider: &str) {
    let report: serde_json::Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:#?}"));
    let checks = report["proof"]["checks"].as_array().unwrap();
    let seen = |sender: &str| -> Vec<&str> {
        checks
            .iter()
            .filter(|check| check["sender"] == sender && check["seen"] != "not-sent")
            .map(|check| check["seen"].as_str().unwrap())
            .collect()
    };
    assert!(!seen("agent").is_empty() && seen("agent").iter().all(|seen| *seen == "let-through"));
    assert!(
        seen("outsider").iter().all(|seen| *seen == outsider),
        "{report:#}"
    );
}
