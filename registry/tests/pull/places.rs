//! Sources that are no registry: directories, layouts with layers elsewhere, preloaded layers.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use warren_container_rootfs::layer::Digest;
use warren_container_rootfs::store;
use warren_registry::{Error, Rootfs, Settings, resolve, source_for};

use crate::images::{archive, gzip, tar};
use crate::real::{error, open};
use crate::server::{Small, answer};

fn base(at: &Path) -> std::path::PathBuf {
    let tree = at.join("tree");
    std::fs::create_dir_all(tree.join("home/vcap")).unwrap();
    std::fs::write(tree.join("home/vcap/old"), b"o").unwrap();
    chown(tree.join("home/vcap"), Some(1000), Some(1001)).unwrap();
    std::fs::set_permissions(tree.join("home/vcap"), Permissions::from_mode(0o2750)).unwrap();
    let path = at.join("base.tar");
    std::fs::write(&path, tar(&tree)).unwrap();
    path
}

fn facts(path: &Path) -> (u32, u32, u32) {
    use std::os::unix::fs::MetadataExt;
    let meta = std::fs::symlink_metadata(path).unwrap();
    (meta.uid(), meta.gid(), meta.mode() & 0o7777)
}

#[test]
fn a_preloaded_layer_goes_below_its_directory() {
    let top = tempfile::tempdir().unwrap();
    let base = base(top.path());
    let layer = gzip(&archive("app/run", b"r"));
    let digest = Digest::of(&layer);
    let file = top.path().join("layer.tgz");
    std::fs::write(&file, &layer).unwrap();
    let server = Small::start(move |asked| match asked.path.as_str() {
        "/layer?sig=a" => answer("200 OK", "", &layer),
        _ => answer("404 Not Found", "", b""),
    });
    let store = open(&top.path().join("store"));
    let uri = |url: &str, digest: &str| {
        format!(
            "preloaded+layer:{}?layer={url}&layer_path=/home/vcap/x&layer_digest={digest}",
            base.display()
        )
    };
    let remote = format!("http%3A%2F%2F{}%2Flayer%3Fsig%3Da", server.address);
    let mut seen = Vec::new();
    for url in [remote.clone(), format!("file://{}", file.display())] {
        let uri = uri(&url, &digest.hex());
        let source = source_for(&uri, None, &Settings::default()).unwrap();
        let leases = store.fetch(&*source).unwrap();
        assert_eq!(leases.len(), 2);
        let diff = leases[1].diff();
        assert_eq!(
            std::fs::read(diff.join("home/vcap/x/app/run")).unwrap(),
            b"r"
        );
        // As below it, so that it covers nothing.
        assert_eq!(facts(&diff.join("home/vcap")), (1000, 1001, 0o2750));
        assert_eq!(
            facts(&diff.join("home")),
            facts(&leases[0].diff().join("home"))
        );
        seen.push(leases[1].layer());
    }
    assert_eq!(seen[0], seen[1]);

    let other = Digest::of(b"other").hex();
    let source = source_for(&uri(&remote, &other), None, &Settings::default()).unwrap();
    let refused = store.fetch(&*source).unwrap_err();
    assert!(matches!(refused, store::Error::Unpack { .. }), "{refused}");
    let careless = Settings {
        skip_layer_validation: true,
        ..Settings::default()
    };
    let source = source_for(&uri(&remote, &other), None, &careless).unwrap();
    assert_eq!(store.fetch(&*source).unwrap().len(), 2);
    let refused = error(source_for(&uri("ftp://x", &other), None, &careless));
    assert!(matches!(refused, Error::LayerUrl { .. }), "{refused}");
}

/// What a stock guardian writes for `preloaded+layer`.
#[test]
fn a_layout_with_a_linked_base_and_a_layer_elsewhere() {
    let top = tempfile::tempdir().unwrap();
    let base = base(top.path());
    let layer = gzip(&archive("app/run", b"r"));
    let digest = Digest::of(&layer);
    let server = Small::start(move |_| answer("200 OK", "", &layer));
    let layout = top.path().join("layout");
    let blobs = layout.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let named = Digest::of(b"path and time");
    symlink(&base, blobs.join(named.hex())).unwrap();
    let put = |text: String| {
        let digest = Digest::of(text.as_bytes());
        std::fs::write(blobs.join(digest.hex()), &text).unwrap();
        (digest, text.len())
    };
    let (config, _) = put(format!(
        r#"{{"config":{{}},"rootfs":{{"type":"layers","diff_ids":["{named}","{digest}"]}}}}"#
    ));
    let (manifest, _) = put(format!(
        r#"{{"schemaVersion":2,"config":{{"digest":"{config}"}},"layers":[
            {{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{named}"}},
            {{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"{digest}",
              "urls":["http://{}/x"],
              "annotations":{{"org.cloudfoundry.experimental.image.base-directory":"/home/vcap/x"}}}}
        ]}}"#,
        server.address
    ));
    let index = format!(r#"{{"schemaVersion":2,"manifests":[{{"digest":"{manifest}"}}]}}"#);
    std::fs::write(layout.join("index.json"), index).unwrap();

    let uri = format!("oci://{}", layout.display());
    let store = open(&top.path().join("store"));
    let careful = source_for(&uri, None, &Settings::default()).unwrap();
    assert!(store.fetch(&*careful).is_err());
    let careless = Settings {
        skip_layer_validation: true,
        ..Settings::default()
    };
    let source = source_for(&uri, None, &careless).unwrap();
    let leases = store.fetch(&*source).unwrap();
    assert!(leases[1].diff().join("home/vcap/x/app/run").exists());
    assert_eq!(
        facts(&leases[1].diff().join("home/vcap")),
        (1000, 1001, 0o2750)
    );
    // The base is the same layer as the file alone.
    let alone = source_for(base.to_str().unwrap(), None, &careless).unwrap();
    assert_eq!(alone.layers()[0], source.layers()[0]);
}

#[test]
fn a_directory_is_copied_once_for_each_state() {
    let top = tempfile::tempdir().unwrap();
    base(top.path());
    let tree = top.path().join("tree");
    symlink("/etc/passwd", tree.join("link")).unwrap();
    let store = open(&top.path().join("store"));
    let fetch = || {
        let source = source_for(tree.to_str().unwrap(), None, &Settings::default()).unwrap();
        store.fetch(&*source).unwrap().remove(0)
    };
    let first = fetch();
    assert_eq!(
        std::fs::read(first.diff().join("home/vcap/old")).unwrap(),
        b"o"
    );
    assert_eq!(facts(&first.diff().join("home/vcap")), (1000, 1001, 0o2750));
    assert_eq!(
        std::fs::read_link(first.diff().join("link")).unwrap(),
        Path::new("/etc/passwd")
    );
    assert_eq!(fetch().layer(), first.layer());
    std::fs::write(tree.join("home/vcap/old"), b"n").unwrap();
    let second = fetch();
    assert_ne!(second.layer(), first.layer());
    assert_eq!(
        std::fs::read(second.diff().join("home/vcap/old")).unwrap(),
        b"n"
    );
}

#[test]
fn a_raw_directory_is_itself() {
    let found = resolve("raw:///some/where", None, &Settings::default()).unwrap();
    assert!(matches!(found, Rootfs::Directory(path) if path == Path::new("/some/where")));
    let refused = error(source_for("raw:///some/where", None, &Settings::default()));
    assert!(matches!(refused, Error::Raw), "{refused}");
    let refused = error(source_for("/not/there", None, &Settings::default()));
    assert!(matches!(refused, Error::Local { .. }), "{refused}");
}
