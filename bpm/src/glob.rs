//! Paths that match a pattern: `*` and `?` within a part of a path, `[a-z]` and `[^a-z]`, and `\` in
//! front of any of them; no `**`.
//!
//! Source: Go's `path/filepath.Match`, which is what the stock tool expands volumes with.

use std::path::{Path, PathBuf};

/// The paths there are that match, sorted. `on_host` tells where a path is looked for.
pub(crate) fn expand(pattern: &str, on_host: impl Fn(&Path) -> PathBuf) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from("/")];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let mut next = Vec::new();
        for above in found {
            if !part.contains(['*', '?', '[', '\\']) {
                next.push(above.join(part));
                continue;
            }
            let names = std::fs::read_dir(on_host(&above)).into_iter().flatten();
            let names = names.flatten().map(|entry| entry.file_name());
            let matching = names.filter(|name| matches(part, &name.to_string_lossy()));
            next.extend(matching.map(|name| above.join(name)));
        }
        found = next;
    }
    found.retain(|path| on_host(path).symlink_metadata().is_ok());
    found.sort();
    found
}

/// Whether one part of a path matches one part of a pattern. A malformed pattern matches nothing.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    // Where to go on when what follows the last `*` does not match here.
    let mut star: Option<(usize, usize)> = None;
    let (mut p, mut n) = (0, 0);
    loop {
        let here = match (pattern.get(p), name.get(n)) {
            (None, None) => return true,
            (Some('*'), _) => {
                star = Some((p, n));
                p += 1;
                continue;
            }
            (Some(_), Some(each)) => one(&pattern, p, *each),
            _ => None,
        };
        match (here, star) {
            (Some(next), _) => (p, n) = (next, n + 1),
            (None, Some((at, eaten))) if eaten < name.len() => {
                star = Some((at, eaten + 1));
                (p, n) = (at + 1, eaten + 1);
            }
            _ => return false,
        }
    }
}

/// Where the pattern goes on if what is at `p` stands for this character.
fn one(pattern: &[char], p: usize, each: char) -> Option<usize> {
    match pattern.get(p)? {
        '?' => Some(p + 1),
        '\\' => (*pattern.get(p + 1)? == each).then_some(p + 2),
        '[' => class(pattern, p + 1, each),
        same => (*same == each).then_some(p + 1),
    }
}

/// The same for what follows a `[`.
fn class(pattern: &[char], mut p: usize, each: char) -> Option<usize> {
    let negated = pattern.get(p) == Some(&'^');
    p += usize::from(negated);
    let mut inside = false;
    let first = p;
    let literal = |p: &mut usize| -> Option<char> {
        if pattern.get(*p) == Some(&'\\') {
            *p += 1;
        }
        *p += 1;
        pattern.get(*p - 1).copied()
    };
    while p == first || pattern.get(p) != Some(&']') {
        let low = literal(&mut p)?;
        let mut high = low;
        if pattern.get(p) == Some(&'-') {
            p += 1;
            high = literal(&mut p)?;
        }
        inside |= (low..=high).contains(&each);
    }
    (inside != negated).then_some(p + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_match_as_go_has_it() {
        for (pattern, name) in [
            ("abc", "abc"),
            ("*", ""),
            ("*", "abc"),
            ("*c", "abcc"),
            ("a*", "a"),
            ("a*b*c", "aXbYbZc"),
            ("a?c", "abc"),
            ("[a-c]x", "bx"),
            ("[^a-c]x", "dx"),
            ("a\\*b", "a*b"),
            ("[\\]]", "]"),
            ("sd[a-z]", "sdb"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("abc", "ab"),
            ("a*b", "a"),
            ("a?", "a"),
            ("[a-c]", "d"),
            ("[^a]", "a"),
            ("[", "["),
            ("[a", "a"),
            ("a\\", "a\\"),
            ("", "a"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn only_what_is_there_is_found() {
        let top = tempfile::tempdir().unwrap();
        for name in ["loop0", "loop1", "loop-control", "null"] {
            std::fs::write(top.path().join(name), "").unwrap();
        }
        let host = |path: &Path| top.path().join(path.strip_prefix("/").unwrap());
        let names = |pattern| -> Vec<String> {
            let found = expand(pattern, host);
            found
                .iter()
                .map(|path| path.display().to_string())
                .collect()
        };
        assert_eq!(names("/loop[0-9]"), ["/loop0", "/loop1"]);
        assert_eq!(names("/null"), ["/null"]);
        assert!(names("/missing").is_empty() && names("/missing/*").is_empty());
    }

    proptest! {
        #[test]
        fn no_pattern_panics(pattern in "[]*?\\\\a^\\[-]{0,12}", name in "[a-c*]{0,12}") {
            let _ = matches(&pattern, &name);
            prop_assert!(matches("*", &name));
        }
    }
}
