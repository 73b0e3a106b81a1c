//! What a registry wants to know of whoever asks. Any text gives challenges or none.
//!
//! Source: RFC 9110 (`WWW-Authenticate`).

use std::collections::HashMap;

/// What is asked for in a `WWW-Authenticate` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// Name and password with every request.
    Basic,
    /// A token from somewhere.
    Bearer {
        /// The address that gives tokens.
        realm: String,
        /// Whom the token is for.
        service: Option<String>,
        /// What the token allows.
        scope: Option<String>,
    },
}

impl Challenge {
    /// The challenge that we can answer best, of all headers of that name.
    pub fn find<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut found = None;
        for header in headers {
            for (scheme, mut parameters) in schemes(header) {
                if scheme.eq_ignore_ascii_case("bearer")
                    && let Some(realm) = parameters.remove("realm")
                {
                    return Some(Challenge::Bearer {
                        realm,
                        service: parameters.remove("service"),
                        scope: parameters.remove("scope"),
                    });
                }
                if scheme.eq_ignore_ascii_case("basic") {
                    found = Some(Challenge::Basic);
                }
            }
        }
        found
    }
}

/// Splits `Bearer realm="...",service="..." , Basic realm=x` into schemes and their parameters.
pub fn schemes(header: &str) -> Vec<(String, HashMap<String, String>)> {
    let mut all: Vec<(String, HashMap<String, String>)> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() && after.is_empty() {
            return all;
        }
        let after_space = after.trim_start_matches([' ', '\t']);
        match after_space.strip_prefix('=') {
            Some(value) if !word.is_empty() => {
                let (value, more) = quoted(value.trim_start_matches([' ', '\t']));
                if let Some((_, parameters)) = all.last_mut() {
                    parameters.entry(word.to_ascii_lowercase()).or_insert(value);
                }
                rest = more;
            }
            // A lone `=`: no header of sense, but not one to stay at for ever either.
            Some(more) => rest = more,
            None => {
                all.push((word.to_owned(), HashMap::new()));
                rest = after;
            }
        }
    }
}

/// A token or quoted string, and what follows it.
fn quoted(text: &str) -> (String, &str) {
    let Some(inside) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut characters = inside.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, inside.get(at + 1..).unwrap_or_default()),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => value.push(character),
        }
    }
    (value, "")
}
