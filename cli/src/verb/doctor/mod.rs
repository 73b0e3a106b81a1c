//! `warren doctor`: check what this host or container can do.

mod check;
mod checks;
mod child;
mod facts;
mod report;

use std::path::PathBuf;

use check::Check;
use checks::ALL;
use facts::Facts;
use report::{Checked, Findings, Listing};

use crate::failure::{Failure, exit};
use crate::output::{Format, show};

/// Check what this host or container can do, and say what to change
///
/// Every check does the thing in question in a scratch place and leaves nothing behind; the
/// machine is not changed. docs/reference/doctor.md explains each.
///
/// Exit code 0: all good, warnings aside. 1: something that is needed is missing. 2: something
/// that matters could not be found out.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Exit code 0: all good, warnings aside. 1: something that is needed is missing. 2: something that \
matters could not be found out.\n\nExample: warren doctor --only cgroup-identity,nft-socket --json")]
pub struct Arguments {
    /// Do these checks alone
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,

    /// The directory of images that container-rootfs is about
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/var/lib/warren/garden/store"
    )]
    store: PathBuf,

    /// List the checks and do none
    #[arg(long, conflicts_with = "only")]
    list: bool,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        if self.list {
            show(&Listing::of(ALL.iter()), format)?;
            return Ok(exit::GOOD);
        }
        let chosen = chosen(&self.only)?;
        let facts = Facts::new(self.store);
        let checked = chosen.into_iter().map(|check| Checked {
            name: check.name,
            finding: (check.run)(&facts),
        });
        let findings = Findings {
            checks: checked.collect(),
        };
        show(&findings, format)?;
        Ok(findings.exit_code())
    }
}

/// The checks named, in the table's order; all if none is.
fn chosen(only: &[String]) -> Result<Vec<&'static Check>, Failure> {
    if let Some(stranger) = only
        .iter()
        .find(|name| ALL.iter().all(|check| check.name != name.as_str()))
    {
        return Err(Failure::text(format!("there is no check '{stranger}'"))
            .remedy("'warren doctor --list' names them")
            .code(exit::UNKNOWN));
    }
    let is_chosen = |check: &&Check| only.is_empty() || only.iter().any(|name| name == check.name);
    Ok(ALL.iter().filter(is_chosen).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of the sections of the reference page, in order.
    fn documented() -> Vec<String> {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/doctor.md");
        let page = std::fs::read_to_string(path).unwrap();
        let names = page
            .lines()
            .filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'));
        names.map(str::to_owned).collect()
    }

    #[test]
    fn every_check_is_documented_in_the_table_s_order() {
        let names: Vec<_> = ALL.iter().map(|check| check.name.to_owned()).collect();
        assert_eq!(names, documented());
    }

    #[test]
    fn every_section_of_the_page_has_its_three_parts() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/doctor.md");
        let page = std::fs::read_to_string(path).unwrap();
        for section in page.split("\n### ").skip(1) {
            for part in ["**Tests**", "**Why**", "**Remedy**"] {
                assert!(section.contains(part), "{part} is missing in:\n{section}");
            }
        }
    }

    #[test]
    fn names_choose_checks_and_unknown_ones_are_refused() {
        let only = ["epoll".to_owned(), "kernel".to_owned()];
        let names: Vec<_> = chosen(&only).unwrap().iter().map(|c| c.name).collect();
        assert_eq!(names, ["kernel", "epoll"]);
        assert_eq!(chosen(&[]).unwrap().len(), ALL.len());
        let failure = chosen(&["x".to_owned()]).err().unwrap();
        assert_eq!(failure.code, exit::UNKNOWN);
    }
}
