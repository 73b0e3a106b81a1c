//! Killed at any instant, the next start finds everything again: a process that makes, changes
//! and removes networks as fast as it can is killed, over and over, and what it leaves behind is
//! recovered and compared with what is there.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test reports failure by panicking"
)]

use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use warren_container_network::apply::Kernel;
use warren_container_network::link::Rtnetlink;
use warren_container_network::{MappingRequest, Network, Recovered, Settings, Spec};
use warren_sys_process::namespaces::{self, Kind};
use warren_tests_harness::NetNs;

const ROUNDS: u32 = 60;
/// Containers under way at once in the process that is killed.
const WORKERS: u32 = 4;
/// How long the process may take to begin.
const SOON: Duration = Duration::from_secs(60);

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("work") => work(Path::new(&std::env::args().nth(2).expect("a directory"))),
        // The test runner's own options mean nothing here.
        _ => kill_and_recover(),
    }
}

fn open(directory: &Path) -> (Network, Recovered) {
    let settings = Settings {
        external: vec!["192.0.2.1".parse().unwrap()],
        ..Settings::default()
    };
    Network::open(settings, directory, Box::new(Kernel::open().unwrap())).unwrap()
}

/// Makes, changes and removes networks until killed.
fn work(directory: &Path) {
    let (mut network, _) = open(directory);
    let kernel = Box::new(Kernel::open().unwrap());
    let report = |handle: &str, error: &_| panic!("{handle}: {error}");
    network
        .remove_in_background(kernel, Box::new(report))
        .unwrap();
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let network = &network;
            scope.spawn(move || {
                for turn in 0_u32.. {
                    one(
                        network,
                        &format!("c-{worker}-{turn}"),
                        turn.is_multiple_of(2),
                    );
                }
            });
        }
    });
}

fn one(network: &Network, handle: &str, shared: bool) {
    let here = Path::new("/proc/thread-self");
    let netns = namespaces::in_new(&[Kind::Net], || namespaces::open(here, Kind::Net));
    let netns = netns.unwrap().unwrap();
    let spec = Spec {
        network: if shared { "10.244.0.0/24" } else { "" }.to_owned(),
        net_in: vec![MappingRequest::default()],
        ..Spec::default()
    };
    network.create(handle, &spec, netns.as_fd()).unwrap();
    network.net_in(handle, MappingRequest::default()).unwrap();
    network.net_out(handle, &[Default::default()]).unwrap();
    // Of those that share a subnet every other one, so that the two ways meet on a bridge.
    let gone = if handle.ends_with(['0', '1', '6', '7']) {
        network.destroy_soon(handle)
    } else {
        network.destroy(handle)
    };
    assert!(gone.unwrap());
}

fn kill_and_recover() {
    let host = NetNs::new();
    let state = tempfile::tempdir().unwrap();
    let (mut kept, mut removed) = (0, 0);
    for round in 0..ROUNDS {
        let mut child = host.inside(|| {
            Command::new(std::env::current_exe().unwrap())
                .arg("work")
                .arg(state.path())
                .stdin(Stdio::null())
                .spawn()
                .unwrap()
        });
        // In half of the rounds there is something by now.
        let deadline = Instant::now() + SOON;
        while round % 2 == 0 && !has_records(state.path()) {
            assert!(Instant::now() < deadline, "it does nothing");
            std::thread::sleep(Duration::from_micros(100));
        }
        // From the very start to well into the work, never the same instant.
        std::thread::sleep(Duration::from_micros(u64::from(round) * 3137 + 500));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert!(
            !status.success() && status.code().is_none(),
            "it died by itself: {status}"
        );
        let (found, gone) = recover(&host, state.path());
        kept += found;
        removed += gone;
    }
    println!("{ROUNDS} kills: {kept} networks were whole, {removed} were under way");
    assert!(kept + removed > 0, "no kill met any work");
}

fn has_records(directory: &Path) -> bool {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().path()).any(|path| {
        path.extension()
            .is_some_and(|extension| extension == "json")
    })
}

/// Recovers, and checks that nothing but what is whole is there; then removes that too.
fn recover(host: &NetNs, directory: &Path) -> (usize, usize) {
    let (network, recovered) = host.inside(|| open(directory));
    assert!(recovered.failed.is_empty(), "{:?}", recovered.failed);
    assert_eq!(network.list().len(), recovered.kept.len());
    let tables = || host.run(&["nft", "list", "tables"]).success().stdout;
    let expected = if recovered.kept.is_empty() {
        ""
    } else {
        "table inet warren_garden\n"
    };
    assert_eq!(tables(), expected);
    for handle in &recovered.kept {
        assert!(network.destroy(handle).unwrap());
    }
    let mut net = host.inside(Rtnetlink::open).unwrap();
    let links: Vec<String> = net.links().unwrap().into_iter().map(|l| l.name).collect();
    assert_eq!(links, ["lo"]);
    assert_eq!(tables(), "");
    let files: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| {
            !["lock", "version", "boot", "next-port"]
                .map(Into::into)
                .contains(name)
        })
        .collect();
    assert!(files.is_empty(), "{files:?}");
    (recovered.kept.len(), recovered.removed.len())
}
