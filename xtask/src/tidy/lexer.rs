//! Enough of Rust's lexer to tell code from comments and literals.
//!
//! Total: any text becomes tokens; what is not understood becomes a mark, and
//! what is not closed ends with the text.

/// A piece of source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    /// The line it starts on, from 1.
    pub line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An identifier, keyword or number.
    Word,
    /// One character of punctuation.
    Mark,
    /// A comment of either form, documentation included.
    Comment,
    /// A string, character or byte literal, or a lifetime.
    Literal,
}

impl Token<'_> {
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text == word
    }

    pub(super) fn is_mark(&self, mark: char) -> bool {
        self.kind == Kind::Mark && self.text.starts_with(mark)
    }
}

/// Splits `text` into tokens; white space falls away.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let (kind, length) = next(rest, first);
        let (token, remainder) = rest.split_at(length);
        if let Some(kind) = kind {
            found.push(Token {
                kind,
                text: token,
                line,
            });
        }
        line += token.matches('\n').count();
        rest = remainder;
    }
    found
}

/// The kind (none for white space) and length in bytes of what `rest` starts with.
fn next(rest: &str, first: char) -> (Option<Kind>, usize) {
    if first.is_whitespace() {
        return (None, first.len_utf8());
    }
    if rest.starts_with("//") {
        return (Some(Kind::Comment), rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Some(Kind::Comment), block_comment(rest));
    }
    if let Some(length) = string(rest) {
        return (Some(Kind::Literal), length);
    }
    if first == '\'' {
        return (Some(Kind::Literal), quote(rest));
    }
    if is_word(first) {
        return (
            Some(Kind::Word),
            rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
        );
    }
    (Some(Kind::Mark), first.len_utf8())
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Length of a block comment; they nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0usize, 0);
    while at < rest.len() {
        let here = &rest[at..];
        if here.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += here.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// Length of a string literal with its prefix (`b`, `c`, `r`, `br`, `cr` and
/// any number of `#`), if `rest` starts with one.
fn string(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|prefix| {
        rest.strip_prefix(prefix).is_some_and(|after| {
            after.starts_with('"') || (prefix.ends_with('r') && raw_hashes(after).is_some())
        })
    })?;
    let body = &rest[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = raw_hashes(body)?;
        let end = format!("\"{}", "#".repeat(hashes));
        let start = hashes + 1;
        let length = body[start..]
            .find(&end)
            .map_or(body.len(), |at| start + at + end.len());
        return Some(prefix.len() + length);
    }
    let mut escaped = false;
    for (at, c) in body.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(prefix.len() + at + 1),
            _ => {}
        }
    }
    Some(rest.len())
}

/// How many `#` stand before the `"` that opens a raw string.
fn raw_hashes(after_r: &str) -> Option<usize> {
    let hashes = after_r.bytes().take_while(|byte| *byte == b'#').count();
    after_r[hashes..].starts_with('"').then_some(hashes)
}

/// Length of a character literal, or of a lifetime or label.
fn quote(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => {
            // The escaped character may itself be a quote.
            let after = chars.nth(1).map_or(rest.len(), |(at, _)| at);
            rest[after..]
                .find('\'')
                .map_or(rest.len(), |at| after + at + 1)
        }
        Some((at, c)) => {
            let after = at + c.len_utf8();
            if rest[after..].starts_with('\'') {
                return after + 1;
            }
            // A lifetime: the quote and the word behind it.
            rest[1..]
                .find(|c| !is_word(c))
                .map_or(rest.len(), |length| length + 1)
        }
        None => rest.len(),
    }
}
