//! The stock CPI's flags, which Go writes with one dash, in our own words.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// What stands before the configuration's path.
const STOCK: &[u8] = b"-configPath";

/// Turns stock flags of a command line that begins with `warren cpi` into ours.
pub fn from_stock(arguments: &mut [OsString]) {
    let Some((_, [verb, rest @ ..])) = arguments.split_first_mut() else {
        return;
    };
    if verb != "cpi" {
        return;
    }
    for argument in rest {
        let bytes = argument.as_bytes();
        let Some(value) = bytes.strip_prefix(b"-".as_slice()).and_then(|more| {
            // Go takes two dashes too.
            let one = bytes.strip_prefix(STOCK);
            one.or_else(|| more.strip_prefix(STOCK))
        }) else {
            continue;
        };
        if value.is_empty() || value.first() == Some(&b'=') {
            *argument = OsString::from_vec([b"--config", value].concat());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned(words: &[&str]) -> Vec<OsString> {
        let mut all: Vec<OsString> = words.iter().map(OsString::from).collect();
        from_stock(&mut all);
        all
    }

    #[test]
    fn one_dash_or_two() {
        for (given, expected) in [
            ("-configPath=/a", "--config=/a"),
            ("--configPath=/a", "--config=/a"),
            ("-configPath", "--config"),
            ("--config=/a", "--config=/a"),
            ("-configPathX", "-configPathX"),
        ] {
            assert_eq!(
                turned(&["warren", "cpi", given]),
                ["warren", "cpi", expected]
            );
        }
        assert_eq!(
            turned(&["warren", "bpm", "-configPath=/a"]),
            ["warren", "bpm", "-configPath=/a"]
        );
        assert_eq!(turned(&["warren"]), ["warren"]);
    }
}
