//! Tasks are claimed by one worker at a time, and so are locks.

use std::time::Duration;

use warren_director_store::work::{Deploy, Work};
use warren_director_store::{Error, intents, locks, tasks};

use crate::open;

pub fn work() -> Work {
    Work::UpdateDeployment(Deploy {
        deployment: "zookeeper".to_owned(),
        ..Deploy::default()
    })
}

pub fn task(work: &Work) -> tasks::New<'_> {
    tasks::New {
        work,
        description: "create deployment",
        username: "admin",
        deployment: Some("zookeeper"),
        teams: "[]",
        context_id: "",
        request_id: "r-1",
    }
}

pub async fn every_task_is_claimed_once(url: String) {
    let store = open(&url).await;
    let work = work();
    let mut wanted = Vec::new();
    for _ in 0..40 {
        wanted.push(tasks::enqueue(store.pool(), &task(&work)).await.unwrap());
    }
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..8 {
        let store = store.clone();
        workers.spawn(async move {
            let mut mine = Vec::new();
            let owner = format!("worker {worker}");
            let mut misses = 0;
            // A worker that loses a race gets nothing and asks again.
            while misses < 20 {
                match tasks::claim(&store, "normal", &owner).await.unwrap() {
                    Some(task) => {
                        assert_eq!(task.state, "processing");
                        assert_eq!(task.work().unwrap(), self::work());
                        mine.push(task.id);
                        assert!(
                            tasks::finish(store.pool(), task.id, &owner, "done", "ok")
                                .await
                                .unwrap()
                        );
                    }
                    None => misses += 1,
                }
            }
            mine
        });
    }
    let mut claimed = workers.join_all().await.concat();
    claimed.sort_unstable();
    assert_eq!(claimed, wanted);
    assert!(tasks::claim(&store, "urgent", "x").await.unwrap().is_none());
}

pub async fn a_dead_workers_task_is_claimed_again(url: String) {
    let store = open(&url).await;
    let work = work();
    let id = tasks::enqueue(store.pool(), &task(&work)).await.unwrap();
    tasks::claim(&store, "normal", "one")
        .await
        .unwrap()
        .unwrap();
    assert!(
        tasks::claim(&store, "normal", "two")
            .await
            .unwrap()
            .is_none()
    );
    sqlx::query("UPDATE tasks SET lease = 1 WHERE id = $1")
        .bind(id)
        .execute(store.pool())
        .await
        .unwrap();
    let again = tasks::claim(&store, "normal", "dead/two")
        .await
        .unwrap()
        .unwrap();
    assert_eq!((again.id, again.attempts), (id, 2));
    // Things that it was about to have made are looked for by those who make others, or when it is over.
    for (cid, owner, task) in [("a", "web/1", id), ("b", "web/2", id), ("c", "web/3", 99)] {
        let new = intents::New {
            cid,
            kind: intents::Kind::Vm,
            cpi: "",
            owner,
            task_id: task,
        };
        intents::create(store.pool(), &new).await.unwrap();
    }
    let left = async || {
        let left = intents::left(store.pool()).await.unwrap();
        left.into_iter().map(|one| one.cid).collect::<Vec<_>>()
    };
    assert_eq!(left().await, ["c"]);
    let of_one = intents::of_owner(store.pool(), "web/2").await.unwrap();
    assert_eq!((of_one.len(), of_one[0].cid.as_str()), (1, "b"));
    assert_eq!(of_one[0].kind, intents::Kind::Vm);
    intents::delete(store.pool(), "c").await.unwrap();
    // A process that is known to be dead need not be waited for; another is not concerned.
    assert_eq!(tasks::abandon(store.pool(), "dea").await.unwrap(), 0);
    assert_eq!(tasks::abandon(store.pool(), "dead").await.unwrap(), 1);
    let again = tasks::claim(&store, "normal", "two")
        .await
        .unwrap()
        .unwrap();
    assert_eq!((again.id, again.attempts), (id, 3));
    // The first worker is not dead after all: it learns that the task is not its own any more.
    assert_eq!(tasks::renew(&store, id, "one").await.unwrap(), None);
    assert!(
        !tasks::finish(store.pool(), id, "one", "done", "")
            .await
            .unwrap()
    );
    assert_eq!(
        tasks::renew(&store, id, "two").await.unwrap().as_deref(),
        Some("processing")
    );
    assert_eq!(left().await, Vec::<String>::new());
    assert!(
        tasks::finish(store.pool(), id, "two", "done", "")
            .await
            .unwrap()
    );
    assert_eq!(left().await, ["a", "b"]);
}

pub async fn a_cancelled_task_still_ends(url: String) {
    let store = open(&url).await;
    let work = work();
    let id = tasks::enqueue(store.pool(), &task(&work)).await.unwrap();
    assert!(tasks::cancel(store.pool(), id).await.unwrap());
    let claimed = tasks::claim(&store, "normal", "one")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(claimed.state, "cancelling");
    let long = "x".repeat(300);
    assert!(
        tasks::finish(store.pool(), id, "one", "cancelled", &long)
            .await
            .unwrap()
    );
    assert!(!tasks::cancel(store.pool(), id).await.unwrap());
    let ended = tasks::find(store.pool(), id).await.unwrap().unwrap();
    assert!(ended.is_over());
    assert_eq!(ended.result.unwrap().len(), tasks::RESULT_LENGTH + 3);
    let listed = tasks::list(
        store.pool(),
        &tasks::Filter {
            states: vec!["cancelled", "error"],
            kinds: vec!["update_deployment"],
            deployment: Some("zookeeper"),
            limit: Some(0),
            ..tasks::Filter::default()
        },
    )
    .await
    .unwrap();
    assert_eq!((listed.len(), listed[0].payload.as_str()), (1, ""));
    assert_eq!(
        tasks::old(store.pool(), "update_deployment", 0)
            .await
            .unwrap(),
        [id]
    );
    assert!(
        tasks::old(store.pool(), "update_deployment", 1)
            .await
            .unwrap()
            .is_empty()
    );
}

pub async fn locks_exclude_and_expire(url: String) {
    let store = open(&url).await;
    let work = work();
    let id = tasks::enqueue(store.pool(), &task(&work)).await.unwrap();
    let name = "lock:deployment:zookeeper";
    let uid = locks::acquire(&store, name, Some(id), Duration::ZERO)
        .await
        .unwrap();
    let refused = locks::acquire(&store, name, None, Duration::ZERO)
        .await
        .unwrap_err();
    let text = refused.to_string();
    assert!(
        text.contains(&format!(
            "Locking task id is {id}, description: 'create deployment'"
        )),
        "{text}"
    );
    // Nor does another part of the same task get it; but the task, when it is begun again, has none.
    let refused = locks::acquire(&store, name, Some(id), Duration::ZERO).await;
    assert!(matches!(refused, Err(Error::Locked { .. })));
    for attempt in 1..=2 {
        assert!(locks::renew(store.pool(), name, &uid).await.unwrap());
        let claimed = tasks::claim(&store, "normal", "one").await.unwrap();
        assert_eq!(claimed.unwrap().attempts, attempt);
        sqlx::query("UPDATE tasks SET lease = 1")
            .execute(store.pool())
            .await
            .unwrap();
    }
    assert!(!locks::renew(store.pool(), name, &uid).await.unwrap());
    let second = locks::acquire(&store, name, Some(id), Duration::ZERO)
        .await
        .unwrap();
    assert!(locks::renew(store.pool(), name, &second).await.unwrap());
    sqlx::query("UPDATE locks SET expired_at = 1")
        .execute(store.pool())
        .await
        .unwrap();
    assert!(locks::list(store.pool()).await.unwrap().is_empty());
    // Nobody renewed it for a while, but the task goes on: its worker may have stood still.
    let refused = locks::acquire(&store, name, None, Duration::ZERO).await;
    assert!(matches!(refused, Err(Error::Locked { .. })));
    sqlx::query("UPDATE tasks SET state = 'error'")
        .execute(store.pool())
        .await
        .unwrap();
    let third = locks::acquire(&store, name, None, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(locks::list(store.pool()).await.unwrap()[0].uid, third);
    locks::release(store.pool(), name, &third).await.unwrap();
    assert!(locks::list(store.pool()).await.unwrap().is_empty());
}
