//! The commands of `docs/how-to/docker.md`: a director two levels inside an unprivileged container of
//! Docker's; and what `docs/how-to/firewall.md` says of Docker.
//!
//! There is no network, so the page's way for that is taken: a root file system that is there.

use std::time::Instant;

use warren_tests_conformance::environment::PACKAGES;
use warren_tests_harness::debian::{self, Variant};
use warren_tests_harness::protocol::Program;
use warren_tests_harness::{ActorBuilder, Ns, Sandbox, page, programs};

use crate::docker::Docker;

const PAGE: &str = "docs/how-to/docker.md";
const LIMIT_MS: u64 = 300_000;

#[test]
fn the_page_is_true() {
    let sandbox = Sandbox::new("docker-page");
    let host = ActorBuilder::new().unshare(&[Ns::Net, Ns::Mount]).spawn();
    let docker = Docker::start(&host, &sandbox);
    docker.tag("debian:bookworm");
    let folder = docker.at("page");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(programs::small_warren(), folder.join("warren")).unwrap();
    let script = |text: &str| {
        let program = Program {
            argv: [
                "sh",
                "-c",
                &format!("set -e; cd {}\n{text}", folder.display()),
            ]
            .map(str::to_owned)
            .to_vec(),
            env: vec![("DOCKER_HOST".to_owned(), docker.address())],
            stdin: String::new(),
            timeout_ms: LIMIT_MS,
        };
        let began = Instant::now();
        let done = host.run_program(program);
        println!("{:.1} s: {text}", began.elapsed().as_secs_f64());
        assert_eq!(done.code, 0, "{text}\n{}\n{}", done.stdout, done.stderr);
        done.stdout
    };
    let root = debian::root(Variant::Essential, PACKAGES);
    let begin = page::block(PAGE, "Without --privileged", "");
    let mut commands = String::new();
    for line in begin.lines().filter(|line| !line.contains("apt-get")) {
        let line = line
            .replace("docker run -d", "docker run -d --network none")
            .replace(
                "-v warren:",
                &format!("-v {}:/root-fs:ro -v warren:", root.display()),
            )
            .replace("warren up", "warren up --directory /root-fs");
        commands += &line;
        commands += "\n";
    }
    assert!(commands.contains("--network none") && commands.contains("up --directory"));
    let said = script(&commands);
    assert!(
        said.contains("Garden at level 1") && !said.contains("FAILING"),
        "{said}"
    );
    let firewall = page::block("docs/how-to/firewall.md", "In Docker", "");
    let said = script(&firewall.replace("...", "--rm --network none warren:test"));
    assert!(said.contains("10.0.0.6:4222"), "{said}");
    script("docker exec nest warren down --all; docker rm -f nest; docker volume rm warren");
}
