//! The agent's service is restarted, and its cgroup with it, under a watcher.

use std::time::{Duration, Instant};

use warren_tests_harness::page;
use warren_tests_vm::warren;

use super::scene::{AGENT, FOLDER, NATS, Scene};

const PAGE: &str = "docs/how-to/firewall.md";

/// Tries both places for ever and writes a line about each attempt.
const PROBE: &str = r#"exec 9<> <(:) >>"$1"
while :; do
    for place in 127.0.0.1/2822 10.99.0.1/4222; do
        begun=$EPOCHREALTIME
        { : 3<>"/dev/tcp/$place"; } 2>/dev/null && outcome=passed || outcome=refused
        echo "$$ $begun $EPOCHREALTIME $place $outcome"
    done
    read -rt 0.02 -u 9
done
"#;

/// One attempt of a probe.
#[derive(Debug)]
struct Attempt {
    pid: u32,
    begun: f64,
    ended: f64,
    place: String,
    passed: bool,
}

struct Watched {
    scene: Scene,
}

impl Watched {
    /// An agent and an outsider that try all the time, and a watcher.
    #[track_caller]
    fn new() -> Watched {
        let probe = format!("/bin/bash {FOLDER}/probe");
        let scene = Scene::new();
        scene.put(&format!("{FOLDER}/probe"), PROBE);
        let agent = format!("[Service]\nExecStart={probe} {FOLDER}/agent\nTimeoutStopSec=5\n");
        scene.put("/run/systemd/system/bosh-agent.service", &agent);
        scene.vm.shell("systemctl stop bosh-agent && systemctl daemon-reload && systemctl start bosh-agent").success();
        // As the page has it: the servers are those of the agent's settings.
        let settings = format!("{{\"mbus\": \"nats://{NATS}\"}}");
        scene.vm.shell("mkdir -p /var/vcap/bosh").success();
        scene.put("/var/vcap/bosh/settings.json", &settings);
        let watch = page::block(PAGE, "Beside a stock agent", "");
        assert!(watch.contains(AGENT), "{watch}");
        scene.start_unit("watch.service", &format!("/{}", watch.trim_end()));
        let watched = Watched { scene };
        watched.wait_for_log("Watching", 1);
        watched
            .scene
            .start_unit("outsider.service", &format!("{probe} {FOLDER}/outsider"));
        watched
    }

    /// What has been written to a file; nothing if nobody has opened it yet.
    fn written(&self, name: &str) -> String {
        let script = format!("! [ -e {FOLDER}/{name} ] || cat {FOLDER}/{name}");
        self.scene.vm.shell(&script).success().stdout
    }

    fn log(&self) -> String {
        self.written("watch.service.log")
    }

    #[track_caller]
    fn wait_for_log(&self, text: &str, times: usize) {
        let deadline = Instant::now() + Duration::from_secs(120);
        while self.log().matches(text).count() < times {
            assert!(
                Instant::now() < deadline,
                "no {text:?} in the log:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn systemctl(&self, verb: &str) {
        self.scene
            .vm
            .run(&["systemctl", verb, "bosh-agent.service"])
            .success();
    }

    fn attempts(&self, who: &str) -> Vec<Attempt> {
        let text = self.written(who);
        // The last line may be unfinished.
        let lines = text
            .rsplit_once('\n')
            .map_or("", |(complete, _)| complete)
            .lines();
        let attempt = |line: &str| {
            let words: Vec<&str> = line.split(' ').collect();
            Attempt {
                pid: words[0].parse().unwrap(),
                begun: words[1].parse().unwrap(),
                ended: words[2].parse().unwrap(),
                place: words[3].to_owned(),
                passed: words[4] == "passed",
            }
        };
        lines.map(attempt).collect()
    }

    /// How long the agent's present process tried until both places let it through, in seconds.
    #[track_caller]
    fn let_through_after(&self) -> f64 {
        let show = ["systemctl", "show", "-P", "MainPID", "bosh-agent.service"];
        let pid: u32 = self
            .scene
            .vm
            .run(&show)
            .success()
            .stdout
            .trim_end()
            .parse()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let attempts = self.attempts("agent");
            let own: Vec<_> = attempts
                .into_iter()
                .filter(|each| each.pid == pid)
                .collect();
            let first = |place| own.iter().find(|each| each.passed && each.place == place);
            if let (Some(monit), Some(nats)) = (first("127.0.0.1/2822"), first("10.99.0.1/4222")) {
                return monit.ended.max(nats.ended) - own[0].begun;
            }
            assert!(
                Instant::now() < deadline,
                "never let through: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// The outsider tried many times and never got through.
    #[track_caller]
    fn assert_outsider_refused(&self) {
        let attempts = self.attempts("outsider");
        assert!(attempts.len() > 50, "only {} attempts", attempts.len());
        let passed: Vec<_> = attempts.iter().filter(|each| each.passed).collect();
        assert!(passed.is_empty(), "{passed:?}");
    }
}

#[test]
fn a_restarted_agent_is_let_through_within_a_second_and_nobody_else() {
    let watched = Watched::new();
    let inode = || {
        let path = format!("/sys/fs/cgroup{AGENT}");
        watched
            .scene
            .vm
            .run(&["stat", "-c", "%i", &path])
            .success()
            .stdout
    };
    let mut took = Vec::new();
    let mut slowness = 0.0_f64;
    for _ in 0..4 {
        let since = Instant::now();
        let before = inode();
        slowness = slowness.max(since.elapsed().as_secs_f64());
        watched.systemctl("restart");
        took.push(watched.let_through_after());
        assert_ne!(inode(), before, "systemd made the cgroup anew");
    }
    watched.assert_outsider_refused();
    took.sort_by(f64::total_cmp);
    eprintln!("seconds until a restarted agent was let through: {took:.3?}");
    // The better half: one stall of an emulated machine is not the firewall's. How slow the machine
    // is at this hour comes on top, since that decides how soon anybody does anything.
    let bound = 1.0 + 10.0 * slowness;
    eprintln!("a program starts and ends in {slowness:.3} s: the bound is {bound:.3} s");
    assert!(took[1] < bound, "{took:?}\n{}", watched.log());
}

#[test]
fn an_agent_that_is_away_for_a_while_loses_nothing() {
    let watched = Watched::new();
    for round in 1..=2 {
        watched.systemctl("stop");
        watched
            .scene
            .vm
            .run(&["test", "!", "-e", &format!("/sys/fs/cgroup{AGENT}")])
            .success();
        watched.wait_for_log("cgroup is gone", round);
        // Nobody is let through in its place meanwhile, whoever it is.
        let beside = watched.scene.process_of("/init.scope");
        super::scene::assert_refused(&beside, "root elsewhere");
        drop(beside);
        watched.systemctl("start");
        let seconds = watched.let_through_after();
        eprintln!("seconds until the agent that came back was let through: {seconds:.3}");
    }
    watched.assert_outsider_refused();
}

/// The watcher ends and begins anew, the rules stay.
#[test]
fn a_restarted_watcher_leaves_no_gap() {
    let watched = Watched::new();
    watched.let_through_after();
    for round in 0..3 {
        watched
            .scene
            .vm
            .run(&["systemctl", "restart", "watch.service"])
            .success();
        watched.wait_for_log("Watching", 2 + round);
    }
    watched
        .scene
        .vm
        .run(&["systemctl", "kill", "-s", "KILL", "watch.service"])
        .success();
    let agent = watched.scene.process_of(AGENT);
    super::scene::assert_passes(&agent, "the agent without a watcher");
    // What the page says to look at, as the agent.
    for command in page::named(PAGE) {
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        let said = warren(&agent, &words).success();
        println!("{command}\n{}{}", said.stdout, said.stderr);
    }
    super::scene::assert_passes(&agent, "the agent");
    watched.assert_outsider_refused();
    drop(agent);
}
