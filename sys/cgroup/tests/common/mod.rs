//! What the host tests share: groups that are always removed, and children that are always reaped.
//!
//! The tests need root and a kernel with cgroup v2 (mounted or not). They make groups named
//! `warren-test-*` only, and move only processes they started.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "shared by several tests"
)]

use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Pid;
use warren_sys_cgroup::{Cgroup, Layout, V1Group};

pub const SOON: Duration = Duration::from_secs(60);

fn unique_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let n = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("warren-test-{}-{n}", std::process::id())
}

/// The machine's v2 tree, from a visible mount.
pub fn v2_root() -> Cgroup {
    let layout = Layout::discover().unwrap();
    let mount = layout
        .unified()
        .expect("mount cgroup2 somewhere to run this test");
    Cgroup::open(&mount.mount_point).unwrap()
}

/// A v2 group that is killed and removed in the end.
pub struct TestGroup {
    pub group: Cgroup,
    pub name: String,
    parent: Cgroup,
}

impl TestGroup {
    pub fn new() -> Self {
        let (name, parent) = (unique_name(), v2_root());
        let group = parent.create(&name).unwrap();
        Self {
            group,
            name,
            parent,
        }
    }
}

impl Drop for TestGroup {
    fn drop(&mut self) {
        if let Ok(group) = self.parent.child(&self.name) {
            let killed = group.kill(SOON);
            let removed = group.remove(SOON);
            if !std::thread::panicking() {
                killed.unwrap();
                removed.unwrap();
            }
        }
    }
}

/// A v1 group that is killed and removed in the end.
pub struct TestV1 {
    pub group: V1Group,
    pub name: String,
    parent: V1Group,
}

impl TestV1 {
    pub fn new(controller: &str) -> Self {
        let layout = Layout::discover().unwrap();
        let hierarchy = layout
            .v1(controller)
            .unwrap_or_else(|| panic!("mount the v1 controller {controller} to run this test"));
        let parent = V1Group::open(&hierarchy.mount.mount_point, &hierarchy.controllers).unwrap();
        let name = unique_name();
        let group = parent.create_or_open(&name).unwrap();
        Self {
            group,
            name,
            parent,
        }
    }
}

impl Drop for TestV1 {
    fn drop(&mut self) {
        let Ok(group) = self.parent.child(&self.name) else {
            return;
        };
        let killed = group.kill(SOON);
        let removed = group.remove(SOON);
        if !std::thread::panicking() {
            killed.unwrap();
            removed.unwrap();
        }
    }
}

/// A shell that waits for one line of commands, runs them, and is killed in the end.
pub struct Waiter(pub Child);

impl Waiter {
    /// The shell reads its script from us only after [`Waiter::go`], so that it can be moved first.
    pub fn new() -> Self {
        let child = Command::new("sh")
            .args(["-c", "read -r script; eval \"$script\""])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }

    pub fn go(&mut self, script: &str) {
        writeln!(self.0.stdin.take().unwrap(), "{script}").unwrap();
    }

    pub fn wait_exit(&mut self) -> bool {
        let started = Instant::now();
        while started.elapsed() < SOON {
            if self.0.try_wait().unwrap().is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the test binary's own test `name` (marked `#[ignore]`) as a child in the group, with the
/// given variables. That child may unshare what it likes.
pub fn rerun_in(group: &Cgroup, name: &str, variables: &[(&str, String)]) {
    rerun_under(group, "", name, variables);
}

/// The same below a command, such as `unshare --mount`.
pub fn rerun_under(group: &Cgroup, command: &str, name: &str, variables: &[(&str, String)]) {
    let script = format!(
        "read -r _; exec {command} \"$0\" --exact --ignored --nocapture --test-threads=1 \"$1\""
    );
    let mut shell = Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().unwrap())
        .arg(name)
        .envs(variables.iter().map(|(k, v)| (*k, v.as_str())))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    group.add(Pid::from_child(&shell)).unwrap();
    shell.stdin.take().unwrap().write_all(b"\n").unwrap();
    let output = shell.wait_with_output().unwrap();
    let said = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let text = said(&output.stdout) + &said(&output.stderr);
    // A name that does not exist is a success to the test runner.
    let ran = output.status.success() && text.contains("1 passed");
    assert!(ran, "child test {name} failed:\n{text}");
}
