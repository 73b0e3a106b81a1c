//! Releases, their packages and what was compiled of them.

use warren_director_store::work::Work;
use warren_director_store::{now, packages, releases, tasks};

use crate::open;

pub async fn packages_are_shared_by_versions(url: String) {
    let store = open(&url).await;
    let release = releases::find_or_create(store.pool(), "r").await.unwrap();
    let mut versions = Vec::new();
    for version in ["1", "2"] {
        versions.push(
            releases::create_version(store.pool(), release.id, version, "abc", false)
                .await
                .unwrap(),
        );
    }
    let dependencies = ["ruby".to_owned()];
    let new = packages::New {
        release_id: release.id,
        name: "app",
        version: "f1",
        fingerprint: "f1",
        blob: None,
        dependencies: &dependencies,
    };
    let package = packages::create(store.pool(), &new).await.unwrap();
    packages::set_blob(store.pool(), package, "blob", "sha256:00")
        .await
        .unwrap();
    for version in &versions {
        packages::join(store.pool(), package, *version)
            .await
            .unwrap();
    }
    let found = packages::with_fingerprints(store.pool(), &["f1".to_owned(), "x".to_owned()])
        .await
        .unwrap();
    assert_eq!(found[0].dependencies().unwrap(), dependencies);
    releases::delete_version(store.pool(), versions[0])
        .await
        .unwrap();
    assert!(
        packages::unused(store.pool(), release.id)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        packages::of_version(store.pool(), versions[1])
            .await
            .unwrap()
            .len(),
        1
    );
    releases::delete_version(store.pool(), versions[1])
        .await
        .unwrap();
    assert_eq!(
        packages::unused(store.pool(), release.id)
            .await
            .unwrap()
            .len(),
        1
    );
    releases::delete(store.pool(), release.id).await.unwrap();
    assert!(
        packages::with_fingerprints(store.pool(), &["f1".to_owned()])
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn twins_are_found(url: String) {
    let store = open(&url).await;
    let pool = store.pool();
    let work = Work::ScanCloud {
        deployment: "d".to_owned(),
    };
    let new = tasks::New {
        work: &work,
        description: "scan cloud",
        username: "admin",
        deployment: Some("d"),
        teams: "[]",
        context_id: "",
        request_id: "r-1",
    };
    assert_eq!(tasks::twin(pool, &new, 0).await.unwrap(), None);
    let id = tasks::enqueue(pool, &new).await.unwrap();
    assert_eq!(tasks::twin(pool, &new, 0).await.unwrap(), Some(id));
    assert_eq!(tasks::twin(pool, &new, now() + 60).await.unwrap(), None);
    let of_other = tasks::New {
        username: "other",
        ..new.clone()
    };
    assert_eq!(tasks::twin(pool, &of_other, 0).await.unwrap(), None);
    tasks::claim(&store, "normal", "w").await.unwrap().unwrap();
    assert_eq!(tasks::twin(pool, &new, 0).await.unwrap(), Some(id));
    tasks::finish(pool, id, "w", "done", "").await.unwrap();
    assert_eq!(tasks::twin(pool, &new, 0).await.unwrap(), None);
    let over = tasks::create_done(pool, "x", "y", "admin", None, "[]", "z")
        .await
        .unwrap();
    let over = tasks::find(pool, over).await.unwrap().unwrap();
    assert!(over.is_over() && over.started_at == over.finished_at);
    assert_eq!(tasks::claim(&store, "normal", "w").await.unwrap(), None);
    assert_eq!(
        tasks::count_by_state(pool).await.unwrap(),
        [("done".to_owned(), 2)]
    );
}
