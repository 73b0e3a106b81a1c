//! A machine of one test's own, as far as bpm looks: a `/var/vcap`, a user `vcap`, a control group.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use warren_tests_harness::protocol::{Ns, Output, Program};
use warren_tests_harness::{Actor, Sandbox, copy_executable, programs};

/// Nothing here takes this long.
pub const SOON: Duration = Duration::from_secs(30);

/// Everything of a process in the scene; a shell program for `executable: /bin/sh`.
pub const FOREVER: &str = "while :; do sleep 0.02; done";

/// The machine.
pub struct Scene {
    // In the order in which they have to go.
    pub actor: Actor,
    pub directory: TempDir,
    pub sandbox: Sandbox,
}

impl Scene {
    #[track_caller]
    pub fn new(name: &str) -> Self {
        Self::with(name, |builder| builder)
    }

    /// With more changes to where bpm is started.
    #[track_caller]
    pub fn with(
        name: &str,
        change: impl FnOnce(warren_tests_harness::ActorBuilder) -> warren_tests_harness::ActorBuilder,
    ) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let etc = directory.path().join("etc");
        std::fs::create_dir(&etc).unwrap();
        for (file, text) in [
            (
                "passwd",
                "root:x:0:0::/root:/bin/sh\nvcap:x:1000:1001::/home/vcap:/bin/sh\n",
            ),
            ("group", "root:x:0:\nvcap:x:1001:\nadmin:x:7:vcap\n"),
        ] {
            std::fs::write(etc.join(file), text).unwrap();
        }
        let v = directory.path().join("v");
        for part in [
            "jobs",
            "packages",
            "data/packages",
            "sys/log",
            "sys/run",
            "store",
        ] {
            std::fs::create_dir_all(v.join(part)).unwrap();
        }
        let modes = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(directory.path(), modes).unwrap();
        // Under the name that monit files call, where the user may execute it.
        let bpm = directory.path().join("bpm");
        copy_executable(programs::warren(), &bpm);
        let sandbox = Sandbox::new(name);
        let builder = sandbox
            .actor_in("monit")
            .unshare(&[Ns::Mount])
            .bind(&etc, "/etc");
        let actor = change(builder).spawn();
        Self {
            actor,
            directory,
            sandbox,
        }
    }

    /// `/var/vcap`, or something in it.
    pub fn v(&self, below: &str) -> PathBuf {
        self.directory.path().join("v").join(below)
    }

    /// A job with this configuration.
    #[track_caller]
    pub fn job(&self, job: &str, configuration: &str) {
        let directory = self.v("jobs").join(job).join("config");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("bpm.yml"), configuration).unwrap();
    }

    /// A job with one process, which runs a shell program; `more` is the rest of its configuration.
    #[track_caller]
    pub fn shell_job(&self, job: &str, program: &str, more: &str) {
        let program = serde_json::to_string(program).unwrap();
        let text = format!(
            "processes:\n- name: {job}\n  executable: /bin/sh\n  args: [-c, {program}]\n{more}"
        );
        self.job(job, &text);
    }

    /// Runs a shell script where `bpm` is in the `PATH`.
    #[track_caller]
    pub fn sh(&self, script: &str) -> Output {
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", self.directory.path().display());
        self.actor.run_program(Program {
            argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
            env: vec![
                ("PATH".to_owned(), path),
                ("BPM_BOSH_ROOT".to_owned(), self.v("").display().to_string()),
                ("V".to_owned(), self.v("").display().to_string()),
            ],
            stdin: String::new(),
            timeout_ms: u64::try_from(SOON.as_millis()).unwrap() * 2,
        })
    }

    /// What a script says that succeeds and does not complain.
    #[track_caller]
    pub fn says(&self, script: &str) -> String {
        let output = self.sh(script);
        assert_eq!(
            (output.code, output.stderr.as_str()),
            (0, ""),
            "{script}: {output:?}"
        );
        output.stdout.trim_end().to_owned()
    }

    /// How a script fails: its exit code and what it complains about.
    #[track_caller]
    pub fn fails(&self, script: &str) -> (i32, String) {
        let output = self.sh(script);
        assert_eq!(output.stdout, "", "{script}: {output:?}");
        (output.code, output.stderr.trim_end().to_owned())
    }

    /// What a process has said, once it has said this.
    #[track_caller]
    pub fn said(&self, job: &str, wanted: &str) -> String {
        let log = self
            .v("sys/log")
            .join(job)
            .join(format!("{job}.stdout.log"));
        eventually(&format!("{wanted:?} in {}", log.display()), || {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            text.contains(wanted).then_some(text)
        })
    }

    /// Checks that nothing is kept of processes that ran here.
    #[track_caller]
    pub fn assert_clean(&self) {
        for (directory, depth) in [
            ("sys/run/bpm", 2),
            ("sys/run/bpm-warren", 1),
            ("data/bpm/bundles", 2),
        ] {
            let left = below(&self.v(directory), depth);
            assert!(left.is_empty(), "{left:?}");
        }
        let groups = self.groups();
        assert!(groups.is_empty(), "{groups:?}");
        let below = warren_tests_harness::cgroup::below(self.sandbox.cgroup());
        let left: Vec<_> = below
            .iter()
            .filter(|path| {
                path.iter()
                    .any(|name| name.to_string_lossy().starts_with("warren-bpm-"))
            })
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }

    /// The directories of this machine's groups in v1 hierarchies.
    pub fn groups(&self) -> Vec<PathBuf> {
        use std::os::unix::fs::MetadataExt;
        let data = self.v("data/bpm");
        let Ok(of) = std::fs::metadata(data) else {
            return Vec::new();
        };
        let tag = sha2::Digest::finalize(sha2::Digest::chain_update(
            <sha2::Sha256 as sha2::Digest>::new(),
            format!("{}:{}", of.dev(), of.ino()),
        ));
        let hex: String = tag
            .iter()
            .take(4)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let own = warren_container_runtime::groups::Place::own().unwrap();
        own.v1
            .into_iter()
            .map(|group| group.path.join(format!("warren-bpm-{hex}")))
            .filter(|path| path.exists())
            .collect()
    }

    /// The pid that the pid file tells.
    #[track_caller]
    pub fn pid(&self, job: &str) -> i32 {
        let file = self.v("sys/run/bpm").join(job).join(format!("{job}.pid"));
        let text = std::fs::read_to_string(file).unwrap();
        text.parse().unwrap()
    }
}

/// What is this deep in a directory.
fn below(directory: &Path, depth: usize) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    match depth {
        1 => paths.collect(),
        _ => paths.flat_map(|path| below(&path, depth - 1)).collect(),
    }
}

/// Waits for a value.
#[track_caller]
pub fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = ask() {
            return value;
        }
        assert!(started.elapsed() < SOON, "{what} did not come about");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Whether there is such a process, zombies not counted.
pub fn is_alive(pid: i32) -> bool {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    text.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with('Z'))
}
