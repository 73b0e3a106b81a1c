//! Network namespaces and what connects them, made with iproute2.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use warren_sys_process::namespaces::{self, Kind};

use crate::actor::Actor;
use crate::gate::{self, Shared};
use crate::protocol::Output;

/// A network namespace that lives as long as this value, or anything in it, does.
#[derive(Debug)]
pub struct NetNs {
    link: File,
    _gate: Shared,
}

impl NetNs {
    /// A new one, with loopback up. It passes no packets on, whatever the machine's own does: the
    /// kernel hands the setting of IPv4 down.
    ///
    /// # Panics
    /// If it cannot be made; that needs root.
    #[track_caller]
    #[expect(clippy::new_without_default, reason = "making one changes the machine")]
    pub fn new() -> NetNs {
        let gate = gate::shared();
        let here = Path::new("/proc/thread-self");
        let link = namespaces::in_new(&[Kind::Net], || namespaces::open(here, Kind::Net));
        match link.and_then(|link| link) {
            Ok(link) => {
                let net = NetNs { link, _gate: gate };
                net.ip(&["link", "set", "dev", "lo", "up"]);
                net.set_forwarding(false);
                net
            }
            Err(error) => panic!("cannot make a network namespace: {error:?}"),
        }
    }

    /// The network namespace that an actor on this machine is in, however deep it is nested.
    ///
    /// # Panics
    /// If the actor is gone.
    #[track_caller]
    pub fn of(actor: &Actor) -> NetNs {
        let gate = gate::shared();
        let process = PathBuf::from(format!("/proc/{}", actor.host_pid()));
        match namespaces::open(&process, Kind::Net) {
            Ok(link) => NetNs { link, _gate: gate },
            Err(error) => panic!("cannot open an actor's network namespace: {error:?}"),
        }
    }

    /// The network namespace with this number, which some process of this machine is in.
    ///
    /// # Panics
    /// If none is.
    #[track_caller]
    pub fn numbered(inode: u64) -> NetNs {
        let gate = gate::shared();
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        // Some end meanwhile, and some of the names are no processes.
        let mut links = processes.filter_map(|one| namespaces::open(&one.path(), Kind::Net).ok());
        match links.find(|link| link.metadata().is_ok_and(|of| of.ino() == inode)) {
            Some(link) => NetNs { link, _gate: gate },
            None => panic!("no process is in the network namespace {inode}"),
        }
    }

    /// A path that leads to it for as long as this value lives.
    pub fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.link.as_raw_fd()).into()
    }

    /// The number that `/proc/PID/ns/net` shows.
    #[track_caller]
    pub fn inode(&self) -> u64 {
        match self.link.metadata() {
            Ok(metadata) => metadata.ino(),
            Err(error) => panic!("cannot look at a network namespace: {error}"),
        }
    }

    /// Does something on a thread that is in it.
    #[track_caller]
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match namespaces::inside(&self.link, Kind::Net, work) {
            Ok(value) => value,
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Runs a program in it.
    #[track_caller]
    pub fn run<S: AsRef<str> + Sync>(&self, argv: &[S]) -> Output {
        let Some((program, arguments)) = argv.split_first() else {
            panic!("no program")
        };
        let result = self.inside(|| {
            let arguments = arguments.iter().map(AsRef::as_ref);
            Command::new(program.as_ref()).args(arguments).output()
        });
        match result {
            Ok(output) => Output {
                code: output.status.code().unwrap_or(-1),
                timed_out: false,
                stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
                stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            },
            Err(error) => panic!("cannot run {}: {error}", program.as_ref()),
        }
    }

    /// Runs `ip` with these arguments in it, which must go well.
    #[track_caller]
    pub fn ip(&self, arguments: &[&str]) -> String {
        let argv: Vec<&str> = std::iter::once("ip")
            .chain(arguments.iter().copied())
            .collect();
        self.run(&argv).success().stdout
    }

    /// Gives a link an address such as `10.0.0.1/24` and sets it up.
    #[track_caller]
    pub fn address(&self, link: &str, address: &str) {
        if address.contains(':') {
            // No duplicate address detection: it would hold the address back for a second.
            self.ip(&["address", "add", address, "dev", link, "nodad"]);
        } else {
            self.ip(&["address", "add", address, "dev", link]);
        }
        self.ip(&["link", "set", "dev", link, "up"]);
    }

    /// Sends packets for `destination` (or `default`) by way of `gateway`.
    #[track_caller]
    pub fn route(&self, destination: &str, gateway: &str) {
        self.ip(&["route", "add", destination, "via", gateway]);
    }

    /// Makes it pass packets on between its links.
    #[track_caller]
    pub fn forward(&self) {
        self.set_forwarding(true);
    }

    /// Whether it does, over IPv4.
    #[track_caller]
    pub fn forwards(&self) -> bool {
        match self.inside(|| std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward")) {
            Ok(value) => value.trim() == "1",
            Err(error) => panic!("cannot see whether packets are forwarded: {error}"),
        }
    }

    #[track_caller]
    fn set_forwarding(&self, on: bool) {
        let value = if on { "1" } else { "0" };
        let result = self.inside(|| {
            std::fs::write("/proc/sys/net/ipv4/ip_forward", value)
                .and_then(|()| std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", value))
        });
        if let Err(error) = result {
            panic!("cannot set forwarding to {value}: {error}");
        }
    }
}

/// Connects two network namespaces: each gets a link with an address such as
/// `10.0.0.1/24`, if one is given.
#[track_caller]
pub fn veth(one: (&NetNs, &str, Option<&str>), other: (&NetNs, &str, Option<&str>)) {
    let target = other.0.path().display().to_string();
    let peer = ["peer", "name", other.1, "netns", &target];
    one.0
        .ip(&[&["link", "add", "name", one.1, "type", "veth"], &peer[..]].concat());
    for (net, link, address) in [one, other] {
        match address {
            Some(address) => net.address(link, address),
            None => _ = net.ip(&["link", "set", "dev", link, "up"]),
        }
    }
    for (net, link, _) in [one, other] {
        wait_until_up(net, link);
    }
}

/// The kernel activates a link in the background: what is sent before is dropped, and a lost first
/// packet would decide a test.
#[track_caller]
fn wait_until_up(net: &NetNs, link: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let state = net.ip(&["-o", "link", "show", "dev", link]);
        if state.contains("state UP") {
            return;
        }
        assert!(Instant::now() < deadline, "link {link} stays down: {state}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Makes a bridge with an address in `net` and puts these links of it on the bridge.
#[track_caller]
pub fn bridge(net: &NetNs, name: &str, address: Option<&str>, ports: &[&str]) {
    net.ip(&["link", "add", "name", name, "type", "bridge"]);
    for port in ports {
        net.ip(&["link", "set", "dev", port, "master", name, "up"]);
    }
    match address {
        Some(address) => net.address(name, address),
        None => _ = net.ip(&["link", "set", name, "up"]),
    }
    if !ports.is_empty() {
        wait_until_up(net, name);
    }
}
