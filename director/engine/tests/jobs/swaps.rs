//! Machines that take others' places: in which order, and who does not.

mod broken;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use warren_director_store::disks::Disk;
use warren_director_store::vms::Vm;
use warren_director_store::work::Work;
use warren_director_store::{disks, ips, orphaned_vms};

use crate::archives::a_job;
use crate::director::{CLOUD, Director, manifest};
use crate::scene::Ended;

const SWAP: &str = "  update: {vm_strategy: create-swap-delete}\n";

/// A manifest of so many `web` that are swapped, with this environment.
fn swapping(instances: usize, env: &str) -> String {
    manifest(instances, &format!("{SWAP}  env: {{a: {env}}}\n"))
        .replace("max_in_flight: 2", "max_in_flight: 1")
        .replace("1-30000", "1-3000")
}

async fn deployed(text: &str) -> Director {
    let it = Director::start().await;
    it.track_mounts();
    it.release(&[a_job("web", "bbbb", "")]).await;
    it.deploy(text).await.done();
    it
}

/// The machines of each instance in order of their numbers: the one that counts, and those that wait.
async fn machines(it: &Director) -> Vec<(Vm, Vec<Vm>)> {
    let mut all = Vec::new();
    for row in it.instances().await {
        let (mut active, rest): (Vec<Vm>, Vec<Vm>) = it
            .machines(row.id)
            .await
            .into_iter()
            .partition(|vm| *vm.active);
        assert_eq!(active.len(), 1, "{active:?} {rest:?}");
        assert!(rest.iter().all(|vm| *vm.spare), "{rest:?}");
        all.push((active.remove(0), rest));
    }
    all
}

fn cid(vm: &Vm) -> String {
    vm.cid.clone().unwrap()
}

/// The addresses of each machine.
async fn addresses(it: &Director) -> BTreeMap<Option<i64>, Vec<String>> {
    let pool = it.scene.engine.store.pool();
    let mut all: BTreeMap<Option<i64>, Vec<String>> = BTreeMap::new();
    for one in ips::list(pool).await.unwrap() {
        all.entry(one.vm_id).or_default().push(one.address);
    }
    all
}

/// The disk of the first instance, which has one.
async fn the_disk(it: &Director) -> Disk {
    let row = it.instances().await.remove(0);
    let pool = it.scene.engine.store.pool();
    let mut all = disks::of_instance(pool, row.id).await.unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// Machines that are orphans, in order.
async fn orphans(it: &Director) -> Vec<String> {
    let pool = it.scene.engine.store.pool();
    let all = orphaned_vms::list(pool).await.unwrap();
    all.into_iter().map(|one| one.cid).collect()
}

async fn clean_up(it: &Director) -> Ended {
    let work = Work::CleanUp {
        remove_all: false,
        keep_orphaned_disks: false,
    };
    it.scene.work(work).await.done()
}

/// Every machine that was made is one that counts, or was deleted; and each has its address.
async fn assert_nothing_is_left(it: &Director, instances: usize) {
    clean_up(it).await;
    let now = machines(it).await;
    assert_eq!(now.len(), instances);
    assert!(now.iter().all(|(_, waiting)| waiting.is_empty()), "{now:?}");
    let deleted = it.calls("delete_vm").len();
    let made = it.calls("create_vm").len();
    assert_eq!(made - deleted, instances, "made {made}, deleted {deleted}");
    let addresses = addresses(it).await;
    assert_eq!(addresses.len(), instances, "{addresses:?}");
    for (vm, _) in &now {
        let has = &addresses[&Some(vm.id)];
        assert_eq!(has.len(), 1, "{addresses:?}");
        let told: Value = serde_json::from_str(vm.network_spec.as_deref().unwrap()).unwrap();
        let ip = told["default"]["ip"].as_str().unwrap();
        assert_eq!(has[0], format!("{ip}/32"));
    }
}

/// What was asked for since, and of whom: `cpi`, `old`, `new`.
fn since(it: &Director, before: usize, old: &str) -> Vec<String> {
    let calls = it.timeline().split_off(before);
    calls
        .into_iter()
        .map(|(agent, call)| {
            let who = match agent {
                None => "cpi",
                Some(agent) if agent == old => "old",
                Some(_) => "new",
            };
            let mut text = format!("{who} {}", call["method"].as_str().unwrap());
            if call["method"] == "run_script" {
                text += &format!(" {}", call["arguments"][0].as_str().unwrap());
            }
            text
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
pub async fn the_old_one_serves_until_the_new_one_has_all_it_needs() {
    let text = |env| swapping(1, env) + "  persistent_disk: 100\n";
    let it = deployed(&text("1")).await;
    let pool = it.scene.engine.store.pool();
    let row = it.instances().await.remove(0);
    let old = machines(&it).await.remove(0).0;
    let disk = the_disk(&it).await;
    let before = it.timeline().len();
    let ended = it.deploy(&text("2")).await.done();
    let name = format!("{} (0)", row.name());
    assert_eq!(
        ended.finished(),
        [
            "Preparing deployment: Preparing deployment".to_owned(),
            "Preparing deployment: Rendering templates".to_owned(),
            "Preparing package compilation: Finding packages to compile".to_owned(),
            format!("Creating missing vms: {name}"),
            format!("Downloading packages: {name}"),
            format!("Updating instance: {name} (canary)"),
        ]
    );
    assert_eq!(
        since(&it, before, &old.agent_id),
        [
            "cpi create_vm",
            "new update_settings",
            "new apply",
            "new prepare",
            "old run_script pre-stop",
            "old drain",
            "old stop",
            "old run_script post-stop",
            "old unmount_disk",
            "old remove_persistent_disk",
            "cpi detach_disk",
            "old shutdown",
            "cpi attach_disk",
            "new add_persistent_disk",
            "new mount_disk",
            "new update_settings",
            "new apply",
            "new run_script pre-start",
            "new start",
            "new run_script post-start",
            "new run_script post-deploy",
        ]
    );
    let now = machines(&it).await.remove(0);
    let new = now.0;
    assert!(now.1.is_empty() && new.cid != old.cid && !*new.spare);
    // The CPI was told of the disk, which is the same one still.
    let made = it.calls("create_vm").pop().unwrap();
    assert_eq!(made["arguments"][4], json!([disk.disk_cid]));
    assert_eq!(the_disk(&it).await, disk);
    let attached = it.calls("attach_disk").pop().unwrap();
    assert_eq!(attached["arguments"], json!([cid(&new), disk.disk_cid]));
    // Before jobs were stopped it had its packages, and no jobs.
    let prepared = it.asked("prepare").pop().unwrap();
    assert_eq!(prepared[0]["job"], json!({}));
    assert!(prepared[0].get("rendered_templates_archive").is_none());
    // Each has its own address, until the old one is deleted.
    let taken = ips::list(pool).await.unwrap();
    let who = |address: &str| {
        let found = taken.iter().find(|one| one.address == address).unwrap();
        (
            found.instance_id,
            found.vm_id,
            found.orphaned_vm_id.is_some(),
        )
    };
    assert_eq!(who("10.244.0.2/32"), (None, None, true));
    assert_eq!(who("10.244.0.3/32"), (Some(row.id), Some(new.id), false));
    let orphan = orphaned_vms::list(pool).await.unwrap().remove(0);
    assert_eq!(
        (
            orphan.cid,
            orphan.deployment_name,
            orphan.instance_name,
            orphan.availability_zone
        ),
        (cid(&old), "d".to_owned(), row.name(), Some("z1".to_owned()))
    );
    assert!(it.calls("delete_vm").is_empty());
    let listed = warren_director_store::events::list(pool, &Default::default())
        .await
        .unwrap();
    let said = |action: &str, kind: &str, of: &str| {
        let is_it = |one: &&warren_director_store::events::Event| {
            one.action == action
                && one.object_type == kind
                && one.object_name.as_deref() == Some(of)
        };
        listed.iter().filter(is_it).count()
    };
    assert_eq!(said("orphan", "vm", &cid(&old)), 2);
    assert_eq!(said("recreate", "instance", &row.name()), 2);
    // Nothing more is to be done, and then the old one goes with its address.
    let again = it.deploy(&text("2")).await.done();
    assert_eq!(again.finished().len(), 3, "{again:?}");
    assert_nothing_is_left(&it, 1).await;
    assert_eq!(it.calls("delete_vm")[0]["arguments"][0], json!(cid(&old)));
    assert_eq!(addresses(&it).await[&Some(new.id)], ["10.244.0.3/32"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_that_are_listed_are_renewed_in_place() {
    let fixed = |env| {
        swapping(1, env).replace(
            "networks: [{name: default}]",
            "networks: [{name: default, static_ips: [10.244.0.9]}]",
        )
    };
    let it = Director::start().await;
    it.cloud(&CLOUD.replace("dns: []", "dns: [], static: [10.244.0.9]"))
        .await;
    it.release(&[a_job("web", "bbbb", "")]).await;
    it.deploy(&fixed("1")).await.done();
    let old = machines(&it).await.remove(0).0;
    let before = it.timeline().len();
    let ended = it.deploy(&fixed("2")).await.done();
    assert_eq!(ended.finished().len(), 4, "{ended:?}");
    let calls = since(&it, before, &old.agent_id);
    let of_cpi: Vec<&String> = calls
        .iter()
        .filter(|call| call.starts_with("cpi"))
        .collect();
    assert_eq!(of_cpi, ["cpi delete_vm", "cpi create_vm"]);
    assert!(orphans(&it).await.is_empty());
    assert_nothing_is_left(&it, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_does_not_answer_is_deleted_before_another_takes_its_place() {
    let it = deployed(&swapping(1, "1")).await;
    let old = machines(&it).await.remove(0).0;
    it.silence(&old.agent_id);
    let before = it.timeline().len();
    let text = swapping(1, "1");
    let fixed = it.update(|deploy| {
        deploy.fix = true;
        deploy.manifest = Some(text);
    });
    fixed.await.done();
    let calls = since(&it, before, &old.agent_id);
    let of_cpi: Vec<&String> = calls
        .iter()
        .filter(|call| call.starts_with("cpi"))
        .collect();
    assert_eq!(of_cpi, ["cpi create_vm", "cpi delete_vm"]);
    assert!(orphans(&it).await.is_empty());
    assert_nothing_is_left(&it, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_address_for_another_machine_is_said_before_any_is_made() {
    let it = Director::start().await;
    it.cloud(&CLOUD.replace("10.244.0.0/24", "10.244.0.0/29"))
        .await;
    it.release(&[a_job("web", "bbbb", "")]).await;
    // .2 to .6
    it.deploy(&swapping(3, "1")).await.done();
    let before = it.timeline().len();
    let ended = it.deploy(&swapping(3, "2")).await;
    assert_eq!(ended.code(), 130_011);
    let last = it.instances().await.pop().unwrap();
    assert_eq!(
        ended.result,
        format!(
            "Failed to reserve IP for '{} (2)' for manual network 'default': no more available",
            last.name()
        )
    );
    assert_eq!(it.timeline().len(), before);
    assert_nothing_is_left(&it, 3).await;
    // A dry run takes none either.
    let text = swapping(2, "2");
    let dry = it.update(|deploy| {
        deploy.dry_run = true;
        deploy.manifest = Some(text);
    });
    dry.await.done();
    assert_nothing_is_left(&it, 3).await;
    it.deploy(&swapping(3, "1")).await.done();
    assert_nothing_is_left(&it, 3).await;
}
