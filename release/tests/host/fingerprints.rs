//! Fingerprints are those that the rules give, as another program works them out.

use std::collections::BTreeMap;
use std::path::Path;

use warren_release::directory::read;

use crate::scene::{Scene, shell};

fn ours(scene: &Scene) -> BTreeMap<String, String> {
    let parts = read(&scene.directory()).unwrap().into_iter();
    parts
        .map(|part| {
            (
                format!("{}/{}", part.kind.name(), part.name),
                part.fingerprint,
            )
        })
        .collect()
}

fn theirs(scene: &Scene) -> BTreeMap<String, String> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fingerprints.py");
    let line = format!("python3 {} {}", program.display(), scene.root().display());
    let printed = shell(&scene.root(), &line);
    // Nothing in it is escaped.
    let inner = printed.trim().trim_matches(['{', '}']);
    let pairs = inner.split(", ").map(|pair| {
        let (name, hex) = pair.split_once(": ").unwrap();
        (
            name.trim_matches('"').to_owned(),
            hex.trim_matches('"').to_owned(),
        )
    });
    pairs.collect()
}

#[test]
fn they_are_the_same() {
    let scene = Scene::new();
    let (ours, theirs) = (ours(&scene), theirs(&scene));
    assert_eq!(ours.len(), 6);
    assert_eq!(ours, theirs);
}

/// Worked out with `sha256sum` by hand, so that both programs cannot be wrong in the same way.
#[test]
fn one_by_hand() {
    let scene = Scene::empty();
    scene.write("LICENSE", "Free.\n");
    let line = "sum() { sha256sum | cut -d' ' -f1; }
        printf 'v2LICENSEsha256:%s' $(sum <LICENSE) | sum";
    let expected = shell(&scene.root(), line).trim().to_owned();
    assert_eq!(
        expected,
        "fa15b86ff6c61ebaa1abab883ef12be0167b83502dc739d3fd04abb906c50847"
    );
    assert_eq!(
        ours(&scene),
        BTreeMap::from([("license/license".to_owned(), expected)])
    );
}

#[test]
fn what_changes_them_and_what_does_not() {
    let scene = Scene::new();
    let before = ours(&scene);
    let changed = |scene: &Scene| -> Vec<String> {
        let now = ours(scene);
        let differ = before.iter().filter(|(name, hex)| now[*name] != **hex);
        differ.map(|(name, _)| name.clone()).collect()
    };
    // Who may write, times, left-out files and a script's rights are nothing.
    scene.mode("src/app/main.c", 0o600);
    scene.mode("packages/app/packaging", 0o644);
    scene.write("src/app/main.o", "another\n");
    scene.write("blobs/app/both", "another\n");
    shell(&scene.root(), "touch -d 2001-01-01 src/app/main.c");
    assert_eq!(changed(&scene), Vec::<String>::new());
    scene.mode("src/app/main.c", 0o755);
    assert_eq!(changed(&scene), ["package/app"]);
    scene.mode("src/app/main.c", 0o644);
    scene.write("jobs/web/templates/ctl.erb", "changed\n");
    scene.write("src/ruby.txt", "changed\n");
    assert_eq!(changed(&scene), ["job/web", "package/ruby"]);
    assert_eq!(ours(&scene), theirs(&scene));
}
