//! An engine without containers: processes of this machine, each in a process group of its own.

use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use rustix::process::{Pid, Signal};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use warren_container_runtime::engine::{Spawned, Stdio, resize};

use super::super::engine::{Engine, other};
use super::super::memory::Memory;
use crate::spec::{ProcessSpec, Terminal};
use crate::wire::{Failure, FailureKind};

pub(super) struct Plain {
    init: Pid,
    groups: Mutex<HashSet<i32>>,
}

fn pid(child: &std::process::Child) -> Pid {
    Pid::from_raw(child.id().try_into().unwrap()).unwrap()
}

impl Plain {
    #[expect(clippy::zombie_processes, reason = "the shim waits for it, by its pid")]
    pub fn new() -> Self {
        let init = Command::new("sleep").arg("infinity").spawn().unwrap();
        Self {
            init: pid(&init),
            groups: Mutex::default(),
        }
    }
}

impl Engine for Plain {
    fn init(&self) -> Pid {
        self.init
    }

    fn start(&mut self) -> Result<Vec<String>, Failure> {
        Ok(Vec::new())
    }

    fn net_namespace(&self) -> Option<OwnedFd> {
        None
    }

    fn terminal(&self, size: Terminal) -> Result<(OwnedFd, OwnedFd), Failure> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).unwrap();
        unlockpt(&master).unwrap();
        let slave = ioctl_tiocgptpeer(&master, flags).unwrap();
        resize(&master, size).unwrap();
        Ok((master, slave))
    }

    fn spawn(&self, process: &ProcessSpec, stdio: Stdio) -> Result<Pid, Failure> {
        let mut command;
        match stdio {
            Stdio::Files {
                stdin,
                stdout,
                stderr,
            } => {
                command = Command::new(&process.path);
                command.stdin(stdin).stdout(stdout).stderr(stderr);
                command.process_group(0);
            }
            Stdio::Terminal(slave) => {
                command = Command::new("setsid");
                command.args(["--ctty", &process.path]);
                let end = || slave.try_clone().unwrap();
                command.stdin(end()).stdout(end()).stderr(end());
            }
        }
        let child = match command.args(&process.args).spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Failure::new(FailureKind::ExecutableNotFound, "none such"));
            }
            Err(error) => return Err(other(&error)),
        };
        self.groups
            .lock()
            .unwrap()
            .insert(child.id().try_into().unwrap());
        Ok(pid(&child))
    }

    fn spawn_with_root(&self, _: &ProcessSpec, _: Stdio) -> Result<Spawned, Failure> {
        Err(Failure::new(FailureKind::Other, "there are no roots"))
    }

    fn within(&self, _: &str, _: Option<&Path>, _: impl FnOnce() -> i32) -> Result<Pid, Failure> {
        Err(Failure::new(FailureKind::Other, "there is no inside"))
    }

    fn members(&self) -> Result<Vec<Pid>, Failure> {
        let groups = self.groups.lock().unwrap();
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            let Some((start, rest)) = stat.rsplit_once(") ") else {
                continue;
            };
            let fields: Vec<&str> = rest.split(' ').collect();
            if fields[0] != "Z" && groups.contains(&fields[2].parse().unwrap()) {
                let number = start.split(' ').next().unwrap().parse().unwrap();
                found.push(Pid::from_raw(number).unwrap());
            }
        }
        Ok(found)
    }

    fn kill_members(&self) -> Result<(), Failure> {
        for pid in self.members()? {
            let _gone = rustix::process::kill_process(pid, Signal::KILL);
        }
        Ok(())
    }

    fn kill(&self) -> Result<(), Failure> {
        self.kill_members()
    }

    fn watch_memory(&self) -> Result<Option<Memory>, Failure> {
        Ok(None)
    }
}
