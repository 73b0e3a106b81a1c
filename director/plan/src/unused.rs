//! What nothing uses any more: which of it a clean-up deletes, and which it keeps.
//!
//! | what | kept | kept when all shall go |
//! |---|---|---|
//! | versions of a release or a stemcell | the two newest that nothing uses | none |
//! | published versions of the names | the ten newest, and those of the last hour | the newest, if there is a deployment |
//! | compiled packages | all | those of whose line of stemcells there is one left |
//!
//! Source: reference of the deploy engine, section 19.

use std::collections::{BTreeMap, BTreeSet};

use crate::versions::highest;

/// A version of something, as a row has it. A stemcell has one for each CPI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its version.
    pub version: &'a str,
    /// Whether a deployment uses it.
    pub is_used: bool,
}

/// How many versions that nothing uses are kept of each name.
#[must_use]
pub fn kept(remove_all: bool) -> usize {
    if remove_all { 0 } else { 2 }
}

/// Names and versions that go: by name, oldest first, all but the newest `kept` of each name. A version
/// is used if one of its rows is, and counts once however many rows it has. What is no version is older
/// than any.
#[must_use]
pub fn surplus<'a>(rows: impl IntoIterator<Item = Row<'a>>, kept: usize) -> Vec<(String, String)> {
    let mut all: BTreeMap<&str, BTreeMap<&str, bool>> = BTreeMap::new();
    for row in rows {
        let is_used = all.entry(row.name).or_default();
        *is_used.entry(row.version).or_default() |= row.is_used;
    }
    let mut gone = Vec::new();
    for (name, versions) in all {
        let unused = versions.into_iter().filter(|(_, is_used)| !is_used);
        let mut left: BTreeSet<&str> = unused.map(|(version, _)| version).collect();
        let mut newest_first = Vec::new();
        while let Some(newest) = highest(left.iter().copied()) {
            left.remove(newest);
            newest_first.push(newest);
        }
        newest_first.extend(left.into_iter().rev());
        let old = newest_first.into_iter().skip(kept).rev();
        gone.extend(old.map(|version| (name.to_owned(), version.to_owned())));
    }
    gone
}

/// The line of a stemcell: its system and the first part of its version. What was compiled on one serves
/// for all of its line.
#[must_use]
pub fn line(os: &str, version: &str) -> (String, String) {
    let major = version.split('.').next().unwrap_or_default();
    (os.to_owned(), major.to_owned())
}

/// Which published versions of the names are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names {
    /// The newest so many.
    kept: usize,
    /// And all that are younger than so many seconds.
    age: i64,
}

impl Names {
    /// When all shall go, or not.
    #[must_use]
    pub fn new(remove_all: bool, has_deployments: bool) -> Self {
        match (remove_all, has_deployments) {
            (false, _) => Self {
                kept: 10,
                age: 3600,
            },
            (true, has_deployments) => Self {
                kept: usize::from(has_deployments),
                age: 0,
            },
        }
    }

    /// Those that go. `about` tells key and Unix time of one; a higher key is newer.
    #[must_use]
    pub fn old<T>(&self, mut all: Vec<T>, now: i64, about: impl Fn(&T) -> (i64, i64)) -> Vec<T> {
        all.sort_by_key(|one| std::cmp::Reverse(about(one).0));
        let beyond = all.into_iter().skip(self.kept);
        beyond
            .filter(|one| about(one).1 <= now - self.age)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_each_name_are_kept() {
        let row = |name, version, is_used| Row {
            name,
            version,
            is_used,
        };
        let rows = [
            row("a", "1.9", false),
            row("a", "1.10", false),
            row("a", "1.2", false),
            row("a", "3", true),
            row("b", "1", false),
            // Of two CPIs, one of which has a machine of it.
            row("b", "2", false),
            row("b", "2", true),
            row("b", "4", false),
            row("b", "4", false),
            row("b", "no version!", false),
        ];
        let text = |kept| -> Vec<String> {
            let gone = surplus(rows, kept);
            gone.into_iter()
                .map(|(name, version)| format!("{name}/{version}"))
                .collect()
        };
        assert_eq!(text(2), ["a/1.2", "b/no version!"]);
        assert_eq!(
            text(0),
            ["a/1.2", "a/1.9", "a/1.10", "b/no version!", "b/1", "b/4"]
        );
    }

    #[test]
    fn names_are_kept_by_number_and_age() {
        // Keys 1 to 12; the last three are young.
        let all: Vec<(i64, i64)> = (1..=12)
            .map(|key| (key, if key > 9 { 9_990 } else { 0 }))
            .collect();
        let old = |remove_all, has_deployments, all: &[(i64, i64)]| -> Vec<i64> {
            let names = Names::new(remove_all, has_deployments);
            let old = names.old(all.to_vec(), 10_000, |one| *one);
            old.into_iter().map(|(key, _)| key).collect()
        };
        assert_eq!(old(false, true, &all), [2, 1]);
        let young: Vec<(i64, i64)> = (1..=12).map(|key| (key, 9_990)).collect();
        assert!(old(false, true, &young).is_empty());
        assert_eq!(old(true, true, &all).len(), 11);
        assert_eq!(old(true, false, &all).len(), 12);
        assert_eq!(line("os", "1.5.7"), line("os", "1"));
        assert_ne!(line("os", "1.5"), line("os", "2.5"));
    }
}
