//! What git knows of a release directory.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::Error;

/// Sources as git sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Revision {
    /// Short hash, `empty` before the first commit, `non-git` without a repository.
    pub commit: String,
    pub has_changes: bool,
}

/// Looks; changes are an error unless they may be (`force`).
pub(super) fn revision(root: &Path, force: bool) -> Result<Revision, Error> {
    let none = Revision {
        commit: "non-git".to_owned(),
        has_changes: false,
    };
    let found = match git(root, &["rev-parse", "--git-dir"]) {
        Ok(output) => output,
        // Without git there can still be no repository.
        Err(Error::Program { .. }) if !is_below_repository(root) => return Ok(none),
        Err(error) => return Err(error),
    };
    if !found.status.success() {
        return match is_below_repository(root) {
            true => Err(failed("git rev-parse --git-dir", &found)),
            false => Ok(none),
        };
    }
    let status = git(root, &["status", "--short"])?;
    if !status.status.success() {
        return Err(failed("git status", &status));
    }
    let changes = String::from_utf8_lossy(&status.stdout)
        .trim_end()
        .to_owned();
    if !changes.is_empty() && !force {
        return Err(Error::Dirty { changes });
    }
    let head = git(root, &["rev-parse", "--short", "HEAD"])?;
    let said = String::from_utf8_lossy(&head.stderr);
    let commit = if head.status.success() {
        String::from_utf8_lossy(&head.stdout).trim().to_owned()
    } else if said.contains("Needed a single revision") {
        "empty".to_owned()
    } else {
        return Err(failed("git rev-parse HEAD", &head));
    };
    let has_changes = !changes.is_empty();
    Ok(Revision {
        commit,
        has_changes,
    })
}

/// Makes a repository.
pub(super) fn init(root: &Path) -> Result<(), Error> {
    let made = git(root, &["init", "--quiet", "."])?;
    if made.status.success() {
        return Ok(());
    }
    Err(failed("git init", &made))
}

/// Runs git in the directory, in words that do not depend on the user's language.
fn git(root: &Path, words: &[&str]) -> Result<Output, Error> {
    let mut command = Command::new("git");
    command.args(words).current_dir(root).env("LC_ALL", "C");
    command.stdin(Stdio::null());
    command.output().map_err(|source| Error::Program {
        program: "git",
        source,
    })
}

fn is_below_repository(root: &Path) -> bool {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    root.ancestors().any(|path| path.join(".git").exists())
}

fn failed(program: &str, output: &Output) -> Error {
    let said = String::from_utf8_lossy(&output.stderr);
    Error::Failed {
        program: program.to_owned(),
        said: said.trim().chars().take(2000).collect(),
    }
}
