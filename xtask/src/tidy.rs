//! Rules for source files and pages that no lint can express.
//!
//! | rule | why |
//! |---|---|
//! | opens with `//!` | a reader learns what a file is for before how it does it |
//! | at most 900 lines, a warning above 400 | one idea in one file |
//! | no `unsafe` outside `sys/` | one place to audit |
//! | `expect` with a reason, never `allow` | an exception that is no longer needed shows itself |
//! | no leftovers (`dbg!`, `todo!`, notes to oneself) | what is committed is finished |
//! | no white space at the end of a line | diffs show changes only |
//!
//! Files are read through [`lexer`], so that words in comments and strings do
//! not count as code, nor code as comments. Pages of documentation have rules
//! of their own: [`pages`].

mod lexer;
mod pages;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use self::lexer::{Kind, Token};
use crate::{Error, Report};

const MOST_LINES: usize = 900;
const MANY_LINES: usize = 400;

/// Comments that say the work is not done.
const NOTES: &[&str] = &["TODO", "FIXME", "XXX"];
/// Macros that must not be committed.
const LEFTOVERS: &[&str] = &["dbg", "todo", "unimplemented"];

/// Checks every Rust file and every page below `root`.
pub(crate) fn check(root: &Path) -> Result<Report, Error> {
    let mut files = Vec::new();
    collect(root, &mut files)?;
    files.sort();
    let mut findings = Findings::default();
    for path in &files {
        let bytes = fs::read(path).map_err(|source| Error::Read {
            path: path.clone(),
            source,
        })?;
        let name = path
            .strip_prefix(root)
            .unwrap_or(path)
            .display()
            .to_string();
        match str::from_utf8(&bytes) {
            Ok(text) => file(&name, text, &mut findings),
            Err(_) => findings.errors.push(format!("{name}: not UTF-8")),
        }
    }
    let pages = pages::check(root, &mut findings.errors)?;
    Ok(Report {
        errors: findings.errors,
        warnings: findings.warnings,
        looked_at: format!("{} files, {pages} pages", files.len()),
    })
}

/// Gathers Rust files, leaving out build results and hidden folders.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let read = |source| Error::Read {
        path: folder.to_owned(),
        source,
    };
    for entry in fs::read_dir(folder).map_err(read)? {
        let entry = entry.map_err(read)?;
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let kind = entry.file_type().map_err(read)?;
        if kind.is_dir() && name != "target" && !name.starts_with('.') {
            collect(&path, files)?;
        } else if kind.is_file() && name.ends_with(".rs") {
            files.push(path);
        }
    }
    Ok(())
}

#[derive(Default)]
struct Findings {
    errors: Vec<String>,
    warnings: Vec<String>,
}

/// Checks one file, whose path relative to the workspace is `name`.
fn file(name: &str, text: &str, findings: &mut Findings) {
    let errors = &mut findings.errors;
    if !text.starts_with("//!") {
        errors.push(format!(
            "{name}:1: open with a //! line that says what the file is for"
        ));
    }
    let lines = text.lines().count();
    if lines > MOST_LINES {
        errors.push(format!(
            "{name}: {lines} lines; no file may have over {MOST_LINES}"
        ));
    } else if lines > MANY_LINES {
        findings
            .warnings
            .push(format!("{name}: {lines} lines; is it still one idea?"));
    }
    for (index, line) in text.split('\n').enumerate() {
        if line.ends_with([' ', '\t', '\r']) {
            errors.push(format!(
                "{name}:{}: white space at the end of the line",
                index + 1
            ));
        }
    }
    let tokens = lexer::tokens(text);
    comments(name, &tokens, errors);
    let code: Vec<&Token<'_>> = tokens
        .iter()
        .filter(|token| matches!(token.kind, Kind::Word | Kind::Mark))
        .collect();
    words(name, &code, errors);
    attributes(name, &code, errors);
}

fn comments(name: &str, tokens: &[Token<'_>], errors: &mut Vec<String>) {
    for token in tokens.iter().filter(|token| token.kind == Kind::Comment) {
        for (offset, line) in token.text.lines().enumerate() {
            let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            if let Some(note) = words.find(|word| NOTES.contains(word)) {
                let line = token.line + offset;
                errors.push(format!(
                    "{name}:{line}: {note} in a comment: finish it or leave it out"
                ));
            }
        }
    }
}

fn words(name: &str, code: &[&Token<'_>], errors: &mut Vec<String>) {
    let below_sys = name.starts_with("sys/");
    for (index, token) in code.iter().enumerate() {
        let line = token.line;
        if token.is_word("unsafe") && !below_sys {
            errors.push(format!("{name}:{line}: unsafe outside sys/"));
        }
        let is_macro = code.get(index + 1).is_some_and(|next| next.is_mark('!'));
        if token.kind == Kind::Word && is_macro && LEFTOVERS.contains(&token.text) {
            errors.push(format!("{name}:{line}: {}! left in the code", token.text));
        }
    }
}

/// Finds `#[...]` and `#![...]` that switch a lint off for good.
fn attributes(name: &str, code: &[&Token<'_>], errors: &mut Vec<String>) {
    let mut index = 0;
    while index < code.len() {
        let mut start = index + 1;
        if code.get(start).is_some_and(|token| token.is_mark('!')) {
            start += 1;
        }
        let opens = code[index].is_mark('#') && code.get(start).is_some_and(|t| t.is_mark('['));
        if !opens {
            index += 1;
            continue;
        }
        let end = closing(code, start);
        let body = &code[start + 1..end];
        let has_reason = body.iter().any(|token| token.is_word("reason"));
        for pair in body.windows(2) {
            let line = pair[0].line;
            // A module that several test executables share cannot know what each leaves unused.
            let is_shared = name.contains("/tests/common/") && has_reason;
            if pair[0].is_word("allow") && pair[1].is_mark('(') && !is_shared {
                errors.push(format!("{name}:{line}: allow: use expect with a reason"));
            }
            if pair[0].is_word("expect") && pair[1].is_mark('(') && !has_reason {
                errors.push(format!("{name}:{line}: expect without a reason"));
            }
        }
        index = end.max(index + 1);
    }
}

/// The place of the `]` that closes the `[` at `open`, or the end.
fn closing(code: &[&Token<'_>], open: usize) -> usize {
    let mut depth = 0usize;
    for (index, token) in code.iter().enumerate().skip(open) {
        if token.is_mark('[') {
            depth += 1;
        } else if token.is_mark(']') {
            depth -= 1;
            if depth == 0 {
                return index;
            }
        }
    }
    code.len()
}
