//! Blobs: listed, brought, put away.

use std::fs;
use std::os::unix::fs::symlink;

use warren_release::directory::{Error, add_blob, blobs, remove_blob, sync_blobs, upload_blobs};

use crate::scene::{Scene, ignore};

#[test]
fn a_life() {
    let scene = Scene::empty();
    let directory = scene.directory();
    let source = scene.beside("go.tgz");
    fs::write(&source, "archive").unwrap();
    let added = add_blob(&directory, &source, "golang/go.tgz").unwrap();
    assert_eq!((added.blob.size, added.blob.object_id), (7, None));
    let list = fs::read_to_string(scene.path("config/blobs.yml")).unwrap();
    assert!(
        list.starts_with("golang/go.tgz:\n  size: 7\n  sha: sha256:"),
        "{list}"
    );
    // It is only here.
    sync_blobs(&directory, &mut ignore).unwrap();
    upload_blobs(&directory, &mut ignore).unwrap();
    let id = blobs(&directory).unwrap().0["golang/go.tgz"]
        .object_id
        .clone()
        .unwrap();
    assert_eq!(
        fs::read(scene.beside("store").join(&id)).unwrap(),
        b"archive"
    );
    upload_blobs(&directory, &mut ignore).unwrap();
    assert_eq!(fs::read_dir(scene.beside("store")).unwrap().count(), 1);
    // A clone: brought back; what was changed as well; what is not listed goes.
    fs::remove_dir_all(scene.path("blobs")).unwrap();
    sync_blobs(&directory, &mut ignore).unwrap();
    scene.write("blobs/golang/go.tgz", "changed");
    scene.write("blobs/other", "x");
    sync_blobs(&directory, &mut ignore).unwrap();
    assert_eq!(
        fs::read(scene.path("blobs/golang/go.tgz")).unwrap(),
        b"archive"
    );
    assert!(!scene.path("blobs/other").exists());
    assert!(remove_blob(&directory, "golang/go.tgz").unwrap());
    assert!(!remove_blob(&directory, "golang/go.tgz").unwrap());
    assert!(!scene.path("blobs/golang/go.tgz").exists());
}

#[test]
fn what_is_refused() {
    let scene = Scene::empty();
    let directory = scene.directory();
    let source = scene.beside("file");
    fs::write(&source, "x").unwrap();
    for path in ["../x", "/x", "a/../../x", "", "a//b"] {
        let error = add_blob(&directory, &source, path).unwrap_err();
        assert!(matches!(error, Error::Outside { .. }), "{path}: {error}");
    }
    scene.write("config/blobs.yml", "../../evil: {size: 1, sha: abc}\n");
    assert!(matches!(blobs(&directory), Err(Error::Outside { .. })));
    let sha = "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    scene.write(
        "config/blobs.yml",
        &format!("a: {{size: 1, object_id: ../file, sha: '{sha}'}}\n"),
    );
    assert!(matches!(
        sync_blobs(&directory, &mut ignore),
        Err(Error::Outside { .. })
    ));
    scene.write(
        "config/blobs.yml",
        &format!("a: {{size: 1, object_id: x, sha: '{sha}'}}\n"),
    );
    assert!(matches!(
        sync_blobs(&directory, &mut ignore),
        Err(Error::NoBlob { .. })
    ));
    fs::create_dir_all(scene.beside("store")).unwrap();
    fs::write(scene.beside("store/x"), "spoilt").unwrap();
    assert!(matches!(
        sync_blobs(&directory, &mut ignore),
        Err(Error::Digest { .. })
    ));
    assert!(!scene.path("blobs/a").exists());
    fs::write(scene.beside("store/x"), "x").unwrap();
    sync_blobs(&directory, &mut ignore).unwrap();
    symlink("/etc", scene.path("blobs/link")).unwrap();
    assert!(matches!(
        sync_blobs(&directory, &mut ignore),
        Err(Error::Link { .. })
    ));
    fs::remove_file(scene.path("blobs/link")).unwrap();
    scene.write(
        "config/final.yml",
        "{name: demo, blobstore: {provider: s3}}",
    );
    fs::remove_file(scene.path("blobs/a")).unwrap();
    let error = sync_blobs(&directory, &mut ignore).unwrap_err();
    assert!(error.to_string().contains("\"s3\" is not known"), "{error}");
}
