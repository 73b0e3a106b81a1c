//! What CPIs are told of machines, what is remembered of it, and what makes a machine another one.

use serde_json::{Value, json};
use warren_director_store::work::Work;
use warren_director_store::{deployments, orphaned_vms, vms};

use crate::archives::{a_job, package};
use crate::director::{CLOUD, Director, manifest};

/// Machines have sizes, which the CPI makes something of.
fn cloud() -> String {
    CLOUD
        .replace(
            "azs: [{name: z1}]",
            "azs: [{name: z1, cloud_properties: {zone: one, over: az}}]",
        )
        .replace(
            "az: z1, network: default, vm_type: default",
            "az: z1, network: default, vm_extensions: [ext], orphan_workers: true, \
             vm_resources: {cpu: 4, ram: 1, ephemeral_disk_size: 1}",
        )
        + "vm_extensions: [{name: ext, cloud_properties: {over: ext, token: ((token))}}]\n"
}

fn text(cpu: u32, more: &str) -> String {
    let size = format!(
        "vm_resources: {{cpu: {cpu}, ram: 1024, ephemeral_disk_size: 2048}}\n  vm_extensions: [ext]"
    );
    let variables = format!("variables: [{{name: token, type: password{more}}}]\n");
    manifest(1, &variables)
        .replace("vm_type: default", &size)
        .replace("team: blue", "team: ((token))")
}

/// What the last machine was made with.
fn made(it: &Director) -> Value {
    it.calls("create_vm").last().unwrap()["arguments"][2].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_is_what_zone_size_and_extensions_say() {
    let it = Director::start().await;
    it.cloud(&cloud()).await;
    it.release(&[package("p", "aaaa", ""), a_job("web", "bbbb", "p")])
        .await;
    it.deploy(&text(1, "")).await.done();
    let token = made(&it)["token"].as_str().unwrap().to_owned();
    assert_eq!(token.len(), 20);
    let machine =
        |cpu: u32, token: &str| json!({"zone": "one", "cpu": cpu, "over": "ext", "token": token});
    let all: Vec<Value> = it
        .calls("create_vm")
        .iter()
        .map(|call| call["arguments"][2].clone())
        .collect();
    // The first one compiles.
    assert_eq!(all, [machine(4, &token), machine(1, &token)]);

    // It is left to the schedule.
    let orphans = orphaned_vms::list(it.scene.engine.store.pool())
        .await
        .unwrap();
    assert_eq!((orphans.len(), it.calls("delete_vm").len()), (1, 0));
    assert!(orphans[0].instance_name.starts_with("compilation-"));

    // Secrets are in no row, and nobody who may look at machines sees them.
    let pool = it.scene.engine.store.pool();
    let row = deployments::find(pool, "d").await.unwrap().unwrap();
    let kept: Value = serde_json::from_str(&row.manifest.unwrap()).unwrap();
    assert_eq!(kept["tags"], json!({"team": "((token))"}));
    assert_eq!(
        (&kept["releases"], &kept["stemcells"]),
        (
            &json!([{"name": "r", "version": "1"}]),
            &json!([{"alias": "default", "os": "debian-bookworm", "version": "1.1"}])
        )
    );
    let instance = it.instances().await.remove(0);
    let vm = it.machines(instance.id).await.remove(0);
    let kept: Value = serde_json::from_str(vm.cloud_properties.as_ref().unwrap()).unwrap();
    assert_eq!(kept, machine(1, "((token))"));
    let state = Work::VmState {
        deployment: "d".to_owned(),
        instances: true,
    };
    let seen = it.scene.work(state).await.done().output;
    assert!(
        seen.contains("((token))") && !seen.contains(&token),
        "{seen}"
    );
    assert!(!instance.spec.unwrap().contains(&token));

    let same = it.deploy(&text(1, "")).await.done();
    assert_eq!(same.finished().len(), 3, "{same:?}");
    it.deploy(&text(2, "")).await.done();
    assert_eq!(made(&it), machine(2, &token));
    // Another name of the same value is the same; what an older director wrote down is forgotten.
    let pool = it.scene.engine.store.pool();
    let mut vm = it.machines(instance.id).await.remove(0);
    vm.cloud_properties = Some(machine(2, &token).to_string());
    vms::save(pool, &vm).await.unwrap();
    let same = it.deploy(&text(2, "")).await.done();
    assert_eq!(same.finished().len(), 3, "{same:?}");
    let vm = it.machines(instance.id).await.remove(0);
    assert!(!vm.cloud_properties.unwrap().contains(&token));
    // Another value of a secret is another machine, also if it was stopped in the meantime.
    let in_state =
        |text: String, state: &str| text.replace("  jobs:", &format!("  state: {state}\n  jobs:"));
    let other = text(2, ", update_mode: overwrite");
    it.deploy(&in_state(other, "stopped")).await.done();
    assert_eq!(it.calls("create_vm").len(), 3);
    it.deploy(&in_state(text(2, ""), "started")).await.done();
    assert_eq!(it.calls("create_vm").len(), 4);
    let new = made(&it)["token"].as_str().unwrap().to_owned();
    assert_ne!(new, token);
    assert_eq!(made(&it), machine(2, &new));
    let same = it.deploy(&text(2, "")).await.done();
    assert_eq!(same.finished().len(), 3, "{same:?}");
    // A machine that was made by a deploy that failed is not made anew by the next one.
    it.break_jobs(true);
    let quick = text(2, ", update_mode: overwrite").replace("1-30000", "1-1000");
    assert_eq!(it.deploy(&quick).await.code(), 400_007);
    assert_eq!(it.calls("create_vm").len(), 5);
    it.break_jobs(false);
    it.deploy(&text(2, "")).await.done();
    assert_eq!(it.calls("create_vm").len(), 5);
}
