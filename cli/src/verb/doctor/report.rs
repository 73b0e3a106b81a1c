//! The findings, shown.

use std::io::{self, Write};

use serde::Serialize;

use super::check::{Check, Finding, Status};
use crate::failure::exit;
use crate::output::{Report, Table};

const EVIDENCE_WIDTH: usize = 90;

/// A check with its finding.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// The check's name.
    pub name: &'static str,
    /// What was found.
    #[serde(flatten)]
    pub finding: Finding,
}

/// All findings.
#[derive(Debug, Serialize)]
pub struct Findings {
    /// In the table's order.
    pub checks: Vec<Checked>,
}

/// The checks there are.
#[derive(Debug, Serialize)]
pub struct Listing {
    checks: Vec<Listed>,
}

#[derive(Debug, Serialize)]
struct Listed {
    name: &'static str,
    tests: &'static str,
}

impl Listing {
    /// Of these checks.
    pub fn of<'a>(checks: impl Iterator<Item = &'a Check>) -> Self {
        let listed = checks.map(|check| Listed {
            name: check.name,
            tests: check.title,
        });
        Listing {
            checks: listed.collect(),
        }
    }
}

impl Findings {
    /// A failure weighs more than something that could not be found out.
    pub fn exit_code(&self) -> u8 {
        let has = |status| self.checks.iter().any(|c| c.finding.status == status);
        if has(Status::Fail) {
            exit::BAD
        } else if has(Status::Unknown) {
            exit::UNKNOWN
        } else {
            exit::GOOD
        }
    }

    fn count(&self, status: Status) -> usize {
        let checks = self.checks.iter();
        checks.filter(|c| c.finding.status == status).count()
    }
}

impl Report for Findings {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(&["Check", "Status", "Evidence"]);
        for checked in &self.checks {
            let Finding {
                status,
                evidence,
                remedy,
            } = &checked.finding;
            let mut lines = evidence.clone();
            lines.extend(remedy.iter().map(|text| format!("Remedy: {text}")));
            table.row([
                checked.name.to_owned(),
                status.word().to_owned(),
                wrapped(&lines),
            ]);
        }
        table.write(to)?;
        writeln!(
            to,
            "\n{} passed, {} with warnings, {} failed, {} unknown",
            self.count(Status::Pass),
            self.count(Status::Warn),
            self.count(Status::Fail),
            self.count(Status::Unknown),
        )
    }
}

/// Each line broken at spaces, so that the table stays as wide as a page.
fn wrapped(lines: &[String]) -> String {
    let mut out = Vec::new();
    for line in lines {
        let mut rest = String::new();
        for word in line.split(' ') {
            let width = rest.chars().count() + 1 + word.chars().count();
            if !rest.is_empty() && width > EVIDENCE_WIDTH {
                out.push(std::mem::take(&mut rest));
                rest.push_str("  ");
            } else if !rest.is_empty() {
                rest.push(' ');
            }
            rest.push_str(word);
        }
        out.push(rest);
    }
    out.join("\n")
}

impl Report for Listing {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(&["Check", "Tests"]);
        for check in &self.checks {
            table.row([check.name.to_owned(), check.tests.to_owned()]);
        }
        table.write(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(all: &[Finding]) -> Findings {
        let checks = all.iter().cloned().map(|finding| Checked {
            name: "some",
            finding,
        });
        Findings {
            checks: checks.collect(),
        }
    }

    #[test]
    fn the_exit_code_is_that_of_the_worst() {
        let (good, poor) = (Finding::pass("a"), Finding::warn("b", "c"));
        let (bad, open) = (Finding::fail("d", "e"), Finding::unknown("f", "g"));
        let code = |all: &[&Finding]| {
            findings(&all.iter().map(|f| (*f).clone()).collect::<Vec<_>>()).exit_code()
        };
        assert_eq!(code(&[&good, &poor]), exit::GOOD);
        assert_eq!(code(&[&good, &open]), exit::UNKNOWN);
        assert_eq!(code(&[&open, &bad]), exit::BAD);
    }

    #[test]
    fn people_see_evidence_remedy_and_a_sum() {
        let mut out = Vec::new();
        let found = findings(&[Finding::fail("it is not", "make it so").and("really")]);
        found.write_human(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("some   fail    it is not"), "{text}");
        assert!(text.contains("Remedy: make it so"), "{text}");
        assert!(
            text.ends_with("0 passed, 0 with warnings, 1 failed, 0 unknown\n"),
            "{text}"
        );
    }

    #[test]
    fn long_lines_are_broken_at_spaces_and_indented() {
        let word = "x".repeat(50);
        let lines = [format!("{word} {word} {word}"), "short".to_owned()];
        let expected = format!("{word}\n  {word}\n  {word}\nshort");
        assert_eq!(wrapped(&lines), expected);
    }

    #[test]
    fn programs_see_one_flat_object_a_check() {
        let json = serde_json::to_value(findings(&[Finding::warn("a", "b")])).unwrap();
        let expected = serde_json::json!({"checks": [
            {"name": "some", "status": "warn", "evidence": ["a"], "remedy": "b"}
        ]});
        assert_eq!(json, expected);
    }
}
