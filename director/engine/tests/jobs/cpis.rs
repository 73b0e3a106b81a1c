//! Several CPIs: which is called for what, and what happens when one gets another name.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use warren_director_store::work::{Deploy, Work};
use warren_director_store::{configs, deployments, disks, instances, stemcells, variables, vms};

use crate::archives::{a_job, release, stemcell};
use crate::director::agents;
use crate::scene::{Ended, Scene};
use crate::server::{Agent, Server};

const CLOUD: &str = "
azs: [{name: z1, cpi: a}, {name: z2, cpi: b}]
vm_types: [{name: default}]
compilation: {workers: 1, az: z1, network: default, vm_type: default}
networks:
- name: default
  type: manual
  subnets: [{range: 10.244.0.0/24, gateway: 10.244.0.1, azs: [z1, z2], dns: []}]
";

const MANIFEST: &str = "
name: d
releases: [{name: r, version: latest}]
stemcells: [{alias: default, os: debian-bookworm, version: latest}]
update: {canaries: 1, max_in_flight: 2, canary_watch_time: 1-30000, update_watch_time: 1-30000}
instance_groups:
- name: web
  instances: 2
  azs: [z1, z2]
  stemcell: default
  vm_type: default
  persistent_disk: 100
  networks: [{name: default}]
  jobs: [{name: web, release: r}]
";

/// A CPI of a name, as a program.
fn program(scene: &Scene, name: &str) -> PathBuf {
    let directory = scene.directory.path().join(format!("cpi-{name}"));
    std::fs::create_dir(&directory).unwrap();
    let script = include_str!("cpi.sh")
        .replace("DIRECTORY", directory.to_str().unwrap())
        .replace("\"stemcell-cid\"", &format!("\"stemcell-{name}\""))
        .replace("disk-$$", &format!("disk-{name}"));
    let program = directory.join("cpi");
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program
}

/// What a CPI was asked for, `info` too.
fn calls(scene: &Scene, name: &str) -> Vec<Value> {
    let path = scene.directory.path().join(format!("cpi-{name}/requests"));
    std::fs::read_to_string(path)
        .unwrap_or_default()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn methods(calls: &[Value]) -> Vec<&str> {
    calls
        .iter()
        .map(|call| call["method"].as_str().unwrap())
        .collect()
}

async fn configure(scene: &Scene, text: &str) {
    let pool = scene.engine.store.pool();
    configs::create(pool, "cpi", "default", text, None)
        .await
        .unwrap();
}

async fn deploy(scene: &Scene, cloud: &str) -> Ended {
    let pool = scene.engine.store.pool();
    let cloud = configs::create(pool, "cloud", "default", cloud, None)
        .await
        .unwrap();
    deployments::find_or_create(pool, "d", "[]").await.unwrap();
    let deploy = Deploy {
        deployment: "d".to_owned(),
        manifest: Some(MANIFEST.to_owned()),
        cloud_configs: vec![cloud.id],
        ..Deploy::default()
    };
    scene.work(Work::UpdateDeployment(deploy)).await
}

fn two(a: &Path, b: &Path) -> String {
    format!(
        "cpis:\n- name: a\n  type: x\n  exec_path: {}\n  properties: {{where: here, key: ((/key))}}\n\
         - name: b\n  type: x\n  exec_path: {}\n  properties: {{where: there}}\n",
        a.display(),
        b.display()
    )
}

async fn key(scene: &Scene, value: &str) {
    let value = variables::Value {
        variable_id: warren_director_store::uuid::new(),
        name: "/key".to_owned(),
        kind: "password".to_owned(),
        parameters: "{}".to_owned(),
        value: json!(value).to_string(),
    };
    variables::add_value(scene.engine.store.pool(), &value)
        .await
        .unwrap();
}

/// With a release, two CPIs and a stemcell on both.
async fn prepared() -> (Server, Agent, Scene, [PathBuf; 2]) {
    let server = Server::start();
    let scene = Scene::start(Some(server.url())).await;
    let agent = agents(&server, &scene, &Arc::default());
    crate::machines::ready(&scene, &["any"]).await;
    let bytes = release("r", "1", "c", &[a_job("web", "bbbb", "")]);
    scene
        .work(Work::UpdateRelease(scene.upload(&bytes)))
        .await
        .done();
    let programs = ["a", "b"].map(|name| program(&scene, name));
    configure(&scene, &two(&programs[0], &programs[1])).await;
    key(&scene, "secret").await;
    let bytes = stemcell("1.1", "warden-tar", b"an image");
    let ended = scene
        .work(Work::UpdateStemcell(scene.upload(&bytes)))
        .await
        .done();
    assert_eq!(
        ended.finished()[2..5],
        [
            "Update stemcell: Checking if this stemcell already exists (cpi: a)",
            "Update stemcell: Uploading stemcell bosh-warden-boshlite-debian-bookworm/1.1 to the cloud (cpi: a)",
            "Update stemcell: Save stemcell bosh-warden-boshlite-debian-bookworm/1.1 (stemcell-a) (cpi: a)",
        ]
    );
    (server, agent, scene, programs)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_zone_has_its_cpi() {
    let (_server, _agent, scene, _) = prepared().await;
    let pool = scene.engine.store.pool();
    let rows = stemcells::list(pool).await.unwrap();
    let of: Vec<_> = rows
        .iter()
        .map(|row| (row.cpi.as_str(), row.cid.as_str()))
        .collect();
    assert_eq!(of, [("a", "stemcell-a"), ("b", "stemcell-b")]);
    deploy(&scene, CLOUD).await.done();
    for (name, place) in [("a", "here"), ("b", "there")] {
        let calls = calls(&scene, name);
        assert_eq!(
            methods(&calls),
            [
                "info",
                "create_stemcell",
                "create_vm",
                "set_vm_metadata",
                "create_disk",
                "attach_disk",
                "set_disk_metadata"
            ]
        );
        for call in &calls {
            assert_eq!(call["context"]["where"], place);
            assert_eq!(call["context"]["director_uuid"], "d-uuid");
        }
        let key = if name == "a" {
            json!("secret")
        } else {
            Value::Null
        };
        assert_eq!(calls[2]["context"]["key"], key);
        assert_eq!(
            calls[2]["context"]["vm"],
            json!({"stemcell": {"api_version": 3}})
        );
        assert_eq!(calls[2]["arguments"][1], format!("stemcell-{name}"));
    }
    // The director's own CPI has nothing to do with it.
    assert!(scene.cpi_calls().is_empty());
    for row in instances::of_deployment(pool, 1).await.unwrap() {
        let name = match row.availability_zone.as_deref() {
            Some("z1") => "a",
            _ => "b",
        };
        let machine = vms::of_instance(pool, row.id).await.unwrap().remove(0);
        assert_eq!(machine.cpi, name);
        let disk = disks::of_instance(pool, row.id).await.unwrap().remove(0);
        assert_eq!(
            (disk.cpi.as_str(), disk.disk_cid),
            (name, format!("disk-{name}"))
        );
    }
    // A new value of a variable is what the next call is made with.
    key(&scene, "other").await;
    scene
        .work(Work::ScanCloud {
            deployment: "d".to_owned(),
        })
        .await
        .done();
    let last = calls(&scene, "a").pop().unwrap();
    assert_eq!(
        (&last["method"], &last["context"]["key"]),
        (&json!("has_disk"), &json!("other"))
    );
    let delete = Work::DeleteDeployment {
        deployment: "d".to_owned(),
        force: false,
    };
    scene.work(delete).await.done();
    let clean = Work::CleanUp {
        remove_all: true,
        keep_orphaned_disks: false,
    };
    scene.work(clean).await.done();
    for name in ["a", "b"] {
        let calls = calls(&scene, name);
        let methods = methods(&calls);
        for method in ["delete_vm", "delete_disk", "delete_stemcell"] {
            let count = methods.iter().filter(|one| **one == method).count();
            assert_eq!(count, 1, "{name} {method}: {methods:?}");
        }
    }
    assert!(scene.cpi_calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cpi_that_is_renamed_keeps_what_it_has() {
    let (_server, _agent, scene, [a, b]) = prepared().await;
    let pool = scene.engine.store.pool();
    deploy(&scene, CLOUD).await.done();
    let before = vms::list(pool).await.unwrap();
    let renamed = two(&a, &b).replace("name: b\n", "name: c\n  migrated_from: [{name: b}]\n");
    configure(&scene, &renamed).await;
    // The cloud config still says the old name, which the new one answers to.
    deploy(&scene, CLOUD).await.done();
    let cloud = CLOUD.replace("cpi: b", "cpi: c");
    deploy(&scene, &cloud).await.done();
    let after = vms::list(pool).await.unwrap();
    let cids = |all: &[vms::Vm]| all.iter().map(|vm| vm.cid.clone()).collect::<Vec<_>>();
    assert_eq!(cids(&after), cids(&before));
    let names: Vec<_> = after.iter().map(|vm| vm.cpi.as_str()).collect();
    assert!(names.contains(&"a") && names.contains(&"c"), "{names:?}");
    // The stemcell need not be sent again.
    let bytes = stemcell("1.1", "warden-tar", b"an image");
    let ended = scene
        .work(Work::UpdateStemcell(scene.upload(&bytes)))
        .await
        .done();
    let uploads = calls(&scene, "b");
    let uploads = uploads
        .iter()
        .filter(|call| call["method"] == "create_stemcell");
    assert_eq!(uploads.count(), 1, "{ended:?}");
    // A machine is made anew of it.
    let recreate = Deploy {
        deployment: "d".to_owned(),
        manifest: Some(MANIFEST.to_owned()),
        cloud_configs: vec![3],
        recreate: true,
        ..Deploy::default()
    };
    let ids: Vec<i64> = configs::list(
        pool,
        &configs::Filter {
            kind: Some("cloud"),
            name: None,
            limit: Some(1),
        },
    )
    .await
    .unwrap()
    .iter()
    .map(|config| config.id)
    .collect();
    let recreate = Deploy {
        cloud_configs: ids,
        ..recreate
    };
    scene.work(Work::UpdateDeployment(recreate)).await.done();
    assert_ne!(cids(&vms::list(pool).await.unwrap()), cids(&before));
}

#[tokio::test(flavor = "multi_thread")]
async fn zones_must_name_cpis_that_there_are() {
    let (_server, _agent, scene, [a, b]) = prepared().await;
    let without = CLOUD.replace(", cpi: b", "");
    let ended = deploy(&scene, &without).await;
    assert_eq!(ended.code(), 550_001);
    assert!(
        ended
            .result
            .contains("AZ 'z2' must specify a CPI when CPI config is defined"),
        "{ended:?}"
    );
    let unknown = CLOUD.replace("cpi: b", "cpi: nope");
    let ended = deploy(&scene, &unknown).await;
    assert_eq!(
        ended.result,
        "Failed to load CPI for AZ 'z2': CPI 'nope' not found in cpi-config"
    );
    configure(&scene, &two(&a, &b).replace("((/key))", "((key))")).await;
    assert_eq!(deploy(&scene, CLOUD).await.code(), 540_006);
    configure(&scene, &two(&a, &b).replace("((/key))", "((/none))")).await;
    assert_eq!(deploy(&scene, CLOUD).await.code(), 540_001);
    let pool = scene.engine.store.pool();
    configs::delete(pool, "cpi", "default").await.unwrap();
    let ended = deploy(&scene, CLOUD).await;
    assert_eq!(
        ended.result,
        "Failed to load CPI for AZ 'z1': CPI 'a' not found in cpi-config (because cpi-config is not set)"
    );
    assert!(vms::list(pool).await.unwrap().is_empty());
    // Nobody knows on which of them a machine is that no row has.
    configure(&scene, &two(&a, &b)).await;
    let delete = Work::DeleteVm {
        cid: "unknown".to_owned(),
    };
    assert_eq!(scene.work(delete).await.code(), 100);
}
