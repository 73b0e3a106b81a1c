//! Packages of another release.

use std::fs;

use warren_release::directory::{Create, Directory, Error, Init, init, vendor_package};

use crate::scene::{Scene, ignore};

#[test]
fn a_package_is_taken_with_what_it_needs() {
    let theirs = Scene::new();
    let ours = Scene::empty();
    fs::remove_dir_all(ours.root()).unwrap();
    let wanted = Init {
        local_blobstore: Some("../store"),
        ..Init::default()
    };
    init(&ours.directory(), wanted).unwrap();
    let take = |prefix| {
        vendor_package(
            &theirs.directory(),
            &ours.directory(),
            "app",
            prefix,
            &mut ignore,
        )
    };
    let error = take(None).unwrap_err();
    assert!(matches!(error, Error::NoArchive { .. }), "{error}");
    let last = Create {
        is_final: true,
        ..Create::default()
    };
    let made = theirs.create(&last).unwrap();
    assert_eq!(
        take(Some("demo")).unwrap(),
        ["demo-app", "demo-lib", "demo-ruby"]
    );
    // Again, with nothing to do.
    assert_eq!(take(Some("demo")).unwrap().len(), 3);
    let lock = fs::read_to_string(ours.path("packages/demo-app/spec.lock")).unwrap();
    let app = &made.manifest.packages[0];
    let expected = format!(
        "name: demo-app\nfingerprint: {}\ndependencies:\n- demo-ruby\n- demo-lib\n",
        app.fingerprint
    );
    assert_eq!(lock, expected);
    // It has no sources, and a release can be made of it on a machine with an empty cache.
    let elsewhere = Directory::new(ours.root(), ours.beside("other-cache"));
    let wanted = Create {
        tarball: Some(ours.beside("ours.tgz")),
        ..Create::default()
    };
    let made = warren_release::directory::create(&elsewhere, &wanted, &mut ignore).unwrap();
    let there = &made.manifest.packages[0];
    assert_eq!((there.name.as_str(), &there.sha1), ("demo-app", &app.sha1));
    ours.write("packages/ruby/spec", "{name: ruby}");
    ours.write("packages/ruby/packaging", "");
    assert!(matches!(take(None), Err(Error::Exists { .. })));
}
