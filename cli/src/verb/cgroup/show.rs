//! `warren cgroup show`.

use rustix::process::Pid;
use warren_sys_cgroup::Process;

use super::collect;
use crate::failure::{Failure, exit};
use crate::output::{Format, show};

/// Tell which cgroups a process is in, how that is known, and what they limit
///
/// Looks from here: mounts, paths and namespaces are the caller's view, also of another process.
///
/// Exit code 0: something is known. 2: nothing could be learnt.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Exit code 0: something is known. 2: nothing could be learnt.\n\n\
                        Example: warren cgroup show --pid 4711"
)]
pub struct Arguments {
    /// The process to tell about [default: this one]
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(i32).range(1..))]
    pid: Option<i32>,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let process = match self.pid.and_then(Pid::from_raw) {
            Some(pid) => Process::Pid(pid),
            None => Process::Myself,
        };
        let view = collect::collect(process);
        if !view.is_anything_known() {
            let why = view.unknown.join("; ");
            return Err(
                Failure::text(format!("nothing is known about the cgroups: {why}"))
                    .remedy("mount /proc here, and name a process that runs")
                    .code(exit::UNKNOWN),
            );
        }
        show(&view, format)?;
        Ok(exit::GOOD)
    }
}
