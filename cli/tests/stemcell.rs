//! `warren stemcell`: of a directory, of an image, of Debian packages, into a registry.
#![expect(clippy::unwrap_used, reason = "a test reports failure by panicking")]

#[path = "support/registry.rs"]
mod registry;
mod support;

use registry::Registry;
use support::{Ran, shell, warren};

fn run(top: &tempfile::TempDir, line: &str) -> Ran {
    let top = top.path().display();
    shell(
        &[],
        &format!("cd {top}; export TMPDIR={top}; S=\"$WARREN stemcell\"; {line}"),
    )
}

/// A root file system with nothing but busybox.
const ROOT: &str = "mkdir -p root/bin root/etc root/usr/sbin; ln -s usr/sbin root/sbin
    cp $(command -v busybox) root/bin/busybox; ln -s busybox root/bin/sh
    printf 'ID=debian\\nVERSION_CODENAME=bookworm\\n' >root/etc/os-release; ";

#[test]
fn of_a_directory_and_of_an_image() {
    let top = tempfile::tempdir().unwrap();
    let line = "printf '#!/bin/sh\\necho called $0\\n' >tiny; B=\"$S build --executable tiny --version 1.2\"
        $B --directory root --output a.tgz --json
        tar -C root -cf root.tar .; $B --image $PWD/root.tar --output b.tgz >/dev/null
        $B --directory root --output c.tgz >/dev/null; cmp a.tgz c.tgz >&2";
    let ran = run(&top, &format!("{ROOT}{line}"));
    assert_eq!(ran.code, 0, "{ran:?}");
    let made = ran.json();
    assert_eq!(made["name"], "bosh-warden-boshlite-debian-bookworm");
    assert!(
        made["notes"][0].as_str().unwrap().contains("bash"),
        "{made}"
    );
    assert!(
        ran.err
            .contains("Packing the image...\nPacking the image: done, "),
        "{ran:?}"
    );

    // The same members, from wherever the root file system came.
    let line = "for one in a b; do mkdir -p $one; tar -xOf $one.tgz image | tar -C $one -xpzf -; done
        for one in a b; do tar -xOf $one.tgz image | tar -tzvf - | awk '{ print $1, $2, $3, $6, $8 }' >$one.list; done
        cmp a.list b.list; chroot a /bin/sh -c /var/vcap/bosh/bin/bosh-agent
        ls -l a/usr/sbin/init | sed 's,.* a/,,'; $S inspect a.tgz";
    let ran = run(&top, line);
    assert_eq!(ran.code, 0, "{ran:?}");
    let expected =
        "called /var/vcap/bosh/bin/bosh-agent\nusr/sbin/init -> /var/vcap/bosh/bin/warren\n";
    assert!(ran.out.starts_with(expected), "{ran:?}");
    let words: Vec<&str> = ran.out.split_whitespace().collect();
    let shown = "bosh-warden-boshlite-debian-bookworm debian-bookworm 1.2 warden boshlite";
    assert!(words.join(" ").contains(shown), "{ran:?}");

    let ran = run(
        &top,
        "$S repack --version 2 --format general-tar a.tgz d.tgz --json; ls",
    );
    assert!(
        ran.out.contains("\"version\": \"2\"") && ran.out.contains("general-tar"),
        "{ran:?}"
    );
    // Nothing is left but what was asked for.
    let names: Vec<&str> = ran
        .out
        .rsplit("}\n")
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let expected = [
        "a", "a.list", "a.tgz", "b", "b.list", "b.tgz", "c.tgz", "d.tgz", "root", "root.tar",
        "tiny",
    ];
    assert_eq!(names, expected);
}

/// What a build puts into a stemcell is what runs there.
#[test]
fn with_this_executable() {
    let top = tempfile::tempdir().unwrap();
    // What debuggers want is most of it.
    let line =
        "strip -o small $WARREN; ./small stemcell build --directory root --output a.tgz >/dev/null
        mkdir a; tar -xOf a.tgz image | tar -C a -xpzf -; cmp small a/var/vcap/bosh/bin/warren >&2
        chroot a /usr/local/bin/warren --version";
    let ran = run(&top, &format!("{ROOT}{line}"));
    let expected = format!("warren {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((ran.code, ran.out), (0, expected), "{}", ran.err);
}

#[test]
fn what_is_refused() {
    let top = tempfile::tempdir().unwrap();
    for (line, expected) in [
        (
            "mkdir empty; $S build --directory empty --output x.tgz",
            "say it with --os",
        ),
        (
            "$S build --directory none --output x.tgz",
            "cannot look at none",
        ),
        (
            "$S build --directory empty --os a/b --output x.tgz",
            "is not a name",
        ),
        (
            "$S build --directory empty --output none/x.tgz",
            "making a file in none",
        ),
        (
            "echo x >x; $S inspect x",
            "cannot read the stemcell tarball",
        ),
        (
            "$S repack --version 2 x y",
            "cannot read the stemcell tarball",
        ),
        (
            "PATH=/nowhere; $S build --output x.tgz",
            "apt-get install mmdebstrap",
        ),
        (
            "$S build --suite nosuch --mirror 'deb [trusted=yes] file:///nowhere nosuch main' --output x.tgz",
            "mmdebstrap ended with",
        ),
    ] {
        let ran = run(&top, line);
        assert!(
            ran.code == 1 && ran.err.contains(expected),
            "{line}: {ran:?}"
        );
        assert!(!top.path().join("x.tgz").exists());
    }
    let ran = warren(&["stemcell", "inspect", "/nowhere"]);
    assert!(
        ran.code == 1 && ran.err.contains("opening /nowhere: "),
        "{ran:?}"
    );
    let left = std::fs::read_dir(top.path()).unwrap().count();
    assert_eq!(left, 2, "empty and x");
}

/// An image of two layers, the second of which hides a file and brings another, in a layout of OCI and in
/// a registry: the same stemcell.
#[test]
fn of_an_image_with_layers() {
    const LAYOUT: &str = r#"mkdir -p oci/blobs/sha256 upper/etc
    echo old >root/etc/gone; : >upper/etc/.wh.gone; echo new >upper/etc/new
    for one in root upper; do tar -C $one --owner=0 --group=0 -cf $one.tar .; done
    sum() { sha256sum <$1 | cut -c-64; }
    blob() {
        cp $1 oci/blobs/sha256/$(sum $1)
        printf '{"mediaType": "application/vnd.oci.image.%s", "digest": "sha256:%s", "size": %s}' \
            $2 $(sum $1) $(stat -c %s $1)
    }
    echo '{"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers",
        "diff_ids": ["sha256:'$(sum root.tar)'", "sha256:'$(sum upper.tar)'"]}}' >config
    echo '{"schemaVersion": 2, "config": '$(blob config config.v1+json)', "layers": [
        '$(blob root.tar layer.v1.tar)', '$(blob upper.tar layer.v1.tar)']}' >manifest
    echo '{"schemaVersion": 2, "manifests": ['$(blob manifest manifest.v1+json)']}' >oci/index.json
    echo '{"imageLayoutVersion": "1.0.0"}' >oci/oci-layout; "#;
    let top = tempfile::tempdir().unwrap();
    let registry = Registry::start(top.path(), "");
    let address = &registry.address;
    let line = format!(
        "skopeo copy --insecure-policy --quiet --dest-tls-verify=false oci:oci docker://{address}/base:1
        B=\"$S build --no-executable --version 1 --insecure-registry {address}\"
        $B --image oci://$PWD/oci --output a.tgz --json
        $B --image docker://{address}/base:1 --output b.tgz >/dev/null; cmp a.tgz b.tgz >&2
        mkdir image; tar -xOf a.tgz image | tar -C image -xpzf -; cd image/etc; cat new; ls -A | grep -e gone"
    );
    let ran = run(&top, &format!("set -e; {ROOT}{LAYOUT}{line} || true"));
    assert_eq!(ran.code, 0, "{ran:?}");
    let (made, files) = ran.out.rsplit_once("}\n").unwrap();
    let name = "\"bosh-warden-boshlite-debian-bookworm\"";
    assert!(made.contains(name), "{ran:?}");
    assert_eq!(files, "new\n", "{ran:?}");
}

#[test]
fn a_light_one() {
    let top = tempfile::tempdir().unwrap();
    let registry = Registry::start(top.path(), "");
    let address = &registry.address;
    let line = format!(
        "$S build --directory root --no-executable --light {address}/some/stemcell:1 \
         --insecure-registry {address} --output light.tgz --json"
    );
    let ran = run(&top, &format!("{ROOT}{line}"));
    assert_eq!(ran.code, 0, "{ran:?}");
    let reference = ran.json()["image_reference"].as_str().unwrap().to_owned();
    assert!(
        reference.starts_with(&format!("{address}/some/stemcell@sha256:")),
        "{reference}"
    );
    let line = format!(
        "tar -xOf light.tgz stemcell.MF; tar -tvf light.tgz image | awk '{{ print $3 }}'
        $WARREN rootfs pull --store $PWD/s --insecure-registry {address} docker://{reference} >/dev/null
        cat s/layers/*/diff/var/vcap/bosh/etc/infrastructure"
    );
    let ran = run(&top, &line);
    assert_eq!(ran.code, 0, "{ran:?}");
    for expected in [
        "- docker-light\n- warden-light\n",
        "sha1: da39a3ee5e6b4b0d3255bfef95601890afd80709\n",
        &format!("image_reference: {reference}\n"),
        "\n0\nwarden",
    ] {
        assert!(ran.out.contains(expected), "{expected}: {ran:?}");
    }
}

/// The smallest that the machine's own mirror gives: takes most of its time in dpkg.
#[test]
fn of_debian_packages() {
    let top = tempfile::tempdir().unwrap();
    let line = "$S build --no-executable --variant essential --only sudo --output stemcell.tgz --json
        mkdir image; tar -xOf stemcell.tgz image | tar -C image -xpzf -
        tar -xOf stemcell.tgz packages.txt | grep -c '^ii  ' >&2
        chroot image id vcap >&2; chroot image sudo -l -U vcap >/dev/null; chroot image dpkg --audit >&2";
    let ran = run(&top, line);
    assert_eq!(ran.code, 0, "{ran:?}");
    let made = ran.json();
    let system = made["operating_system"].as_str().unwrap();
    assert!(
        system.starts_with("debian-") || system.starts_with("ubuntu-"),
        "{system}"
    );
    assert!(ran.err.contains("Installing packages: done, "), "{ran:?}");
    assert!(ran.err.contains("uid=1000(vcap) gid=1000(vcap)"), "{ran:?}");
    assert!(ran.err.contains("(bosh_sshers)"), "{ran:?}");
}
