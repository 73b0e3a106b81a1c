//! Problems that a scan has found, and locks that are held.

use serde_json::json;
use warren_director_store::{deployments, locks, problems};

use crate::scene::Scene;

pub async fn problems_and_locks(scene: &Scene) {
    let pool = scene.store.pool();
    let deployment = deployments::find(pool, "zookeeper").await.unwrap().unwrap();
    let problem = problems::Problem {
        id: 0,
        deployment_id: deployment.id,
        state: "open".to_owned(),
        resource_id: 1,
        kind: "missing_vm".to_owned(),
        data: "{}".to_owned(),
        description: "VM is missing".to_owned(),
        instance_group: "zookeeper".to_owned(),
    };
    let id = problems::create(pool, &problem).await.unwrap();
    let listed = scene.get("/deployments/zookeeper/problems").await.json();
    let names: Vec<&str> = listed[0]["resolutions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "ignore",
            "recreate_vm_without_wait",
            "recreate_vm",
            "delete_vm_reference"
        ]
    );
    assert_eq!(
        (&listed[0]["id"], &listed[0]["data"]),
        (&json!(id), &json!({}))
    );
    let wrong = format!("{{\"resolutions\":{{\"{id}\":\"fly\"}}}}");
    let path = "/deployments/zookeeper/problems";
    assert_eq!(
        scene
            .send("PUT", path, "application/json", &wrong)
            .await
            .code(),
        410_002
    );
    let patience = std::time::Duration::from_secs(1);
    for name in ["lock:deployment:zookeeper", "lock:stemcells:s:1.1"] {
        locks::acquire(&scene.store, name, Some(7), patience)
            .await
            .unwrap();
    }
    let held = scene.get("/locks").await.json();
    assert_eq!(
        (&held[0]["type"], &held[0]["resource"]),
        (&json!("deployment"), &json!(["zookeeper"]))
    );
    assert_eq!(held[1]["resource"], json!(["s", "1.1"]));
    assert_eq!(held[0]["task_id"], "7");
    assert!(held[0]["timeout"].as_str().unwrap().ends_with(".000000"));
    assert_eq!(scene.get("/deployments").await.json()[0]["locked"], true);
}
