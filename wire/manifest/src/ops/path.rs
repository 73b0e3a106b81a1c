//! Paths into a document.

use std::fmt::{self, Display};
use std::str::FromStr;

use super::error::PathError;
use crate::yaml::MAX_DEPTH;

/// A path; the empty one is the document itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Path {
    tokens: Vec<Token>,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// An item by its place; negative from the end.
    Index(i64, Vec<Modifier>),
    /// The place behind the last item.
    AfterLast,
    /// The one item that has a text under a key.
    Matching {
        /// The key.
        key: String,
        /// The text.
        value: String,
        /// Whether it may be missing.
        optional: bool,
        /// Which neighbour is meant.
        modifiers: Vec<Modifier>,
    },
    /// A key of a mapping.
    Key {
        /// The key.
        key: String,
        /// Whether it may be missing.
        optional: bool,
    },
}

/// A neighbour of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modifier {
    /// The item before.
    Prev,
    /// The item behind.
    Next,
    /// The gap before.
    Before,
    /// The gap behind.
    After,
}

impl Modifier {
    fn word(self) -> &'static str {
        match self {
            Modifier::Prev => "prev",
            Modifier::Next => "next",
            Modifier::Before => "before",
            Modifier::After => "after",
        }
    }

    /// The name of Go's type.
    pub(super) fn go(self) -> &'static str {
        match self {
            Modifier::Prev => "patch.PrevModifier",
            Modifier::Next => "patch.NextModifier",
            Modifier::Before => "patch.BeforeModifier",
            Modifier::After => "patch.AfterModifier",
        }
    }
}

impl Path {
    /// A path of plain keys.
    pub fn keys<'a>(keys: impl IntoIterator<Item = &'a str>) -> Path {
        let tokens = keys
            .into_iter()
            .map(|key| Token::Key {
                key: key.to_owned(),
                optional: false,
            })
            .collect();
        Path { tokens }
    }

    /// The steps.
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The text of the first steps.
    pub(super) fn upto(&self, count: usize) -> String {
        show(&self.tokens[..count.min(self.tokens.len())])
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Path, PathError> {
        if text.is_empty() {
            return Ok(Path::default());
        }
        let Some(text) = text.strip_prefix('/') else {
            return Err(PathError::NoSlash);
        };
        let pieces: Vec<&str> = text.split('/').take(MAX_DEPTH + 1).collect();
        if pieces.len() > MAX_DEPTH {
            return Err(PathError::TooLong(MAX_DEPTH));
        }
        let mut tokens = Vec::with_capacity(pieces.len());
        let mut optional = false;
        for (at, piece) in pieces.iter().enumerate() {
            let last = at + 1 == pieces.len();
            tokens.push(token(piece, last, &mut optional)?);
        }
        Ok(Path { tokens })
    }
}

fn token(piece: &str, last: bool, optional: &mut bool) -> Result<Token, PathError> {
    let mut parts = piece.split(':');
    let mut text = parts.next().unwrap_or_default();
    let words: Vec<&str> = parts.collect();
    let mut modifiers = Vec::with_capacity(words.len());
    for word in &words {
        modifiers.push(match *word {
            "prev" => Modifier::Prev,
            "next" => Modifier::Next,
            "before" => Modifier::Before,
            "after" => Modifier::After,
            _ => return Err(PathError::UnknownModifier(words[0].to_owned())),
        });
    }
    if last && text == "-" {
        return match modifiers.is_empty() {
            true => Ok(Token::AfterLast),
            false => Err(PathError::ModifierAfterLast),
        };
    }
    if let Ok(index) = text.parse() {
        return Ok(Token::Index(index, modifiers));
    }
    if let Some(stripped) = text.strip_suffix('?') {
        *optional = true;
        text = stripped;
    }
    if let Some((key, value)) = text.split_once('=') {
        return Ok(Token::Matching {
            key: decode(key),
            value: decode(value),
            optional: *optional,
            modifiers,
        });
    }
    match modifiers.is_empty() {
        true => Ok(Token::Key {
            key: decode(text),
            optional: *optional,
        }),
        false => Err(PathError::ModifierOnKey),
    }
}

fn decode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('~') {
        out.push_str(&rest[..at]);
        let escaped = match rest.as_bytes().get(at + 1) {
            Some(b'0') => '~',
            Some(b'1') => '/',
            Some(b'7') => ':',
            _ => {
                out.push('~');
                rest = &rest[at + 1..];
                continue;
            }
        };
        out.push(escaped);
        rest = &rest[at + 2..];
    }
    out.push_str(rest);
    out
}

fn encode(text: &str) -> String {
    text.replace('~', "~0")
        .replace('/', "~1")
        .replace(':', "~7")
}

impl Display for Path {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&show(&self.tokens))
    }
}

/// Whether a name is read as itself only if a mark follows it.
fn needs_mark(name: &str) -> bool {
    name.ends_with('?') || name == "-" || name.parse::<i64>().is_ok()
}

fn show(tokens: &[Token]) -> String {
    let mut text = String::new();
    let mut asked = false;
    // Only the first optional token is marked: it makes the others so. But some names would read as
    // something else without a mark, or lose one of their own; the stock client's text does.
    let mut mark = |optional: bool, name: &str| {
        let first = optional && !asked;
        asked |= optional;
        match first || optional && needs_mark(name) {
            true => "?",
            false => "",
        }
    };
    for token in tokens {
        text.push('/');
        let modifiers: &[Modifier] = match token {
            Token::Index(index, modifiers) => {
                text.push_str(&index.to_string());
                modifiers
            }
            Token::AfterLast => {
                text.push('-');
                &[]
            }
            Token::Matching {
                key,
                value,
                optional,
                modifiers,
            } => {
                text.push_str(&format!(
                    "{}={}{}",
                    encode(key),
                    encode(value),
                    mark(*optional, value)
                ));
                modifiers
            }
            Token::Key { key, optional } => {
                text.push_str(&format!("{}{}", encode(key), mark(*optional, key)));
                &[]
            }
        };
        for modifier in modifiers {
            text.push(':');
            text.push_str(modifier.word());
        }
    }
    text
}
