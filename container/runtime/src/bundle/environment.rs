//! The environment of a process: image, container, process, last value wins; then what is missing.

use crate::users::User;

const ROOT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const USER_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// All entries of all lists, in order; of several with one name, the last.
#[must_use]
pub fn merge(lists: &[&[String]]) -> Vec<String> {
    let mut all: Vec<&String> = Vec::new();
    for entry in lists.iter().copied().flatten().filter(|e| !e.is_empty()) {
        all.retain(|known| name(known) != name(entry));
        all.push(entry);
    }
    all.into_iter().cloned().collect()
}

/// With `PATH` and `USER` if they are missing, and `HOME` if it is missing or empty.
#[must_use]
pub fn complete(mut environment: Vec<String>, user: &User) -> Vec<String> {
    let path = if user.uid == 0 { ROOT_PATH } else { USER_PATH };
    let mut missing = Vec::new();
    if value(&environment, "PATH").is_none() {
        missing.push(format!("PATH={path}"));
    }
    if value(&environment, "USER").is_none() {
        missing.push(format!("USER={}", user.name));
    }
    if value(&environment, "HOME").is_none_or(str::is_empty) {
        environment.retain(|entry| name(entry) != "HOME");
        missing.push(format!("HOME={}", user.home.display()));
    }
    environment.append(&mut missing);
    environment
}

/// The value of a variable.
#[must_use]
pub fn value<'a>(environment: &'a [String], wanted: &str) -> Option<&'a str> {
    let found = environment.iter().rev().find(|e| name(e) == wanted)?;
    found.split_once('=').map(|(_, value)| value)
}

fn name(entry: &str) -> &str {
    entry.split_once('=').map_or(entry, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(uid: u32) -> User {
        User {
            uid,
            gid: 0,
            groups: Vec::new(),
            home: "/home/me".into(),
            name: "me:staff".to_owned(),
        }
    }

    fn strings(entries: &[&str]) -> Vec<String> {
        entries.iter().map(|entry| (*entry).to_owned()).collect()
    }

    #[test]
    fn the_last_value_wins_and_order_stays() {
        let (one, two) = (strings(&["A=1", "B=2"]), strings(&["C=x=y", "A=3"]));
        assert_eq!(merge(&[&one, &two]), ["B=2", "C=x=y", "A=3"]);
    }

    #[test]
    fn what_is_missing_is_put_in() {
        let all = complete(strings(&["HOME="]), &user(1));
        let expected = [
            "PATH=/usr/local/bin:/usr/bin:/bin",
            "USER=me:staff",
            "HOME=/home/me",
        ];
        assert_eq!(all, expected);
        let given = strings(&["PATH=/p", "USER=u", "HOME=/h"]);
        assert_eq!(complete(given.clone(), &user(0)), given);
        assert!(complete(Vec::new(), &user(0))[0].contains("sbin"));
    }
}
