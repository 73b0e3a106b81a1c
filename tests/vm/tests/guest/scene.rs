//! A Garden server as a service of the machine's, and a root file system for its containers.

use std::time::{Duration, Instant};

use warren_tests_harness::Output;
use warren_tests_harness::protocol::Program;
use warren_tests_vm::Vm;

/// Programs here take a while: all of it is emulated.
const LIMIT_MS: u64 = 600_000;

/// Shell: `retry COMMAND` until it works, for a minute.
pub(crate) const RETRY: &str = "retry() {
    end=$(($(date +%s)+60))
    until \"$@\" 2>/dev/null; do [ $(date +%s) -lt $end ] || { \"$@\"; return; }; sleep 0.1; done
    }\n";

/// A directory `$F` with server and image; commands find the server by themselves.
pub(crate) struct Scene {
    vm: &'static Vm,
    folder: String,
}

impl Scene {
    /// Makes the directory and in it `rootfs.tar`, a busybox.
    #[track_caller]
    pub(crate) fn new(vm: &'static Vm, name: &str) -> Self {
        let scene = Self {
            vm,
            folder: format!("/var/tmp/warren-test-{name}"),
        };
        scene.shell(
            "mkdir -p $F/r/bin $F/r/etc $F/r/proc $F/r/tmp && cp /bin/busybox $F/r/bin/
            for each in sh cat touch sleep echo mkdir; do ln -s busybox $F/r/bin/$each; done
            echo root:x:0:0::/:/bin/sh >$F/r/etc/passwd && echo root:x:0: >$F/r/etc/group
            tar -C $F/r -cf $F/rootfs.tar .",
        );
        scene
    }

    /// Runs a command that may fail.
    pub(crate) fn try_shell(&self, script: &str) -> Output {
        self.vm.actor().run_program(Program {
            argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
            env: vec![
                ("F".to_owned(), self.folder.clone()),
                ("WARREN_GARDEN".to_owned(), format!("{}/sock", self.folder)),
            ],
            stdin: String::new(),
            timeout_ms: LIMIT_MS,
        })
    }

    /// Runs a command; what it said.
    #[track_caller]
    pub(crate) fn shell(&self, script: &str) -> String {
        let output = self.try_shell(&format!("set -e\n{script}"));
        assert_eq!(output.code, 0, "{script}: {output:?}\n{}", self.log());
        output.stdout
    }

    /// Asks the server for something that may fail.
    pub(crate) fn try_garden(&self, command: &str) -> Output {
        self.try_shell(&format!("/warren container {command}"))
    }

    /// Asks the server for something; what it said.
    #[track_caller]
    pub(crate) fn garden(&self, command: &str) -> String {
        self.shell(&format!("/warren container {command}"))
    }

    /// What the server said so far.
    pub(crate) fn log(&self) -> String {
        self.try_shell("cat $F/log").stdout
    }

    /// Starts the server as the unit `NAME.service`, and waits until it answers.
    #[track_caller]
    pub(crate) fn serve(&self, name: &str, properties: &str, flags: &str) {
        self.shell(&format!(
            "systemd-run --quiet --unit={name}.service {properties} -p StandardError=append:$F/log \
             /warren serve garden --bind-socket $F/sock --depot $F/depot --store $F/store \
             --default-rootfs $F/rootfs.tar {flags}"
        ));
        self.answers();
    }

    /// Waits until the server answers.
    #[track_caller]
    pub(crate) fn answers(&self) {
        let deadline = Instant::now() + Duration::from_secs(600);
        while self.try_garden("ping").code != 0 {
            assert!(Instant::now() < deadline, "{}", self.log());
        }
    }

    /// Destroys all containers, ends the server and removes the directory.
    #[track_caller]
    pub(crate) fn close(self) {
        self.shell(
            "for each in $(/warren container list); do /warren container destroy $each; done
            systemctl stop garden.service
            rm -r $F",
        );
    }
}
