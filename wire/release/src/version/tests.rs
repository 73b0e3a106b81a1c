//! Order, next versions, and what a manifest asks for.

use proptest::prelude::*;

use super::*;

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

#[test]
fn the_order() {
    let ascending = [
        "0",
        "0+dev.1",
        "0+dev.2",
        "0+dev.10",
        "0.0.10",
        "0.0.10+lab.1",
        "0.1-a",
        "0.1",
        "1-rc.1",
        "1-rc.1+dev.1",
        "1-rc.2",
        "1-rc.a",
        "1",
        "1+a",
        "1+a.1",
        "1.2",
        "1.10",
        "1.99999999999999999999999999",
        "1.100000000000000000000000000",
        "1.a",
        "1.b",
        "2",
        "a",
    ];
    for (i, a) in ascending.iter().enumerate() {
        for (j, b) in ascending.iter().enumerate() {
            assert_eq!(version(a).cmp(&version(b)), i.cmp(&j), "{a} {b}");
        }
    }
    for (a, b) in [
        ("1", "1.0"),
        ("1", "1.0.0"),
        ("01", "1"),
        ("1-0", "1-0.0"),
        ("1+a", "1+a.0"),
    ] {
        assert_eq!(version(a), version(b), "{a} {b}");
    }
}

#[test]
fn what_is_no_version() {
    for text in [
        "",
        ".",
        "1.",
        ".1",
        "1..2",
        "1-",
        "1+",
        "-1",
        "+1",
        "1+2+3",
        "1 ",
        " 1",
        "1\n",
        "1/2",
        "é",
        "1-a..b",
        &"1".repeat(256),
    ] {
        assert!(text.parse::<Version>().is_err(), "{text:?}");
    }
}

#[test]
fn the_next_ones() {
    assert_eq!(version("1").next_release().unwrap().to_string(), "2");
    let next = version("1.9-rc.1+dev.3").next_release().unwrap();
    assert_eq!(next.to_string(), "1.10");
    assert_eq!(version("1").next_dev().unwrap().to_string(), "1+dev.1");
    assert_eq!(
        version("0+dev.0").next_dev().unwrap().to_string(),
        "0+dev.1"
    );
    assert_eq!(
        version("1-rc+dev.99").next_dev().unwrap().to_string(),
        "1-rc+dev.100"
    );
    assert_eq!(version("1-rc+dev.99").with_dev(7).to_string(), "1-rc+dev.7");
    assert!(version("1.a").next_release().is_err());
    assert!(version("1+dev").next_dev().is_err());
    assert!(version("1+dev.1").is_dev() && !version("1-dev").is_dev());
}

#[test]
fn what_a_manifest_asks_for() {
    let there = [
        "1.1",
        "1.10",
        "1.2",
        "10.1",
        "1",
        "1-rc",
        "junk!",
        "2.0+dev.1",
    ];
    let choose = |text: &str| Wanted::new(text).choose(there);
    assert_eq!(choose("latest"), Some("10.1"));
    assert_eq!(choose("1.latest"), Some("1.10"));
    assert_eq!(choose("1_latest"), Some("1.10"));
    assert_eq!(choose("2.0.latest"), Some("2.0+dev.1"));
    assert_eq!(choose("3.latest"), None);
    assert_eq!(choose("1.2"), Some("1.2"));
    assert_eq!(choose("01.2"), None);
    assert_eq!(Wanted::new("xlatest"), Wanted::Exact("xlatest".to_owned()));
    assert_eq!(latest([]), None);
}

proptest! {
    #[test]
    fn junk_is_refused_or_kept(text in ".{0,40}") {
        if let Ok(version) = text.parse::<Version>() {
            let shown = version.to_string();
            prop_assert_eq!(shown.parse::<Version>().unwrap(), version);
        }
    }

    #[test]
    fn it_is_an_order(
        a in "[0-2a.]{1,5}(-[0-2a.-]{1,3})?(\\+[0-2a.]{1,3})?",
        b in "[0-2a.]{1,5}(-[0-2a.-]{1,3})?(\\+[0-2a.]{1,3})?",
        c in "[0-2a.]{1,5}(-[0-2a.-]{1,3})?(\\+[0-2a.]{1,3})?",
    ) {
        let parsed = [a, b, c].map(|text| text.parse::<Version>());
        if let [Ok(a), Ok(b), Ok(c)] = parsed {
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
            if a <= b && b <= c {
                prop_assert!(a <= c, "{} {} {}", a, b, c);
            }
        }
    }

    #[test]
    fn the_next_is_after(text in "[0-9]{1,30}(\\.[0-9]{1,3})?(\\+dev\\.[0-9]{1,20})?") {
        let version: Version = text.parse().unwrap();
        prop_assert!(version.next_release().unwrap() > version);
        prop_assert!(version.next_dev().unwrap() > version);
    }
}
