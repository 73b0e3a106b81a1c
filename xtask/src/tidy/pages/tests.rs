//! A small tree of pages, each rule broken once, and junk.

use std::fs;

use proptest::prelude::*;

use super::*;

const REFERENCE_PAGE: &str = "# Command line\n
## `warren`\n\n```text\nUsage: warren [OPTIONS] <COMMAND>\n\n  -n, --non-interactive\n  -d <NAME>\n```\n
## `warren up`\n\n```text\n      --depth <N>\n```\n
## `warren garden`\n\n```text\n      --target <T>\n```\n
## `warren garden create`\n\n```text\n      --handle <H>  as of `--other`\n  -q\n```\n";
const README: &str = "# Small\n\n[guide](docs/how-to/guide.md#the-first-step-rest) [same](#small), `[no](link.md)`.\n\
    Run `warren up --depth 2`.\n";
const GUIDE: &str = "# Guide\n\n## The first `step`, rest\n\n```\n# [not](a-link.md)\n\
    eval \"$(warren up)\" --nothing   # warren is good\n\
    sudo /usr/bin/warren -d x garden --target=T create \\\n    --handle \\\n    h --other -q7 | tee --into\n\
    warren up          warren makes --all of it\n```\n\n[back](../../README.md)\n";
const MAP_PAGE: &str = "| folder | what |\n|---|---|\n| `one` | first |\n| `docs` | no member |\n";
const MANIFEST: &str = "[workspace]\nmembers = [\n    \"one\",\n]\n";

/// What is found in the tree after a change of one file.
fn found(changed: &str, text: &str) -> Vec<String> {
    let root = tempfile::tempdir().unwrap();
    for (path, good) in [
        ("Cargo.toml", MANIFEST),
        ("ARCHITECTURE.md", MAP_PAGE),
        ("README.md", README),
        ("one/x.rs", ""),
        ("docs/how-to/guide.md", GUIDE),
        (REFERENCE, REFERENCE_PAGE),
        ("one/tests/fixtures/any.md", "[dead](link.md)\n"),
        ("target/doc/any.md", "[dead](link.md)\n"),
    ] {
        let content = if path == changed { text } else { good };
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let mut errors = Vec::new();
    assert_eq!(check(root.path(), &mut errors).unwrap(), 4);
    errors
}

#[test]
fn a_good_tree_has_no_finding() {
    assert_eq!(found("", ""), Vec::<String>::new());
}

#[test]
fn dead_links_are_found() {
    for (text, wrong) in [
        ("[a](gone.md)", "the link to gone.md leads nowhere"),
        (
            "[a](docs/how-to/guide.md#nothing)",
            "docs/how-to/guide.md has no heading for #nothing",
        ),
        ("[a](#nothing)", "README.md has no heading for #nothing"),
        (
            "`code` [a](../../x) `code`",
            "the link to ../../x leads nowhere",
        ),
    ] {
        assert_eq!(
            found("README.md", &format!("# A\n{text}\n")),
            [format!("README.md:2: {wrong}")]
        );
    }
}

#[test]
fn commands_that_there_are_not_are_found() {
    for (text, wrong) in [
        ("`warren down`", "there is no verb `warren down`"),
        ("`warren up --deep 2`", "`warren up` has no flag --deep"),
        (
            "`warren -d x garden create -z`",
            "`warren garden create` has no flag -z",
        ),
    ] {
        assert_eq!(
            found("README.md", &format!("# A\n{text}\n")),
            [format!("README.md:2: {wrong}")]
        );
    }
    let block = "```\n$ warren up \\\n   --deep\n```\n";
    assert_eq!(
        found("docs/how-to/guide.md", &format!("{GUIDE}{block}")),
        ["docs/how-to/guide.md:16: `warren up` has no flag --deep"]
    );
}

#[test]
fn the_map_and_the_members_are_the_same() {
    let two = MANIFEST.replace("]", "    \"two\",\n]");
    assert_eq!(
        found("Cargo.toml", &two),
        ["ARCHITECTURE.md: the code map has no row for two"]
    );
    let gone = format!("{MAP_PAGE}| `gone` | was there |\n");
    assert_eq!(
        found("ARCHITECTURE.md", &gone),
        ["ARCHITECTURE.md: gone is not there"]
    );
}

proptest! {
    #[test]
    fn any_text_is_a_page(
        text in prop_oneof![any::<String>(), "(warren|[`\\[\\]()#|\\\\\n a$\"-]){0,60}"]
    ) {
        let known = verbs(REFERENCE_PAGE);
        for (_, words) in commands(&text) {
            command(&known, &words);
        }
        for (_, target) in links(&text) {
            link(Path::new("/nowhere"), &BTreeMap::new(), Path::new("a.md"), &target);
        }
        verbs(&text);
    }
}
