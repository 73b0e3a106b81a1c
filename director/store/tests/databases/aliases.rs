//! Aliases of links: added, kept, and a version that only grows.

use warren_director_store::aliases::{self, Alias};
use warren_director_store::deployments;

use crate::open;

pub async fn aliases_have_a_version(url: String) {
    let store = open(&url).await;
    let deployment = deployments::find_or_create(store.pool(), "d", "[]")
        .await
        .unwrap();
    let alias = |domain: &str, placeholder: Option<&str>| Alias {
        domain: domain.to_owned(),
        group_id: 7,
        health_filter: None,
        initial_health_check: Some("synchronous".to_owned()),
        placeholder_type: placeholder.map(str::to_owned),
    };
    let (one, two) = (alias("a.test", None), alias("_.b.test", Some("uuid")));
    let add = async |wanted: &[Alias]| {
        let mut tx = store.begin().await.unwrap();
        let added = aliases::add(&mut tx, deployment.id, wanted).await.unwrap();
        tx.commit().await.unwrap();
        added
    };
    let keep = async |wanted: &[Alias]| {
        let mut tx = store.begin().await.unwrap();
        let gone = aliases::keep(&mut tx, deployment.id, wanted).await.unwrap();
        tx.commit().await.unwrap();
        gone
    };
    let version = async || aliases::version(store.pool()).await.unwrap();
    assert_eq!(version().await, 0);
    assert!(add(&[one.clone(), two.clone(), one.clone()]).await);
    assert!(!add(std::slice::from_ref(&two)).await);
    let all = aliases::all(store.pool()).await.unwrap();
    assert_eq!(all, [two.clone(), one.clone()]);
    let first = version().await;
    assert!(!keep(&[one.clone(), two.clone()]).await);
    assert_eq!(version().await, first);
    assert!(keep(std::slice::from_ref(&one)).await);
    let second = version().await;
    assert!(second > first);
    assert!(keep(&[]).await);
    assert!(version().await > second, "a version is never given twice");
    assert!(aliases::all(store.pool()).await.unwrap().is_empty());
}
