//! Releases are made: versions, archives, indexes, tarballs, git.

use std::fs;

use warren_release::directory::{
    Create, Error, Event, Init, Stage, create, create_from, generate_job, generate_package, init,
    reset,
};
use warren_release::tarball::{Keep, Limits, read};
use warren_wire_release::ReleaseManifest;

use crate::scene::{Scene, ignore, shell};

#[test]
fn the_same_sources_give_the_same_tarball() {
    let (one, other) = (Scene::new(), Scene::new());
    let first = fs::read(one.tarball("a.tgz")).unwrap();
    // Another machine, another time, another order of files.
    shell(
        &other.root(),
        "find . -exec touch -h -d 2001-01-01 {} +; umask 077; cp -a src new; rm -r src; mv new src",
    );
    let second = fs::read(other.tarball("b.tgz")).unwrap();
    assert!(first == second);
}

#[test]
fn tar_reads_it_as_it_should_be() {
    let scene = Scene::new();
    let path = scene.tarball("release.tgz");
    let out = scene.beside("out");
    fs::create_dir(&out).unwrap();
    let list = shell(&out, &format!("tar -xvf {}", path.display()));
    let expected = "release.MF jobs/ jobs/idle.tgz jobs/web.tgz packages/ packages/app.tgz \
        packages/lib.tgz packages/ruby.tgz license.tgz LICENSE NOTICE.txt";
    assert_eq!(
        list.split_whitespace().collect::<Vec<_>>().join(" "),
        expected
    );
    let list = shell(&out, "tar -tvf jobs/web.tgz | awk '{ print $1, $2, $6 }'");
    let expected = "drwxr-xr-x 0/0 ./
-rw-r--r-- 0/0 ./job.MF
-rw-r--r-- 0/0 ./monit
-rw-r--r-- 0/0 ./properties_schema.json
drwxr-xr-x 0/0 ./templates/
-rwxr-xr-x 0/0 ./templates/ctl.erb
drwxr-xr-x 0/0 ./templates/deep/
-rw-r--r-- 0/0 ./templates/deep/er.erb
-rwxr-xr-x 0/0 ./templates/link.erb
";
    assert_eq!(list, expected);
    let line = "mkdir app; cd app; tar -xf ../packages/app.tgz; find . -type f -printf '%p %m\\n' \
        -o -type l -printf '%p -> %l\\n' | LC_ALL=C sort; cat app/both; cmp big.bin ../../demo-release/blobs/big.bin";
    let expected = "./app/.hidden 644
./app/A 644
./app/bin/run 755
./app/both 644
./app/dangling -> /nowhere
./app/folder -> bin
./app/link.c -> main.c
./app/main.c 644
./app/ü 644
./big.bin 644
./packaging 755
from src
";
    assert_eq!(shell(&out, line), expected);
    let digests = shell(
        &out,
        "sha256sum jobs/*.tgz packages/*.tgz license.tgz | cut -c1-64",
    );
    let manifest = fs::read_to_string(out.join("release.MF")).unwrap();
    for digest in digests.lines() {
        assert!(
            manifest.contains(&format!("sha1: sha256:{digest}\n")),
            "{digest}: {manifest}"
        );
    }
}

#[test]
fn what_is_made_is_read_back() {
    let scene = Scene::new();
    let path = scene.tarball("release.tgz");
    let kept = scene.beside("kept");
    let file = fs::File::open(&path).unwrap();
    let release = read(file, Keep::Below(&kept), &Limits::default()).unwrap();
    let text = fs::read_to_string(scene.path("dev_releases/demo/demo-0+dev.1.yml")).unwrap();
    assert_eq!(release.manifest.to_yaml(), text);
    assert_eq!(release.absent(), Vec::<String>::new());
    let web = release
        .jobs
        .iter()
        .find(|job| job.listed.name == "web")
        .unwrap();
    let spec = web.spec.as_ref().unwrap();
    assert_eq!(
        (spec.packages.as_slice(), spec.templates.len()),
        (["app".to_owned()].as_slice(), 3)
    );
    assert!(release.license.unwrap().archive.is_some());
    let path = web.archive.as_ref().unwrap().path.as_ref().unwrap();
    assert_eq!(path, &kept.join("jobs/web.tgz"));
    assert!(
        fs::read(path).unwrap() == fs::read(scene.beside("cache").join(&web.listed.sha1)).unwrap()
    );
}

#[test]
fn versions_go_on() {
    let scene = Scene::new();
    let version = |wanted: Create| scene.create(&wanted).map(|made| made.manifest.version);
    assert_eq!(version(Create::default()).unwrap(), "0+dev.1");
    assert_eq!(version(Create::default()).unwrap(), "0+dev.2");
    let last = Create {
        is_final: true,
        ..Create::default()
    };
    assert_eq!(version(last.clone()).unwrap(), "1");
    assert_eq!(version(Create::default()).unwrap(), "1+dev.1");
    assert_eq!(version(last.clone()).unwrap(), "2");
    let given = |text: &str| Create {
        version: Some(text.parse().unwrap()),
        ..Create::default()
    };
    assert_eq!(version(given("3.0-rc.1")).unwrap(), "3.0-rc.1");
    assert!(matches!(
        version(given("3.0-rc.1")),
        Err(Error::VersionExists { .. })
    ));
    let stamped = Create {
        timestamp: Some(1_700_000_000),
        ..Create::default()
    };
    assert_eq!(version(stamped).unwrap(), "3.0-rc.1+dev.1700000000");
    let named = Create {
        name: Some("other".into()),
        ..Create::default()
    };
    assert_eq!(version(named).unwrap(), "0+dev.1");
    let again = Create {
        is_final: true,
        ..given("2")
    };
    assert!(matches!(
        version(again),
        Err(Error::VersionExists { stage: "final", .. })
    ));
    let releases = scene.directory().releases(Stage::Final, "demo").unwrap();
    assert_eq!(releases.last().unwrap().to_string(), "2");
}

#[test]
fn an_archive_is_made_once_and_found_by_whoever_has_the_blobstore() {
    let scene = Scene::new();
    let added = |scene: &Scene, wanted: &Create| {
        let mut added = 0;
        let mut report =
            |event: Event<'_>| added += usize::from(matches!(event, Event::Added { .. }));
        create(&scene.directory(), wanted, &mut report).unwrap();
        added
    };
    let last = Create {
        is_final: true,
        ..Create::default()
    };
    assert_eq!(added(&scene, &Create::default()), 6);
    assert_eq!(added(&scene, &last), 0);
    let index = fs::read_to_string(scene.path(".final_builds/packages/app/index.yml")).unwrap();
    assert!(
        index.contains("blobstore_id: ") && index.contains("format-version: \"2\""),
        "{index}"
    );
    assert!(scene.path(".final_builds/license/index.yml").exists());
    // A clone elsewhere: no development builds, no cache.
    shell(&scene.root(), "rm -r .dev_builds ../cache");
    let tarball = scene.beside("again.tgz");
    let wanted = Create {
        tarball: Some(tarball.clone()),
        ..Create::default()
    };
    assert_eq!(added(&scene, &wanted), 0);
    // From the manifest alone, with neither sources nor cache.
    shell(
        &scene.root(),
        "rm -r jobs packages src blobs .dev_builds ../cache 2>/dev/null || true",
    );
    let text = fs::read(scene.path("releases/demo/demo-1.yml")).unwrap();
    let manifest = ReleaseManifest::parse(&text).unwrap();
    let from = scene.beside("from.tgz");
    create_from(&scene.directory(), &manifest, Some(&from), &mut ignore).unwrap();
    let release = read(
        fs::File::open(from).unwrap(),
        Keep::Nothing,
        &Limits::default(),
    )
    .unwrap();
    assert_eq!(
        (release.manifest.version.as_str(), release.jobs.len()),
        ("1", 2)
    );
    shell(&scene.beside("."), "rm -r cache store");
    let error =
        create_from(&scene.directory(), &manifest, Some(&tarball), &mut ignore).unwrap_err();
    assert!(matches!(error, Error::NoArchive { .. }), "{error}");
}

#[test]
fn a_spoilt_cache_is_noticed() {
    let scene = Scene::new();
    let made = scene.create(&Create::default()).unwrap();
    let archive = scene.beside("cache").join(&made.manifest.jobs[0].sha1);
    fs::write(&archive, "spoilt").unwrap();
    let error = scene.create(&Create::default()).unwrap_err();
    assert!(matches!(error, Error::Digest { .. }), "{error}");
    fs::remove_file(&archive).unwrap();
    scene.create(&Create::default()).unwrap();
    // Made anew, the same.
    assert!(archive.exists());
}

#[test]
fn git_is_asked() {
    let scene = Scene::new();
    let commit = |scene: &Scene, wanted: &Create| {
        scene
            .create(wanted)
            .map(|made| made.manifest.commit_with_mark())
    };
    assert_eq!(commit(&scene, &Create::default()).unwrap(), "non-git");
    shell(
        &scene.root(),
        "git init -q .; printf 'dev_releases\\n.dev_builds\\n' >.gitignore",
    );
    let force = Create {
        force: true,
        ..Create::default()
    };
    assert!(matches!(
        commit(&scene, &Create::default()),
        Err(Error::Dirty { .. })
    ));
    assert_eq!(commit(&scene, &force).unwrap(), "empty+");
    shell(
        &scene.root(),
        "git add -A; git -c user.name=x -c user.email=x@x commit -qm x",
    );
    let head = shell(&scene.root(), "git rev-parse --short HEAD");
    assert_eq!(commit(&scene, &Create::default()).unwrap(), head.trim());
    scene.write("src/ruby.txt", "changed\n");
    let error = commit(&scene, &Create::default()).unwrap_err();
    assert!(error.to_string().contains("M src/ruby.txt"), "{error}");
    assert_eq!(commit(&scene, &force).unwrap(), format!("{}+", head.trim()));
}

#[test]
fn pre_packaging_changes_what_is_archived() {
    let scene = Scene::new();
    scene.write(
        "packages/ruby/pre_packaging",
        "set -e\ncd \"$BUILD_DIR\"\nmkdir -p made/empty\ncp ruby.txt made/\nrm ruby.txt\n\
         test -f \"$RELEASE_DIR/jobs/web/spec\"\nchmod +x made/ruby.txt\n",
    );
    let path = scene.tarball("release.tgz");
    let line = format!(
        "tar -xOf {} packages/ruby.tgz | tar -tzv | awk '{{ print $1, $6 }}'",
        path.display()
    );
    let expected = "drwxr-xr-x ./\ndrwxr-xr-x ./made/\ndrwxr-xr-x ./made/empty/\n\
        -rwxr-xr-x ./made/ruby.txt\n-rw-r--r-- ./packaging\n";
    assert_eq!(shell(&scene.root(), &line), expected);
    scene.write(
        "packages/ruby/pre_packaging",
        "echo this is wrong; exit 3\n",
    );
    let error = scene.create(&Create::default()).unwrap_err().to_string();
    assert!(
        error.contains("exit status: 3") && error.contains("echo this is wrong"),
        "{error}"
    );
}

#[test]
fn without_compression() {
    let scene = Scene::new();
    scene.write(
        "packages/ruby/spec",
        r#"{"name": "ruby", "files": ["ruby.txt"], "no_compression": true}"#,
    );
    let path = scene.tarball("release.tgz");
    let line = format!("tar -xOzf {} packages/ruby.tgz | tar -tf -", path.display());
    assert_eq!(shell(&scene.root(), &line), "./\n./packaging\n./ruby.txt\n");
}

#[test]
fn what_is_refused_and_how_it_is_said() {
    let says = |prepare: &dyn Fn(&Scene), expected: &str| {
        let scene = Scene::new();
        prepare(&scene);
        let error = scene.create(&Create::default()).unwrap_err();
        let mut text = String::new();
        let mut one: Option<&dyn std::error::Error> = Some(&error);
        while let Some(error) = one {
            text += &format!("{error}: ");
            one = error.source();
        }
        assert!(text.contains(expected), "{expected}: {text}");
        // Nothing is left but archives and indexes.
        assert!(!scene.path("dev_releases").exists(), "{expected}");
    };
    let remove = |name: &'static str| {
        move |scene: &Scene| {
            fs::remove_file(scene.path(name)).unwrap();
        }
    };
    says(&remove("config/final.yml"), "is no release directory");
    says(&remove("jobs/web/spec"), "the job \"web\" has no spec");
    says(
        &remove("jobs/web/templates/ctl.erb"),
        "has no templates/ctl.erb",
    );
    says(
        &remove("packages/lib/packaging"),
        "the package \"lib\" has no packaging",
    );
    says(
        &remove("src/ruby.txt"),
        "fits the pattern \"ruby.txt\" of the package \"ruby\"",
    );
    let write =
        |name: &'static str, text: &'static str| move |scene: &Scene| scene.write(name, text);
    says(
        &write("jobs/web/spec", "{name: other}"),
        "says that its name is \"other\"",
    );
    says(&write("jobs/web/spec", "["), "is malformed");
    says(
        &write("jobs/web/spec", "{name: web, templates: {../../x: y}}"),
        "\"../../x\"",
    );
    says(
        &write(
            "packages/lib/spec",
            "{name: lib, files: ['../jobs/web/spec']}",
        ),
        "it leaves its directory",
    );
    says(
        &write("packages/lib/spec", "{name: lib, dependencies: [none]}"),
        "needs the package \"none\"",
    );
    says(
        &write("packages/lib/spec.lock", "{name: lib, fingerprint: abc}"),
        "no archive of the package lib/abc",
    );
    says(
        &write(
            "packages/lib/spec.lock",
            "{name: lib, fingerprint: ../../x}",
        ),
        "is not a name",
    );
    says(
        &|scene| {
            scene.write("src/packaging", "x");
            scene.write("packages/lib/spec", "{name: lib, files: [packaging]}");
        },
        "the package's own script",
    );
    says(
        &|scene| {
            shell(&scene.root(), "mkfifo src/app/pipe");
        },
        "neither a file nor a symbolic link",
    );
}

#[test]
fn a_new_directory() {
    let scene = Scene::empty();
    let directory = scene.directory();
    assert!(matches!(
        init(&directory, Init::default()),
        Err(Error::Exists { .. })
    ));
    fs::remove_dir_all(scene.root()).unwrap();
    let wanted = Init {
        git: true,
        local_blobstore: Some("../store"),
        ..Init::default()
    };
    assert_eq!(init(&directory, wanted).unwrap(), "demo");
    let list = shell(
        &scene.root(),
        "find . -path ./.git -prune -o -type f -print | LC_ALL=C sort; git status --short",
    );
    assert_eq!(
        list,
        "./.gitignore\n./config/blobs.yml\n./config/final.yml\n?? .gitignore\n?? config/\n"
    );
    let job = generate_job(&directory, "web").unwrap();
    let package = generate_package(&directory, "app").unwrap();
    assert!(matches!(
        generate_job(&directory, "web"),
        Err(Error::Exists { .. })
    ));
    assert!(matches!(
        generate_job(&directory, "../x"),
        Err(Error::Name(_))
    ));
    let spec = "---\nname: web\n\ntemplates: {}\n\npackages: []\n\nproperties: {}\n";
    assert_eq!(fs::read_to_string(job.join("spec")).unwrap(), spec);
    assert_eq!(
        fs::read_to_string(package.join("packaging")).unwrap(),
        "set -e\n"
    );
    let wanted = Create {
        force: true,
        is_final: true,
        ..Create::default()
    };
    let made = scene.create(&wanted).unwrap();
    assert_eq!(made.path, scene.path("releases/demo/demo-1.yml"));
    reset(&directory).unwrap();
    assert!(!scene.path("dev_releases").exists() && scene.path("releases").exists());
    let wanted = Create {
        force: true,
        ..Create::default()
    };
    assert_eq!(scene.create(&wanted).unwrap().manifest.version, "1+dev.1");
}
