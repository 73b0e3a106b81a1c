//! `warren serve garden`: settings that make no server are refused before anything is done.

#![expect(clippy::unwrap_used, reason = "a test reports failure by panicking")]

use std::process::Command;

/// What is said on standard error by a server that does not start.
fn said(words: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_warren"));
    let output = command
        .args(["serve", "garden"])
        .args(words)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{words:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn refused(words: &[&str], why: &str) {
    let said = said(words);
    assert!(said.contains(why), "{words:?}: {said}");
}

#[test]
fn settings_that_make_no_server() {
    refused(&["--config", "/no/such.ini"], "/no/such.ini");
    refused(&["--bind-ip", "here"], "--bind-ip \"here\"");
    refused(&["--max-containers=-1"], "--max-containers");
    refused(&["--log-level", "loud"], "--log-level");
    refused(&["--tag", "long"], "tag");
    refused(&["--no-such-flag"], "--no-such-flag");
    let tls = [
        "--tls-certificate",
        "c",
        "--tls-key",
        "k",
        "--bind-socket",
        "/tmp/x",
    ];
    refused(&tls, "no TLS on the unix socket /tmp/x");
}

#[test]
fn a_file_with_a_mistake_is_named_with_its_line() {
    let path = std::env::temp_dir().join(format!("warren-test-{}-config.ini", std::process::id()));
    std::fs::write(&path, "[server]\nbind-ip = 127.0.0.1\nno-such = 1\n").unwrap();
    let file = path.display().to_string();
    let said = said(&["--config", &file]);
    std::fs::remove_file(&path).unwrap();
    assert!(said.contains(&file) && said.contains("line 3"), "{said}");
}
