//! Packages are compiled once for all stemcells of an OS and version, on as many machines as are wanted,
//! until one fails.

use serde_json::Value;
use warren_director_store::work::Work;

use crate::archives::{a_job, package, stemcell};
use crate::director::{CLOUD, Director, manifest};

/// A manifest whose second group is of the second of these stemcells.
fn two_groups(stemcells: &str) -> String {
    let text = manifest(1, "");
    let list = "[{alias: default, os: debian-bookworm, version: latest}]";
    assert!(text.contains(list));
    let at = text.find("- name: web").unwrap();
    let second = text[at..].replace("name: web\n", "name: db\n");
    let second = second.replace("stemcell: default", "stemcell: another");
    text.replace(list, stemcells) + &second
}

/// What machines were made and deleted, in order.
fn machines(it: &Director) -> Vec<String> {
    let all = it.timeline().into_iter();
    let methods = all.map(|(_, call)| call["method"].as_str().unwrap().to_owned());
    methods
        .filter(|method| ["create_vm", "delete_vm"].contains(&method.as_str()))
        .collect()
}

async fn director(packages: &[&'static str]) -> Director {
    let it = Director::start().await;
    it.cloud(&CLOUD.replace("workers: 1", "workers: 1, reuse_compilation_vms: true"))
        .await;
    let mut members: Vec<_> = packages
        .iter()
        .map(|name| package(name, name, ""))
        .collect();
    members.push(a_job("web", "bbbb", &packages.join(", ")));
    it.release(&members).await;
    it
}

#[tokio::test(flavor = "multi_thread")]
async fn two_names_of_one_stemcell_need_one_compilation() {
    let it = director(&["p"]).await;
    it.cloud(&CLOUD.replace("workers: 1", "workers: 3")).await;
    let stemcells = "[{alias: default, os: debian-bookworm, version: latest}, \
        {alias: another, os: debian-bookworm, version: '1.1'}]";
    it.deploy(&two_groups(stemcells)).await.done();
    assert_eq!(it.asked("compile_package").len(), 1);
    // Both groups have it.
    let with_it = it.asked("apply").into_iter();
    let with_it =
        with_it.filter(|spec| spec[0].pointer("/packages/p").is_some_and(Value::is_object));
    assert_eq!(with_it.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_makes_room_for_one_of_another_stemcell() {
    let it = director(&["p"]).await;
    let bytes = stemcell("1.2", "warden-tar", b"another image");
    let upload = Work::UpdateStemcell(it.scene.upload(&bytes));
    it.scene.work(upload).await.done();
    let stemcells = "[{alias: default, os: debian-bookworm, version: '1.1'}, \
        {alias: another, os: debian-bookworm, version: '1.2'}]";
    it.deploy(&two_groups(stemcells)).await.done();
    assert_eq!(it.asked("compile_package").len(), 2);
    let (create, delete) = ("create_vm", "delete_vm");
    assert_eq!(
        machines(&it),
        [create, delete, create, delete, create, create]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_compiled_after_a_failure() {
    let it = director(&["p", "q", "r"]).await;
    it.refuse("compile_package");
    let ended = it.deploy(&manifest(1, "")).await;
    assert_eq!(ended.state, "error", "{ended:?}");
    assert!(
        ended.result.contains("compile_package is refused"),
        "{ended:?}"
    );
    assert_eq!(it.asked("compile_package").len(), 1);
    assert_eq!(machines(&it), ["create_vm", "delete_vm"]);
    it.deploy(&manifest(1, "")).await.done();
    assert_eq!(it.asked("compile_package").len(), 4);
}
