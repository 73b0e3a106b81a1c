//! A directory with control files, job scripts and pidfiles, and who reads them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use warren_supervisor::http::client::Client;
use warren_supervisor::monitrc::model::{Allow, Httpd};
use warren_tests_harness::{Port, Shared, executable, programs, shared};

/// Longest wait for anything.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until something holds.
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Files of one machine.
pub struct World {
    directory: TempDir,
    port: Port,
    /// Whoever looks for leaks of their own waits until the processes of this one are gone.
    _gate: Shared,
}

/// How a job's process behaves.
pub const STEADY: &str = "exec sleep 1000";

impl World {
    pub fn new() -> World {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("job")).unwrap();
        fs::write(directory.path().join("monit.user"), "vcap:random-password").unwrap();
        let world = World {
            directory,
            port: Port::of_loopback(),
            _gate: shared(),
        };
        world.main("set daemon 1\n");
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Writes the main control file.
    pub fn main(&self, daemon: &str) {
        let d = self.directory.path().display();
        let text = format!(
            "{daemon}set logfile {d}/log\nset statefile {d}/state\nset idfile {d}/id\nset pidfile \
             {d}/monit.pid\nset httpd port {} and use address 127.0.0.1\n  allow cleartext \
             {d}/monit.user\n\ninclude {d}/job/*.monitrc\n",
            self.port()
        );
        let path = self.path("monitrc");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    }

    pub fn control_file(&self) -> PathBuf {
        self.path("monitrc")
    }

    /// Writes one job's monit file.
    pub fn job(&self, file: &str, text: &str) {
        fs::write(self.path("job").join(format!("{file}.monitrc")), text).unwrap();
    }

    /// A service with a ctl script as releases ship them: `body` is what its process runs.
    pub fn service(&self, name: &str, body: &str, more: &str) -> String {
        let d = self.directory.path().display();
        let script = self.path(&format!("{name}_ctl"));
        let text = format!(
            "#!/bin/bash\nset -eu\nRUN={d}\nPIDFILE=$RUN/{name}.pid\ncase $1 in\n  start)\n    echo \
             start {name} >>$RUN/calls\n    (echo $BASHPID >$PIDFILE; {body}) >/dev/null 2>&1 &\n    \
             ;;\n  stop)\n    echo stop {name} >>$RUN/calls\n    kill -9 $(<$PIDFILE) || true\n    rm \
             -f $PIDFILE\n    ;;\nesac\n"
        );
        executable(&script, text.as_bytes());
        format!(
            "check process {name}\n  with pidfile {d}/{name}.pid\n  start program \
             \"{d}/{name}_ctl start\"\n  stop program \"{d}/{name}_ctl stop\"\n  group vcap\n  {more}\n"
        )
    }

    /// What the ctl scripts were called for, in order.
    pub fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    pub fn pid(&self, name: &str) -> Option<i32> {
        let text = fs::read_to_string(self.path(&format!("{name}.pid"))).ok()?;
        text.trim().parse().ok()
    }

    /// Asks over HTTP as the agent does.
    pub fn client(&self) -> Client {
        Client::new(&Httpd {
            port: self.port(),
            address: Some("127.0.0.1".into()),
            allow: vec![Allow::Cleartext(self.path("monit.user"), Vec::new())],
        })
    }

    /// The status document.
    pub fn xml(&self) -> String {
        match self.client().get("/_status2?format=xml") {
            Ok(answer) => answer.body,
            Err(_) => String::new(),
        }
    }

    /// One number or text of a service in the status document.
    pub fn field(&self, service: &str, element: &str) -> Option<String> {
        field(&self.xml(), service, element)
    }

    /// Starts `warren serve supervisor`, with what it starts in the test's own control group.
    pub fn serve(&self) -> Served {
        let child = Command::new(programs::warren())
            .args(["serve", "supervisor", "--no-groups", "--settle", "0.2"])
            .arg("--control-file")
            .arg(self.control_file())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let served = Served(child);
        eventually("the supervisor answers", || {
            self.xml().contains("<monit id=")
        });
        served
    }

    /// Runs our `monit` with this control file.
    pub fn monit(&self, words: &[&str]) -> (i32, String, String) {
        use std::os::unix::process::CommandExt;
        let output = Command::new(programs::warren())
            .arg0("/var/vcap/bosh/bin/monit")
            .arg("-c")
            .arg(self.control_file())
            .args(words)
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code().unwrap(),
            text(&output.stdout),
            text(&output.stderr),
        )
    }
}

impl Drop for World {
    /// Ends the jobs' processes by their pidfiles.
    fn drop(&mut self) {
        for entry in fs::read_dir(self.directory.path()).unwrap().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|end| end == "pid") {
                let text = fs::read_to_string(&path).unwrap_or_default();
                if let Ok(pid) = text.trim().parse::<i32>() {
                    end(pid);
                }
            }
        }
    }
}

/// Ends a process.
pub fn end(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    // A leak check makes this process the parent of orphans; monit takes their zombies for alive.
    let until = Instant::now() + PATIENCE;
    while runs(pid.as_raw_pid()) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
    let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::NOHANG);
}

/// Whether a process runs, and is no zombie.
pub fn runs(pid: i32) -> bool {
    warren_supervisor::procfs::Process::of(pid).is_some()
}

/// A supervisor in a process of its own; killed when dropped.
pub struct Served(Child);

impl Served {
    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits until it has ended by itself.
    pub fn ended(&mut self) -> i32 {
        eventually("the supervisor ends", || {
            self.0.try_wait().unwrap().is_some()
        });
        self.0.wait().unwrap().code().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One number or text of a service in a status document.
pub fn field(xml: &str, service: &str, element: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<service name=\"{service}\">"))?;
    let (inside, _) = rest.split_once("</service>")?;
    let (_, rest) = inside.split_once(&format!("<{element}>"))?;
    Some(rest.split_once('<')?.0.to_owned())
}

/// Where a path is on this machine.
pub fn tool(path: &str) -> &Path {
    let path = Path::new(path);
    assert!(path.exists(), "{} is missing", path.display());
    path
}
