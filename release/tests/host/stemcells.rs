//! Stemcells of small root file systems, read back by `tar`, and tarballs as nobody should make them.

use std::fs::{self, File};
use std::io::{self, Cursor, Read, Seek};
use std::path::{Path, PathBuf};

use warren_release::stemcell::{
    Error, Facts, Image, Light, Limits, Plan, Repack, Wanted, pack, plan, read, repack,
    write_heavy, write_light,
};

use crate::scene::shell;

/// A root file system with a bit of everything.
fn root(top: &Path) -> PathBuf {
    let line = "mkdir -p root/bin root/etc/ssh root/usr/sbin root/tmp/x root/dev root/var/log root/var/cache/apt
        cd root; ln -s usr/sbin sbin
        printf 'ID=debian\\nVERSION_CODENAME=bookworm\\n' >etc/os-release
        printf 'root:x:0:0::/root:/bin/sh\\n' >etc/passwd; printf 'root:x:0:\\n' >etc/group
        echo busybox >bin/busybox; chmod 4755 bin/busybox; ln bin/busybox bin/sh; ln -s sh bin/ash
        echo key >etc/ssh/ssh_host_rsa_key; echo tmp >tmp/x/y; echo deb >var/cache/apt/x.deb
        echo init >usr/sbin/init; chown 12:34 etc/ssh; mkfifo var/pipe
        echo log >var/log/dpkg.log; python3 -c \"import socket; socket.socket(socket.AF_UNIX).bind('var/sock')\"
        touch -d 2020-02-03T04:05:06Z bin/busybox";
    shell(top, line);
    top.join("root")
}

fn planned(root: &Path, executable: Option<PathBuf>) -> Plan {
    let wanted = Wanted {
        version: "1.10".to_owned(),
        executable,
        ..Wanted::default()
    };
    plan(&Facts::read(root).unwrap(), &wanted).unwrap()
}

fn image(root: &Path, plan: &Plan) -> (Image, Vec<u8>) {
    pack(root, plan, Vec::new()).unwrap()
}

#[test]
fn a_heavy_one() {
    let top = tempfile::tempdir().unwrap();
    let root = root(top.path());
    let executable = top.path().join("executable");
    fs::write(&executable, "warren").unwrap();
    let plan = planned(&root, Some(executable));
    let (image, bytes) = image(&root, &plan);
    let path = top.path().join("stemcell.tgz");
    let written = write_heavy(
        File::create(&path).unwrap(),
        &plan,
        &image,
        bytes.as_slice(),
    );
    let (manifest, _) = written.unwrap();
    assert_eq!(manifest.name, "bosh-warden-boshlite-debian-bookworm");
    let list = shell(
        top.path(),
        "mkdir out image; cd out; tar -xvzf ../stemcell.tgz",
    );
    assert_eq!(
        list,
        "stemcell.MF\npackages.txt\ndev_tools_file_list.txt\nimage\n"
    );
    let digest = shell(
        top.path(),
        "sha1sum out/image | cut -c1-40; sha256sum out/image; gzip -dc out/image | sha256sum",
    );
    assert!(
        digest.starts_with(&format!("{}\n", manifest.sha1)),
        "{digest}"
    );
    assert!(digest.contains(image.sums.sha256().trim_start_matches("sha256:")));
    assert!(digest.contains(image.diff_id.trim_start_matches("sha256:")));
    let text = fs::read_to_string(top.path().join("out/stemcell.MF")).unwrap();
    for line in [
        "version: \"1.10\"\n",
        "api_version: 3\n",
        "- warden-tar\n",
        "infrastructure: warden\n",
        "operating_system: debian-bookworm\n",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    // The root file system as a machine finds it.
    shell(top.path(), "tar -C image --same-owner -xpzf out/image");
    let line = "cd image; stat -c '%a %u:%g %n' bin/busybox etc/shadow etc/sudoers tmp etc/ssh home/vcap \
        var/vcap/bosh/bin/warren var/vcap/bosh/etc/monitrc warden-cpi-dev; stat -c %h bin/sh
        readlink sbin bin/ash usr/sbin/init var/vcap/bosh/bin/bosh-agent usr/sbin/runsvdir-start
        cat etc/passwd var/vcap/bosh/etc/stemcell_version; echo; cat var/vcap/bosh/bin/bosh-agent
        echo; find tmp dev var/cache var/log etc/ssh var/vcap/data var/pipe var/sock 2>/dev/null || true
        stat -c '%Y' bin/busybox etc/passwd; grep bosh_sshers etc/group";
    let expected = "4755 0:0 bin/busybox
640 0:42 etc/shadow
440 0:0 etc/sudoers
1777 0:0 tmp
755 12:34 etc/ssh
700 1000:1000 home/vcap
755 0:0 var/vcap/bosh/bin/warren
700 0:0 var/vcap/bosh/etc/monitrc
755 0:0 warden-cpi-dev
2
usr/sbin
sh
/var/vcap/bosh/bin/warren
warren
/var/vcap/bosh/bin/warren
root:x:0:0::/root:/bin/sh
vcap:x:1000:1000::/home/vcap:/bin/bash
syslog:x:104:104::/nonexistent:/usr/sbin/nologin
sshd:x:105:105::/nonexistent:/usr/sbin/nologin
1.10
warren
tmp
dev
var/cache
var/cache/apt
var/log
etc/ssh
var/pipe
1580702706
315532800
bosh_sshers:x:1001:vcap
";
    assert_eq!(shell(top.path(), line), expected);
    // And it is read back.
    let mut kept = Vec::new();
    let stemcell = read(File::open(&path).unwrap(), &mut kept, &Limits::default()).unwrap();
    assert!(kept == bytes && stemcell.image == image.sums);
    assert_eq!(stemcell.manifest.version, "1.10");
}

#[test]
fn the_same_root_gives_the_same_image() {
    let top = tempfile::tempdir().unwrap();
    let root = root(top.path());
    let first = image(&root, &planned(&root, None));
    shell(
        top.path(),
        "touch -d 2030-01-01 root root/tmp/new; cp -a root copy; rm -r root; mv copy root",
    );
    let second = image(&root, &planned(&root, None));
    assert!(first == second);
}

#[test]
fn a_light_one() {
    let top = tempfile::tempdir().unwrap();
    let root = root(top.path());
    let plan = planned(&root, None);
    let digest = format!("sha256:{}", "ab".repeat(32));
    let light = Light {
        image_reference: format!("registry.example:5000/stemcell@{digest}"),
        digest: Some(digest.clone()),
    };
    let (_, bytes) = write_light(Vec::new(), &plan, &light).unwrap();
    let stemcell = read(bytes.as_slice(), io::sink(), &Limits::default()).unwrap();
    assert!(stemcell.manifest.is_light());
    assert_eq!(stemcell.image.bytes(), 0);
    assert_eq!(
        stemcell.manifest.sha1,
        "da39a3ee5e6b4b0d3255bfef95601890afd80709"
    );
    assert_eq!(
        stemcell.manifest.cloud_property("digest"),
        Some(digest.as_str())
    );
    assert_eq!(
        stemcell.manifest.cloud_property("image_reference"),
        Some(light.image_reference.as_str())
    );
}

#[test]
fn what_is_in_the_way() {
    let top = tempfile::tempdir().unwrap();
    let root = root(top.path());
    let plan = planned(&root, None);
    shell(&root, "rm -r var; ln -s /etc var");
    let error = pack(&root, &plan, Vec::new()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("has /var, which is no directory"),
        "{error}"
    );
    fs::remove_file(root.join("etc/os-release")).unwrap();
    let facts = Facts::read(&root).unwrap();
    let nameless = warren_release::stemcell::plan(
        &facts,
        &Wanted {
            version: "1".into(),
            ..Wanted::default()
        },
    );
    assert!(matches!(nameless, Err(Error::NoSystem { .. })));
    assert!(Facts::read(&root.join("etc/passwd")).is_err());
}

#[test]
fn repacked() {
    let top = tempfile::tempdir().unwrap();
    let root = root(top.path());
    let plan = planned(&root, None);
    let (image, bytes) = image(&root, &plan);
    let (_, tarball) = write_heavy(Vec::new(), &plan, &image, bytes.as_slice()).unwrap();
    let changes = Repack {
        name: Some("other".into()),
        version: Some("2".into()),
        formats: vec!["general-tar".into()],
        cloud_properties: Some("{infrastructure: mine, new: {a: 1}}".into()),
        empties_image: false,
    };
    let limits = Limits::default();
    let (_, again) = repack(tarball.as_slice(), &changes, &limits, Vec::new()).unwrap();
    let mut kept = Cursor::new(Vec::new());
    let read_back = read(again.as_slice(), &mut kept, &limits).unwrap();
    let manifest = &read_back.manifest;
    assert_eq!(
        (manifest.name.as_str(), manifest.version.as_str()),
        ("other", "2")
    );
    assert_eq!(manifest.operating_system(), "debian-bookworm");
    assert_eq!(manifest.cloud_property("infrastructure"), Some("mine"));
    assert_eq!(manifest.cloud_property("hypervisor"), Some("boshlite"));
    assert_eq!(manifest.stemcell_formats, ["general-tar"]);
    kept.rewind().unwrap();
    let mut image_again = Vec::new();
    kept.read_to_end(&mut image_again).unwrap();
    assert!(image_again == bytes);
    assert_eq!(read_back.files.len(), 2);
    let empty = Repack {
        empties_image: true,
        ..Repack::default()
    };
    let (manifest, emptied) = repack(again.as_slice(), &empty, &limits, Vec::new()).unwrap();
    assert_eq!(manifest.sha1, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    assert_eq!(
        read(emptied.as_slice(), io::sink(), &limits)
            .unwrap()
            .image
            .bytes(),
        0
    );
    let bad = Repack {
        cloud_properties: Some("[1]".into()),
        ..Repack::default()
    };
    assert!(matches!(
        repack(again.as_slice(), &bad, &limits, Vec::new()),
        Err(Error::CloudProperties(_))
    ));
}

#[test]
fn tarballs_that_are_refused() {
    let make = |line: &str| {
        let top = tempfile::tempdir().unwrap();
        let start = "echo '{name: s, version: \"1\", sha1: da39a3ee5e6b4b0d3255bfef95601890afd80709}' >stemcell.MF; : >image; ";
        shell(top.path(), &format!("{start}{line}"));
        fs::read(top.path().join("s.tgz")).unwrap()
    };
    let limits = Limits {
        other_bytes: 10_000,
        members: 10,
        bytes: 1 << 20,
    };
    let cases = [
        ("tar -czf s.tgz stemcell.MF image", ""),
        ("tar -cf s.tgz ./image ./stemcell.MF", ""),
        ("tar -czf s.tgz stemcell.MF", "has no image"),
        ("tar -czf s.tgz image", "has no stemcell.MF"),
        (
            "echo x >image; tar -czf s.tgz stemcell.MF image",
            "has the digest",
        ),
        ("tar -czf s.tgz stemcell.MF image image", ""),
        (
            "cp image b; tar -cf s.tgz stemcell.MF image b --transform s,^b$,image,",
            "image is in the stemcell tarball twice",
        ),
        (
            "rm image; ln -s /etc/passwd image; tar -czf s.tgz stemcell.MF image",
            "no plain file",
        ),
        (
            "echo '[' >stemcell.MF; tar -czf s.tgz stemcell.MF image",
            "cannot use stemcell.MF",
        ),
        (
            "echo '{name: ../s, version: 1, sha1: x}' >stemcell.MF; tar -czf s.tgz stemcell.MF image",
            "cannot use stemcell.MF",
        ),
        (
            "echo '{name: s, version: 1, sha1: x}' >stemcell.MF; tar -czf s.tgz stemcell.MF image",
            "bad digest",
        ),
        (
            "head -c 20000 /dev/zero >big; tar -czf s.tgz big stemcell.MF image",
            "more than 10000 bytes",
        ),
        (
            "head -c 2000000 /dev/zero >image; tar -czf s.tgz image stemcell.MF",
            "cannot read",
        ),
        (
            "touch 1 2 3 4 5 6 7 8 9; tar -czf s.tgz ? stemcell.MF image",
            "more than 10 members",
        ),
        (
            "tar -czPf s.tgz stemcell.MF ../$(basename $PWD)/image",
            "has a member",
        ),
        ("echo junk >s.tgz", "cannot read"),
    ];
    for (line, expected) in cases {
        let result = read(make(line).as_slice(), io::sink(), &limits);
        match (result, expected) {
            (Ok(_), "") => {}
            // The same file twice is a hard link the second time.
            (Err(Error::Kind { .. } | Error::Twice { .. }), "") => {}
            (Err(error), expected) if !expected.is_empty() => {
                assert!(error.to_string().contains(expected), "{line}: {error}");
            }
            (result, _) => panic!("{line}: {result:?}"),
        }
    }
}
