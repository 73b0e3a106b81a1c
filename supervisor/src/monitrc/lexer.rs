//! Control files as words.
//!
//! Blanks and `; , ( )` separate words; `#` begins a comment unless it stands inside a word; a
//! backslash at a line's end means nothing. Comparison signs are words of their own, but not inside
//! a path or a URL. Quoted words (`"` or `'`, no escapes, over lines if need be) are kept apart from
//! bare ones, since only bare ones can be keywords. Text in braces is one word, taken as it is, if
//! it follows the bare word `mail-format`.

use super::ParseError;

/// A word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// Without its quotes or braces.
    pub text: String,
    pub shape: Shape,
    /// From 1.
    pub line: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Bare,
    Quoted,
    Braced,
}

/// The longest file that is read, in bytes. Real ones have some thousand.
pub const LONGEST: usize = 1 << 20;

/// Splits a text into words.
pub(super) fn words(text: &str) -> Result<Vec<Token>, ParseError> {
    if text.len() > LONGEST {
        return Err(ParseError::new(1, format!("longer than {LONGEST} bytes")));
    }
    let mut tokens: Vec<Token> = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let (taken, token) = match first {
            '\n' => {
                line += 1;
                (1, None)
            }
            _ if first.is_whitespace() || is_separator(first) => (first.len_utf8(), None),
            '\\' if rest[1..].starts_with(['\n', '\r']) => (1, None),
            '#' => (rest.find('\n').unwrap_or(rest.len()), None),
            '"' | '\'' => {
                let inner = &rest[1..];
                let end = inner
                    .find(first)
                    .ok_or_else(|| ParseError::new(line, "a quote that is never closed"))?;
                (end + 2, Some((inner[..end].to_owned(), Shape::Quoted)))
            }
            '{' if tokens.last().is_some_and(is_mail_format) => {
                let inner = &rest[1..];
                let end = inner
                    .find('}')
                    .ok_or_else(|| ParseError::new(line, "a brace that is never closed"))?;
                (end + 2, Some((inner[..end].to_owned(), Shape::Braced)))
            }
            '{' | '}' | ':' => (1, Some((first.to_string(), Shape::Bare))),
            '<' | '>' | '=' | '!' => {
                let len = rest
                    .find(|c| !matches!(c, '<' | '>' | '=' | '!'))
                    .unwrap_or(rest.len())
                    .min(2);
                (len, Some((rest[..len].to_owned(), Shape::Bare)))
            }
            _ => {
                let end = bare_end(rest);
                let continued = rest[end..].starts_with(['\n', '\r']);
                let word = rest[..end].strip_suffix('\\').filter(|_| continued);
                let word = word.unwrap_or(&rest[..end]);
                (end, Some((word.to_owned(), Shape::Bare)))
            }
        };
        if let Some((text, shape)) = token {
            let lines = text.matches('\n').count();
            tokens.push(Token { text, shape, line });
            line += lines;
        }
        rest = &rest[taken..];
    }
    Ok(tokens)
}

fn is_separator(c: char) -> bool {
    matches!(c, ';' | ',' | '(' | ')')
}

fn is_mail_format(token: &Token) -> bool {
    token.shape == Shape::Bare && token.text.eq_ignore_ascii_case("mail-format")
}

/// Where a bare word ends: never at 0.
fn bare_end(text: &str) -> usize {
    let first = text.chars().next().map_or(0, char::len_utf8);
    let is_sign = |c: char| matches!(c, '<' | '>' | '=' | '!');
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'');
    let path = text.starts_with('/');
    let ends =
        |c: char| is_end(c) || is_separator(c) || matches!(c, '{' | '}') || (is_sign(c) && !path);
    let find = |ends: &dyn Fn(char) -> bool| text[first..].find(ends).map(|at| at + first);
    let end = find(&ends).unwrap_or(text.len());
    if text[..end].contains("://") {
        return find(&is_end).unwrap_or(text.len());
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        words(text).unwrap().into_iter().map(|t| t.text).collect()
    }

    #[test]
    fn words_and_signs() {
        assert_eq!(
            texts("if cpu>90% for (3 cycles), # no\nthen\\\nrestart"),
            [
                "if", "cpu", ">", "90%", "for", "3", "cycles", "then", "restart"
            ]
        );
        assert_eq!(
            texts("/a=b http://h/?a=b;c x!=1"),
            ["/a=b", "http://h/?a=b;c", "x", "!=", "1"]
        );
        assert_eq!(
            texts("a \"b 'c'\" '\"'d # e"),
            ["a", "b 'c'", "\"", "d"],
            "quotes"
        );
        assert_eq!(
            texts("x#y"),
            ["x#y"],
            "a comment does not begin inside a word"
        );
    }

    #[test]
    fn lines_are_counted_through_quotes() {
        let tokens = words("a \"x\ny\"\nb").unwrap();
        assert_eq!(tokens[1].line, 1);
        assert_eq!(tokens[2].line, 3);
        assert_eq!(words("a\n'b").unwrap_err().line, 2);
    }

    #[test]
    fn a_mail_format_is_one_word() {
        let tokens = words("set mail-format { from: a@b\nmessage: x: $EVENT }").unwrap();
        assert_eq!(tokens[2].shape, Shape::Braced);
        assert!(tokens[2].text.contains("x: $EVENT"));
    }
}
