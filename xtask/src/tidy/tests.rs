//! Good and bad files, the lexer on what is easy to get wrong, and junk.

use proptest::prelude::*;

use super::lexer::tokens;
use super::*;

const GOOD: &str = r##"//! A file that keeps every rule, and mentions what it may only mention.
#![expect(missing_docs, reason = "none of this is public")]

/// Says "unsafe", `allow(` and dbg!() in words only.
fn quoted<'a>(text: &'a str) -> [char; 3] {
    let _ = "unsafe { dbg!(1) } #[allow(x)] \" TODO";
    let _ = r#"unsafe " TODO"#;
    let _ = (b"unsafe", '"', '\'', 'u', '\u{75}', "a // unsafe");
    /* unsafe /* nested */ still a comment */
    let unsafe_code = text.len();
    ['"', '\'', if unsafe_code == 1 { 'x' } else { '/' }]
}
"##;

fn errors(name: &str, text: &str) -> Vec<String> {
    let mut findings = Findings::default();
    file(name, text, &mut findings);
    findings.errors
}

/// The only finding in a file whose code is `code`.
fn only(name: &str, code: &str) -> String {
    let found = errors(name, &format!("//! Bad.\n{code}\n"));
    assert_eq!(found.len(), 1, "{found:?}");
    found[0].clone()
}

#[test]
fn a_good_file_has_no_finding() {
    assert_eq!(errors("cli/src/good.rs", GOOD), Vec::<String>::new());
}

#[test]
fn a_file_must_say_what_it_is_for() {
    assert_eq!(
        errors("a.rs", "fn main() {}\n"),
        ["a.rs:1: open with a //! line that says what the file is for"]
    );
    assert_eq!(errors("a.rs", "").len(), 1);
}

#[test]
fn unsafe_is_for_sys() {
    let code = "fn f() { unsafe { g() } }";
    assert_eq!(
        only("firewall/src/a.rs", code),
        "firewall/src/a.rs:2: unsafe outside sys/"
    );
    assert!(errors("sys/nft/src/a.rs", &format!("//! Good.\n{code}\n")).is_empty());
    assert_eq!(
        only("cli/src/a.rs", "let s = \"\\\\\"; unsafe {}"),
        "cli/src/a.rs:2: unsafe outside sys/"
    );
}

#[test]
fn a_lint_is_never_switched_off_for_good() {
    for code in [
        "#[allow(dead_code)]",
        "#![allow(\n dead_code)]",
        "#[cfg_attr(test, allow(x))]",
    ] {
        assert_eq!(
            only("a.rs", code),
            "a.rs:2: allow: use expect with a reason"
        );
    }
    assert_eq!(
        only("a.rs", "#[expect(dead_code)]"),
        "a.rs:2: expect without a reason"
    );
    assert!(errors("a.rs", "//! Good.\n#[expect(x, reason = \"y\")]\n").is_empty());
    let shared = "//! Good.\n#![allow(dead_code, reason = \"each uses a part\")]\n";
    assert!(errors("a/tests/common/mod.rs", shared).is_empty());
    assert_eq!(errors("a/tests/a.rs", shared).len(), 1);
    assert!(errors("a.rs", "//! Good.\nfn f() { o.expect(\"x\"); allow(1) }\n").is_empty());
}

#[test]
fn leftovers_are_found() {
    assert_eq!(only("a.rs", "dbg!(1);"), "a.rs:2: dbg! left in the code");
    assert_eq!(only("a.rs", "todo!()"), "a.rs:2: todo! left in the code");
    for note in NOTES {
        assert_eq!(
            only("a.rs", &format!("/* one\n {note}: two */")),
            format!("a.rs:3: {note} in a comment: finish it or leave it out")
        );
    }
}

#[test]
fn white_space_at_the_end_of_a_line_is_found() {
    for end in [" ", "\t", "\r"] {
        assert_eq!(
            only("a.rs", &format!("fn f() {{}}{end}")),
            "a.rs:2: white space at the end of the line"
        );
    }
}

#[test]
fn long_files_are_warned_about_and_then_refused() {
    let lines = |count: usize| "//! Long.\n".repeat(count);
    for (count, errors, warnings) in [(400, 0, 0), (401, 0, 1), (900, 0, 1), (901, 1, 0)] {
        let mut findings = Findings::default();
        file("a.rs", &lines(count), &mut findings);
        assert_eq!(
            (findings.errors.len(), findings.warnings.len()),
            (errors, warnings),
            "{count}"
        );
    }
}

#[test]
fn folders_are_walked_without_build_results() {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("cli/src/main.rs", "//! Good.\n"),
        ("cli/tests/it/tests.rs", "bad\n"),
        ("target/x/build.rs", "bad\n"),
        (".hidden/a.rs", "bad\n"),
        ("README.md", "bad \n"),
    ] {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let report = check(root.path()).unwrap();
    assert_eq!(report.looked_at, "2 files, 1 pages");
    assert_eq!(report.errors.len(), 1, "{:?}", report.errors);
    assert!(
        report.errors[0].starts_with("cli/tests/it/tests.rs:1:"),
        "{:?}",
        report.errors
    );
}

proptest! {
    #[test]
    fn any_text_is_taken_apart_without_loss(
        text in prop_oneof![any::<String>(), "[rbc#\"'/*\\\\\n a]{0,60}"]
    ) {
        let kept: String = tokens(&text).iter().map(|token| token.text).collect();
        let strip = |s: &str| s.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        prop_assert_eq!(strip(&kept), strip(&text));
        let mut findings = Findings::default();
        file("a.rs", &text, &mut findings);
    }
}
