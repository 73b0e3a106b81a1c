//! Who may depend on whom.
//!
//! The rules are the table in [`table`]; the facts come from
//! `cargo metadata --no-deps`. Four things are checked:
//!
//! 1. a crate's name is its folder path (`sys/cgroup` is `warren-sys-cgroup`);
//! 2. every crate has a row, and every row a crate;
//! 3. every edge inside the workspace is allowed by the row it starts from;
//! 4. no crate uses a foreign crate that its row rules out.
//!
//! A development dependency obeys the same rules, but may also reach the crates
//! under `tests/`, which nothing else may.

mod metadata;
mod table;
#[cfg(test)]
mod tests;

use std::path::Path;

use self::metadata::{Kind, Package};
use self::table::{Row, TABLE, Uses};
use crate::{Error, Report};

/// Checks the workspace at `root` against the table.
pub(crate) fn check(root: &Path) -> Result<Report, Error> {
    let packages = metadata::packages(root)?;
    let edges: usize = packages
        .iter()
        .map(|package| package.dependencies.len())
        .sum();
    Ok(Report {
        errors: violations(&packages, TABLE),
        warnings: Vec::new(),
        looked_at: format!("{} crates, {edges} dependencies", packages.len()),
    })
}

/// One line for each broken rule.
fn violations(packages: &[Package], table: &[Row]) -> Vec<String> {
    let mut found = Vec::new();
    for package in packages {
        let folder = &package.folder;
        let expected = crate_name(folder);
        if package.name != expected {
            found.push(format!(
                "{folder}: the crate is called {} but its folder says {expected}",
                package.name
            ));
        }
        match table.iter().find(|row| row.folder == *folder) {
            Some(row) => edges(package, row, packages, &mut found),
            None => found.push(format!(
                "{folder}: no row in xtask/src/layers/table.rs: say what it may use and must not know"
            )),
        }
    }
    for row in table {
        if !packages.iter().any(|package| package.folder == row.folder) {
            found.push(format!(
                "{}: a row in xtask/src/layers/table.rs but no such crate",
                row.folder
            ));
        }
    }
    found
}

/// Checks every dependency of `package`, whose rules are `row`.
fn edges(package: &Package, row: &Row, packages: &[Package], found: &mut Vec<String>) {
    for dependency in &package.dependencies {
        let (folder, kind) = (&package.folder, dependency.kind);
        let ours = packages
            .iter()
            .find(|candidate| candidate.name == dependency.name);
        let Some(target) = ours else {
            if dependency.has_path {
                found.push(format!(
                    "{folder} -> {} ({kind}): a path dependency must be a crate of this workspace",
                    dependency.name
                ));
            } else if kind != Kind::Development && row.bans.contains(&dependency.name.as_str()) {
                found.push(format!(
                    "{folder} -> {} ({kind}): {folder} must not know {}",
                    dependency.name, row.must_not_know
                ));
            }
            continue;
        };
        if let Some(rule) = refusal(row, kind, &target.folder) {
            found.push(format!("{folder} -> {} ({kind}): {rule}", target.folder));
        }
    }
}

/// The rule that forbids the edge from `row` to the crate in `target`, if any.
fn refusal(row: &Row, kind: Kind, target: &str) -> Option<String> {
    let from = row.folder;
    if target == "xtask" {
        return Some("nothing may use xtask".to_owned());
    }
    if is_test_support(target) && !is_test_support(from) {
        return (kind != Kind::Development)
            .then(|| "crates under tests/ may only be development dependencies".to_owned());
    }
    match row.uses {
        Uses::Everything => None,
        Uses::Only(allowed) if allowed.contains(&target) => None,
        Uses::Only([]) => Some(format!("{from} may use no crate of this workspace")),
        Uses::Only(allowed) => Some(format!(
            "{from} may use only {}; it must not know {}",
            allowed.join(", "),
            row.must_not_know
        )),
    }
}

fn is_test_support(folder: &str) -> bool {
    folder.starts_with("tests/")
}

/// The name a crate in `folder` must have.
fn crate_name(folder: &str) -> String {
    match folder {
        "cli" => "warren".to_owned(),
        "xtask" => "xtask".to_owned(),
        _ => format!("warren-{}", folder.replace('/', "-")),
    }
}
