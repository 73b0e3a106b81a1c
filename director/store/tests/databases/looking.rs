//! What is looked at again and again, and what is cleared away from time to time.

use warren_director_store::{attributes, events, tasks};

use crate::open;
use crate::queue::{task, work};

pub async fn waiting_tasks_are_seen_without_claiming(url: String) {
    let store = open(&url).await;
    let pool = store.pool();
    assert!(!tasks::is_waiting(&store, "normal").await.unwrap());
    let work = work();
    let id = tasks::enqueue(pool, &task(&work)).await.unwrap();
    assert!(tasks::is_waiting(&store, "normal").await.unwrap());
    assert!(!tasks::is_waiting(&store, "urgent").await.unwrap());
    assert!(tasks::is_open(pool, "update_deployment").await.unwrap());
    let payloads = tasks::open_payloads(pool).await.unwrap();
    assert_eq!(payloads.len(), 1);
    assert!(payloads[0].contains("zookeeper"), "{payloads:?}");
    let claimed = tasks::claim(&store, "normal", "p/w")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(claimed.request_id, "r-1");
    assert!(!tasks::is_waiting(&store, "normal").await.unwrap());
    // Its process dies, and then somebody cancels it: in both cases there is something to do.
    tasks::abandon(pool, "p").await.unwrap();
    assert!(tasks::is_waiting(&store, "normal").await.unwrap());
    tasks::claim(&store, "normal", "q/w")
        .await
        .unwrap()
        .unwrap();
    tasks::finish(pool, id, "q/w", "done", "").await.unwrap();
    assert!(!tasks::is_waiting(&store, "normal").await.unwrap());
    assert!(!tasks::is_open(pool, "update_deployment").await.unwrap());
    assert!(tasks::open_payloads(pool).await.unwrap().is_empty());
    let queued = tasks::enqueue(pool, &task(&work)).await.unwrap();
    tasks::cancel(pool, queued).await.unwrap();
    assert!(tasks::is_waiting(&store, "normal").await.unwrap());
}

pub async fn old_rows_are_counted_and_forgotten(url: String) {
    let store = open(&url).await;
    let pool = store.pool();
    for number in 0..5 {
        tasks::create_done(pool, "many", "x", "admin", None, "[]", "y")
            .await
            .unwrap();
        let name = number.to_string();
        let event = events::New {
            username: "admin",
            action: "create",
            object_type: "thing",
            object_name: Some(&name),
            ..events::New::default()
        };
        events::create(pool, &event).await.unwrap();
    }
    tasks::create_done(pool, "few", "x", "admin", None, "[]", "y")
        .await
        .unwrap();
    assert_eq!(tasks::crowded(pool, 3).await.unwrap(), ["many"]);
    assert_eq!(tasks::old(pool, "many", 3).await.unwrap().len(), 2);
    assert!(tasks::crowded(pool, 5).await.unwrap().is_empty());
    assert_eq!(
        tasks::count_by_kind(pool).await.unwrap(),
        [
            ("done".to_owned(), "few".to_owned(), 1),
            ("done".to_owned(), "many".to_owned(), 5)
        ]
    );
    assert_eq!(events::count(pool).await.unwrap(), 5);
    assert_eq!(events::forget_old(pool, 7).await.unwrap(), 0);
    assert_eq!(events::forget_old(pool, 2).await.unwrap(), 3);
    assert_eq!(events::count(pool).await.unwrap(), 2);
}

pub async fn one_of_many_raises_a_value(url: String) {
    let store = open(&url).await;
    let mut raising = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = store.clone();
        raising.spawn(async move {
            attributes::advance(store.pool(), "schedule:x", "000000000007")
                .await
                .unwrap()
        });
    }
    let raised = raising.join_all().await;
    assert_eq!(raised.iter().filter(|raised| **raised).count(), 1);
    let pool = store.pool();
    for (value, raised) in [("000000000006", false), ("000000000010", true)] {
        let done = attributes::advance(pool, "schedule:x", value).await;
        assert_eq!(done.unwrap(), raised, "{value}");
    }
}
