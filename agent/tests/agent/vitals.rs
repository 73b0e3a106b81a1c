//! Vitals of a container that is limited: its own memory, CPU time and age, while the machine around
//! it is busy and old. The groups are laid out as a Garden server does it, with the limits in a group
//! above the one that is the root inside.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use warren_agent::paths::Paths;
use warren_agent::vitals::Sampler;
use warren_sys_cgroup::limits::{Bound, Limits};
use warren_sys_cgroup::{GroupSet, Layout, Process};

const INSIDE: &str = "WARREN_TEST_VITALS";
const LIMIT: u64 = 512 << 20;
/// What is allocated, in MiB.
const HELD: usize = 128;
const BURN: Duration = Duration::from_millis(300);

/// CPU time of this process.
fn spent() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks = |at: usize| fields[at].parse::<u64>().unwrap();
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

fn burn() {
    let begun = spent();
    while spent() < begun + BURN {
        std::hint::black_box((0..100_000_u64).sum::<u64>());
    }
}

/// Not a test but what happens in the container, where the variable says so: answers lines.
#[test]
fn inside() {
    if std::env::var(INSIDE).is_err() {
        return;
    }
    let sampler = Sampler::new(Paths::new(std::path::Path::new("/")));
    let mut held = Vec::new();
    for line in std::io::stdin().lines() {
        match line.unwrap().as_str() {
            "hold" => held = vec![1_u8; HELD << 20],
            "burn" => burn(),
            _ => {}
        }
        let vitals = serde_json::to_value(sampler.vitals()).unwrap();
        println!("\n{}", json!({"vitals": vitals, "held": held.len()}));
    }
}

fn number(vitals: &Value, path: &str) -> f64 {
    let found = vitals.pointer(path).unwrap();
    let text = found
        .as_str()
        .map_or_else(|| found.to_string(), str::to_owned);
    text.parse().unwrap()
}

/// The container's, and what is in them, gone at the end.
struct Groups(Option<GroupSet>);

impl Groups {
    fn gone(&mut self) {
        let Some(outer) = self.0.take() else { return };
        let limit = Duration::from_secs(30);
        if let Ok(init) = outer.child("init") {
            init.kill(limit).unwrap();
            init.remove(limit).unwrap();
        }
        outer.remove(limit).unwrap();
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        self.gone();
    }
}

/// Shows the container its groups as a runtime does.
fn mounts() -> String {
    let mut script = "mount --make-rprivate / && mount -t proc proc /proc && \
        umount -R -l /sys/fs/cgroup && mount -t tmpfs none /sys/fs/cgroup"
        .to_owned();
    for hierarchy in Layout::discover().unwrap().v1 {
        let names = hierarchy.controllers.join(",");
        if !names.starts_with("name=") {
            let place = format!("/sys/fs/cgroup/{names}");
            script += &format!(" && mkdir {place} && mount -t cgroup -o {names} none {place}");
        }
    }
    script + " && mkdir /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified"
}

#[test]
fn a_container_tells_of_itself_and_not_of_its_machine() {
    let name = format!("warren-test-{}-vitals", std::process::id());
    let groups = Groups(Some(
        GroupSet::of(Process::Myself)
            .unwrap()
            .create(&name)
            .unwrap(),
    ));
    let outer = groups.0.as_ref().unwrap();
    let mut limits = Limits::default();
    limits.memory.max = Some(Bound::At(LIMIT));
    outer.limit(&limits).unwrap();
    let init = outer.create("init").unwrap();

    // It waits to be put into its groups, and leaves for a namespace whose root they are then.
    let script = format!(
        "read go; exec unshare --mount --pid --cgroup --fork --kill-child \
         sh -ec '{} && exec \"$0\" --exact vitals::inside --nocapture' \"$0\"",
        mounts()
    );
    let mut child = Command::new("sh")
        .args(["-ec", &script])
        .arg(std::env::current_exe().unwrap())
        .env(INSIDE, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    init.add(rustix::process::Pid::from_child(&child)).unwrap();
    let begun = Instant::now();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    writeln!(input, "go").unwrap();
    let mut ask = |what: &str| -> Value {
        writeln!(input, "{what}").unwrap();
        let answer = output.find_map(|line| serde_json::from_str::<Value>(&line.unwrap()).ok());
        answer.unwrap()["vitals"].clone()
    };
    // Somebody else burns; it does not.
    let before = ask("look");
    burn();
    // It burns itself.
    let whole = Instant::now();
    let idle = ask("look");
    let busy = ask("burn");
    let whole = whole.elapsed();
    let cpus =
        f64::from(u32::try_from(std::thread::available_parallelism().unwrap().get()).unwrap());
    let share =
        |of: Duration, within: Duration| 100.0 * of.as_secs_f64() / within.as_secs_f64() / cpus;
    let told = |vitals: &Value| number(vitals, "/cpu/user") + number(vitals, "/cpu/sys");
    // The kernel counts ticks.
    let least = share(BURN * 4 / 5, whole);
    assert!(told(&busy) >= least, "{busy} but {least} at least");
    let most = share(BURN / 4, BURN);
    assert!(
        told(&idle) <= most,
        "{idle} while others burnt, {most} at most"
    );

    let holding = ask("hold");
    let grown = number(&holding, "/mem/kb") - number(&before, "/mem/kb");
    assert!(grown >= f64::from(100 << 10), "{before} to {holding}");
    assert!(
        number(&holding, "/mem/kb") <= f64::from(512 << 10),
        "{holding}"
    );
    // Of the limit, which is above.
    let percent = number(&holding, "/mem/kb") / f64::from(512 << 10) * 100.0;
    assert!(
        (number(&holding, "/mem/percent") - percent).abs() <= 1.0,
        "{holding}"
    );

    let age = number(&holding, "/uptime/secs");
    assert!(age <= begun.elapsed().as_secs_f64() + 1.0, "{holding}");

    drop(input);
    assert!(child.wait().unwrap().success());
}
