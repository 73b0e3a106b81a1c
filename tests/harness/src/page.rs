//! Pages of documentation, whose commands and files tests use as they stand there.

use std::fs;

use crate::programs;

/// What stands between two lines of three backquotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The heading that it is under.
    pub heading: String,
    /// What stands behind the opening backquotes.
    pub kind: String,
    /// Its lines.
    pub text: String,
}

/// All blocks of a page, in order; its path is relative to the workspace.
///
/// # Panics
/// If it cannot be read.
#[must_use]
#[track_caller]
pub fn blocks(path: &str) -> Vec<Block> {
    match fs::read_to_string(programs::workspace().join(path)) {
        Ok(text) => parse(&text),
        Err(error) => panic!("{path}: {error}"),
    }
}

/// The first block of a kind under a heading.
///
/// # Panics
/// If there is none.
#[must_use]
#[track_caller]
pub fn block(path: &str, heading: &str, kind: &str) -> String {
    let all = blocks(path);
    let mut found = all.iter();
    match found.find(|block| block.heading == heading && block.kind == kind) {
        Some(block) => block.text.clone(),
        None => panic!("{path} has no block of {kind:?} under {heading:?}: {all:#?}"),
    }
}

/// The commands of Warren's that stand in a page's lines between backquotes, in order.
///
/// # Panics
/// If it cannot be read.
#[must_use]
#[track_caller]
pub fn named(path: &str) -> Vec<String> {
    match fs::read_to_string(programs::workspace().join(path)) {
        Ok(text) => quoted(&text),
        Err(error) => panic!("{path}: {error}"),
    }
}

fn quoted(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with("```"));
    // What is between them is at each second place.
    let quoted = lines.flat_map(|line| line.split('`').skip(1).step_by(2));
    let ours = quoted.filter(|words| words.starts_with("warren "));
    ours.map(str::to_owned).collect()
}

fn parse(text: &str) -> Vec<Block> {
    let (mut found, mut heading) = (Vec::new(), String::new());
    let mut open: Option<Block> = None;
    for line in text.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some(block), None) => {
                block.text += line;
                block.text += "\n";
            }
            (None, Some(kind)) => {
                open = Some(Block {
                    heading: heading.clone(),
                    kind: kind.to_owned(),
                    text: String::new(),
                });
            }
            (None, None) => {
                if let Some((_, title)) = line
                    .split_once("# ")
                    .filter(|(marks, _)| marks.chars().all(|mark| mark == '#'))
                {
                    title.clone_into(&mut heading);
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_between_backquotes() {
        let text = "`warren a b` says `c`.\n```sh\nwarren d\n```\n| x | `warren e`: warren f |\n";
        assert_eq!(quoted(text), ["warren a b", "warren e"]);
    }

    #[test]
    fn blocks_are_under_their_headings() {
        let text = "# Page\n\n## One\n\n```\n# no heading\na\n```\nC# x\n```ini\n[b]\n```\n## Two\n```sh L1\n```\n";
        let block = |heading: &str, kind: &str, text: &str| Block {
            heading: heading.to_owned(),
            kind: kind.to_owned(),
            text: text.to_owned(),
        };
        assert_eq!(
            parse(text),
            [
                block("One", "", "# no heading\na\n"),
                block("One", "ini", "[b]\n"),
                block("Two", "sh L1", ""),
            ]
        );
    }
}
