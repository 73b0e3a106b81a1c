//! Full set-up with proof: identity, level, ruleset, packets; and `nft -f` with the same rules.

use std::path::Path;

use warren_firewall::dns::SystemResolver;
use warren_firewall::identity::AgentRef;
use warren_firewall::policy::Policy;
use warren_firewall::setup::{self, Request};
use warren_firewall::table::Kernel;
use warren_tests_harness::{Sandbox, programs};

use crate::figures::{Samples, myself, table};

const RUNS: usize = 60;
const NATS: &str = "127.0.0.9:4222";

/// Measures the set-up in a process that stays, as an agent does; as a command; and `nft -f`.
pub fn bench() {
    let sandbox = Sandbox::new("bench-firewall");
    let agent = sandbox.actor_in("agent").spawn();
    let runs = RUNS.to_string();
    let inside = agent
        .run(&[&myself(), "inside", "firewall", &runs])
        .success();
    let (mut command, mut nft) = (Samples::default(), Samples::default());
    let warren = programs::warren().display().to_string();
    agent
        .run(&[&warren, "firewall", "setup", "--nats", NATS])
        .success();
    let rules = agent
        .run(&["nft", "list", "table", "inet", "bosh_agent"])
        .success()
        .stdout;
    let file = tempfile::NamedTempFile::new().and_then(|file| {
        std::fs::write(file.path(), rules)?;
        Ok(file)
    });
    let file = match file {
        Ok(file) => file,
        Err(error) => panic!("cannot write the rules: {error}"),
    };
    let path = file.path().display().to_string();
    for _ in 0..RUNS {
        agent
            .run(&["nft", "delete", "table", "inet", "bosh_agent"])
            .success();
        command.time(|| {
            agent
                .run(&[&warren, "firewall", "setup", "--nats", NATS])
                .success();
        });
        agent
            .run(&["nft", "delete", "table", "inet", "bosh_agent"])
            .success();
        nft.time(|| {
            agent.run(&["nft", "-f", &path]).success();
        });
    }
    table(
        "Firewall: full set-up with proof",
        "ms",
        &[
            (
                "`nft -f` with the same rules: no identity, level or proof",
                &nft,
            ),
            (
                "in a process that stays, as an agent does",
                &Samples::read(&inside.stdout),
            ),
            ("`warren firewall setup`, a process each time", &command),
        ],
        0,
    );
}

/// Sets up from nothing, `runs` times, and prints the milliseconds of each.
pub fn inside(runs: &str) {
    let runs: usize = runs.parse().unwrap_or(RUNS);
    let endpoints = NATS.parse().map(|mbus| match mbus {
        warren_firewall::endpoint::Mbus::Nats(endpoint) => vec![endpoint],
        warren_firewall::endpoint::Mbus::Listener => Vec::new(),
    });
    let (nats, mut kernel) = match (endpoints, Kernel::open()) {
        (Ok(nats), Ok(kernel)) => (nats, kernel),
        (nats, kernel) => panic!("cannot begin: {nats:?} {:?}", kernel.err()),
    };
    let policy = Policy {
        nats,
        ..Policy::default()
    };
    let request = Request {
        policy,
        agent: AgentRef::Current,
        may_degrade: false,
    };
    let mut resolver = SystemResolver::new(Path::new("/"));
    let mut samples = Samples::default();
    for _ in 0..runs {
        if let Err(error) = setup::teardown(&mut kernel) {
            panic!("cannot tear down: {error}");
        }
        samples.time(
            || match setup::setup(&mut kernel, &request, &mut resolver) {
                Ok(outcome) => assert!(outcome.proof.holds(), "{outcome:?}"),
                Err(error) => panic!("cannot set up: {error}"),
            },
        );
    }
    for sample in samples.0 {
        println!("{sample}");
    }
}
