//! What happened.

use warren_director_store::events;

use crate::open;

pub async fn events_are_filtered(url: String) {
    let store = open(&url).await;
    let mut ids = Vec::new();
    for (action, deployment) in [("create", "a"), ("update", "a"), ("update", "b")] {
        let new = events::New {
            timestamp: Some(1_700_000_000),
            username: "admin",
            action,
            object_type: "deployment",
            object_name: Some(deployment),
            deployment: Some(deployment),
            context: Some(serde_json::json!({"before": {}})),
            ..events::New::default()
        };
        ids.push(events::create(store.pool(), &new).await.unwrap());
    }
    let filter = events::Filter {
        after_time: Some(1_700_000_000),
        equal: vec![
            (events::Column::Action, "update"),
            (events::Column::Deployment, "a"),
        ],
        ..events::Filter::default()
    };
    let found = events::list(store.pool(), &filter).await.unwrap();
    assert_eq!(
        found.iter().map(|event| event.id).collect::<Vec<_>>(),
        [ids[1]]
    );
    let filter = events::Filter {
        before_id: Some(ids[2]),
        ..events::Filter::default()
    };
    assert_eq!(events::list(store.pool(), &filter).await.unwrap().len(), 2);
    events::forget_old(store.pool(), 1).await.unwrap();
    assert!(events::find(store.pool(), ids[1]).await.unwrap().is_none());
    assert!(events::find(store.pool(), ids[2]).await.unwrap().is_some());
}
