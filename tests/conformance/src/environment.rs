//! What `warren up` makes, on a machine of a test's own: verbs are run there, and what is asked of
//! them is read.
//!
//! ```text
//! DIRECTORY/home    the environment       DIRECTORY/user    HOME of whoever gives the verbs
//! ```

mod begun;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use warren_tests_harness::protocol::Program;
use warren_tests_harness::{Output, programs};

use crate::machine::Machine;

pub use self::begun::Begun;

/// Longer than any one verb takes.
pub const PATIENCE: Duration = Duration::from_secs(240);
/// What a root file system of directors and machines has; nothing of it compiles.
pub const PACKAGES: &[&str] = &[
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
pub struct Environment {
    /// Where it is.
    pub machine: Machine,
    directory: TempDir,
    deployment: &'static str,
}

impl Environment {
    /// With nothing in it. Verbs that talk to the director are about this deployment.
    ///
    /// # Panics
    /// If its machine cannot be made.
    #[must_use]
    #[track_caller]
    pub fn new(name: &str, deployment: &'static str) -> Self {
        let directory = match tempfile::tempdir() {
            Ok(directory) => directory,
            Err(error) => panic!("cannot make a directory: {error}"),
        };
        Self {
            machine: Machine::new(name),
            directory,
            deployment,
        }
    }

    /// A place of the test's.
    #[must_use]
    pub fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Where the environment is.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.at("home")
    }

    /// The directory of a level, as this machine sees it.
    #[must_use]
    pub fn level(&self, index: usize) -> PathBuf {
        std::iter::repeat_n("next", index).fold(self.home(), |path, next| path.join(next))
    }

    /// The director's address, which is one at all levels.
    ///
    /// # Panics
    /// If there is no director.
    #[must_use]
    #[track_caller]
    pub fn director(&self) -> String {
        let script = Self::bosh_environment() + " && echo $BOSH_ENVIRONMENT";
        let url = self.shell(&script);
        let host = url.trim().strip_prefix("https://");
        match host.and_then(|host| host.strip_suffix(":25555")) {
            Some(address) => address.to_owned(),
            None => panic!("{url} is not where directors are"),
        }
    }

    /// Writes a file.
    ///
    /// # Panics
    /// If that fails.
    #[track_caller]
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.at(name);
        write(&path, text);
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
            timeout_ms: u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// Runs one that must succeed; what it says.
    ///
    /// # Panics
    /// If it fails, with what it said and the ends of all logs.
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
        self.shell(&self.bosh_command(arguments))
    }

    /// Runs one that must fail; what it says.
    ///
    /// # Panics
    /// If it succeeds.
    #[track_caller]
    pub fn bosh_refused(&self, arguments: &[&str]) -> String {
        refused(arguments, &self.try_shell(&self.bosh_command(arguments)))
    }

    fn bosh_command(&self, arguments: &[&str]) -> String {
        format!(
            "{} && BOSH_DEPLOYMENT={} {}",
            Self::bosh_environment(),
            self.deployment,
            command(arguments)
        )
    }

    /// Has a shell mean the director.
    fn bosh_environment() -> String {
        format!("eval \"$({})\"", command(&["env"]))
    }

    /// Runs a verb that must fail; what it says.
    ///
    /// # Panics
    /// If it succeeds.
    #[track_caller]
    pub fn refused(&self, arguments: &[&str]) -> String {
        refused(arguments, &self.try_shell(&command(arguments)))
    }

    /// Begins a verb that talks to the director. One at a time.
    #[track_caller]
    pub fn begin(&self, arguments: &[&str]) -> Begun<'_> {
        self.begin_shell(&self.bosh_command(arguments))
    }

    /// Begins a shell command. One at a time.
    ///
    /// # Panics
    /// If it cannot be begun.
    #[track_caller]
    pub fn begin_shell(&self, script: &str) -> Begun<'_> {
        Begun::begin(self, script)
    }

    /// Rows of a verb of the director's.
    ///
    /// # Panics
    /// If it fails, or says what is no table.
    #[track_caller]
    pub fn rows(&self, arguments: &[&str]) -> Vec<Value> {
        rows_of(&self.bosh(&[arguments, &["--json"]].concat()))
    }

    /// Waits until no task goes on or is about to. A director that does not answer yet is waited for.
    ///
    /// # Panics
    /// If there always is one.
    #[track_caller]
    pub fn until_no_tasks(&self) {
        let tasks = self.bosh_command(&["tasks", "--json"]);
        self.until("all tasks end", || {
            let done = self.try_shell(&tasks);
            done.code == 0 && rows_of(&done.stdout).is_empty()
        });
    }

    /// One column of all machines of the deployment.
    #[track_caller]
    pub fn machines(&self, column: &str) -> Vec<String> {
        let rows = self.rows(&["vms"]);
        rows.iter().map(|row| text(row, column)).collect()
    }

    /// Runs a command as root in a container of a level.
    #[track_caller]
    pub fn inside(&self, level: usize, handle: &str, script: &str) -> String {
        let target = ["run", "--attach", handle, "--", "/bin/sh", "-c", script];
        self.garden(level, &target)
    }

    /// Runs a verb about containers of a level.
    #[track_caller]
    pub fn garden(&self, level: usize, arguments: &[&str]) -> String {
        let socket = self.level(level).join("garden.sock");
        let socket = socket.display().to_string();
        self.warren(&[&["container", "--target", &socket], arguments].concat())
    }

    /// Rows of `warren status`, by component and note, that are as they should not be.
    ///
    /// # Panics
    /// If its exit code says something else than its rows.
    #[track_caller]
    pub fn failing(&self) -> Vec<(String, String)> {
        let done = self.try_shell(&command(&["status", "--json"]));
        let rows: Vec<Value> = match serde_json::from_str(&done.stdout) {
            Ok(rows) => rows,
            Err(error) => panic!("{error}: {}{}", done.stdout, done.stderr),
        };
        let failing: Vec<(String, String)> = rows
            .iter()
            .filter(|row| row["state"] == "failing")
            .map(|row| (text(row, "component"), text(row, "note")))
            .collect();
        assert_eq!(done.code != 0, !failing.is_empty(), "{}", done.stdout);
        failing
    }

    /// Waits until all parts work, those of machines as well: on a busy machine a part may take longer
    /// to answer than `status` waits for it.
    ///
    /// # Panics
    /// If one never does.
    #[track_caller]
    pub fn until_good(&self) {
        let mut failing = Vec::new();
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            failing = self.failing();
            if failing.is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{failing:?}\n{}", self.logs());
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
    ///
    /// # Panics
    /// If there is nothing, or it does not end.
    #[track_caller]
    pub fn kill_all_in(&self, handle: &str) {
        // A server's group has a tag after its name.
        let processes = format!(
            "find {}/garden*/{handle} -name cgroup.procs -exec cat {{}} +",
            self.machine.group("memory").display()
        );
        // Some are gone before they are read.
        let all = self.try_shell(&processes).stdout;
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
    ///
    /// # Panics
    /// If it never is.
    #[track_caller]
    pub fn until(&self, what: &str, is_so: impl FnMut() -> bool) {
        self.until_for(PATIENCE, what, is_so);
    }

    /// Asks until the answer is yes, for at most so long.
    ///
    /// # Panics
    /// If it never is.
    #[track_caller]
    pub fn until_for(&self, patience: Duration, what: &str, mut is_so: impl FnMut() -> bool) {
        let end = Instant::now() + patience;
        while !is_so() {
            assert!(Instant::now() < end, "never: {what}\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Environment {
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

#[track_caller]
fn refused(arguments: &[&str], done: &Output) -> String {
    assert!(done.code != 0, "{arguments:?} succeeded: {}", done.stdout);
    format!("{}{}", done.stdout, done.stderr)
}

#[track_caller]
fn rows_of(text: &str) -> Vec<Value> {
    let document: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => panic!("{error}: {text}"),
    };
    document["Tables"][0]["Rows"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

/// A text of a row's.
pub fn text(row: &Value, name: &str) -> String {
    row[name].as_str().unwrap_or_default().to_owned()
}

#[track_caller]
fn write(path: &Path, text: &str) {
    if let Err(error) = fs::write(path, text) {
        panic!("cannot write {}: {error}", path.display());
    }
}

/// A verb as a line of a shell script.
#[must_use]
pub fn command(arguments: &[&str]) -> String {
    let quoted = arguments
        .iter()
        .map(|each| format!(" '{}'", each.replace('\'', r"'\''")));
    format!(
        "'{}'{}",
        programs::warren().display(),
        quoted.collect::<String>()
    )
}
