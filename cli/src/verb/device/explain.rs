//! `warren device explain`.
//!
//! ```text
//! read each level's programs or list ──► who says no?     (reason)
//! try it from inside the cgroup ───────► does it open?    (truth)
//! denied and nobody named ─────────────► try at each level
//! ```

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use warren_lib_errchain::chain;
use warren_sys_devicefilter::explain::{self, Explanation, Judged, Level, Verdict};
use warren_sys_devicefilter::probe::{Ask, Nodes, Outcome, Scratch};
use warren_sys_devicefilter::{Access, Request};
use warren_sys_mount::MountTable;

use super::name::{self, Named};
use super::subject::{Flags, Place, Subject};
use super::usual;
use crate::failure::{Failure, exit};
use crate::output::{Format, Report, Table, show};

/// Tell which cgroup denies a device
///
/// Tells each level's verdict, which level denies, and what happens when it is tried.
///
/// Exit code 0: the filter lets it through. 1: it is denied. 2: that could not be determined.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Exit code 0: the filter lets it through. 1: it is denied. 2: that could not \
                        be determined.\n\nExamples: warren device explain /dev/fuse\n          \
                        warren device explain b 7:0 --access rwm --pid 4711"
)]
pub struct Arguments {
    /// A device node such as /dev/fuse, or its type and numbers such as 'c 10:229'
    #[arg(required = true, num_args = 1..=2, value_name = "DEVICE")]
    device: Vec<String>,

    #[command(flatten)]
    subject: Flags,

    /// What to do with it: r to read, w to write, m to make a node
    #[arg(long, value_name = "ACCESS", default_value = "rw")]
    access: String,
}

#[derive(Debug, Serialize)]
struct View {
    device: String,
    access: String,
    /// Whether the filters let it through; `None` if not known.
    passes: Option<bool>,
    /// What came of trying.
    tried: Option<String>,
    /// Where it is denied.
    denied_at: Option<String>,
    levels: Vec<Row>,
    remedy: Option<String>,
    notes: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Row {
    hierarchy: &'static str,
    /// `None` is above what can be seen.
    level: Option<String>,
    program: Option<u32>,
    name: Option<String>,
    in_force: bool,
    verdict: String,
    measured: Option<String>,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let named = name::read(&self.device)?;
        let access: Access = self
            .access
            .parse()
            .map_err(|error| Failure::new(&error).code(exit::UNKNOWN))?;
        if access.is_empty() {
            return Err(Failure::text("--access is empty").code(exit::UNKNOWN));
        }
        let request = Request {
            device: named.device,
            access,
        };
        let mut subject = self.subject.subject()?;
        let view = answer(&named, request, &mut subject);
        let code = match view.passes {
            Some(true) => exit::GOOD,
            Some(false) => exit::BAD,
            None => exit::UNKNOWN,
        };
        show(&view, format)?;
        Ok(code)
    }
}

fn answer(named: &Named, request: Request, subject: &mut Subject) -> View {
    let mut notes = std::mem::take(&mut subject.unknown);
    let nodes = Nodes::detached()
        .map(|nodes| nodes.or_existing("/sys".as_ref(), "/dev".as_ref()))
        .map_err(|error| notes.push(format!("it was not tried: {}", chain(&error))))
        .ok();
    let tried = nodes
        .as_ref()
        .and_then(|nodes| truth(nodes, request, subject, &mut notes));
    let denied = tried == Some(Outcome::Denied);
    let mut levels = Vec::new();
    let mut denied_at = None;
    let mut verdicts = Vec::new();
    for (hierarchy, place) in [("v2", &subject.v2), ("v1", &subject.v1)] {
        let Some(place) = place else { continue };
        let Some(found) = read(place, request, denied, nodes.as_ref(), &mut notes) else {
            verdicts.push(None);
            continue;
        };
        denied_at = denied_at.or_else(|| blamed(&found, place));
        verdicts.push(found.allowed());
        rows(hierarchy, &found, place, &mut levels);
    }
    let passes = tried
        .and_then(Outcome::passes_filter)
        .or_else(|| joined(&verdicts));
    notes.extend(named.node.as_deref().and_then(nodev));
    let remedy = match passes {
        Some(false) => Some(remedy(request, denied_at.as_deref())),
        _ => None,
    };
    View {
        device: request.device.to_string(),
        access: request.access.to_string(),
        passes,
        tried: tried.map(|outcome| told(request, outcome)),
        denied_at: denied_at.filter(|_| passes == Some(false)),
        levels,
        remedy,
        notes,
    }
}

/// Tries it from inside the cgroup.
fn truth(
    nodes: &Nodes,
    request: Request,
    subject: &Subject,
    notes: &mut Vec<String>,
) -> Option<Outcome> {
    let ask = usual::find(request.device).map_or(Ask::Check, usual::Usual::ask);
    if subject.is_own {
        return Some(nodes.try_here(request, ask));
    }
    let mut outcomes = Vec::new();
    for place in [&subject.v2, &subject.v1].into_iter().flatten() {
        let outcome = Scratch::below(&place.directory).and_then(|scratch| {
            let outcome = nodes.try_in(scratch.procs(), request, ask)?;
            scratch.close()?;
            Ok(outcome)
        });
        match outcome {
            Ok(outcome) => outcomes.push(outcome),
            Err(error) => notes.push(format!("it was not tried: {}", chain(&error))),
        }
    }
    // Both hierarchies decide: a denial by one is a denial.
    let denied = outcomes
        .iter()
        .find(|outcome| outcome.passes_filter() == Some(false));
    denied.or(outcomes.first()).copied()
}

/// What each level says; tried at each if it is denied and reading does not tell where.
fn read(
    place: &Place,
    request: Request,
    denied: bool,
    nodes: Option<&Nodes>,
    notes: &mut Vec<String>,
) -> Option<Explanation> {
    let explained = |nodes| explain::explain(&place.root, &place.directory, request, nodes);
    let found = explained(None)
        .map_err(|error| notes.push(chain(&error)))
        .ok()?;
    let is_settled = found.allowed().is_some();
    if !denied || is_settled || nodes.is_none() {
        return Some(found);
    }
    match explained(nodes) {
        Ok(measured) => Some(measured),
        Err(error) => {
            notes.push(chain(&error));
            Some(found)
        }
    }
}

fn told(request: Request, outcome: Outcome) -> String {
    match usual::find(request.device) {
        Some(usual) => usual.told(outcome),
        None => usual::asked(outcome),
    }
}

fn blamed(found: &Explanation, place: &Place) -> Option<String> {
    if found.denied_above_root() {
        return Some("a cgroup above what can be seen from here".to_owned());
    }
    found.denied_at().map(|level| place.name(&level.path))
}

/// Several hierarchies: one no is a no, and a yes needs all.
fn joined(verdicts: &[Option<bool>]) -> Option<bool> {
    if verdicts.contains(&Some(false)) {
        return Some(false);
    }
    let all = !verdicts.is_empty() && verdicts.iter().all(|verdict| *verdict == Some(true));
    all.then_some(true)
}

fn rows(hierarchy: &'static str, found: &Explanation, place: &Place, rows: &mut Vec<Row>) {
    let of_program = |level: Option<&Level>, judged: &Judged| Row {
        hierarchy,
        level: level.map(|level| place.name(&level.path)),
        program: Some(judged.id),
        name: (!judged.name.is_empty()).then(|| judged.name.clone()),
        in_force: judged.in_force,
        verdict: verdict(&judged.verdict),
        measured: level.and_then(|level| level.measured).map(usual::asked),
    };
    rows.extend(found.hidden.iter().map(|judged| of_program(None, judged)));
    for level in &found.levels {
        if level.programs.is_empty() {
            rows.push(Row {
                hierarchy,
                level: Some(place.name(&level.path)),
                program: None,
                name: None,
                in_force: true,
                verdict: level
                    .group
                    .as_ref()
                    .map_or_else(|| "no program".to_owned(), verdict),
                measured: level.measured.map(usual::asked),
            });
        }
        let programs = level.programs.iter();
        rows.extend(programs.map(|judged| of_program(Some(level), judged)));
    }
}

fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Allows => "allows".to_owned(),
        Verdict::Denies => "denies".to_owned(),
        Verdict::Unreadable => "not readable".to_owned(),
        Verdict::Uninterpretable(why) => format!("not interpretable: {why}"),
        Verdict::HiddenExceptions => "allows, but for exceptions the kernel hides".to_owned(),
    }
}

/// Device filters only narrow downwards, so the cure is always at the level that denies.
fn remedy(request: Request, denied_at: Option<&str>) -> String {
    let Request { device, access } = request;
    let place = denied_at.map_or_else(
        || "the outer container".to_owned(),
        |level| format!("what made {level}"),
    );
    let node = usual::find(device)
        .map(|usual| format!("docker: --device /dev/{}; ", usual.name))
        .unwrap_or_default();
    format!(
        "have {place} allow '{device} {access}' ({node}docker: --device-cgroup-rule '{device} \
         {access}'; OCI: linux.resources.devices); no setting further in can widen it"
    )
}

fn nodev(node: &Path) -> Option<String> {
    let table = MountTable::read(Path::new("/proc"), "thread-self").ok()?;
    let mount = table.covering(node)?;
    mount.options.has("nodev").then(|| {
        format!(
            "the mount at {} is nodev: {} does not open whatever the filter says",
            mount.mount_point.display(),
            node.display()
        )
    })
}

impl Report for View {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        let answer = match self.passes {
            Some(true) => "let through",
            Some(false) => "denied",
            None => "not known",
        };
        writeln!(to, "Device {} for {}: {answer}", self.device, self.access)?;
        if let Some(tried) = &self.tried {
            writeln!(to, "  tried: {tried}")?;
        }
        if let Some(place) = &self.denied_at {
            writeln!(to, "  denied at: {place}")?;
        }
        writeln!(to)?;
        let mut table = Table::new(&["Hierarchy", "Level", "Program", "Verdict", "Tried"]);
        for row in &self.levels {
            table.row(cells(row));
        }
        table.write(to)?;
        for note in &self.notes {
            writeln!(to, "Note: {note}")?;
        }
        if let Some(remedy) = &self.remedy {
            writeln!(to, "Remedy: {remedy}")?;
        }
        Ok(())
    }
}

fn cells(row: &Row) -> [String; 5] {
    let program = row.program.map(|id| match &row.name {
        Some(name) => format!("{id} {name}"),
        None => id.to_string(),
    });
    let force = if row.in_force {
        ""
    } else {
        " (overridden below)"
    };
    [
        row.hierarchy.to_owned(),
        row.level
            .clone()
            .unwrap_or_else(|| "above what can be seen".to_owned()),
        program.unwrap_or_default(),
        format!("{}{force}", row.verdict),
        row.measured.clone().unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use warren_sys_devicefilter::Device;

    #[test]
    fn one_no_is_a_no_and_a_yes_needs_all() {
        assert_eq!(joined(&[Some(true), Some(false)]), Some(false));
        assert_eq!(joined(&[None, Some(false)]), Some(false));
        assert_eq!(joined(&[Some(true), None]), None);
        assert_eq!(joined(&[Some(true), Some(true)]), Some(true));
        assert_eq!(joined(&[]), None);
    }

    #[test]
    fn the_remedy_names_the_rule_and_the_level() {
        let request = Request {
            device: Device::char(10, 229),
            access: Access::READ_WRITE,
        };
        let text = remedy(request, Some("/sys/fs/cgroup/outer"));
        assert!(text.contains("'c 10:229 rw'"), "{text}");
        assert!(text.contains("what made /sys/fs/cgroup/outer"), "{text}");
        assert!(text.contains("--device /dev/fuse"), "{text}");
    }
}
