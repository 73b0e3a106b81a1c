//! The command line as it is given: what the stock command line takes and our parser does not, and what is
//! told of a line that means nothing.

use std::ffi::OsString;

use clap::Error;
use clap::error::{ContextKind, ContextValue};

/// Verbs whose `-r` may have a number right behind it.
const COUNTED: &[&str] = &["tasks", "ts", "configs", "cs"];
/// So many names of verbs are told of one that is none.
const SUGGESTIONS: usize = 3;

/// Turns `-v` alone into `--version` and `tasks -r5` into `tasks -r=5`.
pub fn from_stock(line: &mut [OsString]) {
    if let [_, only] = line
        && only == "-v"
    {
        *only = "--version".into();
    }
    let is_counted = |word: &OsString| COUNTED.iter().any(|verb| word == verb);
    let Some(at) = line.iter().skip(1).position(is_counted) else {
        return;
    };
    for word in line.iter_mut().skip(at + 2) {
        let number = word.to_str().and_then(|word| word.strip_prefix("-r"));
        let number = number.filter(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
        if let Some(number) = number {
            *word = format!("-r={number}").into();
        }
    }
}

/// Leaves of the verbs that are like one that is none those that are most like it, the best first; short
/// names are like everything.
pub fn suggest_best(error: &mut Error) {
    let Some(ContextValue::Strings(all)) = error.get(ContextKind::SuggestedSubcommand) else {
        return;
    };
    let long = all.iter().rev().filter(|name| name.len() > 3);
    let best: Vec<String> = long.take(SUGGESTIONS).cloned().collect();
    if best.is_empty() {
        error.remove(ContextKind::SuggestedSubcommand);
    } else {
        error.insert(
            ContextKind::SuggestedSubcommand,
            ContextValue::Strings(best),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_stock_command_line_takes() {
        for (given, taken) in [
            ("warren -v", "warren --version"),
            ("warren int m.yml -v a=b", "warren int m.yml -v a=b"),
            ("warren tasks -r5 -a", "warren tasks -r=5 -a"),
            ("warren -d zk ts -r=5", "warren -d zk ts -r=5"),
            ("warren configs -r2", "warren configs -r=2"),
            ("warren ssh -r tasks", "warren ssh -r tasks"),
            ("warren", "warren"),
        ] {
            let mut line: Vec<OsString> = given.split(' ').map(OsString::from).collect();
            from_stock(&mut line);
            assert_eq!(line.join(std::ffi::OsStr::new(" ")), taken);
        }
    }
}
