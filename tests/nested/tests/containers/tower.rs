//! Servers inside containers of servers.
//!
//! ```text
//! L0  the test's sandbox: a server of the conformance tests, with flags
//! L1  a privileged container of it; in it `warren serve garden`, no flags
//! L2  a privileged container of that one; the same in it; and so on
//! ```
//!
//! Commands of a level are run through all levels above it, by `warren container run`.

use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use warren_tests_conformance::garden::Server;
use warren_tests_harness::{Output, copy_executable, programs};

use crate::checks::GROUPS;

/// Long enough for whatever happens on a busy or emulated machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Where [`Tower::files`] is at every level but the first.
pub const FILES: &str = "/files";

/// Flags of a container of the outermost kind of image, at any level but the first.
pub const LOCAL_IMAGE: &str = "--rootfs /files/rootfs.tar";

/// Tells what is mounted.
const MOUNTS: &str = "cut -d ' ' -f 5 /proc/self/mountinfo | sort";
/// What was, before there was a server.
const BEFORE: &str = "/var/mounts.before";

/// Mapped into the innermost container, through all levels.
pub const PORT: u16 = 7001;

/// Containers in each other, each with a server in it but the innermost.
pub struct Tower {
    /// Their handles, the outermost first.
    handles: Vec<String>,
    /// Bound into all of them: `warren` and `rootfs.tar`.
    files: TempDir,
    pub server: Server,
}

impl Tower {
    /// On that server, no container yet.
    #[track_caller]
    pub fn on(server: Server) -> Self {
        // Beside the server's own, on the same real file system.
        let files = tempfile::tempdir().unwrap();
        // Whoever is forked meanwhile would hold it open for writing.
        copy_executable(programs::warren(), &files.path().join("warren"));
        std::fs::copy(server.rootfs.path(), files.path().join("rootfs.tar")).unwrap();
        Self {
            handles: Vec::new(),
            files,
            server,
        }
    }

    /// The innermost level; 0 is the machine.
    pub fn depth(&self) -> usize {
        self.handles.len()
    }

    /// Where the files are outside.
    pub fn files(&self) -> &Path {
        self.files.path()
    }

    /// Runs a shell script at a level.
    #[track_caller]
    pub fn run(&self, level: usize, script: &str) -> Output {
        let mut argv = vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()];
        for handle in self.handles[..level].iter().rev() {
            let run = ["warren", "container", "run", handle, "--attach", "--"];
            argv.splice(..0, run.map(str::to_owned));
        }
        let socket = format!("WARREN_GARDEN={}", self.server.socket().display());
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("PATH={}:{path}", self.files().display());
        argv.splice(..0, ["env".to_owned(), socket, path]);
        self.server
            .actor()
            .run_program(warren_tests_harness::protocol::Program {
                argv,
                env: Vec::new(),
                stdin: String::new(),
                timeout_ms: u64::try_from(PATIENCE.as_millis()).unwrap(),
            })
    }

    /// What a shell script says that must succeed.
    #[track_caller]
    pub fn says(&self, level: usize, script: &str) -> String {
        let Output {
            code,
            stdout,
            stderr,
            ..
        } = self.run(level, script);
        assert_eq!(
            code,
            0,
            "L{level}: {script}\n{stdout}\n{stderr}\n{}",
            self.logs()
        );
        stdout.trim_end().to_owned()
    }

    /// Starts a server at the innermost level, with no flags, and waits until it answers.
    #[track_caller]
    pub fn serve(&self) {
        self.serve_at(self.depth());
    }

    /// The same at another level, from 1 on.
    #[track_caller]
    pub fn serve_at(&self, level: usize) {
        self.serve_with(level, "");
    }

    /// The same with flags.
    #[track_caller]
    pub fn serve_with(&self, level: usize, flags: &str) {
        assert!(level > 0, "the machine has a server");
        // Once: one that was killed is started again.
        self.says(level, &format!("test -e {BEFORE} || {MOUNTS} >{BEFORE}"));
        let serve = format!(
            "warren serve garden {flags} >>/var/garden.log 2>&1 </dev/null & echo $! >/var/garden.pid"
        );
        self.says(level, &serve);
        let deadline = Instant::now() + PATIENCE;
        while self.run(level, "warren container ping").code != 0 {
            assert!(
                Instant::now() < deadline,
                "L{level} has no server\n{}",
                self.logs()
            );
        }
    }

    /// What all servers have said.
    #[track_caller]
    pub fn logs(&self) -> String {
        let mut all = format!("L0: {}", self.server.log());
        for level in 1..=self.depth() {
            all += &format!(
                "L{level}: {}",
                self.run(level, "cat /var/garden.log").stdout
            );
        }
        all
    }

    /// Makes a privileged container inside the innermost one, with what a server needs and these
    /// flags, and goes on in it. Its port [`PORT`] is reached by way of the same one outside.
    #[track_caller]
    pub fn nest(&mut self, flags: &str) {
        let level = self.depth();
        let handle = format!("l{}", level + 1);
        let files = self.seen_files();
        let binds = format!("-m {files}/warren:/bin/warren:ro -m {files}:{FILES}:ro");
        let create = format!("warren container create -n {handle} --privileged {binds} {flags}");
        assert_eq!(self.says(level, &create), handle);
        self.says(
            level,
            &format!("warren container net-in {handle} --host-port {PORT} --port {PORT}"),
        );
        self.handles.push(handle);
    }

    /// Goes on in a container that was made inside the innermost one.
    pub fn adopt(&mut self, handle: &str) {
        self.handles.push(handle.to_owned());
    }

    /// Where the files are at the innermost level.
    pub fn seen_files(&self) -> String {
        match self.depth() {
            0 => self.files().display().to_string(),
            _ => FILES.to_owned(),
        }
    }

    /// Destroys the innermost container.
    #[track_caller]
    pub fn destroy(&mut self) {
        let handle = self.handles.pop().unwrap();
        self.says(self.depth(), &format!("warren container destroy {handle}"));
    }

    /// Ends the server at the innermost level and checks that it leaves nothing: containers, files, links,
    /// groups, mounts, rules. Device programs go with their groups.
    #[track_caller]
    pub fn leave(&self) {
        let level = self.depth();
        let left = "
            warren container list
            find /var/lib/warren/garden/store -mindepth 2 -maxdepth 2 \
                '(' -path '*/images/*' -o -path '*/nested/*' ')'
            ls /var/run/gdn/depot
            ls /var/run/gdn/depot-state/containers
            ls /sys/class/net | grep -v -e '^lo$' -e '-1$'";
        // Networks go in the background.
        self.until(level, &format!("! {{ {left}\n}} 2>&1 | grep ."));
        // Its own group, or the one above if it had to make room.
        let end = format!(
            "kill $(cat /var/garden.pid)
            while kill -0 $(cat /var/garden.pid) 2>/dev/null; do sleep 0.05; done
            {GROUPS}
            ! ls -d $C/garden $C/../garden 2>/dev/null"
        );
        self.says(level, &end);
        let mounts = format!("{MOUNTS} >/var/mounts.after && diff {BEFORE} /var/mounts.after");
        self.says(level, &mounts);
        assert_eq!(self.rules(level), "", "L{level}");
    }

    /// The firewall's rules in a level's network. Its image has no program that tells them.
    #[track_caller]
    fn rules(&self, level: usize) -> String {
        let network = self.says(level, "readlink /proc/self/ns/net");
        let rules = format!(
            "for process in /proc/[0-9]*; do
                [ \"$(readlink $process/ns/net)\" = '{network}' ] || continue
                exec nsenter --net=$process/ns/net nft list ruleset
            done
            exit 1"
        );
        self.says(0, &rules)
    }

    /// Waits until a script succeeds.
    #[track_caller]
    pub fn until(&self, level: usize, script: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let output = self.run(level, script);
            if output.code == 0 {
                return output.stdout.trim_end().to_owned();
            }
            let is_over = Instant::now() > deadline;
            assert!(!is_over, "L{level}: {script}\n{output:#?}\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
