//! `warren device show`.

use std::io::{self, Write};

use serde::Serialize;
use warren_lib_errchain::chain;
use warren_sys_devicefilter::probe::{Nodes, Outcome, Scratch};
use warren_sys_devicefilter::v1::List;

use super::programs::{self, Program, Programs};
use super::subject::{Flags, Subject};
use super::usual::{USUAL, Usual};
use crate::failure::{Failure, exit};
use crate::output::{Format, Report, Table, show};

/// List the device filters of a cgroup and which of the usual devices open
///
/// On cgroup v2 every program of the cgroup and of its ancestors has to let a device through.
/// More than one is normal in nested containers.
///
/// Exit code 0: something is known. 2: nothing could be learnt.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Exit code 0: something is known. 2: nothing could be learnt.\n\n\
                        Example: warren device show --pid 4711"
)]
pub struct Arguments {
    #[command(flatten)]
    subject: Flags,
}

#[derive(Debug, Serialize)]
struct View {
    /// cgroup v2.
    programs: Option<Programs>,
    /// cgroup v1.
    v1: Option<V1>,
    devices: Vec<Tried>,
    unknown: Vec<String>,
}

#[derive(Debug, Serialize)]
struct V1 {
    directory: String,
    /// `a` stands for all; exceptions to it are not shown by the kernel.
    allowed: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Tried {
    name: &'static str,
    device: String,
    access: String,
    /// Whether the filter lets it through; `None` if not known.
    passes: Option<bool>,
    outcome: String,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let mut subject = self.subject.subject()?;
        let mut unknown = std::mem::take(&mut subject.unknown);
        let programs = subject
            .v2
            .as_ref()
            .and_then(|place| programs::read(place).map_err(|why| unknown.push(why)).ok());
        let v1 = subject.v1.as_ref().and_then(|place| {
            let list = List::read(&place.directory);
            let list = list.map_err(|error| unknown.push(chain(&error))).ok()?;
            let all = list.default_allow.then(|| "a *:* rwm".to_owned());
            Some(V1 {
                directory: place.name(&place.directory),
                allowed: all
                    .into_iter()
                    .chain(list.allowed.iter().map(|rule| rule.v1_text()))
                    .collect(),
            })
        });
        let devices = devices(&subject, &mut unknown);
        if programs.is_none() && v1.is_none() && devices.is_empty() {
            return Err(Failure::text(unknown.join("; ")).code(exit::UNKNOWN));
        }
        let view = View {
            programs,
            v1,
            devices,
            unknown,
        };
        show(&view, format)?;
        Ok(exit::GOOD)
    }
}

/// Tries the usual devices from inside the subject's cgroup.
fn devices(subject: &Subject, unknown: &mut Vec<String>) -> Vec<Tried> {
    let nodes = match Nodes::detached() {
        Ok(nodes) => nodes.or_existing("/sys".as_ref(), "/dev".as_ref()),
        Err(error) => {
            unknown.push(format!("no device was tried: {}", chain(&error)));
            return Vec::new();
        }
    };
    if subject.is_own {
        let tried = |usual: &Usual| tried(usual, usual.try_here(&nodes));
        return USUAL.iter().map(tried).collect();
    }
    let Some(place) = subject.v2.as_ref().or(subject.v1.as_ref()) else {
        return Vec::new();
    };
    let outcome = Scratch::below(&place.directory).and_then(|scratch| {
        let all = USUAL.iter().map(|usual| {
            let outcome = nodes.try_in(scratch.procs(), usual.request(), usual.ask())?;
            Ok(tried(usual, outcome))
        });
        let all = all.collect::<Result<Vec<_>, _>>()?;
        scratch.close()?;
        Ok(all)
    });
    outcome.unwrap_or_else(|error| {
        unknown.push(format!("no device was tried: {}", chain(&error)));
        Vec::new()
    })
}

fn tried(usual: &Usual, outcome: Outcome) -> Tried {
    Tried {
        name: usual.name,
        device: usual.device.to_string(),
        access: usual.access.to_string(),
        passes: outcome.passes_filter(),
        outcome: usual.told(outcome),
    }
}

impl Report for View {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        if let Some(found) = &self.programs {
            writeln!(to, "cgroup v2: {}", found.directory)?;
            if let Some(mode) = found.mode {
                writeln!(to, "  its own list is of mode '{mode}'")?;
            }
            if found.effective.is_empty() {
                writeln!(to, "  no program: every device passes")?;
            } else {
                let mut table = Table::new(&[
                    "Id",
                    "Name",
                    "Tag",
                    "Attached to",
                    "Loaded by",
                    "After boot",
                ]);
                for program in &found.effective {
                    table.row(cells(program));
                }
                table.write(to)?;
            }
            writeln!(to)?;
        }
        if let Some(v1) = &self.v1 {
            writeln!(to, "cgroup v1: {}", v1.directory)?;
            for rule in &v1.allowed {
                writeln!(to, "  {rule}")?;
            }
            writeln!(to)?;
        }
        let mut table = Table::new(&["Device", "Number", "Access", "Outcome"]);
        for tried in &self.devices {
            table.row([
                tried.name.to_owned(),
                tried.device.clone(),
                tried.access.clone(),
                tried.outcome.clone(),
            ]);
        }
        if !table.is_empty() {
            table.write(to)?;
        }
        for line in &self.unknown {
            writeln!(to, "Not known: {line}")?;
        }
        Ok(())
    }
}

fn cells(program: &Program) -> [String; 6] {
    let place = match (&program.attached_to, program.is_own) {
        (_, true) => "this cgroup".to_owned(),
        (Some(directory), false) => directory.clone(),
        (None, false) => "above what can be seen".to_owned(),
    };
    let link = program.link.map(|id| format!(" (link {id})"));
    let unknown = program.unknown.as_ref();
    [
        program.id.to_string(),
        unknown
            .or(program.name.as_ref())
            .cloned()
            .unwrap_or_default(),
        program.tag.clone().unwrap_or_default(),
        format!("{place}{}", link.unwrap_or_default()),
        program
            .loaded_by_uid
            .map_or_else(String::new, |uid| format!("uid {uid}")),
        program
            .loaded_at
            .map_or_else(String::new, |seconds| format!("{seconds:.1} s")),
    ]
}
