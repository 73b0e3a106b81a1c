//! Problems of machines and disks: found, described, resolved.

use std::collections::BTreeMap;

use serde_json::json;
use warren_director_store::problems::{self, Problem};
use warren_director_store::work::Work;
use warren_director_store::{Flag, disks, instances, ips, vms};

use crate::archives::a_job;
use crate::director::{Director, manifest};
use crate::scene::Ended;

struct Deployed(Director);

impl std::ops::Deref for Deployed {
    type Target = Director;

    fn deref(&self) -> &Director {
        &self.0
    }
}

impl Deployed {
    async fn new(instances: usize, disk: bool) -> Self {
        let it = Director::start().await;
        it.release(&[a_job("web", "bbbb", "")]).await;
        let disk = if disk { "  persistent_disk: 100\n" } else { "" };
        let text = manifest(instances, disk).replace("max_in_flight: 2", "max_in_flight: 1");
        it.deploy(&text).await.done();
        Self(it)
    }

    /// What a scan finds.
    async fn scan(&self) -> Vec<Problem> {
        let work = Work::ScanCloud {
            deployment: "d".to_owned(),
        };
        self.scene.work(work).await.done();
        problems::open(self.scene.engine.store.pool(), 1)
            .await
            .unwrap()
    }

    async fn apply(&self, choices: &[(i64, Option<&str>)], max: Option<&str>) -> Ended {
        let choice = |(id, name): &(i64, Option<&str>)| (id.to_string(), name.map(str::to_owned));
        let max_in_flight: BTreeMap<String, String> = max
            .map(|max| ("web".to_owned(), max.to_owned()))
            .into_iter()
            .collect();
        let work = Work::ApplyResolutions {
            deployment: "d".to_owned(),
            resolutions: choices.iter().map(choice).collect(),
            max_in_flight,
        };
        self.scene.work(work).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn disks_that_are_not_what_rows_say() {
    let it = Deployed::new(1, true).await;
    let pool = it.scene.engine.store.pool();
    let row = instances::of_deployment(pool, 1).await.unwrap().remove(0);
    let name = row.name();
    let machine = vms::of_instance(pool, row.id).await.unwrap().remove(0);
    let vm_cid = machine.cid.clone().unwrap();
    let disk = disks::of_instance(pool, row.id).await.unwrap().remove(0);
    it.mount(&[&disk.disk_cid]);
    assert!(it.scan().await.is_empty());

    // Not mounted.
    it.mount(&[]);
    let found = it.scan().await;
    assert_eq!(found.len(), 1);
    assert_eq!(
        (
            found[0].kind.as_str(),
            found[0].data.as_str(),
            &found[0].description
        ),
        (
            "mount_info_mismatch",
            "{\"owner_vms\":[]}",
            &format!(
                "Inconsistent mount information:\nRecord shows that disk '{}' should be mounted on {vm_cid}.\nHowever it is currently :\n\tNot mounted in any VM",
                disk.disk_cid
            )
        )
    );
    let mounts = it.asked("mount_disk").len();
    let ended = it
        .apply(&[(found[0].id, Some("reattach_disk"))], None)
        .await;
    let title = format!(
        "Applying problem resolutions: {} (mount_info_mismatch {}): Reattach disk to instance",
        found[0].description, disk.id
    );
    assert_eq!(ended.done().finished(), [title]);
    assert_eq!(it.asked("mount_disk").len(), mounts + 1);
    let attached = it.calls("attach_disk").pop().unwrap();
    assert_eq!(attached["arguments"], json!([vm_cid, disk.disk_cid]));
    let found = it.scan().await;
    let choice = (found[0].id, Some("reattach_disk_and_reboot"));
    it.apply(&[choice], None).await.done();
    assert_eq!(it.calls("reboot_vm")[0]["arguments"], json!([vm_cid]));
    // The agent mounts it when it starts.
    assert_eq!(it.asked("mount_disk").len(), mounts + 1);

    // One that was left half made.
    let new = disks::New {
        instance_id: row.id,
        cid: "half",
        name: "",
        size: 50,
        active: false,
        cloud_properties: "{}",
        cpi: "",
    };
    disks::create(pool, &new).await.unwrap();
    it.mount(&[&disk.disk_cid]);
    let found = it.scan().await;
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].kind.as_str(), &found[0].description),
        (
            "inactive_disk",
            &format!("Disk 'half' (50M) for instance '{name} (0)' is inactive")
        )
    );
    let refused = it
        .apply(&[(found[0].id, Some("activate_disk"))], None)
        .await;
    assert_eq!(
        refused.result,
        format!(
            "Error resolving problem '{}': Disk is not mounted",
            found[0].id
        )
    );
    it.mount(&[&disk.disk_cid, "half"]);
    let found = it.scan().await;
    let refused = it
        .apply(&[(found[0].id, Some("activate_disk"))], None)
        .await;
    assert!(
        refused
            .result
            .ends_with("Instance already has an active disk"),
        "{refused:?}"
    );
    let found = it.scan().await;
    let refused = it.apply(&[(found[0].id, Some("delete_disk"))], None).await;
    assert!(
        refused.result.ends_with("Disk is currently in use"),
        "{refused:?}"
    );
    it.mount(&[&disk.disk_cid]);
    let found = it.scan().await;
    it.apply(&[(found[0].id, Some("delete_disk"))], None)
        .await
        .done();
    assert_eq!(disks::orphans(pool).await.unwrap()[0].disk_cid, "half");
    // The other way round: the half made one counts.
    disks::delete_orphan(pool, "half").await.unwrap();
    let half = disks::create(pool, &new).await.unwrap();
    disks::set_active(pool, disk.id, false).await.unwrap();
    it.mount(&["half"]);
    let found = it.scan().await;
    let of_half = found.iter().find(|one| one.resource_id == half.id).unwrap();
    it.apply(&[(of_half.id, Some("activate_disk"))], None)
        .await
        .done();
    let now = disks::find(pool, "half").await.unwrap().unwrap();
    assert!(*now.active);

    // One that the infrastructure has lost.
    disks::delete(pool, disk.id).await.unwrap();
    std::fs::write(it.scene.directory.path().join("no-disk"), "").unwrap();
    let found = it.scan().await;
    assert_eq!(
        (found[0].kind.as_str(), &found[0].description),
        (
            "missing_disk",
            &format!("Disk 'half' ({name}, 50M) is missing")
        )
    );
    // What nobody has chosen for it is nothing.
    let ended = it.apply(&[(found[0].id, None)], None).await.done();
    assert!(ended.finished()[0].ends_with(": Skip for now"), "{ended:?}");
    let found = it.scan().await;
    let detached = it.calls("detach_disk").len();
    it.apply(&[(found[0].id, Some("delete_disk_reference"))], None)
        .await
        .done();
    assert_eq!(it.asked("unmount_disk").pop().unwrap(), json!(["half"]));
    assert_eq!(it.calls("detach_disk").len(), detached + 1);
    assert!(disks::of_instance(pool, row.id).await.unwrap().is_empty());
    assert_eq!(disks::orphans(pool).await.unwrap()[0].disk_cid, "half");
}

/// Puts machines whose agent nobody knows in the place of all that there are.
async fn lose_all(it: &Deployed) {
    let pool = it.scene.engine.store.pool();
    for row in instances::of_deployment(pool, 1).await.unwrap() {
        let old = vms::of_instance(pool, row.id).await.unwrap().remove(0);
        ips::unbind_vm(pool, old.id).await.unwrap();
        vms::delete(pool, old.id).await.unwrap();
        let agent = format!("no.such.agent.{}", warren_director_store::uuid::new());
        let mut gone = vms::create(pool, row.id, &agent, "").await.unwrap();
        gone.cid = Some(format!("gone-{}", row.id));
        gone.active = Flag(true);
        vms::save(pool, &gone).await.unwrap();
    }
    std::fs::write(it.scene.directory.path().join("gone"), "").unwrap();
}

/// How many tasks of a stage went on at once.
fn most_at_once(ended: &Ended, stage: &str) -> i32 {
    let (mut now, mut most) = (0, 0);
    for event in ended.events.iter().filter(|event| event["stage"] == stage) {
        match event["state"].as_str() {
            Some("started") => now += 1,
            Some("finished" | "failed") => now -= 1,
            _ => {}
        }
        most = most.max(now);
    }
    most
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_are_made_anew_as_many_at_once_as_groups_say() {
    let it = Deployed::new(3, false).await;
    let pool = it.scene.engine.store.pool();
    let stage = "Applying problem resolutions";
    for (max, at_once) in [(None, 1), (Some("70%"), 2)] {
        lose_all(&it).await;
        let found = it.scan().await;
        assert_eq!(found.len(), 3);
        let scripts = |name: &str| {
            let mut all = it.asked("run_script");
            all.retain(|arguments| arguments[0] == name);
            all.len()
        };
        let (started, deployed) = (scripts("post-start"), scripts("post-deploy"));
        let choices: Vec<_> = found.iter().map(|one| (one.id, None)).collect();
        let ended = it.apply(&choices, max).await.done();
        assert_eq!(ended.result, "3 resolved");
        assert_eq!(most_at_once(&ended, stage), at_once);
        // Nobody waits for jobs, but what comes after a deploy comes after this.
        assert_eq!(scripts("post-start"), started);
        assert_eq!(scripts("post-deploy"), deployed + 3);
        for vm in vms::list(pool).await.unwrap() {
            assert!(!vm.cid.unwrap().starts_with("gone-"));
        }
        assert!(problems::open(pool, 1).await.unwrap().is_empty());
    }
    lose_all(&it).await;
    let found = it.scan().await;
    let choices: Vec<_> = found
        .iter()
        .map(|one| (one.id, Some("recreate_vm")))
        .collect();
    it.apply(&choices[..1], None).await.done();
    let starts = it.asked("run_script");
    assert!(starts.iter().any(|arguments| arguments[0] == "post-start"));
    // A machine that answers again is left as it is.
    let row = instances::of_deployment(pool, 1).await.unwrap().remove(0);
    let again = Problem {
        kind: "unresponsive_agent".to_owned(),
        resource_id: row.id,
        ..found[0].clone()
    };
    let id = problems::create(pool, &again).await.unwrap();
    let before = vms::of_instance(pool, row.id).await.unwrap();
    let ended = it.apply(&[(id, Some("recreate_vm"))], None).await;
    assert_eq!(
        ended.result,
        format!("Error resolving problem '{id}': Agent is responding now, skipping resolution")
    );
    assert_eq!(vms::of_instance(pool, row.id).await.unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_old_machines_are_made_anew() {
    let it = Deployed::new(2, false).await;
    let pool = it.scene.engine.store.pool();
    let cids = async || -> Vec<String> {
        let all = vms::list(pool).await.unwrap();
        all.into_iter().filter_map(|vm| vm.cid).collect()
    };
    let before = cids().await;
    let recreate = async |time: &str, change: Option<&str>| {
        it.update(|deploy| {
            deploy.recreate_vms_created_before = Some(time.to_owned());
            deploy.recreate = change.is_none();
            deploy.change = change.map(|state| warren_director_store::work::StateChange {
                state: state.to_owned(),
                job: Some("web".to_owned()),
                id: None,
            });
        })
        .await
    };
    for change in [None, Some("recreate")] {
        recreate("2020-01-01T00:00:00Z", change).await.done();
        assert_eq!(cids().await, before);
    }
    assert_eq!(recreate("yesterday", None).await.code(), 40_005);
    // One whose update broke off is made anew whatever its age.
    let mut row = instances::of_deployment(pool, 1).await.unwrap().remove(0);
    row.update_completed = Flag(false);
    instances::save(pool, &row).await.unwrap();
    recreate("2020-01-01T00:00:00Z", None).await.done();
    let now = cids().await;
    assert_eq!(now.iter().filter(|cid| before.contains(cid)).count(), 1);
    recreate("2100-01-01T00:00:00Z", Some("recreate"))
        .await
        .done();
    assert!(!cids().await.iter().any(|cid| now.contains(cid)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ignored_is_left_alone() {
    let it = Deployed::new(2, false).await;
    let pool = it.scene.engine.store.pool();
    let row = instances::of_deployment(pool, 1).await.unwrap().remove(0);
    instances::set_ignored(pool, row.id, true).await.unwrap();
    let machine = vms::of_instance(pool, row.id).await.unwrap();
    it.update(|deploy| deploy.recreate = true).await.done();
    assert_eq!(vms::of_instance(pool, row.id).await.unwrap(), machine);
    let delete = |force| Work::DeleteDeployment {
        deployment: "d".to_owned(),
        force,
    };
    for force in [false, true] {
        let refused = it.scene.work(delete(force)).await;
        assert_eq!(refused.code(), 190_021, "{refused:?}");
    }
    assert_eq!(vms::list(pool).await.unwrap().len(), 2);
    instances::set_ignored(pool, row.id, false).await.unwrap();
    it.update(|deploy| deploy.recreate = true).await.done();
    assert_ne!(vms::of_instance(pool, row.id).await.unwrap(), machine);
    it.scene.work(delete(false)).await.done();
    assert!(vms::list(pool).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_nobody_was_told_of_is_deleted() {
    let it = Deployed::new(1, false).await;
    let pool = it.scene.engine.store.pool();
    let row = it.instances().await.remove(0);
    let names = |calls: &[serde_json::Value]| -> Vec<String> {
        let cids = calls
            .iter()
            .map(|call| call["arguments"][0].as_str().unwrap());
        cids.map(str::to_owned).collect()
    };
    // As a director leaves it that dies while the CPI makes the machine.
    let old = it.machines(row.id).await.remove(0);
    ips::unbind_vm(pool, old.id).await.unwrap();
    vms::delete(pool, old.id).await.unwrap();
    vms::create(pool, row.id, "lost", "").await.unwrap();
    it.update(|_| {}).await.done();
    assert_eq!(names(&it.calls("delete_vm")), ["vm-of-an-agent"]);
    let now = it.machines(row.id).await;
    assert!(now.len() == 1 && now[0].agent_id != "lost", "{now:?}");
    // One that the CPI does not know is no machine of its own: its agent may call it anything.
    vms::create(pool, row.id, "another", "").await.unwrap();
    std::fs::write(it.scene.directory.path().join("gone"), "").unwrap();
    it.scene
        .work(Work::DeleteDeployment {
            deployment: "d".to_owned(),
            force: false,
        })
        .await
        .done();
    let cid = now[0].cid.clone().unwrap();
    assert_eq!(
        names(&it.calls("delete_vm")),
        ["vm-of-an-agent".to_owned(), cid]
    );
    assert!(vms::list(pool).await.unwrap().is_empty());
}
