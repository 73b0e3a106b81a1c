//! Names, challenges and secrets.

use proptest::prelude::*;

use crate::Credentials;
use crate::challenge::{Challenge, schemes};
use crate::http::shown;
use crate::name::{ImageName, InvalidName, Pin};

fn name(text: &str) -> (Option<String>, String, String) {
    let name: ImageName = text.parse().unwrap();
    (name.registry, name.repository, name.pin.to_string())
}

#[test]
fn names() {
    let hub = |repository: &str, pin: &str| (None, repository.to_owned(), pin.to_owned());
    let at = |registry: &str, repository: &str, pin: &str| {
        (
            Some(registry.to_owned()),
            repository.to_owned(),
            pin.to_owned(),
        )
    };
    assert_eq!(name("/busybox"), hub("library/busybox", "latest"));
    assert_eq!(name("busybox"), hub("library/busybox", "latest"));
    assert_eq!(name("/a/b#1.2"), hub("a/b", "1.2"));
    assert_eq!(name("a/b:1"), hub("a/b", "1"));
    assert_eq!(name("docker.io/a/b:1"), hub("a/b", "1"));
    assert_eq!(name("localhost/b"), at("localhost", "b", "latest"));
    assert_eq!(name("h:5000/a/b#t"), at("h:5000", "a/b", "t"));
    assert_eq!(name("[::1]:5000/b:t"), at("[::1]:5000", "b", "t"));
    let digest = format!("sha256:{}", "0f".repeat(32));
    assert_eq!(
        name(&format!("r.example/b@{digest}")),
        at("r.example", "b", &digest)
    );
    assert_eq!(
        name(&format!("r.example/b:t@{digest}")),
        at("r.example", "b", &digest)
    );
}

#[test]
fn what_is_no_name_is_refused_without_telling_passwords() {
    let refused = |text: &str| text.parse::<ImageName>().unwrap_err();
    assert_eq!(refused(""), InvalidName::NoRepository);
    assert_eq!(refused("/"), InvalidName::NoRepository);
    assert_eq!(refused("h.example/"), InvalidName::NoRepository);
    assert_eq!(refused("me:s3cret@h.example/b"), InvalidName::Credentials);
    assert!(matches!(
        refused("h.example/../b"),
        InvalidName::Repository { .. }
    ));
    assert!(matches!(
        refused("h.example/B"),
        InvalidName::Repository { .. }
    ));
    // What Docker Hub's own get before their names counts too.
    assert!(matches!(
        refused(&"b".repeat(250)),
        InvalidName::Repository { .. }
    ));
    assert!(matches!(refused("b: "), InvalidName::Tag { .. }));
    assert!(matches!(refused("b@sha256:12"), InvalidName::Digest(_)));
    assert!(matches!(
        refused("h%2e.example/b"),
        InvalidName::Registry { .. }
    ));
}

#[test]
fn challenges() {
    let find = |header: &str| Challenge::find([header].into_iter());
    assert_eq!(find("Basic realm=\"x, y\""), Some(Challenge::Basic));
    let bearer = Some(Challenge::Bearer {
        realm: "https://a/t".into(),
        service: Some("s".into()),
        scope: Some("repository:b:pull".into()),
    });
    let text = "realm=\"https://a/t\",service=s , scope=\"repository:b:pull\"";
    assert_eq!(find(&format!("bearer {text}")), bearer);
    assert_eq!(find(&format!("Basic realm=b, Bearer {text}")), bearer);
    assert_eq!(find("Bearer service=s"), None);
    assert_eq!(find("Negotiate"), None);
}

#[test]
fn secrets_are_not_shown() {
    let credentials = Credentials::new("me", "s3cret");
    assert!(!format!("{credentials:?}").contains("s3cret"));
    assert!(!format!("{credentials:?}").contains("me"));
    assert_eq!(credentials.basic(), "Basic bWU6czNjcmV0");
    assert_eq!(shown("https://u:p@h:1/a/b?sig=1#x"), "https://h:1/a/b");
}

proptest! {
    #[test]
    fn any_header_is_read(text in ".*") {
        let _ = schemes(&text);
    }

    #[test]
    fn any_name_is_read(text in ".*") {
        if let Ok(name) = text.parse::<ImageName>() {
            prop_assert!(!name.repository.contains(".."));
            if let Pin::Tag(tag) = name.pin {
                prop_assert!(!tag.contains('/'));
            }
        }
    }
}
