//! `docs/reference/cli.md` is what `--help` says, verb by verb.
//!
//! After a change of flags or help texts: `WARREN_UPDATE=1 cargo test -p warren --test reference`.
#![expect(clippy::unwrap_used, reason = "a test reports failure by panicking")]

use std::path::Path;
use std::process::Command;

fn help(verbs: &[String]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_warren"));
    // What is set is shown with flags that it stands for.
    command.env_clear().env("COLUMNS", "100");
    let output = command.args(verbs).arg("--help").output().unwrap();
    assert!(output.status.success(), "{verbs:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The verbs below, read from the help's own list.
fn below(help: &str) -> Vec<String> {
    let list = help
        .split_once("\nCommands:\n")
        .map(|(_, rest)| rest)
        .unwrap_or_default();
    let list = list.split_once("\n\n").map_or(list, |(list, _)| list);
    list.lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .map(str::to_owned)
        .collect()
}

fn write(verbs: &[String], page: &mut String) {
    let text = help(verbs);
    let name = [&["warren".to_owned()], verbs].concat().join(" ");
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    *page += &format!(
        "\n## `{name}`\n\n```text\n{}\n```\n",
        lines.join("\n").trim_end()
    );
    for verb in below(&text) {
        write(&[verbs, &[verb]].concat(), page);
    }
}

#[test]
fn the_reference_page_is_what_help_says() {
    let mut page = "# Command line\n\nMade from `--help`; do not edit.\n".to_owned();
    write(&[], &mut page);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/cli.md");
    if std::env::var_os("WARREN_UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == page,
        "docs/reference/cli.md is not what --help says; see the top of this test"
    );
}
