//! Releases as they were compiled: out of one director, into another that compiles nothing.

use serde_json::{Value, json};
use warren_director_store::work::{Deploy, Export, Upload, Work};
use warren_director_store::{blobs, compiled_packages, intents, releases};
use warren_release::tarball::{self, Keep, Limits};

use crate::archives::{a_job, package, release, stemcell};
use crate::director::{Director, manifest};

async fn take(it: &Director, bytes: &[u8], fix: bool) {
    let upload = Upload {
        fix,
        ..it.scene.upload(bytes)
    };
    it.scene.work(Work::UpdateRelease(upload)).await.done();
}

async fn deploy(it: &Director) {
    it.deploy(&manifest(1, "")).await.done();
}

/// How often agents were asked to compile, and with what they were.
fn compiled(it: &Director) -> Vec<Value> {
    let asked = it.asked("compile_package").into_iter();
    asked.map(|arguments| arguments[2].clone()).collect()
}

fn export(jobs: &[&str]) -> Export {
    Export {
        deployment: "d".to_owned(),
        release_name: "r".to_owned(),
        release_version: "1".to_owned(),
        stemcell_os: "debian-bookworm".to_owned(),
        stemcell_version: "1.1".to_owned(),
        sha2: true,
        jobs: jobs.iter().map(|&name| name.to_owned()).collect(),
    }
}

/// How many exported releases are kept.
async fn blobs_of(director: &Director) -> usize {
    let pool = director.scene.engine.store.pool();
    let kept = blobs::before(pool, i64::MAX).await.unwrap();
    kept.iter()
        .filter(|one| one.kind == "exported-release")
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_director_compiled_another_deploys() {
    let first = Director::start().await;
    let members = [
        package("p", "aaaa", ""),
        package("q", "bbbb", "p"),
        package("unused", "cccc", ""),
        a_job("web", "dddd", "q"),
        a_job("tests", "eeee", "p"),
    ];
    take(&first, &release("r", "1", "c", &members), false).await;
    deploy(&first).await;
    assert_eq!(compiled(&first), [json!("p"), json!("q")]);
    let ended = first
        .scene
        .work(Work::ExportRelease(export(&[])))
        .await
        .done();
    assert_eq!(
        ended.result,
        "Exported release: r/1 for debian-bookworm/1.1"
    );
    assert_eq!(
        ended.finished(),
        [
            "Preparing package compilation: Finding packages to compile",
            "copying packages: p/aaaa",
            "copying packages: q/bbbb",
            "copying jobs: tests/eeee",
            "copying jobs: web/dddd",
        ]
    );
    // All of it was compiled for the deploy.
    assert_eq!(compiled(&first).len(), 2);
    let answer: Value = serde_json::from_str(&ended.output).unwrap();
    let blob = answer["blobstore_id"].as_str().unwrap();
    let digest = answer["sha1"].as_str().unwrap();
    let pool = first.scene.engine.store.pool();
    let kept = blobs::before(pool, i64::MAX).await.unwrap();
    let kept: Vec<_> = kept
        .iter()
        .filter(|one| one.kind == "exported-release")
        .collect();
    assert_eq!(
        (kept[0].blobstore_id.as_str(), kept[0].sha1.as_str()),
        (blob, digest)
    );
    assert_eq!(intents::left(pool).await.unwrap(), []);
    let blobs = &first.scene.engine.blobs;
    let bytes = blobs.read(blob, 1 << 20).await.unwrap();
    let unpacked = tempfile::tempdir().unwrap();
    let read = tarball::read(
        bytes.as_slice(),
        Keep::Below(unpacked.path()),
        &Limits::default(),
    )
    .unwrap();
    assert!(read.manifest.is_compiled());
    let names: Vec<_> = read
        .compiled_packages
        .iter()
        .map(|one| {
            assert!(one.archive.is_some());
            (one.listed.name.as_str(), one.listed.stemcell.as_str())
        })
        .collect();
    assert_eq!(
        names,
        [("p", "debian-bookworm/1.1"), ("q", "debian-bookworm/1.1")]
    );
    assert!(read.jobs.iter().all(|job| job.archive.is_some()));
    first.scene.assert_no_leftovers();

    let second = Director::start().await;
    take(&second, &bytes, false).await;
    let pool = second.scene.engine.store.pool();
    let row = releases::find_version(pool, "r", "1")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.commit_hash, "c");
    assert_eq!(
        compiled_packages::of_version(pool, row.id)
            .await
            .unwrap()
            .len(),
        2
    );
    deploy(&second).await;
    assert!(compiled(&second).is_empty());
    let made = second.scene.cpi_calls();
    let made = made.iter().filter(|call| call["method"] == "create_vm");
    assert_eq!(made.count(), 1);
    // Again, and as a repair.
    take(&second, &bytes, false).await;
    take(&second, &bytes, true).await;
    assert_eq!(
        compiled_packages::of_version(pool, row.id)
            .await
            .unwrap()
            .len(),
        2
    );
    // What came compiled goes out as it came.
    let again = second
        .scene
        .work(Work::ExportRelease(export(&[])))
        .await
        .done();
    let again: Value = serde_json::from_str(&again.output).unwrap();
    assert_eq!(again["sha1"], digest);
    assert_eq!(intents::left(pool).await.unwrap(), []);
    // For another stemcell there is no source to compile.
    let other = stemcell("1.2", "warden-tar", b"another image");
    let scene = &second.scene;
    scene
        .work(Work::UpdateStemcell(scene.upload(&other)))
        .await
        .done();
    let mut newer = export(&[]);
    newer.stemcell_version = "1.2".to_owned();
    let refused = scene.work(Work::ExportRelease(newer)).await;
    assert_eq!(refused.code(), 60_001, "{refused:?}");
    assert_eq!(blobs_of(&second).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_compiles_what_no_deploy_needed() {
    let director = Director::start().await;
    let members = [
        package("p", "aaaa", ""),
        package("q", "bbbb", "p"),
        a_job("web", "dddd", ""),
        a_job("tests", "eeee", "q"),
        a_job("other", "ffff", "p"),
    ];
    take(&director, &release("r", "1", "c", &members), false).await;
    deploy(&director).await;
    assert!(compiled(&director).is_empty());
    let mut only = export(&["other"]);
    only.sha2 = false;
    let ended = director.scene.work(Work::ExportRelease(only)).await.done();
    assert_eq!(compiled(&director), [json!("p")]);
    assert!(
        ended
            .finished()
            .contains(&"copying jobs: other/ffff".to_owned())
    );
    let answer: Value = serde_json::from_str(&ended.output).unwrap();
    assert_eq!(answer["sha1"].as_str().unwrap().len(), 40);
    director
        .scene
        .work(Work::ExportRelease(export(&[])))
        .await
        .done();
    assert_eq!(compiled(&director), [json!("p"), json!("q")]);
    // Machines that compiled are gone.
    let pool = director.scene.engine.store.pool();
    let machines = warren_director_store::vms::list(pool).await.unwrap();
    assert_eq!(machines.len(), 1);

    let mut wrong = export(&["nope"]);
    let work = |wanted: &Export| Work::ExportRelease(wanted.clone());
    assert_eq!(director.scene.work(work(&wrong)).await.code(), 70_009);
    wrong.release_version = "2".to_owned();
    assert_eq!(director.scene.work(work(&wrong)).await.code(), 30_006);
    take(&director, &release("r", "2", "c", &members), false).await;
    assert_eq!(director.scene.work(work(&wrong)).await.code(), 30_011);
    let mut wrong = export(&[]);
    wrong.stemcell_version = "9".to_owned();
    assert_eq!(director.scene.work(work(&wrong)).await.code(), 50_003);
    // For another stemcell all of it is compiled again.
    let other = stemcell("1.2", "warden-tar", b"another image");
    let scene = &director.scene;
    scene
        .work(Work::UpdateStemcell(scene.upload(&other)))
        .await
        .done();
    let mut newer = export(&["other"]);
    newer.stemcell_version = "1.2".to_owned();
    let ended = scene.work(Work::ExportRelease(newer)).await.done();
    assert_eq!(
        ended.result,
        "Exported release: r/1 for debian-bookworm/1.2"
    );
    assert_eq!(compiled(&director).len(), 3);
    assert_eq!(blobs_of(&director).await, 3);
    // A newer version of the release is not what the last deploy meant by `latest`.
    let restart = Deploy {
        deployment: "d".to_owned(),
        cloud_configs: vec![1],
        ..Deploy::default()
    };
    director
        .scene
        .work(Work::UpdateDeployment(restart))
        .await
        .done();
    director.scene.work(work(&export(&[]))).await.done();
    // A manifest of one release, as they were once.
    let several = "releases: [{name: r, version: latest}]";
    let one = manifest(1, "").replace(several, "release: {name: r, version: '1'}");
    assert!(!one.contains(several));
    director.deploy(&one).await.done();
    director.scene.work(work(&export(&[]))).await.done();
}
