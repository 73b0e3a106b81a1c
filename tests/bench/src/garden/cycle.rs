//! From nothing to a finished process and back.

use std::time::Duration;

use warren_garden_client::{Client, Error, Streams};
use warren_tests_conformance::garden::Server;
use warren_tests_conformance::said;
use warren_wire_garden::container::ContainerSpec;
use warren_wire_garden::process::ProcessSpec;

use super::peers::{Docker, Peers};
use crate::figures::{Samples, table};

const RUNS: usize = 40;
const PAUSE: Duration = Duration::from_millis(150);

/// Turns of ours and of the peers, then the steps of ours.
pub fn bench() {
    let server = Server::new();
    let client = server.client();
    let peers = Peers::new(&server);
    let docker = Docker::start(&server);
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
        "A container with /bin/true in it, made, run and removed",
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
