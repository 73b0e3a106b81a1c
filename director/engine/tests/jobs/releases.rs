//! Releases: taken, shared, refused, rebased, deleted.

use std::io::{Read, Write};

use serde_json::Value;
use warren_director_store::deployments::{self, Reference};
use warren_director_store::work::{Source, Upload, Work};
use warren_director_store::{compiled_packages, intents, packages, releases, templates};

use crate::archives::{Member, a_job, package, release, sha1, tgz};
use crate::scene::{Ended, Scene};

/// A release as recorded: three packages, of which one needs another, and two jobs.
fn members() -> Vec<Member> {
    vec![
        package("openjdk-8", "a5fb", ""),
        package("smoke-tests", "bf03", ""),
        package("zookeeper", "94cb", "openjdk-8"),
        a_job("smoke-tests", "a274", "smoke-tests"),
        a_job("zookeeper", "45e4", "openjdk-8, zookeeper"),
    ]
}

async fn take(scene: &Scene, bytes: &[u8]) -> Ended {
    scene.work(Work::UpdateRelease(scene.upload(bytes))).await
}

/// A server that answers so many requests with these bytes, at `/it` only; where it listens.
fn serving(bytes: &[u8], times: usize) -> (String, std::thread::JoinHandle<()>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = format!("http://{}", listener.local_addr().unwrap());
    let bytes = bytes.to_vec();
    let server = std::thread::spawn(move || {
        for _ in 0..times {
            let (mut client, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let count = client.read(&mut request).unwrap();
            let (status, body) = match request[..count].starts_with(b"GET /it ") {
                true => ("200 OK", bytes.as_slice()),
                false => ("404 Not Found", b"not here".as_slice()),
            };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            );
            client.write_all(head.as_bytes()).unwrap();
            client.write_all(body).unwrap();
        }
    });
    (place, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_downloaded() {
    let scene = Scene::start(None).await;
    let bytes = release("r", "1", "c", &members());
    let (place, server) = serving(&bytes, 3);
    let upload = |path: &str, digest: String| {
        Work::UpdateRelease(Upload {
            source: Source::Url(format!("{place}{path}")),
            sha1: Some(digest),
            fix: false,
            rebase: false,
        })
    };
    let refused = scene.work(upload("/it", sha1(b"another"))).await;
    assert_eq!(refused.code(), 30_015, "{refused:?}");
    let refused = scene.work(upload("/gone", sha1(&bytes))).await;
    assert_eq!(refused.code(), 100_001, "{refused:?}");
    assert!(refused.result.contains("404"), "{refused:?}");
    assert_eq!(scene.blobs(), 0);
    let taken = scene.work(upload("/it", sha1(&bytes))).await.done();
    assert_eq!(
        taken.finished()[..2],
        [
            "Downloading remote release: Downloading remote release",
            "Verifying remote release: Verifying remote release",
        ]
    );
    assert_eq!(taken.result, "Created release 'r/1'");
    server.join().unwrap();
    scene.assert_no_leftovers();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_becomes_rows_and_blobs() {
    let scene = Scene::start(None).await;
    let bytes = release("zookeeper", "0.0.10+lab.1", "empty", &members());
    let mut upload = scene.upload(&bytes);
    upload.sha1 = Some(sha1(&bytes));
    let ended = scene.work(Work::UpdateRelease(upload)).await.done();
    assert_eq!(ended.result, "Created release 'zookeeper/0.0.10+lab.1'");
    assert_eq!(
        ended.finished(),
        [
            "Verifying remote release: Verifying remote release",
            "Extracting release: Extracting release",
            "Verifying manifest: Verifying manifest",
            "Resolving package dependencies: Resolving package dependencies",
            "Creating new packages: openjdk-8/a5fb",
            "Creating new packages: smoke-tests/bf03",
            "Creating new packages: zookeeper/94cb",
            "Creating new jobs: smoke-tests/a274",
            "Creating new jobs: zookeeper/45e4",
            "Release has been created: zookeeper/0.0.10+lab.1",
        ]
    );
    assert_eq!(scene.blobs(), 5);
    let pool = scene.engine.store.pool();
    let row = releases::find_version(pool, "zookeeper", "0.0.10+lab.1")
        .await
        .unwrap()
        .unwrap();
    assert!(*row.update_completed);
    assert_eq!(row.commit_hash, "empty");
    let jobs = templates::of_version(pool, row.id).await.unwrap();
    let spec: Value = serde_json::from_str(&jobs[1].spec).unwrap();
    assert_eq!(spec["properties"]["port"]["default"], 1);
    assert_eq!(jobs[1].package_names, r#"["openjdk-8","zookeeper"]"#);
    let of = packages::of_version(pool, row.id).await.unwrap();
    assert_eq!(of[2].dependencies().unwrap(), ["openjdk-8"]);
    let blob = of[0].blobstore_id.clone().unwrap();
    let stored = scene.engine.blobs.read(&blob, 1 << 20).await.unwrap();
    assert_eq!(sha1(&stored), of[0].sha1.clone().unwrap());

    // Again: everything is there.
    let again = take(&scene, &bytes).await.done();
    assert_eq!(
        again.finished()[3..],
        [
            "Processing 3 existing packages: Processing 3 existing packages",
            "Processing 2 existing jobs: Processing 2 existing jobs",
            "Release has been created: zookeeper/0.0.10+lab.1",
        ]
    );
    assert_eq!(scene.blobs(), 5);
    let mut fix = scene.upload(&bytes);
    fix.fix = true;
    scene.work(Work::UpdateRelease(fix)).await.done();
    assert_eq!(scene.blobs(), 5);
    let fixed = packages::of_version(pool, row.id).await.unwrap();
    assert_ne!(fixed[0].blobstore_id, Some(blob));
    assert_eq!(intents::left(pool).await.unwrap(), []);
    scene.assert_no_leftovers();
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_of_other_releases_are_copied() {
    let scene = Scene::start(None).await;
    let first = release("one", "1", "c", &[package("shared", "aaaa", "")]);
    take(&scene, &first).await.done();
    // The command line leaves out what the director says it has.
    let mut left_out = package("shared", "aaaa", "");
    left_out.archive = None;
    let second = release("two", "1", "c", &[left_out]);
    take(&scene, &second).await.done();
    let pool = scene.engine.store.pool();
    let prints = ["aaaa".to_owned()];
    let rows = packages::with_fingerprints(pool, &prints).await.unwrap();
    assert_eq!(rows.len(), 2);
    assert_ne!(rows[0].blobstore_id, rows[1].blobstore_id);
    assert_eq!(rows[0].sha1, rows[1].sha1);
    // Each has its own: deleting one release leaves the other whole.
    let delete = Work::DeleteRelease {
        name: "one".to_owned(),
        version: None,
        force: false,
    };
    scene.work(delete).await.done();
    let blob = rows[1].blobstore_id.clone().unwrap();
    assert!(scene.engine.blobs.exists(&blob).await.unwrap());
    assert_eq!(scene.blobs(), 1);
    let mut unknown = package("other", "bbbb", "");
    unknown.archive = None;
    let third = take(&scene, &release("three", "1", "c", &[unknown])).await;
    assert_eq!(third.code(), 60_000);
    // What is half there is completed by a whole tarball, without a word of fixing.
    let whole = release("three", "1", "c", &[package("other", "bbbb", "")]);
    take(&scene, &whole).await.done();
    assert_eq!(intents::left(pool).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_releases_are_refused_with_their_codes() {
    let scene = Scene::start(None).await;
    let good = release(
        "r",
        "1",
        "c",
        &[package("p", "aaaa", ""), a_job("j", "bbbb", "p")],
    );
    let mut other_digest = scene.upload(&good);
    other_digest.sha1 = Some(sha1(b"x"));
    let ended = scene.work(Work::UpdateRelease(other_digest)).await;
    assert_eq!((ended.state.as_str(), ended.code()), ("error", 30_015));
    let mut swapped = package("p", "aaaa", "");
    swapped.name = "p";
    let manifest = b"name: r\nversion: 1\njobs: []\npackages: [{name: p, version: aaaa, \
        fingerprint: aaaa, sha1: da39a3ee5e6b4b0d3255bfef95601890afd80709, dependencies: []}]\n";
    let archive = swapped.archive.clone().unwrap();
    let empty_job = tgz(&[("nothing", b"")]);
    let with_job = |archive: Vec<u8>| {
        let mut member = a_job("j", "bbbb", "");
        member.archive = Some(archive);
        release("r", "1", "c", &[member])
    };
    let no_template = tgz(&[("job.MF", b"name: j\ntemplates: {a: b}\n"), ("monit", b"")]);
    let no_monit = tgz(&[("job.MF", b"name: j\n")]);
    let cases = [
        (b"no tarball".to_vec(), 30_002),
        (tgz(&[("else", b"")]), 30_003),
        (tgz(&[("release.MF", b"name: 'a b'\nversion: 1\n")]), 40_005),
        (tgz(&[("release.MF", b"name: a\nversion: 1..2\n")]), 30_010),
        (
            tgz(&[("release.MF", manifest), ("packages/p.tgz", &archive)]),
            30_015,
        ),
        (with_job(empty_job), 80_001),
        (with_job(no_template), 80_002),
        (with_job(no_monit), 80_004),
        (
            release("r", "1", "c", &[a_job("j", "bbbb", "missing")]),
            80_003,
        ),
        (
            release(
                "r",
                "1",
                "c",
                &[package("p", "aaaa", "q"), package("q", "bbbb", "p")],
            ),
            60_000,
        ),
    ];
    for (bytes, code) in cases {
        let ended = take(&scene, &bytes).await;
        assert_eq!(
            (ended.state.as_str(), ended.code()),
            ("error", code),
            "{ended:?}"
        );
    }
    assert_eq!(scene.blobs(), 0);
    scene.assert_no_leftovers();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_version_must_be_the_same() {
    let scene = Scene::start(None).await;
    let of = |commit: &str, package_print, job_print| {
        let members = [package("p", package_print, ""), a_job("j", job_print, "p")];
        release("r", "1", commit, &members)
    };
    take(&scene, &of("c", "aaaa", "bbbb")).await.done();
    for (bytes, code) in [
        (of("d", "aaaa", "bbbb"), 30_014),
        (of("c", "cccc", "bbbb"), 30_012),
        (of("c", "aaaa", "cccc"), 30_013),
    ] {
        assert_eq!(take(&scene, &bytes).await.code(), code);
    }
    let mut rebase = scene.upload(&of("c", "cccc", "bbbb"));
    rebase.rebase = true;
    let ended = scene.work(Work::UpdateRelease(rebase)).await.done();
    assert_eq!(ended.result, "Created release 'r/1+dev.1'");
    let mut rebase = scene.upload(&of("c", "cccc", "bbbb"));
    rebase.rebase = true;
    let unchanged = scene.work(Work::UpdateRelease(rebase)).await;
    assert!(
        unchanged
            .result
            .contains("without any job or package changes"),
        "{unchanged:?}"
    );
    let rows = releases::versions(scene.engine.store.pool(), "r")
        .await
        .unwrap();
    let versions: Vec<&str> = rows.iter().map(|row| row.version.as_str()).collect();
    assert_eq!(versions, ["1", "1+dev.1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compiled_release_has_keys_of_what_it_was_compiled_with() {
    let scene = Scene::start(None).await;
    let compiled = |name, print, needs| {
        let mut member = package(name, print, needs);
        member.folder = "compiled_packages";
        member
    };
    let members = [
        compiled("a", "aaaa", ""),
        compiled("b", "bbbb", "a"),
        a_job("j", "cccc", "b"),
    ];
    let bytes = release("r", "1", "c", &members);
    let ended = take(&scene, &bytes).await.done();
    assert_eq!(
        ended.finished()[3..],
        [
            "Creating new packages: a/aaaa",
            "Creating new packages: b/bbbb",
            "Creating new compiled packages: a/aaaa for debian-bookworm/1.1",
            "Creating new compiled packages: b/bbbb for debian-bookworm/1.1",
            "Creating new jobs: j/cccc",
            "Compiled Release has been created: r/1",
        ]
    );
    let pool = scene.engine.store.pool();
    let row = releases::find_version(pool, "r", "1")
        .await
        .unwrap()
        .unwrap();
    let rows = compiled_packages::of_version(pool, row.id).await.unwrap();
    let keys: Vec<&str> = rows.iter().map(|row| row.dependency_key.as_str()).collect();
    assert_eq!(keys, ["[]", r#"[["a","aaaa",[]]]"#]);
    assert!(
        packages::of_version(pool, row.id).await.unwrap()[0]
            .blobstore_id
            .is_none()
    );
    take(&scene, &bytes).await.done();
    assert_eq!(scene.blobs(), 3);
    // The source of the same version comes later.
    let source = [
        package("a", "aaaa", ""),
        package("b", "bbbb", "a"),
        a_job("j", "cccc", "b"),
    ];
    take(&scene, &release("r", "1", "c", &source)).await.done();
    let rows = packages::of_version(pool, row.id).await.unwrap();
    assert!(rows.iter().all(|row| row.blobstore_id.is_some()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_half_deleted_is_not_taken_for_whole() {
    let scene = Scene::start(None).await;
    let bytes = release(
        "r",
        "1",
        "c",
        &[package("p", "aaaa", ""), a_job("j", "bbbb", "p")],
    );
    take(&scene, &bytes).await.done();
    let pool = scene.engine.store.pool();
    let version = async || {
        let found = releases::find_version(pool, "r", "1").await;
        found.unwrap().unwrap()
    };
    let jobs = templates::of_version(pool, version().await.id).await;
    let job = scene.blob(&jobs.unwrap()[0].blobstore_id);
    // The package goes, and then the job cannot.
    let aside = scene.directory.path().join("aside");
    std::fs::rename(&job, &aside).unwrap();
    std::fs::create_dir(&job).unwrap();
    let delete = || Work::DeleteRelease {
        name: "r".to_owned(),
        version: Some("1".to_owned()),
        force: false,
    };
    let failed = scene.work(delete()).await;
    assert_eq!(failed.state, "error", "{failed:?}");
    assert_eq!(failed.finished(), ["Deleting packages: p/aaaa"]);
    assert!(!*version().await.update_completed);
    std::fs::remove_dir(&job).unwrap();
    std::fs::rename(&aside, &job).unwrap();
    // An upload brings what is missing.
    take(&scene, &bytes).await.done();
    let whole = version().await;
    assert!(*whole.update_completed);
    let all = packages::of_version(pool, whole.id).await.unwrap();
    let blob = all[0].blobstore_id.clone().unwrap();
    assert!(scene.engine.blobs.exists(&blob).await.unwrap());
    assert_eq!(scene.blobs(), 2);
    scene.work(delete()).await.done();
    assert_eq!(scene.blobs(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_deleted_as_far_as_nothing_needs_it() {
    let scene = Scene::start(None).await;
    let one = [package("p", "aaaa", ""), a_job("j", "bbbb", "p")];
    let two = [package("p", "aaaa", ""), a_job("j", "cccc", "p")];
    take(&scene, &release("r", "1", "c", &one)).await.done();
    take(&scene, &release("r", "2", "c", &two)).await.done();
    assert_eq!(scene.blobs(), 3);
    let store = &scene.engine.store;
    let row = releases::find_version(store.pool(), "r", "1")
        .await
        .unwrap()
        .unwrap();
    let user = deployments::find_or_create(store.pool(), "d", "[]")
        .await
        .unwrap();
    let mut tx = store.begin().await.unwrap();
    deployments::refer(&mut tx, user.id, Reference::ReleaseVersion, &[row.id])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let delete = |version: Option<&str>| Work::DeleteRelease {
        name: "r".to_owned(),
        version: version.map(ToOwned::to_owned),
        force: false,
    };
    assert_eq!(scene.work(delete(None)).await.code(), 30_007);
    assert_eq!(scene.work(delete(Some("1"))).await.code(), 30_008);
    assert_eq!(scene.work(delete(Some("3"))).await.code(), 30_006);
    let kept = releases::versions(store.pool(), "r").await.unwrap();
    assert!(kept.iter().all(|row| *row.update_completed));
    let ended = scene.work(delete(Some("2"))).await.done();
    assert_eq!(ended.result, "/release/r");
    assert_eq!(
        ended.finished(),
        ["Deleting jobs: j/cccc", "Deleting release versions: r/2"]
    );
    assert_eq!(scene.blobs(), 2);
    let mut tx = store.begin().await.unwrap();
    deployments::refer_only(&mut tx, user.id, Reference::ReleaseVersion, &[])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    scene.work(delete(None)).await.done();
    assert_eq!(scene.blobs(), 0);
    assert_eq!(scene.work(delete(None)).await.code(), 30_005);
}
