//! Disks of instances: those with names, which agents only link to, and what is left of work on any that
//! somebody was killed in.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use warren_director_store::disks::{self, Disk};
use warren_director_store::instances::{self, Instance};
use warren_director_store::work::Work;

use crate::archives::a_job;
use crate::director::{CLOUD, Director, manifest};

fn named(names: &[&str], size: &str, env: &str) -> String {
    let all: Vec<String> = names
        .iter()
        .map(|name| format!("{{name: {name}, type: {size}}}"))
        .collect();
    let all = all.join(", ");
    manifest(
        1,
        &format!("  persistent_disks: [{all}]\n  env: {{a: {env}}}\n"),
    )
}

async fn deployed(text: &str) -> Director {
    let it = Director::start().await;
    let types =
        "disk_types: [{name: small, disk_size: 100}, {name: large, disk_size: 200}]\n".to_owned();
    it.cloud(&(CLOUD.to_owned() + &types)).await;
    it.track_mounts();
    it.release(&[a_job("web", "bbbb", "")]).await;
    it.deploy(text).await.done();
    it
}

async fn the_instance(it: &Director) -> (Instance, Vec<Disk>) {
    let row = it.instances().await.remove(0);
    let pool = it.scene.engine.store.pool();
    let disks = disks::of_instance(pool, row.id).await.unwrap();
    (row, disks)
}

/// The agent that was last told which disks have names, and which.
fn linked(it: &Director) -> (String, Value) {
    let calls = it.timeline();
    let told = |(_, call): &(Option<String>, Value)| call["method"] == "update_settings";
    let at = calls.iter().rposition(told).unwrap();
    let starts = |(_, call): &(Option<String>, Value)| call["method"] == "start";
    // Before jobs that need them.
    assert!(calls.iter().rposition(starts).unwrap() > at, "{calls:?}");
    let (agent, call) = &calls[at];
    let links = call["arguments"][0]["disk_associations"].clone();
    (agent.clone().unwrap(), links)
}

/// The disks are on the machine that there is, and its agent has their names.
async fn assert_linked(it: &Director, names: &[&str]) {
    let (row, disks) = the_instance(it).await;
    let machine = it.machines(row.id).await.remove(0);
    let links: Vec<Value> = disks
        .iter()
        .map(|disk| json!({"name": disk.name, "cid": disk.disk_cid}))
        .collect();
    assert_eq!(linked(it), (machine.agent_id, json!(links)));
    let found: Vec<&str> = disks.iter().map(|disk| disk.name.as_str()).collect();
    assert_eq!(found, names);
    for disk in &disks {
        let place = json!([machine.cid, disk.disk_cid]);
        let last = it.timeline().into_iter().rev().find(|(_, call)| {
            let is_move = call["method"] == "attach_disk" || call["method"] == "detach_disk";
            is_move && call["arguments"] == place
        });
        assert_eq!(last.unwrap().1["method"], "attach_disk");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn disks_with_names_are_linked_wherever_they_are() {
    let it = deployed(&named(&["data", "log"], "small", "1")).await;
    assert_linked(&it, &["data", "log"]).await;
    let (_, first) = the_instance(&it).await;
    // Nobody mounts them.
    assert!(it.asked("mount_disk").is_empty());
    let again = it
        .deploy(&named(&["data", "log"], "small", "1"))
        .await
        .done();
    assert_eq!(again.finished().len(), 3, "{again:?}");
    // Another machine.
    it.deploy(&named(&["data", "log"], "small", "2"))
        .await
        .done();
    assert_linked(&it, &["data", "log"]).await;
    assert_eq!(the_instance(&it).await.1, first);
    // One that takes another's place.
    let swap = |text: String| text + "  update: {vm_strategy: create-swap-delete}\n";
    let text = swap(named(&["data", "log"], "small", "3"));
    it.deploy(&text).await.done();
    assert_linked(&it, &["data", "log"]).await;
    assert_eq!(the_instance(&it).await.1, first);
    // A larger one is another one, and one that is not wanted any more goes.
    it.deploy(&named(&["data"], "large", "3")).await.done();
    assert_linked(&it, &["data"]).await;
    assert_ne!(the_instance(&it).await.1[0].disk_cid, first[0].disk_cid);
    it.deploy(&manifest(1, "  env: {a: 3}\n")).await.done();
    assert_eq!(linked(&it).1, json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn disks_with_names_are_attached_after_what_was_broken_off() {
    let it = deployed(&named(&["data"], "small", "1")).await;
    let (row, first) = the_instance(&it).await;
    // Another machine, which does not get its disk at first.
    it.fail("attach_disk", Some("CloudError"));
    let text = named(&["data"], "small", "2");
    let ended = it.deploy(&text).await;
    assert_eq!(ended.state, "error", "{ended:?}");
    it.fail("attach_disk", None);
    let attached = it.calls("attach_disk").len();
    it.deploy(&text).await.done();
    assert_eq!(it.calls("attach_disk").len(), attached + 1);
    assert_linked(&it, &["data"]).await;

    // Its director is killed when the disk is off already.
    let text = named(&["data"], "small", "3");
    let old = it.machines(row.id).await.remove(0);
    let kill = async {
        it.stick("delete_vm");
        let end = Instant::now() + Duration::from_secs(30);
        let count = it.calls("delete_vm").len();
        while it.calls("delete_vm").len() == count {
            assert!(Instant::now() < end, "delete_vm is not asked for");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        it.scene.kill_workers().await;
        it.go_on("delete_vm");
        it.scene.start_workers().await;
    };
    let (ended, ()) = tokio::join!(it.deploy(&text), kill);
    ended.done();
    assert_ne!(it.machines(row.id).await[0].cid, old.cid);
    assert_linked(&it, &["data"]).await;

    // An instance that was stopped without a machine, and does not get its disk when it is started.
    let state = async |state: &str| {
        it.update(|deploy| {
            deploy.manifest = None;
            deploy.change = Some(warren_director_store::work::StateChange {
                state: state.to_owned(),
                job: Some("web".to_owned()),
                id: Some("0".to_owned()),
            });
        })
        .await
    };
    state("detached").await.done();
    assert!(it.machines(row.id).await.is_empty());
    it.fail("attach_disk", Some("CloudError"));
    assert_eq!(state("started").await.state, "error");
    it.fail("attach_disk", None);
    let attached = it.calls("attach_disk").len();
    state("started").await.done();
    assert_eq!(it.calls("attach_disk").len(), attached + 1);
    assert_linked(&it, &["data"]).await;
    // Nor is anybody sure of it while jobs were stopped.
    state("stopped").await.done();
    let attached = it.calls("attach_disk").len();
    state("started").await.done();
    assert_eq!(it.calls("attach_disk").len(), attached + 1);
    assert_linked(&it, &["data"]).await;
    let (now, disks) = the_instance(&it).await;
    assert_eq!((disks, *now.update_completed), (first, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_disks_that_count_the_newer_one_does() {
    let text = |env: usize| manifest(1, &format!("  persistent_disk: 100\n  env: {{a: {env}}}\n"));
    let it = deployed(&text(1)).await;
    let pool = it.scene.engine.store.pool();
    let (row, old) = the_instance(&it).await;
    let new = disks::New {
        instance_id: row.id,
        cid: "newer",
        name: "",
        size: 100,
        active: true,
        cloud_properties: "{}",
        cpi: "",
    };
    disks::create(pool, &new).await.unwrap();
    it.deploy(&text(2)).await.done();
    let (row, now) = the_instance(&it).await;
    let cids: Vec<&str> = now.iter().map(|disk| disk.disk_cid.as_str()).collect();
    assert_eq!((cids.as_slice(), *now[0].active), (&["newer"][..], true));
    // Only that one ever was on the machine that there is.
    let machine = it.machines(row.id).await.remove(0);
    let mut attached = it.calls("attach_disk");
    attached.retain(|call| call["arguments"][0] == json!(machine.cid));
    assert_eq!(attached.len(), 1);
    assert_eq!(attached[0]["arguments"][1], "newer");
    let orphans = disks::orphans(pool).await.unwrap();
    assert_eq!(orphans[0].disk_cid, old[0].disk_cid);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_agents_have_mounted_is_what_they_shall_have() {
    let it = deployed(&manifest(1, "  persistent_disk: 100\n  tags: {size: 1}\n")).await;
    let (row, disk) = the_instance(&it).await;
    let told = &it.calls("set_disk_metadata")[0]["arguments"][1];
    let of_us = ["team", "size", "instance_id"].map(|key| told[key].clone());
    assert_eq!(of_us, [json!("blue"), json!("1"), json!(row.uuid)]);

    // One that nobody knows: jobs are not started on it, and nothing is done to any disk.
    let restart = async || {
        it.update(|deploy| {
            deploy.change = Some(warren_director_store::work::StateChange {
                state: "restart".to_owned(),
                job: Some("web".to_owned()),
                id: None,
            });
        })
        .await
    };
    let counts = || ["attach_disk", "detach_disk", "create_disk"].map(|call| it.calls(call).len());
    let (before, starts) = (counts(), it.asked("start").len());
    it.answer("list_disk", &[json!({"value": ["strange"]})]);
    let ended = restart().await;
    assert_eq!((ended.state.as_str(), ended.code()), ("error", 400_010));
    let said = format!(
        "'web/{} (0)' has invalid disks: agent reports 'strange' while director record shows '{}'",
        row.uuid, disk[0].disk_cid
    );
    let message = &ended.events.last().unwrap()["error"]["message"];
    assert!(message.as_str().unwrap().starts_with(&said), "{message}");
    assert_eq!((counts(), it.asked("start").len()), (before, starts));

    // One that is not there any more is brought back.
    it.answer("list_disk", &[json!({"value": []})]);
    restart().await.done();
    assert_eq!(counts(), [before[0] + 1, before[1], before[2]]);
    assert_eq!(the_instance(&it).await.1, disk);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_gone_is_replaced_by_one_that_is_there() {
    let it = deployed(&manifest(1, "  persistent_disk: 100\n")).await;
    let pool = it.scene.engine.store.pool();
    let (mut row, old) = the_instance(&it).await;
    row.state = "stopped".to_owned();
    instances::save(pool, &row).await.unwrap();
    // The CPI does not have the one that the row names any more.
    it.fail("detach_disk", Some("DiskNotFound"));
    let attach = Work::AttachDisk {
        cid: "found".to_owned(),
        deployment: "d".to_owned(),
        job: "web".to_owned(),
        instance_id: row.uuid,
        copy_properties: false,
    };
    it.scene.work(attach).await.done();
    let (_, now) = the_instance(&it).await;
    assert_eq!((now.len(), now[0].disk_cid.as_str()), (1, "found"));
    let told = it.calls("set_disk_metadata").pop().unwrap();
    assert_eq!(told["arguments"][0], "found");
    assert_eq!(told["arguments"][1]["team"], "blue");
    let orphans = disks::orphans(pool).await.unwrap();
    assert_eq!(orphans[0].disk_cid, old[0].disk_cid);
}
