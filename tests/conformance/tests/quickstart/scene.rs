//! An environment that `scripts/quickstart` made, with its ensemble.

use std::net::Ipv4Addr;
use std::ops::Deref;
use std::path::PathBuf;
use std::time::Duration;

use warren_tests_conformance::environment::{Begun, Environment, text};
use warren_tests_harness::programs;

use crate::proxy::Proxy;
use crate::zookeeper::Node;

/// Longer than packages take to come, and everything to be made of them.
const PATIENCE: Duration = Duration::from_secs(3600);
/// Longer than a deploy waits for what was killed.
const SETTLING: Duration = Duration::from_secs(600);
/// Where the director puts persistent disks, seen from its level.
const DISKS: &str = "vcap/store/warden_cpi/disks";

/// See the module. Everything goes with it.
pub struct Scene {
    /// The director's level; its container is in the one before, its machines are in the one after.
    pub depth: usize,
    /// Before the network that it listens in.
    proxy: Proxy,
    environment: Environment,
}

/// How the ensemble is to be, other than in its manifest.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Milliseconds of its unit of time.
    pub tick: u32,
    /// Five nodes instead of three.
    pub five: bool,
    /// More operations on the manifest.
    pub more: String,
}

/// A node and its machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    pub instance: String,
    pub cid: String,
    pub address: Ipv4Addr,
    /// Name and version.
    pub stemcell: String,
}

impl Deref for Scene {
    type Target = Environment;

    fn deref(&self) -> &Environment {
        &self.environment
    }
}

impl Scene {
    /// From nothing.
    #[track_caller]
    pub fn new() -> Self {
        let environment = Environment::new("quickstart", "zookeeper");
        let proxy = Proxy::new(&environment);
        let scene = Self {
            depth: 1,
            proxy,
            environment,
        };
        scene.quickstart("");
        scene
    }

    /// Runs the script, with more flags; what it says, which is looked at.
    #[track_caller]
    pub fn quickstart(&self, flags: &str) -> String {
        let script = format!(
            "{}exec '{}' --executable '{}' --home {} {flags}",
            self.proxy.exports(),
            programs::workspace().join("scripts/quickstart").display(),
            programs::small_warren().display(),
            self.home().display()
        );
        let (code, said) = self.begin_shell(&script).end(PATIENCE);
        assert_eq!(code, 0, "{said}");
        for line in said.lines().filter(|line| line.contains(": ok, ")) {
            println!("    {line}");
        }
        look(&said);
        said
    }

    /// Where the script works.
    pub fn work(&self) -> PathBuf {
        self.at("home.quickstart")
    }

    fn deploy_arguments(&self, wanted: &Wanted) -> Vec<String> {
        let path = |path: PathBuf| path.to_str().unwrap().to_owned();
        let ops = format!(
            "- type: replace\n  \
             path: /instance_groups/name=zookeeper/jobs/name=zookeeper/properties?/tick_time\n  \
             value: {}\n{}",
            wanted.tick, wanted.more
        );
        let mut arguments = vec!["deploy".to_owned(), path(self.work().join("zookeeper.yml"))];
        arguments.extend(["-o".to_owned(), path(self.file("wanted.yml", &ops))]);
        if wanted.five {
            let five = self.work().join("zookeeper/manifests/five-nodes.yml");
            arguments.extend(["-o".to_owned(), path(five)]);
        }
        arguments
    }

    /// Deploys; what is said.
    #[track_caller]
    pub fn deploy(&self, wanted: &Wanted) -> String {
        let arguments = self.deploy_arguments(wanted);
        self.bosh(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Deploys, which must fail; what is said.
    #[track_caller]
    pub fn deploy_refused(&self, wanted: &Wanted) -> String {
        let arguments = self.deploy_arguments(wanted);
        self.bosh_refused(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Begins to deploy.
    #[track_caller]
    pub fn begin_deploy(&self, wanted: &Wanted) -> Begun<'_> {
        let arguments = self.deploy_arguments(wanted);
        self.begin(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Waits for the end of what was begun, and until no task goes on; its exit code, and all it said.
    #[track_caller]
    pub fn settled(&self, begun: Begun<'_>) -> (i32, String) {
        let ended = begun.end(SETTLING);
        self.until_no_tasks();
        ended
    }

    /// All nodes, by address.
    #[track_caller]
    pub fn nodes(&self) -> Vec<Machine> {
        let rows = self.rows(&["vms"]);
        let machine = |row| Machine {
            instance: text(row, "instance"),
            cid: text(row, "vm_cid"),
            address: text(row, "ips").parse().unwrap(),
            stemcell: text(row, "stemcell"),
        };
        let mut all: Vec<Machine> = rows.iter().map(machine).collect();
        all.sort_by_key(|machine| machine.address);
        all
    }

    /// Its ZooKeeper.
    pub fn node(&self, machine: &Machine) -> Node<'_> {
        Node {
            net: self.machine.net(),
            address: machine.address,
        }
    }

    /// Runs a command as root in a machine.
    #[track_caller]
    pub fn in_machine(&self, cid: &str, script: &str) -> String {
        self.inside(self.depth, cid, script)
    }

    /// The machine and the very process that a node is, by number and time of its start.
    #[track_caller]
    pub fn process_of(&self, machine: &Machine) -> (String, String) {
        let script = "pid=$(cat /var/vcap/sys/run/bpm/zookeeper/zookeeper.pid) && \
                      echo $pid $(cut -d' ' -f22 /proc/$pid/stat)";
        let process = self.in_machine(&machine.cid, script);
        (machine.cid.clone(), process.trim().to_owned())
    }

    /// Those of all nodes.
    #[track_caller]
    pub fn processes(&self) -> Vec<(String, String)> {
        let nodes = self.nodes();
        nodes.iter().map(|node| self.process_of(node)).collect()
    }

    /// Waits until one node leads and all the others follow it, of so many; asserts that all know
    /// what was written first of all, and are configured as is wanted.
    #[track_caller]
    pub fn assert_ensemble(&self, count: usize, wanted: &Wanted) {
        let nodes = self.nodes();
        assert_eq!(nodes.len(), count, "{nodes:?}");
        self.until("one leads, all others follow", || {
            let modes: Vec<_> = nodes.iter().map(|node| self.node(node).mode()).collect();
            let followers = modes
                .iter()
                .filter(|mode| mode.as_deref() == Some("follower"));
            let leader = modes
                .iter()
                .position(|mode| mode.as_deref() == Some("leader"));
            followers.count() == count - 1
                && leader
                    .is_some_and(|leader| self.node(&nodes[leader]).followers() == Some(count - 1))
        });
        for node in &nodes {
            let config = self.in_machine(&node.cid, "cat /var/vcap/jobs/zookeeper/config/zoo.cfg");
            let tick = format!("tickTime={}\n", wanted.tick);
            assert!(config.contains(&tick), "{tick} {node:?}: {config}");
            assert_eq!(config.matches("\nserver.").count(), count, "{config}");
            let value = self.node(node).get("/first");
            assert_eq!(value, "of all", "{node:?}");
        }
    }

    /// Asserts that the inner Garden has these machines' containers and no others.
    #[track_caller]
    pub fn assert_no_more_containers(&self) {
        let mut known: Vec<String> = self.nodes().into_iter().map(|node| node.cid).collect();
        known.sort();
        assert_eq!(self.containers(), known);
    }

    /// What the inner Garden has.
    #[track_caller]
    pub fn containers(&self) -> Vec<String> {
        let said = self.garden(self.depth, &["list"]);
        let mut all: Vec<String> = said.lines().map(str::to_owned).collect();
        all.sort();
        all
    }

    /// What is left of persistent disks.
    pub fn disks(&self) -> Vec<String> {
        let listing = std::fs::read_dir(self.level(self.depth).join(DISKS)).unwrap();
        let names = listing.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        // What is hidden is the CPI's own.
        names.filter(|name| !name.starts_with('.')).collect()
    }

    /// Kills a process of the director's container, during which time nothing is asked.
    #[track_caller]
    pub fn kill(&self, name: &str) -> String {
        let pid = self.process(self.depth - 1, "director", name).unwrap();
        self.inside(self.depth - 1, "director", &format!("kill -9 {pid}"));
        pid
    }
}

/// What the script says of what it did.
#[track_caller]
fn look(said: &str) {
    let after = |title: &str| said.split_once(&format!("=== {title}\n")).unwrap().1;
    let smoke_tests = after("errand smoke-tests");
    assert!(smoke_tests.contains("3 of 3 nodes agree"), "{said}");
    let again = after("deploy again, which changes nothing");
    assert!(!again.contains("Updating instance"), "{said}");
    let status = after("status");
    assert!(status.contains("quorum: 1 leads, 2 follow"), "{said}");
    let tree = after("tree");
    for index in 0..3 {
        let node = format!("zookeeper/zookeeper/{index}");
        assert!(tree.contains(&node), "{said}");
    }
}
