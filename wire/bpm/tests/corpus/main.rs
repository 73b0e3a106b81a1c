//! `bpm.yml` of the shapes that public releases have, and what each says.
//!
//! `files/*.yml` are the shapes, `expected.json` what they say, written by `expected.rb` with Ruby's own
//! YAML grammar. With `ruby` here the test checks that it still writes that; where there is none it fails.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use warren_wire_bpm::Config;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn expected() -> BTreeMap<String, Value> {
    let text = std::fs::read(directory().join("expected.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[test]
fn every_file_says_what_it_says() {
    let expected = expected();
    for (name, says) in &expected {
        let path = directory().join("files").join(format!("{name}.yml"));
        let read = Config::parse(&std::fs::read(&path).unwrap())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(&serde_json::to_value(&read).unwrap(), says, "{name}");
        // What is written again says the same.
        let written = serde_json::to_vec(&read).unwrap();
        assert_eq!(Config::parse(&written).unwrap(), read, "{name}");
    }
    let files = std::fs::read_dir(directory().join("files"))
        .unwrap()
        .count();
    assert_eq!(files, expected.len());
    assert!(files >= 45, "{files}");
}

#[test]
fn what_is_expected_is_rubys_reading() {
    let output = Command::new("ruby")
        .arg(directory().join("expected.rb"))
        .env("LANG", "C.UTF-8")
        .output()
        .unwrap_or_else(|error| panic!("install ruby: {error}"));
    assert!(output.status.success(), "{output:?}");
    let live: BTreeMap<String, Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(live, expected());
}

#[test]
fn brackets_are_bounded() {
    for bomb in ["[", "{a: ", "[\"]\", ", "[[], "] {
        let text = format!("processes: {}", bomb.repeat(200_000));
        let error = Config::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("brackets"), "{bomb}: {error}");
    }
}
