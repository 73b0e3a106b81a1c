//! Reading the main control file and what it includes.
//!
//! Files of one pattern are taken in reverse order of their names, as monit does and as the agent's
//! numbering counts on. What is no file, and names that end in `~` are left out.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::assemble::{Configuration, Problem, Source, assemble, name_matches, split_pattern};
use super::{LONGEST, ParseError, parse};

/// Most files that one configuration may have.
const MOST_FILES: usize = 1000;

/// Why there is no configuration at all.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The main file cannot be read.
    #[error("cannot read the control file {0}")]
    Read(PathBuf, #[source] std::io::Error),
    /// The main file has an error.
    #[error("control file {0}")]
    Parse(PathBuf, #[source] ParseError),
    /// The main file does not fit what it includes.
    #[error("control file {0}")]
    Misfit(Problem),
}

/// Reads it all.
///
/// # Errors
/// Only what is wrong with the main file itself: anything else is in
/// [`problems`](Configuration::problems).
pub fn load(main: &Path) -> Result<Configuration, LoadError> {
    let text = read(main).map_err(|error| LoadError::Read(main.to_owned(), error))?;
    let file = parse(main, &text).map_err(|error| LoadError::Parse(main.to_owned(), error))?;
    let mut seen = HashSet::from([main.to_owned()]);
    let mut sources = Vec::new();
    let mut warnings = Vec::new();
    let mut pending: Vec<(PathBuf, usize, String)> = Vec::new();
    push_includes(&mut pending, main, &file.includes);
    sources.push(Source {
        path: main.to_owned(),
        read: Ok(file),
    });
    while let Some((from, line, pattern)) = pending.pop() {
        let found = files_of(&pattern);
        if found.is_empty() {
            warnings.push(Problem {
                file: from,
                line,
                reason: format!("no file matches {pattern}"),
            });
        }
        for path in found {
            if sources.len() >= MOST_FILES || !seen.insert(path.clone()) {
                continue;
            }
            let read = read(&path)
                .map_err(|error| ParseError::new(1, format!("cannot be read: {error}")))
                .and_then(|text| parse(&path, &text));
            if let Ok(file) = &read {
                push_includes(&mut pending, &path, &file.includes);
            }
            sources.push(Source { path, read });
        }
    }
    let host = rustix::system::uname();
    let mut all = assemble(sources, &host.nodename().to_string_lossy());
    if let Some(misfit) = all.problems.iter().find(|problem| problem.file == main) {
        return Err(LoadError::Misfit(misfit.clone()));
    }
    all.warnings.extend(warnings);
    Ok(all)
}

/// Puts patterns where they are taken from last, first one last.
fn push_includes(
    pending: &mut Vec<(PathBuf, usize, String)>,
    file: &Path,
    includes: &[(String, usize)],
) {
    let includes = includes.iter().rev();
    pending.extend(includes.map(|(pattern, line)| (file.to_owned(), *line, pattern.clone())));
}

fn read(path: &Path) -> std::io::Result<String> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let file = fs::File::open(path)?;
    file.take(LONGEST as u64 + 1).read_to_end(&mut bytes)?;
    // What is no UTF-8 may stand in a comment.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn files_of(pattern: &str) -> Vec<PathBuf> {
    let Some((directory, name)) = split_pattern(pattern) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            let file = entry.file_name();
            let file = file.to_string_lossy();
            name_matches(name, &file) && !file.ends_with('~')
        })
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    found.sort();
    found.reverse();
    found
}
