//! What holds in a sandbox, and by which means.

use serde::Serialize;

use crate::plan::Rung;

/// What keeps the program apart. Fields are sentences' ends, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The way that worked.
    pub rung: Rung,
    /// The version of Landlock, if it is in force.
    pub landlock: Option<u32>,
    /// The user that the program runs as, as its own namespace numbers it.
    pub user: u32,
    /// What keeps it from files.
    pub files: String,
    /// What keeps it from the network.
    pub network: String,
    /// What keeps it from other processes.
    pub processes: String,
    /// Why better ways were not taken.
    pub reasons: Vec<String>,
}

impl Report {
    pub(crate) fn new(rung: Rung, landlock: Option<u32>, user: u32, reasons: Vec<String>) -> Self {
        let own = rung.has_own_root();
        let either = |best: &str, other: &str| if own { best } else { other }.to_owned();
        let mut files = either("a root of its own, read-only", "Landlock alone");
        if let (true, Some(abi)) = (own, landlock) {
            files.push_str(&format!(", and Landlock {abi}"));
        }
        Self {
            rung,
            landlock,
            user,
            files,
            network: either(
                "a network namespace without interfaces, and no sockets",
                "no sockets",
            ),
            processes: either(
                "a pid namespace",
                "no calls to start, signal or trace others",
            ),
            reasons,
        }
    }

    /// Whether there is a better way that the kernel refused.
    #[must_use]
    pub fn is_weaker(&self) -> bool {
        self.rung == Rung::Bare
    }

    /// One line for a log.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = format!(
            "files: {}; network: {}; processes: {}; user {}",
            self.files, self.network, self.processes, self.user
        );
        if !self.reasons.is_empty() {
            line.push_str(&format!(" (not better: {})", self.reasons.join("; ")));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_why_it_is_not_better() {
        let report = Report::new(Rung::Bare, Some(4), 1000, vec!["no namespaces".to_owned()]);
        assert_eq!(
            report.line(),
            "files: Landlock alone; network: no sockets; processes: no calls to start, signal or \
             trace others; user 1000 (not better: no namespaces)"
        );
        assert!(report.is_weaker());
    }
}
