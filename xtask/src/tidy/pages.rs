//! Rules for pages of documentation.
//!
//! | rule | why |
//! |---|---|
//! | a link leads to a file, and behind `#` to a heading of it | a reader arrives |
//! | `warren VERB --flag` in what users read is in `docs/reference/cli.md` | what is shown can be typed |
//! | the code map of `ARCHITECTURE.md` has every member of the workspace, and nothing that is not there | the map is the land |
//!
//! The reference page is held to `--help` by a test of the executable, so a verb or flag that is renamed
//! shows here in every page that still has the old name.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::Error;

/// Verbs with their help, as made from the executable.
const REFERENCE: &str = "docs/reference/cli.md";
/// Whose table names every crate.
const MAP: &str = "ARCHITECTURE.md";
/// What ends a command in a shell, or begins a remark.
const ENDS: [&str; 9] = ["|", "||", "&", "&&", ";", ">", "<", "#", "--"];

/// Checks every page below `root`; how many there are.
pub(super) fn check(root: &Path, errors: &mut Vec<String>) -> Result<usize, Error> {
    let mut paths = Vec::new();
    collect(root, &mut paths)?;
    let mut pages = BTreeMap::new();
    for path in paths {
        let text = read(&path)?;
        let name = path.strip_prefix(root).unwrap_or(&path).to_owned();
        pages.insert(name, text);
    }
    let verbs = pages.get(Path::new(REFERENCE)).map(|page| verbs(page));
    for (name, text) in &pages {
        for (line, target) in links(text) {
            if let Some(wrong) = link(root, &pages, name, &target) {
                errors.push(format!("{}:{line}: {wrong}", name.display()));
            }
        }
        let Some(verbs) = verbs.as_ref().filter(|_| is_for_users(name)) else {
            continue;
        };
        for (line, words) in commands(text) {
            if let Some(wrong) = command(verbs, &words) {
                errors.push(format!("{}:{line}: {wrong}", name.display()));
            }
        }
    }
    if let Some(map) = pages.get(Path::new(MAP)) {
        let manifest = read(&root.join("Cargo.toml"))?;
        code_map(root, map, &manifest, errors);
    }
    Ok(pages.len())
}

fn read(path: &Path) -> Result<String, Error> {
    let bytes = fs::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Gathers pages, leaving out build results, hidden folders and what tests read.
fn collect(folder: &Path, pages: &mut Vec<PathBuf>) -> Result<(), Error> {
    let failed = |source| Error::Read {
        path: folder.to_owned(),
        source,
    };
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() && name != "target" && name != "fixtures" && !name.starts_with('.') {
            collect(&path, pages)?;
        } else if kind.is_file() && name.ends_with(".md") {
            pages.push(path);
        }
    }
    Ok(())
}

/// Whether users are shown commands there: pages on the design also name verbs that are for ourselves.
fn is_for_users(page: &Path) -> bool {
    let guides = ["docs/how-to", "docs/contract", "examples"];
    let is_guide = guides.iter().any(|folder| page.starts_with(folder));
    is_guide || page == Path::new("README.md")
}

/// Lines from 1, with whether they are in a block of code; its fences are left out.
fn lines(text: &str) -> impl Iterator<Item = (usize, bool, &str)> {
    let mut fenced = false;
    (1..).zip(text.lines()).filter_map(move |(number, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        Some((number, fenced, line))
    })
}

/// Targets of links, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, fenced, line) in lines(text) {
        if fenced {
            continue;
        }
        // Outside of code between backquotes.
        let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        for rest in plain.split("](").skip(1) {
            if let Some((target, _)) = rest.split_once(')') {
                found.push((number, target.to_owned()));
            }
        }
    }
    found
}

/// What is wrong with a link of a page.
fn link(
    root: &Path,
    pages: &BTreeMap<PathBuf, String>,
    page: &Path,
    target: &str,
) -> Option<String> {
    if target.contains("://") {
        return None;
    }
    let (path, anchor) = match target.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (target, None),
    };
    let path = match path {
        "" => page.to_owned(),
        _ => plain(&page.parent().unwrap_or(Path::new("")).join(path)),
    };
    if !root.join(&path).exists() {
        return Some(format!("the link to {target} leads nowhere"));
    }
    let anchor = anchor?;
    let has = pages.get(&path).is_some_and(|text| {
        lines(text)
            .filter(|(_, fenced, line)| !fenced && line.starts_with('#'))
            .any(|(_, _, line)| anchor_of(line) == anchor)
    });
    (!has).then(|| format!("{} has no heading for #{anchor}", path.display()))
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}

/// A heading's name in links: small letters and digits, with dashes for spaces.
fn anchor_of(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        _ if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
        _ => None,
    });
    kept.collect()
}

/// Verbs by name (`warren rootfs pull`), with their flags.
type Verbs = BTreeMap<String, BTreeSet<String>>;

fn verbs(reference: &str) -> Verbs {
    let mut all = Verbs::new();
    let mut name = String::new();
    for line in reference.lines() {
        let heading = line.strip_prefix("## `");
        if let Some(heading) = heading.and_then(|rest| rest.strip_suffix('`')) {
            heading.clone_into(&mut name);
            all.entry(name.clone()).or_default();
        } else if let Some(flags) = all.get_mut(&name) {
            let words = line.split([' ', ',', '[', ']', '=', '`', '.']);
            flags.extend(words.filter(|word| is_flag(word)).map(str::to_owned));
        }
    }
    all
}

fn is_flag(word: &str) -> bool {
    let name = word.strip_prefix("--").or_else(|| word.strip_prefix('-'));
    name.is_some_and(|name| name.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// Commands of `warren`, as words, with their lines: in blocks of code, and where code between backquotes
/// begins so.
fn commands(text: &str) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    let mut unfinished: Option<(usize, String)> = None;
    for (number, fenced, line) in lines(text) {
        if !fenced {
            let code = line.split('`').skip(1).step_by(2);
            found.extend(
                code.filter(|code| code.starts_with("warren "))
                    .filter_map(|code| Some((number, first_command(code)?))),
            );
            continue;
        }
        let (start, whole) = match unfinished.take() {
            Some((start, before)) => (start, format!("{before} {}", line.trim())),
            None => (number, line.to_owned()),
        };
        match whole.strip_suffix('\\') {
            Some(part) => unfinished = Some((start, part.trim_end().to_owned())),
            None => found.extend(first_command(&whole).map(|words| (start, words))),
        }
    }
    found
}

/// The words of the first command of `warren` in a line.
fn first_command(line: &str) -> Option<Vec<String>> {
    // Elsewhere it is a process in a list of what runs.
    let is_name = |word: &str| {
        word == "warren" || (word.starts_with("/usr/") && word.ends_with("/bin/warren"))
    };
    let opening = ['"', '\'', '$', '('];
    let line = line.trim();
    let at = line.match_indices("warren ").map(|(at, _)| at).find(|at| {
        let before = &line[..*at];
        let word = before.rsplit(' ').next().unwrap_or_default();
        is_name(&format!("{}warren", word.trim_start_matches(opening)))
    })?;
    // Columns of a table, or a remark.
    let rest = line[at..].split("  ").next().unwrap_or_default();
    let mut words = Vec::new();
    for word in rest.split(' ') {
        if ENDS.contains(&word) || word.starts_with("$(") {
            break;
        }
        let plain = word.split([')', ';', '"', '\'']).next().unwrap_or_default();
        words.push(plain.to_owned());
        if plain != word {
            break;
        }
    }
    Some(words)
}

/// What is wrong with a command.
fn command(verbs: &Verbs, words: &[String]) -> Option<String> {
    let mut name = "warren".to_owned();
    let mut flags = Vec::new();
    let mut known: BTreeSet<&String> = verbs.get(&name)?.iter().collect();
    let mut may_be_value = false;
    let mut may_be_verb = true;
    for word in words.iter().skip(1) {
        if is_flag(word) {
            let plain = word.split('=').next().unwrap_or_default();
            // Short ones may have their value behind them.
            let is_long = plain.starts_with("--");
            flags.push(if is_long { plain } else { &plain[..2] });
            may_be_value = true;
            continue;
        }
        let deeper = format!("{name} {word}");
        if let Some(more) = verbs.get(&deeper).filter(|_| may_be_verb) {
            known.extend(more);
            name = deeper;
        } else if !may_be_value {
            if name == "warren" && word.starts_with(|c: char| c.is_ascii_lowercase()) {
                return Some(format!("there is no verb `warren {word}`"));
            }
            may_be_verb = false;
        }
        may_be_value = false;
    }
    let is_known = |flag: &str| known.iter().any(|known| *known == flag);
    let wrong = flags.into_iter().find(|flag| !is_known(flag))?;
    Some(format!("`{name}` has no flag {wrong}"))
}

/// Compares the map's first column with the members of the workspace and with what is there.
fn code_map(root: &Path, map: &str, manifest: &str, errors: &mut Vec<String>) {
    let rows: Vec<&str> = map
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(folder, _)| folder)
        .collect();
    let members = manifest.split_once("members = [");
    let members = members.and_then(|(_, rest)| rest.split_once(']'));
    let members = members.map_or("", |(list, _)| list);
    for member in members.split('"').skip(1).step_by(2) {
        if !rows.contains(&member) {
            errors.push(format!("{MAP}: the code map has no row for {member}"));
        }
    }
    for row in rows {
        if !row.contains(['*', ' ']) && !root.join(row).exists() {
            errors.push(format!("{MAP}: {row} is not there"));
        }
    }
}
