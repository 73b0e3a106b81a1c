//! Patterns of files in packages.
//!
//! ```text
//! *  ?  [a-z] [!a] [^a]   within one component, also a leading dot
//! **                      any number of components, when it is one itself
//! {a,b/c}                 either                  \x  x itself
//! ```
//!
//! Like the stock command line's: a directory that is a symbolic link is found by its name but not
//! searched by `**`, and no plain file below one is taken. Source: the Go package `doublestar`.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Most patterns that braces may stand for.
const MOST_BRANCHES: usize = 1000;
/// Most bytes of a pattern.
const LONGEST: usize = 4096;

/// A text that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no pattern: {why}")]
pub struct InvalidPattern {
    /// The text, cut short.
    pub text: String,
    /// What is wrong.
    pub why: &'static str,
}

/// A pattern of paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<Vec<Component>>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Component {
    /// `**`
    Any,
    /// Exactly this.
    Literal(String),
    /// Something with wildcards.
    Tokens(Vec<Token>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Char(char),
    One,
    Many,
    Class {
        is_negated: bool,
        ranges: Vec<(char, char)>,
    },
}

/// A path that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub path: PathBuf,
    /// Relative to where the search began.
    pub name: PathBuf,
    /// Whether a directory on the way is a symbolic link.
    pub is_behind_link: bool,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`InvalidPattern`].
    pub fn new(text: &str) -> Result<Self, InvalidPattern> {
        let wrong = |why| InvalidPattern {
            text: text.chars().take(200).collect(),
            why,
        };
        if text.len() > LONGEST {
            return Err(wrong("it is too long"));
        }
        let branches = expanded(text).map_err(wrong)?;
        let parsed = branches.iter().map(|branch| components(branch));
        parsed.collect::<Result<_, _>>().map(Self).map_err(wrong)
    }

    /// Whether a path fits as a whole.
    pub fn fits(&self, path: &str) -> bool {
        let parts: Vec<&str> = path.split('/').collect();
        self.0.iter().any(|components| fits(components, &parts))
    }

    /// All paths below a directory that fit; none if there is no directory.
    pub(super) fn find(&self, below: &Path) -> io::Result<Vec<Found>> {
        let mut found = Vec::new();
        for components in &self.0 {
            let start = Found {
                path: below.to_owned(),
                name: PathBuf::new(),
                is_behind_link: false,
            };
            walk(components, &start, &mut found)?;
        }
        Ok(found)
    }
}

/// What braces stand for, one after the other.
fn expanded(text: &str) -> Result<Vec<String>, &'static str> {
    let mut done = Vec::new();
    let mut rest = vec![text.to_owned()];
    while let Some(text) = rest.pop() {
        if done.len() + rest.len() >= MOST_BRANCHES {
            return Err("its braces stand for too many patterns");
        }
        match braces(&text)? {
            None => done.push(text),
            Some((before, options, after)) => {
                let options = options.iter().rev();
                rest.extend(options.map(|option| format!("{before}{option}{after}")));
            }
        }
    }
    Ok(done)
}

/// The first pair of braces: before, options, after.
type Braces = (String, Vec<String>, String);

fn braces(text: &str) -> Result<Option<Braces>, &'static str> {
    let (mut depth, mut start, mut option_start) = (0usize, 0, 0);
    let mut options = Vec::new();
    let mut is_escaped = false;
    for (at, character) in text.char_indices() {
        if std::mem::take(&mut is_escaped) {
            continue;
        }
        let part = |from: usize| text.get(from..at).unwrap_or_default().to_owned();
        match character {
            '\\' => is_escaped = true,
            '{' => {
                depth += 1;
                if depth == 1 {
                    (start, option_start) = (at, at + 1);
                }
            }
            ',' if depth == 1 => {
                options.push(part(option_start));
                option_start = at + 1;
            }
            '}' if depth == 1 => {
                options.push(part(option_start));
                let before = text.get(..start).unwrap_or_default().to_owned();
                let after = text.get(at + 1..).unwrap_or_default().to_owned();
                return Ok(Some((before, options, after)));
            }
            '}' if depth > 1 => depth -= 1,
            _ => {}
        }
    }
    if depth > 0 {
        return Err("it has { without }");
    }
    Ok(None)
}

fn components(text: &str) -> Result<Vec<Component>, &'static str> {
    let mut components = Vec::new();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                components.pop().ok_or("it leaves its directory")?;
            }
            // Twice in a row is no more than once.
            "**" if components.last() == Some(&Component::Any) => {}
            "**" => components.push(Component::Any),
            part => components.push(component(part)?),
        }
    }
    match components.last() {
        None => return Err("it is empty"),
        // At the end it is everything below, not what it is below of.
        Some(Component::Any) => components.push(Component::Tokens(vec![Token::Many])),
        Some(_) => {}
    }
    Ok(components)
}

fn component(part: &str) -> Result<Component, &'static str> {
    let mut tokens = Vec::new();
    let mut characters = part.chars();
    while let Some(character) = characters.next() {
        let token = match character {
            '*' if tokens.last() == Some(&Token::Many) => continue,
            '*' => Token::Many,
            '?' => Token::One,
            '[' => class(&mut characters)?,
            '\\' => Token::Char(characters.next().ok_or("it ends in a backslash")?),
            other => Token::Char(other),
        };
        tokens.push(token);
    }
    let literal = tokens.iter().map(|token| match token {
        Token::Char(character) => Some(*character),
        _ => None,
    });
    match literal.collect::<Option<String>>() {
        Some(text) if matches!(text.as_str(), "." | "..") => Err("it leaves its directory"),
        Some(text) => Ok(Component::Literal(text)),
        None => Ok(Component::Tokens(tokens)),
    }
}

fn class(characters: &mut std::str::Chars<'_>) -> Result<Token, &'static str> {
    const OPEN: &str = "it has [ without ]";
    let mut ranges = Vec::new();
    let mut next = characters.next().ok_or(OPEN)?;
    let is_negated = matches!(next, '!' | '^');
    if is_negated {
        next = characters.next().ok_or(OPEN)?;
    }
    let unescape = |character: char, characters: &mut std::str::Chars<'_>| match character {
        '\\' => characters.next().ok_or(OPEN),
        other => Ok(other),
    };
    while next != ']' {
        let low = unescape(next, characters)?;
        next = characters.next().ok_or(OPEN)?;
        let mut high = low;
        if next == '-' {
            let after = characters.next().ok_or(OPEN)?;
            if after == ']' {
                ranges.push((low, low));
                (high, next) = ('-', ']');
                ranges.push((high, high));
                continue;
            }
            high = unescape(after, characters)?;
            next = characters.next().ok_or(OPEN)?;
        }
        ranges.push((low, high));
    }
    if ranges.is_empty() {
        return Err("it has [] with nothing in it");
    }
    Ok(Token::Class { is_negated, ranges })
}

/// One component. Never takes longer than pattern times name.
fn component_fits(component: &Component, name: &str) -> bool {
    let tokens = match component {
        Component::Any => return true,
        Component::Literal(text) => return text == name,
        Component::Tokens(tokens) => tokens,
    };
    let name: Vec<char> = name.chars().collect();
    let (mut token, mut at) = (0, 0);
    // Where to go on if what came after the last `*` does not fit.
    let mut retry: Option<(usize, usize)> = None;
    while at < name.len() || token < tokens.len() {
        let character = name.get(at);
        let is_fit = match (tokens.get(token), character) {
            (Some(Token::Many), _) => {
                retry = Some((token, at));
                token += 1;
                continue;
            }
            (Some(Token::One), Some(_)) => true,
            (Some(Token::Char(wanted)), Some(character)) => wanted == character,
            (Some(Token::Class { is_negated, ranges }), Some(character)) => {
                let mut ranges = ranges.iter();
                ranges.any(|(low, high)| (low..=high).contains(&character)) != *is_negated
            }
            _ => false,
        };
        if is_fit {
            (token, at) = (token + 1, at + 1);
            continue;
        }
        match retry {
            Some((many, from)) if from < name.len() => {
                retry = Some((many, from + 1));
                (token, at) = (many + 1, from + 1);
            }
            _ => return false,
        }
    }
    true
}

/// All components, by the same method as above with `**` for `*`.
fn fits(components: &[Component], parts: &[&str]) -> bool {
    let (mut component, mut at) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < parts.len() || component < components.len() {
        let is_fit = match (components.get(component), parts.get(at)) {
            (Some(Component::Any), _) => {
                retry = Some((component, at));
                component += 1;
                continue;
            }
            (Some(one), Some(part)) => component_fits(one, part),
            _ => false,
        };
        if is_fit {
            (component, at) = (component + 1, at + 1);
            continue;
        }
        match retry {
            Some((any, from)) if from < parts.len() => {
                retry = Some((any, from + 1));
                (component, at) = (any + 1, from + 1);
            }
            _ => return false,
        }
    }
    true
}

/// Adds what fits below `at`.
fn walk(components: &[Component], at: &Found, found: &mut Vec<Found>) -> io::Result<()> {
    let Some((first, rest)) = components.split_first() else {
        found.push(at.clone());
        return Ok(());
    };
    match first {
        Component::Literal(name) => {
            let next = at.below(OsStr::new(name));
            if fs::symlink_metadata(&next.path).is_ok() {
                next.enter(rest, found)?;
            }
        }
        Component::Tokens(_) => {
            for name in names(&at.path)? {
                if component_fits(first, &name.to_string_lossy()) {
                    at.below(&name).enter(rest, found)?;
                }
            }
        }
        Component::Any => {
            walk(rest, at, found)?;
            for name in names(&at.path)? {
                let next = at.below(&name);
                let meta = fs::symlink_metadata(&next.path)?;
                if meta.is_dir() {
                    walk(components, &next, found)?;
                }
            }
        }
    }
    Ok(())
}

impl Found {
    fn below(&self, name: &OsStr) -> Self {
        Self {
            path: self.path.join(name),
            name: self.name.join(name),
            is_behind_link: self.is_behind_link,
        }
    }

    /// Goes on below, if anything is left of the pattern.
    fn enter(mut self, rest: &[Component], found: &mut Vec<Found>) -> io::Result<()> {
        if rest.is_empty() {
            found.push(self);
            return Ok(());
        }
        if self.path.is_dir() {
            self.is_behind_link |= self.path.is_symlink();
            walk(rest, &self, found)?;
        }
        Ok(())
    }
}

/// Names in a directory, sorted; none if it is not there.
fn names(path: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    let listed = match fs::read_dir(path) {
        Ok(listed) => listed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in listed {
        names.push(entry?.file_name());
    }
    names.sort_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
    Ok(names)
}

#[cfg(test)]
mod tests;
