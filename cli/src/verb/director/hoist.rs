//! Flags that stand before a verb of a director: `warren -d zookeeper deploy m.yml` becomes
//! `warren deploy -d zookeeper m.yml`. Any other line stays as it is.

use std::ffi::OsString;

use super::NAMES;

/// Flags with a value behind them.
const VALUED: &[&str] = &[
    "-e",
    "--environment",
    "--ca-cert",
    "--client",
    "--client-secret",
    "-d",
    "--deployment",
    "--config",
    "--column",
    "--parallel",
];
/// Flags without.
const BARE: &[&str] = &[
    "-n",
    "--non-interactive",
    "--tty",
    "--no-color",
    "--json",
    "--sha2",
];

/// Whether a word is a flag of all verbs here, and then whether the next word is its value.
pub fn is_common_flag(word: &str) -> Option<bool> {
    if VALUED.contains(&word) {
        return Some(true);
    }
    (BARE.contains(&word) || is_with_value(word)).then_some(false)
}

/// Whether a word is such a flag together with its value.
fn is_with_value(word: &str) -> bool {
    VALUED.iter().any(|flag| match flag.starts_with("--") {
        true => word
            .strip_prefix(flag)
            .is_some_and(|rest| rest.starts_with('=')),
        false => word.len() > 2 && word.starts_with(flag),
    })
}

/// The line with the flags behind the verb.
pub fn flags_behind(mut line: Vec<OsString>) -> Vec<OsString> {
    let mut at = 1;
    while let Some(word) = line.get(at).and_then(|word| word.to_str()) {
        if !word.starts_with('-') {
            if at > 1
                && NAMES.contains(&word)
                && let Some(flags) = line.get_mut(1..=at)
            {
                flags.rotate_right(1);
            }
            return line;
        }
        at += match is_common_flag(word) {
            Some(true) => 2,
            Some(false) => 1,
            None => return line,
        };
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(line: &str) -> String {
        let line = line.split(' ').map(OsString::from).collect();
        let words = flags_behind(line)
            .into_iter()
            .map(|word| word.into_string().unwrap());
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn only_flags_of_directors_before_verbs_of_directors_move() {
        let line = "warren -e lab --deployment=zk -n deploy m.yml -v a=b";
        assert_eq!(
            moved(line),
            "warren deploy -e lab --deployment=zk -n m.yml -v a=b"
        );
        assert_eq!(moved("warren -dzk vms"), "warren vms -dzk");
        for same in [
            "warren vms -d zk",
            "warren --json container list",
            "warren --help",
            "warren -x vms",
            "warren -d",
            "warren -d zk",
        ] {
            assert_eq!(moved(same), same);
        }
    }
}
