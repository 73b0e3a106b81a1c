//! Names of releases, jobs, packages and stemcells, and their versions as texts.
//!
//! They become parts of paths and URLs, so a name is also never `.` or `..`.

/// Bytes of a file's name.
const LONGEST: usize = 255;

/// A text that is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?} is not a name: 1 to {LONGEST} letters, digits and - _ + .")]
pub struct InvalidName {
    /// What it should name.
    pub what: &'static str,
    /// The text, cut short.
    pub text: String,
}

/// Checks a name, or a version as a text. `what` says what it names.
///
/// # Errors
/// [`InvalidName`].
pub fn check_name(what: &'static str, text: &str) -> Result<(), InvalidName> {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b"-_+.".contains(&byte);
    let is_name = !matches!(text, "" | "." | "..") && text.len() <= LONGEST;
    if is_name && text.bytes().all(is_good) {
        return Ok(());
    }
    Err(InvalidName {
        what,
        text: text.chars().take(100).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_in_paths() {
        for good in ["a", "zookeeper", "0.0.10+lab.1", "a_b-c", "...", "-x"] {
            assert_eq!(check_name("job", good), Ok(()), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            "a/b",
            "a b",
            "a\n",
            "a\nb",
            "é",
            &"a".repeat(256),
        ] {
            assert!(check_name("job", bad).is_err(), "{bad:?}");
        }
    }
}
