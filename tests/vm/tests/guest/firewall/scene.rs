//! The agent's service, the servers it talks to, and everyone who is not the agent.

use std::net::SocketAddr;
use std::time::Duration;

use warren_tests_harness::protocol::Program;
use warren_tests_harness::{Actor, ActorBuilder, Connected, Ns, Output};
use warren_tests_vm::{Turn, Vm};

pub(super) const MONIT: &str = "127.0.0.1:2822";
pub(super) const NATS: &str = "10.99.0.1:4222";
pub(super) const PLACES: [&str; 2] = [MONIT, NATS];
/// The agent's cgroup, as its `/proc/PID/cgroup` has it.
pub(super) const AGENT: &str = "/system.slice/bosh-agent.service";
/// Where the tests' own files are in the machine.
pub(super) const FOLDER: &str = "/run/warren-test";
const SERVERS: &str = "/sys/fs/cgroup/warren-test-scene-servers";
/// Long enough for a connection in an emulated machine.
const SOON: Duration = Duration::from_secs(5);

/// The machine with the agent's service running, set back when dropped. One at a time.
pub(super) struct Scene {
    pub vm: &'static Vm,
    _monit: Actor,
    _nats: Actor,
    _turn: Turn,
}

impl Scene {
    /// With an agent whose main process runs this command.
    #[track_caller]
    pub fn with_agent(command: &str) -> Scene {
        let turn = Turn::take();
        let vm = turn.vm();
        clean(vm);
        let commands = [
            &format!("mkdir -p {FOLDER}"),
            "ln -s /warren /run/warren-test/bosh-enable-monit-access",
            "ip netns add nats",
            "ip link add nats type veth peer name eth0 netns nats",
            "ip address add 10.99.0.2/24 dev nats",
            "ip link set nats up",
            "ip -n nats address add 10.99.0.1/24 dev eth0",
            "ip -n nats link set eth0 up",
        ];
        vm.shell(&commands.join(" && ")).success();
        // In a cgroup that is emptied even after a test that failed.
        vm.actor().make_directory(SERVERS);
        let server = ActorBuilder::new().cgroup(SERVERS);
        let monit = server.clone().spawn_in(vm.actor());
        monit.listen(address(MONIT));
        let nats = server.join(Ns::Net, "/run/netns/nats").spawn_in(vm.actor());
        nats.listen(address(NATS));
        let scene = Scene {
            vm,
            _monit: monit,
            _nats: nats,
            _turn: turn,
        };
        scene.start_unit("bosh-agent.service", command);
        scene
    }

    #[track_caller]
    pub fn new() -> Scene {
        Scene::with_agent("/bin/sleep infinity")
    }

    /// Starts a service that runs this command and writes to a file called like it. It is
    /// gone when it has stopped.
    #[track_caller]
    pub fn start_unit(&self, name: &str, command: &str) {
        let run = format!(
            "systemd-run --quiet --unit={name} -p StandardOutput=append:{FOLDER}/{name}.log \
             -p TimeoutStopSec=5 {command}"
        );
        self.vm.shell(&run).success();
    }

    /// Makes a file.
    #[track_caller]
    pub fn put(&self, path: &str, text: &str) {
        let argv = ["sh", "-c", "cat >\"$0\"", path]
            .map(str::to_owned)
            .to_vec();
        let (env, stdin) = (Vec::new(), text.to_owned());
        let program = Program {
            argv,
            env,
            stdin,
            timeout_ms: 20_000,
        };
        self.vm.actor().run_program(program).success();
    }

    /// A process of a unit, given by the path of its cgroup.
    #[track_caller]
    pub fn process_of(&self, cgroup: &str) -> Actor {
        ActorBuilder::new()
            .cgroup(format!("/sys/fs/cgroup{cgroup}"))
            .spawn_in(self.vm.actor())
    }

    /// Whom the rules are to refuse: root in another service, root in no service, a user.
    #[track_caller]
    pub fn others(&self) -> Vec<(&'static str, Actor)> {
        self.start_unit("sibling.service", "/bin/sleep infinity");
        vec![
            (
                "root in a sibling service",
                self.process_of("/system.slice/sibling.service"),
            ),
            ("root in init's scope", self.process_of("/init.scope")),
            (
                "a root shell elsewhere",
                ActorBuilder::new().spawn_in(self.vm.actor()),
            ),
            (
                "a user",
                ActorBuilder::new()
                    .ids(1000, 1000)
                    .spawn_in(self.vm.actor()),
            ),
            (
                "a user in the root cgroup",
                ActorBuilder::new()
                    .cgroup("/sys/fs/cgroup")
                    .ids(1000, 1000)
                    .spawn_in(self.vm.actor()),
            ),
        ]
    }

    /// What set-up could leave in the machine: rules and cgroups.
    #[track_caller]
    pub fn stock(&self) -> String {
        let list = "nft list ruleset; find /sys/fs/cgroup -type d -name 'warren-proof*'";
        self.vm.shell(list).success().stdout
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            clean(self.vm);
        }
    }
}

/// Puts the machine back, whatever was made in it.
#[track_caller]
fn clean(vm: &Vm) {
    // Its steps are on the standard error, for whoever sees it fail.
    let script = "set -x
        units='bosh-agent.service sibling.service watch.service outsider.service guest.service'
        systemctl stop $units runc-bpm-myjob.scope 2>/dev/null
        systemctl reset-failed $units 2>/dev/null
        if rm /run/systemd/system/bosh-agent.service 2>/dev/null; then systemctl daemon-reload; fi
        for group in /sys/fs/cgroup/warren-test-scene-*; do
            [ -d $group ] || continue
            echo 1 >$group/cgroup.kill
            until find $group -depth -type d -exec rmdir {} + 2>/dev/null; do sleep 0.1; done
        done
        ip link delete nats 2>/dev/null
        ip netns delete nats 2>/dev/null
        rm -rf /run/warren-test /var/vcap/bosh/settings.json
        nft flush ruleset";
    vm.shell(script).success();
}

/// Flags that protect the scene's places.
pub(super) fn firewall<'a>(verb: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["firewall", verb, "--nats", NATS][..], more].concat()
}

pub(super) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(super) fn json(output: &Output) -> serde_json::Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:#?}"))
}

/// Asserts that this process reaches both places.
#[track_caller]
pub(super) fn assert_passes(actor: &Actor, who: &str) {
    for place in PLACES {
        let seen = actor.connect(address(place), SOON);
        assert_eq!(seen, Connected::Connected, "{who} to {place}");
    }
}

/// Asserts that this process reaches neither and is told so: a reset, no silence.
#[track_caller]
pub(super) fn assert_refused(actor: &Actor, who: &str) {
    for place in PLACES {
        let seen = actor.connect(address(place), SOON);
        assert_eq!(seen, Connected::Refused, "{who} to {place}");
    }
}
