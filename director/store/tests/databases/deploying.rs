//! What belongs to a deployment: its addresses, its links, its names, its values.

use warren_director_store::{configs, deployments, dns, ips, links, releases, variables, vms};

use crate::{instance, open};

pub async fn an_address_belongs_to_one(url: String) {
    let store = open(&url).await;
    let instance = instance(&store).await;
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
    ips::release_all(store.pool(), ips::Owner::WithoutVm(instance.deployment_id))
        .await
        .unwrap();
    assert_eq!(ips::list(store.pool()).await.unwrap().len(), 1);
    ips::unbind_vm(store.pool(), vm.id).await.unwrap();
    ips::release_all(store.pool(), ips::Owner::WithoutVm(instance.deployment_id))
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
    for completed in [true, false] {
        releases::set_completed(store.pool(), version, completed)
            .await
            .unwrap();
        let mut tx = store.begin().await.unwrap();
        assert_eq!(releases::hold(&mut tx, version).await.unwrap(), completed);
    }
    // Who wants to delete it waits for a deployment that is about to use it, and sees that it does.
    let kind = deployments::Reference::ReleaseVersion;
    releases::set_completed(store.pool(), version, true)
        .await
        .unwrap();
    let mut tx = store.begin().await.unwrap();
    deployments::refer_only(&mut tx, deployment.id, kind, &[])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let mut using = store.begin().await.unwrap();
    assert!(releases::hold(&mut using, version).await.unwrap());
    deployments::refer(&mut using, deployment.id, kind, &[version])
        .await
        .unwrap();
    let another = store.clone();
    let deleting = tokio::spawn(async move {
        let mut tx = another.begin().await.unwrap();
        releases::set_completed(&mut *tx, version, false)
            .await
            .unwrap();
        deployments::uses(&mut *tx, kind).await.unwrap().len()
    });
    // Time enough to overtake, if that could be.
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    using.commit().await.unwrap();
    assert_eq!(deleting.await.unwrap(), 1);
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
    let id = records_are_added_in_order(&store, record, id).await;
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
    // The same name of another deployment's is another one.
    for id in ["theirs", "later"] {
        variables::pin_provided(store.pool(), set, "other", "/w/d/password", id)
            .await
            .unwrap();
    }
    assert_eq!(variables::of_set(store.pool(), set).await.unwrap(), pinned);
    let provided = async |provider: &str| -> Vec<String> {
        let all = variables::provided(store.pool(), set, provider).await;
        all.unwrap()
            .into_iter()
            .map(|one| one.variable_id)
            .collect()
    };
    assert_eq!(provided("other").await, ["theirs"]);
    assert!(provided("third").await.is_empty());
    let before = async |id| variables::set_before(store.pool(), deployment.id, id).await;
    assert_eq!(before(set).await.unwrap(), None);
    assert_eq!(before(set + 1).await.unwrap(), Some(set));
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

/// Who comes second waits for the first, and gets the higher key; the answer is the only one left.
async fn records_are_added_in_order(
    store: &warren_director_store::Store,
    record: dns::Record,
    before: i64,
) -> i64 {
    let mut first = dns::begin(store).await.unwrap();
    let another = store.clone();
    let second = tokio::spawn(async move {
        let mut second = dns::begin(&another).await.unwrap();
        let seen = dns::records(&mut *second).await.unwrap();
        dns::add_tombstone(&mut *second).await.unwrap();
        second.commit().await.unwrap();
        seen
    });
    // Time for it to add too early, if it can.
    for _ in 0..40 {
        assert!(!second.is_finished());
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let added = dns::add_record(&mut *first, &record).await.unwrap();
    dns::delete_record(&mut *first, before).await.unwrap();
    first.commit().await.unwrap();
    let seen: Vec<i64> = second.await.unwrap().iter().map(|one| one.id).collect();
    assert_eq!(seen, [added]);
    added
}
