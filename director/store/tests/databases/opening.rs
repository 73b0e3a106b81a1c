//! A store is opened: by several at once, and by one that is too old for it.

use warren_director_store::{Error, deployments};

use crate::open;

pub async fn opens_twice_and_at_once(url: String) {
    let (one, two) = tokio::join!(open(&url), open(&url));
    warren_director_store::attributes::set(one.pool(), "uuid", "a")
        .await
        .unwrap();
    let kept = warren_director_store::attributes::get_or_set(two.pool(), "uuid", "b")
        .await
        .unwrap();
    assert_eq!(kept, "a");
    one.close().await;
    two.close().await;
    assert!(
        deployments::list(open(&url).await.pool())
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn refuses_a_newer_schema(url: String) {
    let store = open(&url).await;
    sqlx::query("INSERT INTO schema_migrations (version, applied_at) VALUES (999, 0)")
        .execute(store.pool())
        .await
        .unwrap();
    let refused = warren_director_store::Store::open(&url).await.unwrap_err();
    assert!(
        matches!(refused, Error::Newer { found: 999, .. }),
        "{refused}"
    );
}
