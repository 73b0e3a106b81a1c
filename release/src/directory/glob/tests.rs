//! What fits, what is no pattern, and that a search finds exactly what fits.

use proptest::prelude::*;

use super::*;

#[test]
fn what_fits() {
    let cases = [
        ("a", "a", true),
        ("a", "b", false),
        ("*", ".hidden", true),
        ("*", "a/b", false),
        ("**", "a/b/c", true),
        ("**/*", "a", true),
        ("**/*", "a/b/c", true),
        ("a/**/b", "a/b", true),
        ("a/**/b", "a/x/y/b", true),
        ("a/**/b", "a/x/y/c", false),
        ("a/**", "b/a", false),
        ("a/**", "a", false),
        ("**/**/**", "a", true),
        ("a**", "abc", true),
        ("a**", "a/b", false),
        ("*.tgz", "x.tgz", true),
        ("x*y*z", "xaybz", true),
        ("x*y*z", "xayb", false),
        ("?", "é", true),
        ("[a-c]x", "bx", true),
        ("[!a-c]x", "bx", false),
        ("[^a]", "b", true),
        ("[a-]", "-", true),
        ("[\\]]", "]", true),
        ("{a,b/c}/d", "b/c/d", true),
        ("{a,{b,c}}", "c", true),
        ("{,x}a", "a", true),
        ("\\*", "*", true),
        ("\\*", "a", false),
        ("./a//b/../c", "a/c", true),
        ("/a", "a", true),
    ];
    for (pattern, path, expected) in cases {
        let pattern = Pattern::new(pattern).unwrap();
        assert_eq!(pattern.fits(path), expected, "{pattern:?} {path}");
    }
}

#[test]
fn what_is_no_pattern() {
    let many = "{a,b,c,d,e,f,g,h,i,j}".repeat(4);
    let long = "a".repeat(5000);
    for text in [
        "", "/", "..", "../a", "a/../..", "[", "[]", "[a", "{a", "a\\", "\\..", &many, &long,
    ] {
        assert!(Pattern::new(text).is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn a_search_finds_what_fits(
        pattern in "([ab*?]|\\*\\*|/){1,8}",
        files in prop::collection::btree_set("[ab]{1,2}(/[ab]{1,2}){0,2}", 1..6),
    ) {
        let top = tempfile::tempdir().unwrap();
        let mut made = Vec::new();
        for file in files {
            let path = top.path().join(&file);
            if fs::create_dir_all(path.parent().unwrap()).is_ok() && fs::write(&path, "").is_ok() {
                made.push(file);
            }
        }
        if let Ok(pattern) = Pattern::new(&pattern) {
            let found = pattern.find(top.path()).unwrap();
            let mut found: Vec<String> = found
                .iter()
                .filter(|one| one.path.is_file())
                .map(|one| one.name.to_str().unwrap().to_owned())
                .collect();
            found.sort();
            found.dedup();
            let fitting = made.into_iter().filter(|file| pattern.fits(file));
            prop_assert_eq!(found, fitting.collect::<Vec<_>>());
        }
    }

    #[test]
    fn junk(pattern in ".{0,60}", path in ".{0,60}") {
        if let Ok(pattern) = Pattern::new(&pattern) {
            let _ = pattern.fits(&path);
        }
    }
}
