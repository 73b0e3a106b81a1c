//! Walking over the words of a file.

use super::ParseError;
use super::lexer::{Shape, Token};

/// Words that mean nothing wherever a keyword may stand.
const NOISE: [&str; 24] = [
    "is", "as", "are", "for", "on", "only", "with", "within", "without", "program", "programs",
    "and", "has", "using", "use", "the", "sum", "than", "usage", "was", "times", "but", "of",
    "does",
];

pub(super) struct Cursor {
    tokens: Vec<Token>,
    at: usize,
}

impl Cursor {
    pub fn new(tokens: Vec<Token>) -> Self {
        Cursor { tokens, at: 0 }
    }

    /// The line of the word that was taken last.
    pub fn line(&self) -> usize {
        let last = self.at.saturating_sub(1);
        self.tokens.get(last).map_or(1, |token| token.line)
    }

    fn skip_noise(&mut self) {
        while self.tokens.get(self.at).is_some_and(is_noise) {
            self.at += 1;
        }
    }

    /// Takes the next word that means something, in small letters if it is bare.
    pub fn next_word(&mut self) -> Option<String> {
        self.skip_noise();
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        Some(match token.shape {
            Shape::Bare => token.text.to_ascii_lowercase(),
            Shape::Quoted | Shape::Braced => token.text.clone(),
        })
    }

    /// The next keyword without taking it; nothing if it is a quoted word.
    pub fn peek(&mut self) -> Option<String> {
        self.skip_noise();
        let token = self.tokens.get(self.at)?;
        (token.shape == Shape::Bare).then(|| token.text.to_ascii_lowercase())
    }

    /// The keyword after the next.
    pub fn peek_second(&mut self) -> Option<String> {
        let at = self.at;
        self.skip_noise();
        self.at += 1;
        let second = self.peek();
        self.at = at;
        second
    }

    /// Takes the next word if it is this keyword.
    pub fn take(&mut self, keyword: &str) -> bool {
        self.take_any(&[keyword]).is_some()
    }

    /// Takes the next word if it is one of these keywords.
    pub fn take_any<'a>(&mut self, keywords: &[&'a str]) -> Option<&'a str> {
        let word = self.peek()?;
        let found = keywords.iter().find(|keyword| **keyword == word)?;
        self.at += 1;
        Some(found)
    }

    /// Takes one of these keywords or fails.
    pub fn expect(&mut self, keywords: &[&str]) -> Result<String, ParseError> {
        match self.take_any(keywords) {
            Some(found) => Ok(found.to_owned()),
            None => Err(self.unexpected(&format!("'{}'", keywords.join("' or '")))),
        }
    }

    /// Takes a word as it is written, even one that would be noise.
    pub fn name(&mut self, what: &str) -> Result<String, ParseError> {
        match self.tokens.get(self.at) {
            Some(token) if token.shape != Shape::Braced && !is_sign(token) => {
                self.at += 1;
                Ok(token.text.clone())
            }
            _ => Err(self.unexpected(what)),
        }
    }

    /// Takes a word as it is written, after noise and a sign of equality.
    pub fn text(&mut self, what: &str) -> Result<String, ParseError> {
        self.skip_noise();
        self.take("=");
        self.skip_noise();
        self.name(what)
    }

    /// Takes a word in quotes or braces, after noise and a sign of equality.
    pub fn quoted(&mut self, what: &str) -> Result<String, ParseError> {
        self.skip_noise();
        self.take("=");
        match self.tokens.get(self.at) {
            Some(token) if token.shape != Shape::Bare => {
                self.at += 1;
                Ok(token.text.clone())
            }
            _ => Err(self.unexpected(what)),
        }
    }

    /// Whether the next word is in quotes.
    pub fn at_quoted(&mut self) -> bool {
        self.skip_noise();
        let next = self.tokens.get(self.at);
        next.is_some_and(|token| token.shape == Shape::Quoted)
    }

    /// The next word is not what it should be.
    pub fn unexpected(&mut self, wanted: &str) -> ParseError {
        match self.tokens.get(self.at) {
            Some(token) => {
                let shown: String = token.text.chars().take(60).collect();
                ParseError::new(token.line, format!("{shown:?} where {wanted} should be"))
            }
            None => ParseError::new(
                self.line(),
                format!("the file ends where {wanted} should be"),
            ),
        }
    }

    /// The word taken last is not what it should be.
    pub fn unexpected_last(&mut self, wanted: &str) -> ParseError {
        self.at = self.at.saturating_sub(1);
        self.unexpected(wanted)
    }

    /// An error at the word taken last.
    pub fn error(&self, reason: impl Into<String>) -> ParseError {
        ParseError::new(self.line(), reason)
    }
}

fn is_noise(token: &Token) -> bool {
    let is = |word: &&str| token.text.eq_ignore_ascii_case(word);
    token.shape == Shape::Bare && NOISE.iter().any(is)
}

fn is_sign(token: &Token) -> bool {
    token.shape == Shape::Bare && token.text.starts_with(['<', '>', '=', '!', '{', '}'])
}
