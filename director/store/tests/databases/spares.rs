//! Machines that wait to take others' places, and whose their addresses are.

use warren_director_store::{Flag, ips, locks, orphaned_vms, vms};

use crate::{instance, open};

pub async fn addresses_wait_with_their_machine(url: String) {
    let store = open(&url).await;
    let pool = store.pool();
    let instance = instance(&store).await;
    let reserve = async |address: &str| {
        let new = ips::New {
            address,
            network_name: "default",
            static_address: false,
            nic_group: None,
            instance_id: instance.id,
            task_id: None,
        };
        ips::reserve(pool, &new).await.unwrap()
    };
    let machine = async |agent: &str| {
        let mut vm = vms::create(pool, instance.id, agent, "").await.unwrap();
        assert!(!*vm.active && !*vm.spare);
        vm.cid = Some(format!("vm-of-{agent}"));
        vm
    };
    let (mut old, mut spare) = (machine("old").await, machine("spare").await);
    old.active = Flag(true);
    spare.spare = Flag(true);
    vms::save(pool, &old).await.unwrap();
    vms::save(pool, &spare).await.unwrap();
    assert_eq!(
        vms::of_instance(pool, instance.id).await.unwrap(),
        [old.clone(), spare.clone()]
    );
    let (first, second) = (reserve("10.0.0.5/32").await, reserve("10.0.0.6/32").await);
    ips::bind(pool, second, spare.id).await.unwrap();
    ips::bind_to_vm(pool, instance.id, old.id).await.unwrap();
    let whose = async || -> Vec<(i64, Option<i64>, Option<i64>)> {
        let all = ips::list(pool).await.unwrap().into_iter();
        all.map(|one| (one.id, one.vm_id, one.orphaned_vm_id))
            .collect()
    };
    assert_eq!(
        whose().await,
        [(first, Some(old.id), None), (second, Some(spare.id), None)]
    );
    let orphan = orphaned_vms::create(pool, &old, Some("z1"), "d", "web/u")
        .await
        .unwrap();
    ips::orphan(pool, old.id, orphan).await.unwrap();
    vms::delete(pool, old.id).await.unwrap();
    assert_eq!(
        whose().await,
        [(first, None, Some(orphan)), (second, Some(spare.id), None)]
    );
    // Who counts may have any.
    (spare.active, spare.spare) = (Flag(true), Flag(false));
    vms::save(pool, &spare).await.unwrap();
    let next = machine("next").await;
    ips::bind_to_vm(pool, instance.id, next.id).await.unwrap();
    assert_eq!(
        whose().await,
        [(first, None, Some(orphan)), (second, Some(next.id), None)]
    );
}

pub async fn a_task_that_ends_leaves_no_locks(url: String) {
    let store = open(&url).await;
    let now = std::time::Duration::ZERO;
    for (name, task) in [("one", 1), ("two", 1), ("three", 2)] {
        locks::acquire(&store, name, Some(task), now).await.unwrap();
    }
    locks::release_all(store.pool(), 1).await.unwrap();
    let left = locks::list(store.pool()).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].name, "three");
}
