//! Finding `((name))` in a text: `\(\( ?(!?[-/.\w\pL]+) ?\)\)`.

/// A placeholder in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placeholder<'a> {
    /// The name without its `!`, with its path.
    pub name: &'a str,
    /// Whether the placeholder is the whole text.
    pub whole: bool,
}

impl<'a> Placeholder<'a> {
    /// The name before the first dot.
    pub fn root(&self) -> &'a str {
        self.name
            .split_once('.')
            .map_or(self.name, |(root, _)| root)
    }
}

/// The placeholders of a text, in order.
pub fn placeholders(text: &str) -> Vec<Placeholder<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(next) = text[at..].find("((") {
        let start = at + next;
        match placeholder(&text[start + 2..]) {
            Some((name, length)) => {
                let end = start + 2 + length;
                found.push(Placeholder {
                    name,
                    whole: start == 0 && end == text.len(),
                });
                at = end;
            }
            None => at = start + 1,
        }
    }
    found
}

/// The name behind `((`, and how long it and all up to and with `))` is.
fn placeholder(text: &str) -> Option<(&str, usize)> {
    let inner = text.strip_prefix(' ').unwrap_or(text);
    let inner = inner.strip_prefix('!').unwrap_or(inner);
    let in_name = |c: char| c.is_ascii_digit() || "-/._".contains(c) || c.is_alphabetic();
    let length = inner.find(|c| !in_name(c)).unwrap_or(inner.len());
    let (name, rest) = inner.split_at(length);
    if name.is_empty() {
        return None;
    }
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    let rest = rest.strip_prefix("))")?;
    Some((name, text.len() - rest.len()))
}
