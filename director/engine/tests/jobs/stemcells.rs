//! Stemcells: taken, known, refused, deleted.

use serde_json::json;
use warren_director_store::deployments::{self, Reference};
use warren_director_store::work::{Source, Upload, Work};
use warren_director_store::{stemcells, tasks};

use crate::archives::{sha1, stemcell, tgz};
use crate::scene::Scene;

const NAME: &str = "bosh-warden-boshlite-debian-bookworm";

#[tokio::test(flavor = "multi_thread")]
async fn a_stemcell_goes_to_the_cpi_once() {
    let scene = Scene::start(None).await;
    let bytes = stemcell("1.1", "warden-tar", b"an image");
    let mut upload = scene.upload(&bytes);
    upload.sha1 = Some(sha1(&bytes));
    let first = scene.work(Work::UpdateStemcell(upload)).await.done();
    assert_eq!(first.result, format!("/stemcells/{NAME}/1.1"));
    let steps = |suffix: &str| {
        [
            "Extracting stemcell archive".to_owned(),
            "Verifying stemcell manifest".to_owned(),
            "Checking if this stemcell already exists".to_owned(),
            format!("Uploading stemcell {NAME}/1.1 to the cloud{suffix}"),
            format!("Save stemcell {NAME}/1.1 (stemcell-cid){suffix}"),
        ]
        .map(|step| format!("Update stemcell: {step}"))
    };
    assert_eq!(
        first.finished()[0],
        "Update stemcell: Verifying remote stemcell"
    );
    assert_eq!(first.finished()[1..], steps(""));
    assert!(
        first
            .events
            .iter()
            .all(|event| event["total"] == 6 && event["tags"] == json!([]))
    );
    let copy = std::fs::read(scene.directory.path().join("image.copy")).unwrap();
    assert_eq!(copy, b"an image");
    let calls = scene.cpi_calls();
    assert_eq!(calls.len(), 1);
    assert_eq!(
        calls[0]["arguments"][1],
        json!({"infrastructure": "warden", "root": "/x"})
    );
    let row = stemcells::find(scene.engine.store.pool(), NAME, "1.1", "")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (
            row.cid.as_str(),
            row.operating_system.as_str(),
            row.api_version
        ),
        ("stemcell-cid", "debian-bookworm", Some(3))
    );
    let uploads = stemcells::uploads(scene.engine.store.pool(), NAME, "1.1")
        .await
        .unwrap();
    assert_eq!(uploads, [""]);

    let again = scene
        .work(Work::UpdateStemcell(scene.upload(&bytes)))
        .await
        .done();
    assert_eq!(again.finished(), steps(" (already exists, skipped)"));
    assert_eq!(scene.cpi_calls().len(), 1);

    let mut fix = scene.upload(&bytes);
    fix.fix = true;
    let fixed = scene.work(Work::UpdateStemcell(fix)).await.done();
    assert_eq!(fixed.finished(), steps(""));
    assert_eq!(scene.cpi_calls().len(), 2);
    scene.assert_no_leftovers();
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_stemcells_are_refused_with_their_codes() {
    let scene = Scene::start(None).await;
    let good = stemcell("1.1", "warden-tar", b"an image");
    let mut other_digest = scene.upload(&good);
    other_digest.sha1 = Some(sha1(b"something else"));
    let ended = scene.work(Work::UpdateStemcell(other_digest)).await;
    assert_eq!((ended.state.as_str(), ended.code()), ("error", 50_007));
    assert_eq!(
        ended.in_state("failed"),
        ["Update stemcell: Verifying remote stemcell"]
    );
    let cases = [
        (b"no tarball at all".to_vec(), 50_000),
        (tgz(&[("image", b"x")]), 50_000),
        (
            tgz(&[(
                "stemcell.MF",
                b"name: n\nversion: '1'\nbosh_protocol: '1'\nsha1: x\n",
            )]),
            50_001,
        ),
        (good[..good.len() / 2].to_vec(), 50_000),
        (stemcell("1.1", "aws-raw", b"an image"), 50_008),
    ];
    for (bytes, code) in cases {
        let ended = scene.work(Work::UpdateStemcell(scene.upload(&bytes))).await;
        assert_eq!(
            (ended.state.as_str(), ended.code()),
            ("error", code),
            "{ended:?}"
        );
    }
    assert!(scene.cpi_calls().is_empty());
    assert!(
        stemcells::list(scene.engine.store.pool())
            .await
            .unwrap()
            .is_empty()
    );
    scene.assert_no_leftovers();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stemcell_is_downloaded() {
    use std::io::{Read, Write};
    let scene = Scene::start(None).await;
    let bytes = stemcell("1.1", "warden-tar", b"an image");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let served = bytes.clone();
    let server = std::thread::spawn(move || {
        for _ in 0..2 {
            let (mut client, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let count = client.read(&mut request).unwrap();
            let moved = request[..count].starts_with(b"GET /moved");
            let head = if moved {
                "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n".to_owned()
            } else {
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n", served.len())
            };
            client
                .write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())
                .unwrap();
            if !moved {
                client.write_all(&served).unwrap();
            }
        }
    });
    let upload = Upload {
        source: Source::Url(format!("http://u:secret@{address}/moved?token=secret")),
        sha1: Some(sha1(&bytes)),
        fix: false,
        rebase: false,
    };
    let ended = scene.work(Work::UpdateStemcell(upload)).await.done();
    assert_eq!(
        ended.finished()[0],
        "Update stemcell: Downloading remote stemcell"
    );
    assert_eq!(ended.finished().len(), 7);
    server.join().unwrap();
    let upload = Upload {
        source: Source::Url(format!("http://u:secret@{address}/moved?token=secret")),
        sha1: None,
        fix: false,
        rebase: false,
    };
    let ended = scene.work(Work::UpdateStemcell(upload)).await;
    assert_eq!(ended.state, "error");
    assert!(!format!("{ended:?}").contains("secret"), "{ended:?}");
    scene.assert_no_leftovers();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_that_hangs_is_cancelled() {
    use std::io::{Read, Write};
    let scene = Scene::start(None).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/it", listener.local_addr().unwrap());
    let (store, (end, ended)) = (scene.engine.store.clone(), std::sync::mpsc::channel::<()>());
    let runtime = tokio::runtime::Handle::current();
    let server = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        assert!(client.read(&mut request).unwrap() > 0);
        client
            .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nthe beginning")
            .unwrap();
        runtime.block_on(tasks::cancel(store.pool(), 1)).unwrap();
        // No more is sent until the task is over.
        assert!(ended.recv().is_err());
    });
    let upload = Upload {
        source: Source::Url(url),
        sha1: None,
        fix: false,
        rebase: false,
    };
    let begun = std::time::Instant::now();
    let cancelled = scene.work(Work::UpdateStemcell(upload)).await;
    assert_eq!(cancelled.state, "cancelled", "{cancelled:?}");
    // Not by the end of patience with the server.
    assert!(begun.elapsed() < std::time::Duration::from_secs(50));
    drop(end);
    server.join().unwrap();
    scene.assert_no_leftovers();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stemcell_is_deleted_unless_it_is_used() {
    let scene = Scene::start(None).await;
    let bytes = stemcell("1.1", "warden-tar", b"an image");
    scene
        .work(Work::UpdateStemcell(scene.upload(&bytes)))
        .await
        .done();
    let store = &scene.engine.store;
    let row = stemcells::find(store.pool(), NAME, "1.1", "")
        .await
        .unwrap()
        .unwrap();
    let user = deployments::find_or_create(store.pool(), "zookeeper", "[]")
        .await
        .unwrap();
    let mut tx = store.begin().await.unwrap();
    deployments::refer(&mut tx, user.id, Reference::Stemcell, &[row.id])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let delete = |force| Work::DeleteStemcell {
        name: NAME.to_owned(),
        version: "1.1".to_owned(),
        force,
    };
    let used = scene.work(delete(true)).await;
    assert_eq!((used.state.as_str(), used.code()), ("error", 50_004));
    assert!(
        used.result.contains("still in use by: zookeeper"),
        "{used:?}"
    );
    let mut tx = store.begin().await.unwrap();
    deployments::refer_only(&mut tx, user.id, Reference::Stemcell, &[])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    std::fs::write(scene.directory.path().join("refuses"), "").unwrap();
    assert_eq!(scene.work(delete(false)).await.code(), 100);
    std::fs::remove_file(scene.directory.path().join("refuses")).unwrap();
    // Nobody knows whether the CPI has it still: the next upload is not skipped.
    let made = |scene: &Scene| {
        let mut calls = scene.cpi_calls();
        calls.retain(|call| call["method"] == "create_stemcell");
        calls.len()
    };
    let before = made(&scene);
    let uploads = stemcells::uploads(store.pool(), NAME, "1.1").await;
    assert!(uploads.unwrap().is_empty());
    let upload = Work::UpdateStemcell(scene.upload(&bytes));
    scene.work(upload).await.done();
    assert_eq!(made(&scene), before + 1);
    std::fs::write(scene.directory.path().join("refuses"), "").unwrap();
    let ended = scene.work(delete(true)).await.done();
    assert_eq!(ended.result, format!("/stemcells/{NAME}/1.1"));
    assert!(stemcells::list(store.pool()).await.unwrap().is_empty());
    assert!(
        stemcells::uploads(store.pool(), NAME, "1.1")
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(scene.work(delete(false)).await.code(), 50_003);
}
