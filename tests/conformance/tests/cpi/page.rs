//! What `docs/how-to/stock-cpi.md` says to try.

use std::process::Command;

use warren_tests_harness::{page, programs};

const PAGE: &str = "docs/how-to/stock-cpi.md";

#[test]
fn the_page_is_true() {
    let blocks = page::blocks(PAGE);
    let mut tried = blocks
        .iter()
        .filter(|block| block.heading == "Try it without a director");
    let (command, answer) = (tried.next().unwrap(), tried.next().unwrap());
    let directory = tempfile::tempdir().unwrap();
    let config = page::block(PAGE, "The CPI's configuration", "json");
    std::fs::write(directory.path().join("cpi.json"), config).unwrap();
    // In the page's words the executable is on the path.
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", programs::warren().parent().unwrap().display());
    let ran = Command::new("sh")
        .args(["-c", &command.text])
        .env("PATH", path)
        .current_dir(directory.path())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&ran.stdout), answer.text, "{ran:?}");
}
