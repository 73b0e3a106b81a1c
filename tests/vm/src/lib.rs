//! Tests inside a virtual machine: systemd and nothing but cgroup v2.
//!
//! ```text
//! test ── pipe ──► warren-test-actor tether ──► QEMU (software emulation)
//!   │                                            ├ /dev/vda  root disk, changes thrown away
//!   │                                            ├ /dev/vdb  /host: warren, warren-test-actor, tests, a director's root
//!   └── socket ── virtio port ───────────────────┴► warren-agent.service, an actor
//! ```
//!
//! What boots is built by `scripts/vm-image` on first use and kept under the
//! target directory. The kernel is Debian's, under software emulation, so no
//! `/dev/kvm` is needed; a boot takes about half a minute of one core. Tests of
//! one executable therefore share a machine, or two where there are processors for them: [`Turn`].
//!
//! Whatever way the test ends, the pipe and the socket close, and the machine
//! goes with them.

mod director;
mod machine;
mod turn;

use std::path::{Path, PathBuf};

use warren_tests_harness::{Actor, Output};

pub use turn::Turn;

/// Where the `warren` executable is in a machine.
pub const WARREN: &str = "/warren";

/// Runs the `warren` executable as an actor in a machine, whose mounts may be its own.
///
/// # Panics
/// If the machine is gone.
#[track_caller]
pub fn warren<S: AsRef<str>>(actor: &Actor, arguments: &[S]) -> Output {
    let rest = arguments.iter().map(AsRef::as_ref);
    actor.run(&std::iter::once(WARREN).chain(rest).collect::<Vec<_>>())
}

/// A running virtual machine.
#[derive(Debug)]
pub struct Vm {
    actor: Actor,
    console: PathBuf,
    /// Network links that the boot made.
    links: String,
}

impl Vm {
    /// A machine of the caller's own, off when dropped.
    ///
    /// # Panics
    /// If it cannot be built or does not come up, with the end of its console.
    #[track_caller]
    pub fn boot() -> Vm {
        let files = machine::Files::new();
        let mut vm = Vm {
            actor: machine::boot(&files),
            console: files.console,
            links: String::new(),
        };
        vm.links = vm.links();
        vm
    }

    /// The names of all network links.
    #[track_caller]
    fn links(&self) -> String {
        self.shell("ip -o link | cut -d: -f2").success().stdout
    }

    /// The actor that runs as root in it; actors in namespaces and cgroups of the
    /// machine's are made with `ActorBuilder::spawn_in`.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Runs a program in it, for at most a minute.
    ///
    /// # Panics
    /// If the machine is gone.
    #[track_caller]
    pub fn run<S: AsRef<str>>(&self, argv: &[S]) -> Output {
        self.actor.run(argv)
    }

    /// Runs a shell command in it.
    ///
    /// # Panics
    /// As [`Vm::run`].
    #[track_caller]
    pub fn shell(&self, command: &str) -> Output {
        self.actor.run(&["sh", "-c", command])
    }

    /// Runs the `warren` executable in it, as its first actor.
    ///
    /// # Panics
    /// As [`Vm::run`].
    #[track_caller]
    pub fn warren<S: AsRef<str>>(&self, arguments: &[S]) -> Output {
        warren(&self.actor, arguments)
    }

    /// The file with all that the kernel and systemd wrote to the console.
    pub fn console(&self) -> &Path {
        &self.console
    }
}
