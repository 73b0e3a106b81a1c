//! A PostgreSQL server of our own.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A running server; stopped and removed when dropped.
pub struct Server {
    directory: TempDir,
    programs: PathBuf,
    server: std::process::Child,
}

impl Server {
    /// Makes a cluster and starts a server on it.
    pub async fn start() -> Self {
        let programs = programs();
        let directory = tempfile::tempdir().unwrap();
        let (uid, gid) = postgres_ids();
        chown(directory.path(), Some(uid), Some(gid)).unwrap();
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let data = directory.path().join("data");
        let made = as_postgres(&programs.join("initdb"))
            .args(["--no-sync", "--auth=trust", "--username=postgres", "-D"])
            .arg(&data)
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let server = as_postgres(&programs.join("postgres"))
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-D"])
            .arg(&data)
            .arg("-k")
            .arg(directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let started = Self {
            directory,
            programs,
            server,
        };
        let end = Instant::now() + Duration::from_secs(30);
        while !started.answers() {
            assert!(Instant::now() < end, "PostgreSQL does not answer");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        started
    }

    /// Makes an empty database; the answer is its URL.
    pub async fn database(&self, name: &str) -> String {
        let made = as_postgres(&self.programs.join("createdb"))
            .arg("-h")
            .arg(self.directory.path())
            .args(["-U", "postgres", name])
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "createdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let host = self.directory.path().to_str().unwrap().replace('/', "%2F");
        format!("postgres://postgres@{host}/{name}")
    }

    fn answers(&self) -> bool {
        as_postgres(&self.programs.join("pg_isready"))
            .arg("-q")
            .arg("-h")
            .arg(self.directory.path())
            .status()
            .unwrap()
            .success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGINT is a fast shutdown; SIGKILL would leave its shared memory.
        let pid = rustix::process::Pid::from_child(&self.server);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        let _ = self.server.wait();
    }
}

fn programs() -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|entries| {
            entries
                .map(|entry| entry.unwrap().path().join("bin"))
                .collect()
        })
        .unwrap_or_default();
    found.sort();
    found
        .pop()
        .expect("PostgreSQL is missing: apt-get install postgresql")
}

fn postgres_ids() -> (u32, u32) {
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = users
        .lines()
        .find(|line| line.starts_with("postgres:"))
        .expect("there is no user postgres: apt-get install postgresql");
    let fields: Vec<&str> = line.split(':').collect();
    (fields[2].parse().unwrap(), fields[3].parse().unwrap())
}

fn as_postgres(program: &std::path::Path) -> Command {
    use std::os::unix::process::CommandExt;
    let (uid, gid) = postgres_ids();
    let mut command = Command::new(program);
    command.uid(uid).gid(gid).current_dir("/").env_clear();
    command
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C.UTF-8");
    command
}
