//! A home of an environment, on a machine of the test's own.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use warren_tests_conformance::machine::Machine;
use warren_tests_conformance::release;
use warren_tests_harness::debian::{self, Variant};
use warren_tests_harness::protocol::Program;
use warren_tests_harness::{Output, programs};

/// Longer than anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// What directors and machines need; nothing of it compiles.
const PACKAGES: &[&str] = &[
    "ca-certificates",
    "curl",
    "iproute2",
    "iputils-ping",
    "nats-server",
    "nftables",
    "openssh-server",
    "procps",
    "ruby",
    "sudo",
];

/// See the module. Everything goes with it.
pub struct Scene {
    pub machine: Machine,
    directory: TempDir,
    packages: Vec<&'static str>,
}

impl Scene {
    /// With nothing in it.
    #[track_caller]
    pub fn new() -> Self {
        Self {
            machine: Machine::new("environment"),
            directory: tempfile::tempdir().unwrap(),
            packages: PACKAGES.to_vec(),
        }
    }

    /// With one more package in the image.
    #[track_caller]
    pub fn with(package: &'static str) -> Self {
        let mut scene = Self::new();
        scene.packages.push(package);
        scene
    }

    /// A place of the test's.
    pub fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Where the environment is.
    pub fn home(&self) -> PathBuf {
        self.at("home")
    }

    /// The directory of a level, as this machine sees it.
    pub fn level(&self, index: usize) -> PathBuf {
        std::iter::repeat_n("next", index).fold(self.home(), |path, next| path.join(next))
    }

    /// Writes a file.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.at(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Runs a shell command on the machine.
    pub fn try_shell(&self, script: &str) -> Output {
        let variables = [
            ("WARREN_HOME", self.home()),
            ("HOME", self.at("user")),
            ("BOSH_NON_INTERACTIVE", "true".into()),
        ];
        self.machine.actor().run_program(Program {
            argv: ["sh", "-c", &format!("{}{script}", self.machine.enter())]
                .map(str::to_owned)
                .to_vec(),
            env: variables
                .map(|(name, value)| (name.to_owned(), value.display().to_string()))
                .to_vec(),
            stdin: String::new(),
            timeout_ms: u64::try_from(PATIENCE.as_millis()).unwrap(),
        })
    }

    /// Runs one that must succeed; what it says.
    #[track_caller]
    pub fn shell(&self, script: &str) -> String {
        let done = self.try_shell(script);
        assert!(
            done.code == 0,
            "{script}: {}\n{}\n{}\n{}",
            done.code,
            done.stdout,
            done.stderr,
            self.logs()
        );
        done.stdout
    }

    /// Runs a verb that must succeed; what it says.
    #[track_caller]
    pub fn warren(&self, arguments: &[&str]) -> String {
        self.shell(&command(arguments))
    }

    /// Runs a verb that talks to the director, as the environment says how; what it says.
    #[track_caller]
    pub fn bosh(&self, arguments: &[&str]) -> String {
        let env = command(&["env"]);
        self.shell(&format!(
            "eval \"$({env})\" && BOSH_DEPLOYMENT=small {}",
            command(arguments)
        ))
    }

    /// Runs a verb that must fail; what it says.
    #[track_caller]
    pub fn refused(&self, arguments: &[&str]) -> String {
        let done = self.try_shell(&command(arguments));
        assert!(done.code != 0, "{arguments:?} succeeded: {}", done.stdout);
        format!("{}{}", done.stdout, done.stderr)
    }

    /// The command that makes the environment.
    pub fn command_up(&self, more: &[&str]) -> String {
        let root = debian::root(Variant::Essential, &self.packages);
        let mut arguments = vec!["up", "--directory", root.to_str().unwrap()];
        arguments.extend(["--executable", programs::small_warren().to_str().unwrap()]);
        arguments.extend(more);
        command(&arguments)
    }

    /// Makes the environment; what is said of each step.
    #[track_caller]
    pub fn up(&self, more: &[&str]) -> String {
        self.shell(&self.command_up(more))
    }

    /// Has the director given the small release.
    #[track_caller]
    pub fn upload_release(&self) {
        let source = self.at("release");
        release::write(&source);
        let tarball = self.at("small.tgz");
        let tarball = tarball.to_str().unwrap();
        self.shell(&format!(
            "cd {} && {}",
            source.display(),
            command(&["release", "create", "--force", "--tarball", tarball])
        ));
        self.bosh(&["upload-release", tarball]);
    }

    /// Deploys the small release; what is said.
    #[track_caller]
    pub fn deploy(&self, instances: usize, greeting: &str) -> String {
        let manifest = release::manifest(instances, greeting, false);
        let manifest = manifest.replace("os: tiny", &format!("os: {}", self.system()));
        let file = self.file("manifest.yml", &manifest);
        self.bosh(&["deploy", file.to_str().unwrap()])
    }

    /// What the stemcell is called by manifests.
    fn system(&self) -> String {
        let images = fs::read_dir(self.home().join("images")).unwrap();
        let about = images
            .map(|entry| entry.unwrap().path())
            .find(|path| path.extension().is_some_and(|kind| kind == "json"))
            .unwrap();
        let about: Value = serde_json::from_slice(&fs::read(about).unwrap()).unwrap();
        about["operating_system"].as_str().unwrap().to_owned()
    }

    /// Rows of a verb of the director's.
    #[track_caller]
    pub fn rows(&self, arguments: &[&str]) -> Vec<Value> {
        let text = self.bosh(&[arguments, &["--json"]].concat());
        let document: Value = serde_json::from_str(&text).unwrap();
        document["Tables"][0]["Rows"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }

    /// One column of all machines of the deployment.
    #[track_caller]
    pub fn machines(&self, column: &str) -> Vec<String> {
        let rows = self.rows(&["vms"]);
        let texts = rows
            .iter()
            .map(|row| row[column].as_str().unwrap().to_owned());
        texts.collect()
    }

    /// Runs a command as root in a container of a level.
    #[track_caller]
    pub fn inside(&self, level: usize, handle: &str, script: &str) -> String {
        let socket = self.level(level).join("garden.sock");
        let target = [
            "container",
            "--target",
            socket.to_str().unwrap(),
            "run",
            "--attach",
        ];
        self.warren(&[&target[..], &[handle, "--", "/bin/sh", "-c", script]].concat())
    }

    /// Rows of `warren status`, by component and level, that are as they should not be.
    #[track_caller]
    pub fn failing(&self) -> Vec<(String, String)> {
        let done = self.try_shell(&command(&["status", "--json"]));
        let rows: Vec<Value> = serde_json::from_str(&done.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", done.stdout, done.stderr));
        let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let failing: Vec<(String, String)> = rows
            .iter()
            .filter(|row| row["state"] == "failing")
            .map(|row| (text(row, "component"), text(row, "note")))
            .collect();
        assert_eq!(done.code != 0, !failing.is_empty(), "{}", done.stdout);
        failing
    }

    /// Asserts that all parts work, those of machines as well.
    #[track_caller]
    pub fn assert_good(&self) {
        let failing = self.failing();
        assert!(failing.is_empty(), "{failing:?}\n{}", self.logs());
    }

    /// The number that a process of a container's supervisor has inside, if it runs.
    #[track_caller]
    pub fn process(&self, level: usize, handle: &str, name: &str) -> Option<String> {
        let file = format!("/var/vcap/sys/run/{name}/{name}.pid");
        let script = format!("pid=$(cat {file}) && kill -0 $pid && echo $pid || true");
        let pid = self.inside(level, handle, &script).trim().to_owned();
        (!pid.is_empty()).then_some(pid)
    }

    /// Kills everything in a container of this machine's, and further in.
    pub fn kill_all_in(&self, handle: &str) {
        // A server's group has a tag after its name.
        let processes = format!(
            "find {}/garden*/{handle} -name cgroup.procs -exec cat {{}} +",
            self.machine.group("memory").display()
        );
        let all = self.shell(&processes);
        assert!(!all.is_empty(), "nothing runs in {handle}");
        // The first process takes its pid namespace along; some are gone before their turn.
        self.try_shell(&format!("kill -9 {}", all.replace('\n', " ")));
        // The group goes with the last of them.
        self.until("all of it ends", || {
            self.try_shell(&processes).stdout.is_empty()
        });
    }

    /// The ends of all logs there are.
    pub fn logs(&self) -> String {
        let find = format!(
            "find {} -name '*.log' -path '*log*' -not -path '*/garden/*/*' -size +0 \
             -exec tail -n 12 -v {{}} +; tail -v -n +1 {}",
            self.home().display(),
            self.at("up.log").display()
        );
        self.try_shell(&find).stdout
    }

    /// Asks until the answer is yes.
    #[track_caller]
    pub fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < end, "never: {what}\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("logs:\n{}", self.logs());
        }
        if self.home().exists() {
            let done = self.try_shell(&command(&["down", "--all"]));
            if done.code != 0 {
                eprintln!("warren down: {}{}", done.stdout, done.stderr);
            }
        }
    }
}

/// A verb as a line of a shell script.
pub fn command(arguments: &[&str]) -> String {
    let quoted = arguments
        .iter()
        .map(|each| format!(" '{}'", each.replace('\'', r"'\''")));
    format!(
        "{}{}",
        programs::warren().display(),
        quoted.collect::<String>()
    )
}
