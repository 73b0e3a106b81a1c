//! Users and groups by name. The executable is static, so the files are read directly.

use std::fs;

/// The number of a user or group: a number itself, or the name's in `/etc/passwd` or `/etc/group`.
fn number(word: &str, file: &str) -> Option<u32> {
    if let Ok(number) = word.parse() {
        return Some(number);
    }
    look_up(&fs::read_to_string(file).ok()?, word)
}

fn look_up(text: &str, name: &str) -> Option<u32> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next() == Some(name)).then(|| fields.nth(1)?.parse().ok())?
    })
}

/// The number of a user.
pub(crate) fn user(word: &str) -> Option<u32> {
    number(word, "/etc/passwd")
}

/// The number of a group.
pub(crate) fn group(word: &str) -> Option<u32> {
    number(word, "/etc/group")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        assert_eq!(user("root"), Some(0));
        assert_eq!(group("7"), Some(7));
        assert_eq!(user("no such user"), None);
        assert_eq!(look_up("a:x:1:2\nab:x:3:4", "ab"), Some(3));
        assert_eq!(look_up("a\n:\n", "a"), None);
    }
}
