//! What the store promises, on whichever database it is.

use std::time::Duration;

use warren_director_store::work::{Deploy, Work};
use warren_director_store::{
    Error, configs, deployments, dns, events, instances, ips, links, locks, now, packages,
    releases, tasks, variables, vms,
};

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
    assert_eq!(listed.len(), 1);
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
    // The same task, run again by another worker, gets its own lock back.
    let second = locks::acquire(&store, name, Some(id), Duration::ZERO)
        .await
        .unwrap();
    assert!(!locks::renew(store.pool(), name, &uid).await.unwrap());
    assert!(locks::renew(store.pool(), name, &second).await.unwrap());
    sqlx::query("UPDATE locks SET expired_at = 1")
        .execute(store.pool())
        .await
        .unwrap();
    assert!(locks::list(store.pool()).await.unwrap().is_empty());
    let third = locks::acquire(&store, name, None, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(locks::list(store.pool()).await.unwrap()[0].uid, third);
    locks::release(store.pool(), name, &third).await.unwrap();
    assert!(locks::list(store.pool()).await.unwrap().is_empty());
}

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

pub async fn an_address_belongs_to_one(url: String) {
    let store = open(&url).await;
    let mut tx = store.begin().await.unwrap();
    let deployment = deployments::find_or_create(&mut *tx, "d", "[]")
        .await
        .unwrap();
    let set = variables::create_set(&mut *tx, deployment.id)
        .await
        .unwrap();
    let new = instances::New {
        deployment_id: deployment.id,
        job: "web",
        index: 0,
        uuid: "u",
        state: "started",
        availability_zone: Some("z1"),
        bootstrap: true,
        compilation: false,
        variable_set_id: set,
    };
    let instance = instances::create(&mut *tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    let address = ips::New {
        address: "10.0.0.5/32",
        network_name: "default",
        static_address: false,
        nic_group: None,
        instance_id: instance.id,
        task_id: None,
    };
    ips::reserve(store.pool(), &address).await.unwrap();
    assert!(
        ips::reserve(store.pool(), &address)
            .await
            .unwrap_err()
            .is_duplicate()
    );
    assert_eq!(
        ips::owner(store.pool(), "10.0.0.5/32").await.unwrap(),
        Some(("web/u".to_owned(), "d".to_owned()))
    );
    let vm = vms::create(store.pool(), instance.id, "agent", "")
        .await
        .unwrap();
    ips::bind_to_vm(store.pool(), instance.id, vm.id)
        .await
        .unwrap();
    ips::release_all(store.pool(), ips::Owner::WithoutVm(deployment.id))
        .await
        .unwrap();
    assert_eq!(ips::list(store.pool()).await.unwrap().len(), 1);
    ips::unbind_vm(store.pool(), vm.id).await.unwrap();
    ips::release_all(store.pool(), ips::Owner::WithoutVm(deployment.id))
        .await
        .unwrap();
    assert!(ips::list(store.pool()).await.unwrap().is_empty());
}

pub async fn a_deployment_comes_and_goes(url: String) {
    let store = open(&url).await;
    let config = configs::create(store.pool(), "cloud", "default", "{}", None)
        .await
        .unwrap();
    let mut tx = store.begin().await.unwrap();
    let deployment = deployments::find_or_create(&mut *tx, "d", "[]")
        .await
        .unwrap();
    let same = deployments::find_or_create(&mut *tx, "d", "[]")
        .await
        .unwrap();
    assert_eq!(deployment, same);
    deployments::set_configs(&mut tx, deployment.id, &[config.id])
        .await
        .unwrap();
    let release = releases::find_or_create(&mut *tx, "r").await.unwrap();
    let version = releases::create_version(&mut *tx, release.id, "1", "abc", true)
        .await
        .unwrap();
    for _ in 0..2 {
        deployments::refer_only(
            &mut tx,
            deployment.id,
            deployments::Reference::ReleaseVersion,
            &[version],
        )
        .await
        .unwrap();
    }
    tx.commit().await.unwrap();
    let uses = deployments::uses(store.pool(), deployments::Reference::ReleaseVersion)
        .await
        .unwrap();
    assert_eq!((uses.len(), uses[0].version.as_str()), (1, "1"));
    assert_eq!(
        deployments::configs(store.pool()).await.unwrap()[0].kind,
        "cloud"
    );
    deployments::set_manifest(store.pool(), deployment.id, "{}", "name: d")
        .await
        .unwrap();
    let mut tx = store.begin().await.unwrap();
    deployments::delete(&mut tx, deployment.id).await.unwrap();
    drop(tx);
    assert!(
        deployments::find(store.pool(), "d")
            .await
            .unwrap()
            .is_some(),
        "rolled back"
    );
    let mut tx = store.begin().await.unwrap();
    deployments::delete(&mut tx, deployment.id).await.unwrap();
    tx.commit().await.unwrap();
    assert!(
        deployments::find(store.pool(), "d")
            .await
            .unwrap()
            .is_none()
    );
    assert!(deployments::configs(store.pool()).await.unwrap().is_empty());
}

pub async fn links_of_an_old_deploy_do_not_count(url: String) {
    let store = open(&url).await;
    let mut tx = store.begin().await.unwrap();
    let deployment = deployments::find_or_create(&mut *tx, "d", "[]")
        .await
        .unwrap();
    for _ in 0..2 {
        let serial_id = deployments::next_links_serial(&mut *tx, deployment.id)
            .await
            .unwrap();
        let party = links::Party {
            deployment_id: deployment.id,
            kind: "job",
            name: "web",
            instance_group: "web",
            serial_id,
        };
        let provider = links::put_provider(&mut *tx, &party).await.unwrap();
        let consumer = links::put_consumer(&mut *tx, &party).await.unwrap();
        let offer = links::Offer {
            provider,
            original_name: "conn",
            kind: "http",
            name: Some("conn"),
            shared: true,
            consumable: true,
            content: Some("{}"),
            metadata: None,
            serial_id,
        };
        let offer = links::put_offer(&mut *tx, &offer).await.unwrap();
        let want = links::Want {
            consumer,
            original_name: "conn",
            kind: "http",
            name: None,
            optional: false,
            blocked: false,
            metadata: None,
            serial_id,
        };
        let want = links::put_want(&mut *tx, &want).await.unwrap();
        let link = links::put(&mut tx, want, Some(offer), "conn", "{}")
            .await
            .unwrap();
        let again = links::put(&mut tx, want, Some(offer), "conn", "{}")
            .await
            .unwrap();
        assert_eq!(link, again);
    }
    tx.commit().await.unwrap();
    assert_eq!(
        links::provided(store.pool(), Some("d"))
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(links::provided(store.pool(), None).await.unwrap().len(), 1);
    assert_eq!(links::consumed(store.pool(), "d").await.unwrap().len(), 1);
    assert_eq!(
        links::of_deployment(store.pool(), "d").await.unwrap().len(),
        1
    );
    let mut tx = store.begin().await.unwrap();
    let serial = deployments::next_links_serial(&mut *tx, deployment.id)
        .await
        .unwrap();
    links::clean_up(&mut tx, deployment.id, serial)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert!(
        links::provided(store.pool(), Some("d"))
            .await
            .unwrap()
            .is_empty()
    );
    let left: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM link_consumers")
        .fetch_one(store.pool())
        .await
        .unwrap();
    assert_eq!(left, 0);
}

pub async fn names_have_numbers_and_versions(url: String) {
    let store = open(&url).await;
    let first = dns::encode(store.pool(), dns::Encoded::Az("z1"))
        .await
        .unwrap();
    assert_eq!(
        dns::encode(store.pool(), dns::Encoded::Az("z1"))
            .await
            .unwrap(),
        first
    );
    assert_ne!(
        dns::encode(store.pool(), dns::Encoded::Az("z2"))
            .await
            .unwrap(),
        first
    );
    let record = dns::Record {
        id: 0,
        ip: "10.0.0.4".to_owned(),
        az: Some("z1".to_owned()),
        instance_group: Some("web".to_owned()),
        network: Some("default".to_owned()),
        deployment: Some("d".to_owned()),
        instance_id: None,
        agent_id: None,
        domain: Some("bosh".to_owned()),
        links: "[]".to_owned(),
    };
    let id = dns::add_record(store.pool(), &record).await.unwrap();
    dns::delete_record(store.pool(), id).await.unwrap();
    dns::add_tombstone(store.pool()).await.unwrap();
    dns::add_tombstone(store.pool()).await.unwrap();
    dns::delete_tombstones(store.pool()).await.unwrap();
    let left = dns::records(store.pool()).await.unwrap();
    assert_eq!(left.len(), 1);
    assert!(left[0].id > id, "a key is never given twice");
    let version = dns::begin_version(store.pool(), left[0].id, 0)
        .await
        .unwrap();
    assert!(dns::latest(store.pool()).await.unwrap().is_none());
    dns::publish(store.pool(), version, "blob", "sha256:00")
        .await
        .unwrap();
    assert_eq!(
        dns::latest(store.pool()).await.unwrap().unwrap().id,
        version
    );
    dns::set_agent_version(store.pool(), "agent", 1)
        .await
        .unwrap();
    dns::set_agent_version(store.pool(), "agent", 2)
        .await
        .unwrap();
    assert!(dns::stale_agents(store.pool(), 9).await.unwrap().is_empty());
}

pub async fn values_are_pinned(url: String) {
    let store = open(&url).await;
    let deployment = deployments::find_or_create(store.pool(), "d", "[]")
        .await
        .unwrap();
    let set = variables::create_set(store.pool(), deployment.id)
        .await
        .unwrap();
    for id in ["one", "two"] {
        let value = variables::Value {
            variable_id: id.to_owned(),
            name: "/w/d/password".to_owned(),
            kind: "password".to_owned(),
            parameters: "{}".to_owned(),
            value: "\"secret\"".to_owned(),
        };
        variables::add_value(store.pool(), &value).await.unwrap();
        variables::pin(store.pool(), set, &value.name, id)
            .await
            .unwrap();
    }
    let pinned = variables::of_set(store.pool(), set).await.unwrap();
    assert_eq!((pinned.len(), pinned[0].variable_id.as_str()), (1, "one"));
    let current = variables::current_value(store.pool(), "/w/d/password")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(current.variable_id, "two");
    assert!(
        variables::latest_set(store.pool(), deployment.id, true)
            .await
            .unwrap()
            .is_none()
    );
    variables::finish_set(store.pool(), set, true)
        .await
        .unwrap();
    let latest = variables::latest_set(store.pool(), deployment.id, true)
        .await
        .unwrap()
        .unwrap();
    assert_eq!((latest.id, *latest.writable), (set, false));
    let next = variables::create_set(store.pool(), deployment.id)
        .await
        .unwrap();
    variables::forget_sets(store.pool(), deployment.id, next)
        .await
        .unwrap();
    assert!(
        variables::of_set(store.pool(), set)
            .await
            .unwrap()
            .is_empty()
    );
}

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
