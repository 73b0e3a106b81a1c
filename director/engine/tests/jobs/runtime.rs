//! Runtime configs: releases, addons, variables and tags that come into every deployment.

use serde_json::Value;
use warren_director_store::{configs, vms};

use crate::archives::{a_job, release};
use crate::director::{Director, manifest};
use crate::rendered::{deploy, sent, showing, shown};

/// As names are given to machines: a release, a job that is everywhere but in one group, with a
/// password of its own, and tags.
fn runtime(owner: &str) -> String {
    format!(
        "
releases: [{{name: names, version: 7}}]
tags: {{owner: {owner}, team: red}}
variables: [{{name: /names_token, type: password, options: {{length: 33}}}}]
addons:
- name: names
  jobs: [{{name: names, release: names, properties: {{token: ((/names_token))}}}}]
  include: {{stemcell: [{{os: debian-bookworm}}]}}
  exclude: {{instance_groups: [bare]}}
- name: elsewhere
  jobs: [{{name: never, release: names}}]
  include: {{stemcell: [{{os: windows2019}}]}}
"
    )
}

const BARE: &str = "- name: bare
  instances: 1
  azs: [z1]
  stemcell: default
  vm_type: default
  networks: [{name: default}]
  jobs: [{name: web, release: r}]
";

async fn config(it: &Director, text: &str) -> i64 {
    let pool = it.scene.engine.store.pool();
    let made = configs::create(pool, "runtime", "default", text, None).await;
    made.unwrap().id
}

/// The tags that a group's machines were given last.
fn tags(it: &Director, group: &str) -> (Value, Value) {
    let mut calls = it.calls("set_vm_metadata");
    calls.retain(|call| call["arguments"][1]["job"] == group);
    let metadata = &calls.last().unwrap()["arguments"][1];
    (metadata["owner"].clone(), metadata["team"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_config_brings_jobs_with_variables_and_tags() {
    let it = Director::start().await;
    it.release(&[a_job("web", "bbbb", "")]).await;
    let names = showing(
        "names",
        "cccc",
        "<%= p('token') %>",
        "properties: {token: {}}\n",
    );
    let bytes = release("names", "7", "c", &[names, a_job("never", "dddd", "")]);
    let upload = warren_director_store::work::Work::UpdateRelease(it.scene.upload(&bytes));
    it.scene.work(upload).await.done();
    // A stemcell is also known by the system that it is of if the manifest names it otherwise.
    let text = manifest(1, BARE).replace(
        "os: debian-bookworm",
        "name: bosh-warden-boshlite-debian-bookworm",
    );
    let first = config(&it, &runtime("ops")).await;
    deploy(&it, "d", &text, &[first]).await.done();
    assert_eq!(shown(&it, "names").len(), 33);
    let has = |files: &std::collections::BTreeMap<String, String>, job: &str| {
        files
            .keys()
            .any(|path| path.starts_with(&format!("./{job}/")))
    };
    let all = sent(&it);
    assert!(all.iter().any(|files| has(files, "names")));
    assert!(all.iter().any(|files| !has(files, "names")), "{all:?}");
    assert!(!all.iter().any(|files| has(files, "never")), "{all:?}");
    // The manifest's tags come over those of runtime configs.
    assert_eq!(tags(&it, "web"), ("ops".into(), "blue".into()));
    assert_eq!(tags(&it, "bare"), ("ops".into(), "blue".into()));

    let stops = it.asked("stop").len();
    let again = deploy(&it, "d", &text, &[first]).await.done();
    assert_eq!(again.finished().len(), 3, "{again:?}");

    // Other tags are no reason to touch jobs; with another reason they come along.
    let second = config(&it, &runtime("sre")).await;
    let tagged = deploy(&it, "d", &text, &[second]).await.done();
    assert_eq!(tagged.in_state("finished").len(), 5, "{tagged:?}");
    assert_eq!(tags(&it, "web"), ("sre".into(), "blue".into()));
    assert_eq!(tags(&it, "bare"), ("sre".into(), "blue".into()));
    let told = it.calls("set_vm_metadata").len();
    let again = deploy(&it, "d", &text, &[second]).await.done();
    assert_eq!(again.finished().len(), 3, "{again:?}");
    assert_eq!(
        (it.calls("set_vm_metadata").len(), it.asked("stop").len()),
        (told, stops)
    );
    let third = config(&it, &runtime("sre").replace("length: 33", "length: 34")).await;
    let converging = format!("{text}features: {{converge_variables: true}}\n")
        .replace("team: blue", "team: green");
    deploy(&it, "d", &converging, &[third]).await.done();
    assert_eq!(shown(&it, "names").len(), 34);
    assert_eq!(tags(&it, "web"), ("sre".into(), "green".into()));
    let stops = it.asked("stop").len();

    // A name is defined once, wherever.
    let twice = format!("{text}variables: [{{name: /names_token, type: password}}]\n");
    let refused = deploy(&it, "d", &twice, &[first]).await;
    assert_eq!(refused.code(), 190_022, "{refused:?}");
    assert_eq!(it.asked("stop").len(), stops);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_trusts_other_certificates_is_told() {
    let it = Director::start().await;
    it.release(&[a_job("web", "bbbb", "")]).await;
    it.deploy(&manifest(1, "")).await.done();
    let told = it.asked("update_settings").len();
    let row = it.instances().await.remove(0);
    let mut machine = it.machines(row.id).await.remove(0);
    let trusts = machine.trusted_certs_sha1.clone();
    assert!(trusts.is_some());
    machine.trusted_certs_sha1 = Some("others".to_owned());
    let pool = it.scene.engine.store.pool();
    vms::save(pool, &machine).await.unwrap();
    it.deploy(&manifest(1, "")).await.done();
    assert_eq!(it.asked("update_settings").len(), told + 1);
    let now = it.machines(row.id).await.remove(0);
    assert_eq!((now.cid, now.trusted_certs_sha1), (machine.cid, trusts));
    let again = it.deploy(&manifest(1, "")).await.done();
    assert_eq!(again.finished().len(), 3, "{again:?}");
}
