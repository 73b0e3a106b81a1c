//! From nothing to a finished process and back: after a pause, and one after the other without any.
//!
//! A pause takes from each what the one before left to the kernel; without it each pays for what its own
//! kind leaves. So in the second part the kinds take turns in batches, with a pause before each batch.

use std::time::{Duration, Instant};

use warren_garden_client::{Client, Error, Streams};
use warren_tests_conformance::garden::Server;
use warren_tests_conformance::said;
use warren_wire_garden::container::ContainerSpec;
use warren_wire_garden::process::ProcessSpec;

use super::peers::{Docker, Peers};
use crate::figures::{Samples, table};

const RUNS: usize = 40;
const PAUSE: Duration = Duration::from_millis(150);
/// Batches of each kind without pauses, and how many are in one.
const BATCHES: usize = 4;
const BATCH: usize = 15;
/// Longer than anything is left of a container.
const LONG: Duration = Duration::from_secs(1);

/// Both parts.
pub fn bench() {
    let server = Server::builder().run_in_memory().start();
    let peers = Peers::new(&server);
    let docker = Docker::start(&server);
    println!("\nLoad of the last minute before: {}", load());
    with_pauses(&server, &peers, &docker);
    in_a_row(&server, &peers, &docker);
    println!("\nLoad of the last minute after: {}", load());
}

/// That of the machine, the benchmark itself included.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = text.split(' ').next();
    first.unwrap_or_default().to_owned()
}

/// Turns of ours and of the peers, then the steps of ours.
fn with_pauses(server: &Server, peers: &Peers, docker: &Docker) {
    let client = server.client();
    let mut samples: [Samples; 5] = Default::default();
    let mut steps: [Samples; 3] = Default::default();
    for round in 0..RUNS + 3 {
        let [ours, privileged, crun, runc, dockers] = &mut samples;
        let is_warm = round >= 3;
        let each = |into: &mut Samples, work: &mut dyn FnMut()| {
            // What the one before left to the kernel is no cost of this one.
            std::thread::sleep(PAUSE);
            if is_warm {
                into.time(work);
            } else {
                work();
            }
        };
        let mut spec = server.spec(&format!("cycle-{round}"));
        each(ours, &mut || {
            Steps {
                client: &client,
                spec: &spec,
                steps: is_warm.then_some(&mut steps),
            }
            .cycle();
        });
        spec.privileged = true;
        each(privileged, &mut || {
            Steps {
                client: &client,
                spec: &spec,
                steps: None,
            }
            .cycle();
        });
        each(crun, &mut || peers.crun());
        each(runc, &mut || peers.runc());
        // It takes ten times as long as the others.
        if round % 4 == 0 {
            each(dockers, &mut || docker.run());
        }
    }
    let [ours, privileged, crun, runc, dockers] = &samples;
    table(
        "A container with /bin/true in it, made, run and removed, 150 ms after the one before",
        "ms",
        &[
            ("`crun run` of a bare bundle", crun),
            ("`runc run` of a bare bundle", runc),
            ("`docker run --rm --network none`", dockers),
            ("Garden: create, run, destroy; network and image", ours),
            ("the same, privileged", privileged),
        ],
        0,
    );
    let [create, run, destroy] = &steps;
    table(
        "The steps of the unprivileged one",
        "ms",
        &[
            ("create", create),
            ("run, to its exit status", run),
            ("destroy", destroy),
        ],
        0,
    );
}

/// Each kind one after the other; then ours until the kernel has nothing of it any more.
fn in_a_row(server: &Server, peers: &Peers, docker: &Docker) {
    let client = server.client();
    let mut samples: [Samples; 5] = Default::default();
    let mut steps: [Samples; 3] = Default::default();
    let batch = |into: &mut Samples, count: usize, work: &mut dyn FnMut(usize)| {
        std::thread::sleep(LONG);
        for index in 0..count {
            into.time(|| work(index));
        }
    };
    for turn in 0..BATCHES {
        let [ours, privileged, crun, runc, dockers] = &mut samples;
        let mut spec = server.spec("");
        batch(ours, BATCH, &mut |index| {
            spec.handle = format!("row-{turn}-{index}");
            Steps {
                client: &client,
                spec: &spec,
                steps: Some(&mut steps),
            }
            .cycle();
        });
        spec.privileged = true;
        batch(privileged, BATCH, &mut |index| {
            spec.handle = format!("privileged-{turn}-{index}");
            Steps {
                client: &client,
                spec: &spec,
                steps: None,
            }
            .cycle();
        });
        batch(crun, BATCH, &mut |_| peers.crun());
        batch(runc, BATCH, &mut |_| peers.runc());
        batch(dockers, BATCH / 4, &mut |_| docker.run());
    }
    let mut gone = Samples::default();
    for index in 0..BATCH {
        let spec = server.spec(&format!("gone-{index}"));
        gone.time(|| {
            Steps {
                client: &client,
                spec: &spec,
                steps: None,
            }
            .cycle();
            until_no_link(server);
        });
    }
    let [ours, privileged, crun, runc, dockers] = &samples;
    table(
        "The same one after the other, without a pause",
        "ms",
        &[
            ("`crun run` of a bare bundle", crun),
            ("`runc run` of a bare bundle", runc),
            ("`docker run --rm --network none`", dockers),
            ("Garden: create, run, destroy; network and image", ours),
            ("the same, privileged", privileged),
            ("until nothing of it is left, its bridge neither", &gone),
        ],
        0,
    );
    let [create, run, destroy] = &steps;
    table(
        "The steps of the unprivileged one, without a pause",
        "ms",
        &[
            ("create", create),
            ("run, to its exit status", run),
            ("destroy", destroy),
        ],
        0,
    );
}

/// Waits until the server's network has no link of a container any more.
fn until_no_link(server: &Server) {
    let deadline = Instant::now() + Duration::from_secs(30);
    let is_left = || {
        let links = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap_or_default();
        links.lines().any(|line| line.trim_start().starts_with('w'))
    };
    while server.net().inside(is_left) {
        assert!(Instant::now() < deadline, "links stay");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// One container's life; with the times of its three steps, if they are wanted.
pub(super) struct Steps<'a> {
    pub client: &'a Client,
    pub spec: &'a ContainerSpec,
    pub steps: Option<&'a mut [Samples; 3]>,
}

impl Steps<'_> {
    pub fn cycle(self) {
        let (client, spec) = (self.client, self.spec);
        let run = || {
            let program = ProcessSpec {
                path: "/bin/true".to_owned(),
                ..ProcessSpec::default()
            };
            let process = client.run(&spec.handle, &program, Streams::default())?;
            process.wait().map(drop)
        };
        let work: [&dyn Fn() -> Result<(), Error>; 3] =
            [&|| client.create(spec).map(drop), &run, &|| {
                client.destroy(&spec.handle)
            }];
        let mut unused: [Samples; 3] = Default::default();
        for (step, into) in work.iter().zip(self.steps.unwrap_or(&mut unused)) {
            into.time(|| {
                if let Err(error) = step() {
                    panic!("{}", said(error));
                }
            });
        }
    }
}
