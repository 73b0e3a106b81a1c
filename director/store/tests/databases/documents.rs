//! Versions of configs.

use warren_director_store::configs;

use crate::open;

pub async fn configs_are_listed_as_clients_expect(url: String) {
    let store = open(&url).await;
    for (kind, name, content) in [
        ("runtime", "b", "1"),
        ("cloud", "a", "2"),
        ("cloud", "default", "3"),
        ("cloud", "default", "4"),
        ("runtime", "default", "5"),
    ] {
        configs::create(store.pool(), kind, name, content, None)
            .await
            .unwrap();
    }
    let contents = |list: Vec<configs::Config>| -> String {
        list.into_iter().map(|config| config.content).collect()
    };
    let mut filter = configs::Filter::default();
    assert_eq!(
        contents(configs::list(store.pool(), &filter).await.unwrap()),
        "43251"
    );
    filter.limit = Some(1);
    assert_eq!(
        contents(configs::list(store.pool(), &filter).await.unwrap()),
        "4251"
    );
    filter.kind = Some("cloud");
    filter.name = Some("default");
    assert_eq!(
        contents(configs::list(store.pool(), &filter).await.unwrap()),
        "4"
    );
    assert_eq!(
        configs::delete(store.pool(), "cloud", "default")
            .await
            .unwrap(),
        2
    );
    assert_eq!(
        configs::delete(store.pool(), "cloud", "default")
            .await
            .unwrap(),
        0
    );
    assert!(
        configs::latest(store.pool(), "cloud", "default")
            .await
            .unwrap()
            .is_none()
    );
}

pub async fn one_version_of_a_config_is_deleted(url: String) {
    let store = open(&url).await;
    let pool = store.pool();
    let first = configs::create(pool, "x", "n", "a: 1", None).await.unwrap();
    let second = configs::create(pool, "x", "n", "a: 2", None).await.unwrap();
    assert!(configs::delete_version(pool, second.id).await.unwrap());
    assert!(!configs::delete_version(pool, second.id).await.unwrap());
    let latest = configs::latest(pool, "x", "n").await.unwrap();
    assert_eq!(latest, Some(first));
}
