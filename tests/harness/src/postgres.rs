//! A PostgreSQL server of a test's own: in a directory of its own, at a socket in it, stopped and
//! removed when dropped.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server; stopped and removed when dropped.
#[derive(Debug)]
pub struct Postgres {
    directory: TempDir,
    programs: PathBuf,
    server: Option<Child>,
}

impl Postgres {
    /// Makes a cluster and starts a server on it.
    #[track_caller]
    pub fn start() -> Self {
        let mut made = Self::prepare();
        made.go();
        made
    }

    /// Makes a cluster whose server is not started yet.
    #[track_caller]
    pub fn prepare() -> Self {
        let programs = programs();
        let directory = match tempfile::tempdir() {
            Ok(directory) => directory,
            Err(error) => panic!("cannot make a directory for PostgreSQL: {error}"),
        };
        let (uid, gid) = ids();
        if let Err(error) = chown(directory.path(), Some(uid), Some(gid)) {
            panic!("cannot give a directory to postgres: {error}");
        }
        let mode = std::fs::Permissions::from_mode(0o700);
        if let Err(error) = std::fs::set_permissions(directory.path(), mode) {
            panic!("cannot close the directory of PostgreSQL: {error}");
        }
        let made = Self {
            directory,
            programs,
            server: None,
        };
        let mut initdb = made.command("initdb");
        initdb.args(["--no-sync", "--auth=trust", "--username=postgres", "-D"]);
        run(initdb.arg(made.data()));
        made
    }

    /// Starts the server and waits until it answers.
    #[track_caller]
    pub fn go(&mut self) {
        self.begin();
        let end = Instant::now() + PATIENCE;
        while !self.answers() {
            assert!(Instant::now() < end, "PostgreSQL does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Starts the server and does not wait.
    #[track_caller]
    pub fn begin(&mut self) {
        let spawned = self
            .command("postgres")
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-D"])
            .arg(self.data())
            .arg("-k")
            .arg(self.directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match spawned {
            Ok(server) => self.server = Some(server),
            Err(error) => panic!("cannot start PostgreSQL: {error}"),
        }
    }

    /// Stops the server; it can be started again.
    pub fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            // SIGINT is a fast shutdown; SIGKILL would leave its shared memory.
            let _ = kill_process(Pid::from_child(&server), Signal::INT);
            let _ = server.wait();
        }
    }

    /// Makes an empty database; the answer is its URL, for a superuser.
    #[track_caller]
    pub fn database(&self, name: &str) -> String {
        let mut createdb = self.command("createdb");
        createdb.arg("-h").arg(self.directory.path());
        run(createdb.args(["-U", "postgres", name]));
        self.url("postgres", name)
    }

    /// The URL of a database, for `user` (a name, or a name and a password with a colon).
    pub fn url(&self, user: &str, database: &str) -> String {
        let host = self.directory.path().display().to_string();
        format!("postgres://{user}@{}/{database}", host.replace('/', "%2F"))
    }

    /// What a query answers, as a superuser; rows are lines, columns are apart by `|`.
    #[track_caller]
    pub fn ask(&self, database: &str, query: &str) -> String {
        let mut psql = self.command("psql");
        psql.arg("-h").arg(self.directory.path());
        run(psql.args(["-U", "postgres", "-At", "-d", database, "-c", query]))
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn answers(&self) -> bool {
        let mut ready = self.command("pg_isready");
        ready.arg("-q").arg("-h").arg(self.directory.path());
        ready.status().is_ok_and(|status| status.success())
    }

    fn command(&self, program: &str) -> Command {
        let (uid, gid) = ids();
        let mut command = Command::new(self.programs.join(program));
        command.uid(uid).gid(gid).current_dir("/").env_clear();
        command
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C.UTF-8");
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop();
    }
}

#[track_caller]
fn run(command: &mut Command) -> String {
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => panic!("cannot run {command:?}: {error}"),
    };
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Where the newest version's programs are.
fn programs() -> PathBuf {
    let entries = std::fs::read_dir("/usr/lib/postgresql");
    let mut found: Vec<PathBuf> = entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    found.sort();
    match found.pop() {
        Some(found) => found,
        None => panic!("PostgreSQL is missing: apt-get install postgresql"),
    }
}

fn ids() -> (u32, u32) {
    let users = std::fs::read_to_string(Path::new("/etc/passwd")).unwrap_or_default();
    let line = users.lines().find(|line| line.starts_with("postgres:"));
    let mut fields = line.unwrap_or_default().split(':').skip(2);
    let mut next = || fields.next()?.parse().ok();
    match (next(), next()) {
        (Some(uid), Some(gid)) => (uid, gid),
        _ => panic!("there is no user postgres: apt-get install postgresql"),
    }
}
