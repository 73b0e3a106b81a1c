//! Files that were parsed one by one, as one set of services.
//!
//! What cannot stand beside the others goes out with its whole file, and nothing else does: a name
//! that is taken already, a dependency on what is not there, a circle of dependencies. Each file
//! that is out leaves a [`Problem`], and a service of [`Kind::Invalid`] that shows it.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use super::ParseError;
use super::model::{File, Kind, Place, Service, Settings};

/// The group that BOSH's agent looks at. A file that is out shows itself there.
pub const AGENT_GROUP: &str = "vcap";

/// A file that is out.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// Its line, from 1; 0 if it is none in particular.
    pub line: usize,
    /// Why.
    pub reason: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.reason)
    }
}

/// Everything together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Configuration {
    /// All `set` statements.
    pub settings: Settings,
    /// Services in the order of their files, each after what it depends on being known to exist.
    pub services: Vec<Service>,
    /// Files that are out.
    pub problems: Vec<Problem>,
    /// What is read but has no effect.
    pub warnings: Vec<Problem>,
}

/// A file and what came of reading it.
#[derive(Debug)]
pub struct Source {
    /// Its path.
    pub path: PathBuf,
    /// What it says.
    pub read: Result<File, ParseError>,
}

/// Puts files together, in order; `host` names the machine.
#[must_use]
pub fn assemble(sources: Vec<Source>, host: &str) -> Configuration {
    let mut all = Configuration::default();
    let mut files: Vec<(PathBuf, File)> = Vec::new();
    for source in sources {
        match source.read {
            Ok(file) => files.push((source.path, file)),
            Err(error) => all.problems.push(Problem {
                file: source.path,
                line: error.line,
                reason: error.reason,
            }),
        }
    }
    while let Some((at, line, reason)) = misfit(&files) {
        let (file, _) = files.remove(at);
        all.problems.push(Problem { file, line, reason });
    }
    for (path, file) in files {
        for setting in file.settings {
            all.settings.apply(setting);
        }
        all.services.extend(file.services);
        let warnings = file.warnings.into_iter().map(|(line, reason)| Problem {
            file: path.clone(),
            line,
            reason,
        });
        all.warnings.extend(warnings);
    }
    for problem in &all.problems {
        let service = shown(problem, &all.services);
        all.services.push(service);
    }
    if !all.services.iter().any(|each| each.kind == Kind::System) {
        let name = free_name(format!("system_{host}"), &all.services);
        let place = Place {
            file: PathBuf::new(),
            line: 0,
        };
        all.services.push(Service::bare(name, Kind::System, place));
    }
    all
}

/// The first file that cannot stand beside those before it, or that depends on what is not there.
fn misfit(files: &[(PathBuf, File)]) -> Option<(usize, usize, String)> {
    let mut names: HashMap<String, &Place> = HashMap::new();
    for (at, (_, file)) in files.iter().enumerate() {
        for service in &file.services {
            if let Some(other) = names.insert(service.name.to_lowercase(), &service.place) {
                let (name, file) = (&service.name, other.file.display());
                let reason = format!("service '{name}' is there already: {file}:{}", other.line);
                return Some((at, service.place.line, reason));
            }
        }
    }
    for (at, (_, file)) in files.iter().enumerate() {
        for service in &file.services {
            let missing = |name: &&String| !names.contains_key(&name.to_lowercase());
            if let Some(missing) = service.depends.iter().find(missing) {
                let name = &service.name;
                let reason = format!("'{name}' depends on '{missing}', which no file describes");
                return Some((at, service.place.line, reason));
            }
        }
    }
    circle(files)
}

/// A file with a service that depends on itself, directly or through others.
fn circle(files: &[(PathBuf, File)]) -> Option<(usize, usize, String)> {
    let services = || files.iter().flat_map(|(_, file)| &file.services);
    let mut sound: HashSet<String> = HashSet::new();
    // Each turn takes those that depend on sound ones alone; what is left runs in circles, or
    // depends on a circle.
    let mut left: Vec<&Service> = services().collect();
    loop {
        let before = left.len();
        left.retain(|service| {
            let good = service
                .depends
                .iter()
                .all(|name| sound.contains(&name.to_lowercase()));
            if good {
                sound.insert(service.name.to_lowercase());
            }
            !good
        });
        if left.len() == before {
            break;
        }
    }
    // One that is on a circle, not only before one: walking dependencies for as many steps as
    // there are services ends on it.
    let mut on = *left.first()?;
    for _ in 0..left.len() {
        let next = on.depends.iter().find_map(|name| {
            left.iter()
                .find(|each| each.name.eq_ignore_ascii_case(name))
        });
        on = next.copied().unwrap_or(on);
    }
    let at = files
        .iter()
        .position(|(_, file)| file.services.iter().any(|each| std::ptr::eq(each, on)))?;
    let reason = format!("'{}' depends on itself, through {:?}", on.name, on.depends);
    Some((at, on.place.line, reason))
}

/// The service that stands for a file that is out.
fn shown(problem: &Problem, services: &[Service]) -> Service {
    let name = problem.file.file_name().unwrap_or_default();
    let name = name.to_string_lossy().replace(char::is_control, "?");
    let place = Place {
        file: problem.file.clone(),
        line: problem.line,
    };
    let kind = Kind::Invalid(problem.to_string());
    let mut service = Service::bare(free_name(name, services), kind, place);
    service.groups.push(AGENT_GROUP.to_owned());
    service
}

fn free_name(wanted: String, services: &[Service]) -> String {
    let taken = |name: &str| {
        services
            .iter()
            .any(|each| each.name.eq_ignore_ascii_case(name))
    };
    let mut name = wanted;
    while taken(&name) {
        name.push('_');
    }
    name
}

/// Where a file's name matches a pattern of `*`, `?` and `[...]`; `*` does not match a leading dot.
#[must_use]
pub fn name_matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    if name.first() == Some(&'.') && pattern.first() != Some(&'.') {
        return false;
    }
    // The usual two pointers with one place to go back to.
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
                continue;
            }
            Some('?') => {
                (p, n) = (p + 1, n + 1);
                continue;
            }
            Some('[') => {
                if let Some((true, after)) = class(&pattern[p + 1..], name[n]) {
                    (p, n) = (p + 1 + after, n + 1);
                    continue;
                }
            }
            Some(c) if *c == name[n] => {
                (p, n) = (p + 1, n + 1);
                continue;
            }
            _ => {}
        }
        match star {
            Some((at, from)) => {
                (p, n) = (at + 1, from + 1);
                star = Some((at, from + 1));
            }
            None => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Whether a character is in the class that begins here, and how long the class is.
fn class(pattern: &[char], c: char) -> Option<(bool, usize)> {
    let negated = matches!(pattern.first(), Some('!' | '^'));
    let mut at = usize::from(negated);
    let (first, mut found) = (at, false);
    loop {
        let low = *pattern.get(at)?;
        if low == ']' && at > first {
            return Some((found != negated, at + 1));
        }
        let range = pattern.get(at + 1) == Some(&'-') && pattern.get(at + 2) != Some(&']');
        let high = if range { *pattern.get(at + 2)? } else { low };
        found |= (low..=high).contains(&c);
        at += if range { 3 } else { 1 };
    }
}

/// The directory and the name's pattern of an include.
#[must_use]
pub fn split_pattern(pattern: &str) -> Option<(&Path, &str)> {
    let (directory, name) = pattern.rsplit_once('/')?;
    let directory = if directory.is_empty() { "/" } else { directory };
    (!name.is_empty()).then_some((Path::new(directory), name))
}
