//! What releases hold, what errands there are of it, and variables.

use serde_json::json;
use warren_director_store::{
    compiled_packages, deployments, instances, packages, releases, templates, variables,
};

use crate::scene::Scene;

pub async fn contents(scene: &Scene) {
    let pool = scene.store.pool();
    let version = releases::find_version(pool, "zookeeper", "0.0.10+lab.1")
        .await
        .unwrap()
        .unwrap();
    let mut ids = Vec::new();
    for (name, blob) in [("java", Some(("blob-1", "sha-1"))), ("zk", None)] {
        let new = packages::New {
            release_id: version.release_id,
            name,
            version: name,
            fingerprint: name,
            blob,
            dependencies: &[],
        };
        let id = packages::create(pool, &new).await.unwrap();
        packages::join(pool, id, version.id).await.unwrap();
        ids.push(id);
    }
    let new = compiled_packages::New {
        package_id: ids[1],
        stemcell_os: "gone",
        stemcell_version: "1",
        dependency_key: "[[\"java\",\"java\",[]]]",
        dependency_key_sha1: "x",
        blobstore_id: "blob-2",
        sha1: "sha-2",
    };
    compiled_packages::create(pool, &new, 1).await.unwrap();
    let shown = scene
        .get("/releases/zookeeper?version=0.0.10%2Blab.1")
        .await
        .json();
    assert_eq!(
        shown["packages"],
        json!([
            {"name": "java", "blobstore_id": "blob-1", "sha1": "sha-1", "fingerprint": "java", "compiled_packages": []},
            {"name": "zk", "blobstore_id": null, "sha1": null, "fingerprint": "zk",
             "compiled_packages": [{"stemcell": "gone/1", "sha1": "sha-2", "blobstore_id": "blob-2"}]},
        ])
    );
    assert_eq!(
        shown["jobs"][0]["provides"],
        json!([{"name": "conn", "type": "zk", "optional": false}])
    );
    let listed = scene.get("/releases").await.json();
    let version_of = &listed[0]["release_versions"][0];
    assert_eq!(
        version_of["job_names"],
        json!(["smoke-tests", "status", "zookeeper"])
    );
    assert_eq!(
        (
            &version_of["currently_deployed"],
            &version_of["commit_hash"]
        ),
        (&json!(true), &json!("abc"))
    );
    let manifest = |key: &str, stemcell: &str| {
        format!(
            "name: zookeeper\nversion: 0.0.11\n{key}:\n- {{name: java, version: java, fingerprint: java{stemcell}}}\n\
             - {{name: zk, version: zk, fingerprint: zk, dependencies: [java]{stemcell}}}\n\
             - {{name: new, version: new, fingerprint: new{stemcell}}}\n"
        )
    };
    let yaml = "text/yaml";
    let sources = manifest("packages", "");
    let matched = scene
        .send("POST", "/packages/matches", yaml, &sources)
        .await;
    assert_eq!(matched.text(), "[\"java\"]");
    let compiled = manifest("compiled_packages", ", stemcell: gone/1");
    let matched = scene
        .send("POST", "/packages/matches_compiled", yaml, &compiled)
        .await;
    assert_eq!(matched.text(), "[\"zk\"]");
    let other = manifest("compiled_packages", ", stemcell: gone/2");
    let matched = scene
        .send("POST", "/packages/matches_compiled", yaml, &other)
        .await;
    assert_eq!(matched.text(), "[]");
    // A version whose upload broke off is sent again as a whole.
    releases::create_version(pool, version.release_id, "0.0.11", "abc", false)
        .await
        .unwrap();
    assert_eq!(
        scene
            .send("POST", "/packages/matches", yaml, &sources)
            .await
            .text(),
        "[]"
    );
    let dry = scene.get("/cleanup/dryrun?remove_all=true").await.json();
    assert_eq!(
        dry["releases"],
        json!([{"name": "zookeeper", "versions": ["0.0.11"]}])
    );
    assert_eq!(dry["compiled_packages"][0]["package_name"], "zk");
    let dry = scene.get("/cleanup/dryrun").await.json();
    assert_eq!(
        (&dry["releases"], &dry["compiled_packages"]),
        (&json!([]), &json!([]))
    );
}

pub async fn jobs_and_variables(scene: &Scene) {
    let pool = scene.store.pool();
    let jobs = "/jobs?name=status&release_name=zookeeper&fingerprint=";
    let found = scene.get(&format!("{jobs}status")).await.json();
    assert_eq!(
        (&found[0]["name"], &found[0]["spec"]["templates"]["x.erb"]),
        (&json!("status"), &json!("bin/run"))
    );
    assert_eq!(scene.get(&format!("{jobs}other")).await.text(), "[]");
    assert_eq!(scene.get("/jobs?name=status").await.code(), 40_001);
    let unknown = scene.get("/jobs?name=x&release_name=x&fingerprint=x").await;
    assert_eq!((unknown.status, unknown.code()), (404, 30_005));
    let blob = scene.blobs.create(&b"archive"[..]).await.unwrap();
    let read = scene.get(&format!("/packages/blobs/{}", blob.id)).await;
    assert_eq!(read.body, b"archive");
    let missing = scene.get("/packages/blobs/nothing").await;
    assert_eq!((missing.status, missing.code()), (404, 100_002));

    let deployment = deployments::find(pool, "zookeeper").await.unwrap().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut certificate = rcgen::CertificateParams::new(vec!["a".to_owned()]).unwrap();
    certificate.not_after = rcgen::date_time_ymd(2100, 1, 2);
    let certificate = certificate.self_signed(&key).unwrap().pem();
    let set = variables::create_set(pool, deployment.id).await.unwrap();
    for (name, kind, value) in [
        (
            "/d/cert",
            "certificate",
            json!({"certificate": certificate}),
        ),
        ("/d/broken", "certificate", json!({"certificate": "no"})),
        ("/d/word", "password", json!("certificate")),
    ] {
        let value = variables::Value {
            variable_id: format!("id-of-{name}"),
            name: name.to_owned(),
            kind: kind.to_owned(),
            parameters: "{}".to_owned(),
            value: value.to_string(),
        };
        variables::add_value(pool, &value).await.unwrap();
        variables::pin(pool, set, name, &value.variable_id)
            .await
            .unwrap();
    }
    let path = "/deployed_variables/%2Fd%2Fword";
    assert_eq!(scene.get(path).await.text(), "{\"deployments\":[]}");
    variables::finish_set(pool, set, true).await.unwrap();
    assert_eq!(
        scene.get(path).await.text(),
        "{\"deployments\":[{\"name\":\"zookeeper\",\"version\":\"id-of-/d/word\"}]}"
    );
    let shown = scene
        .get("/deployments/zookeeper/certificate_expiry")
        .await
        .json();
    assert_eq!(shown.as_array().unwrap().len(), 1);
    assert_eq!(
        (&shown[0]["id"], &shown[0]["expiry_date"]),
        (&json!("id-of-/d/cert"), &json!("2100-01-02T00:00:00Z"))
    );
    assert!(shown[0]["days_left"].as_i64().unwrap() > 365);

    // An errand that an addon has brought.
    let mut instance = instances::of_deployment(pool, deployment.id)
        .await
        .unwrap()
        .remove(0);
    let version = releases::find_version(pool, "zookeeper", "0.0.10+lab.1")
        .await
        .unwrap()
        .unwrap();
    let new = templates::New {
        release_id: version.release_id,
        name: "brought",
        version: "brought",
        fingerprint: "brought",
        blobstore_id: "blob",
        sha1: "sha",
        package_names: &[],
        spec: &json!({"name": "brought", "templates": {"x.erb": "bin/run"}, "packages": []}),
    };
    let id = templates::create(pool, &new).await.unwrap();
    templates::join(pool, id, version.id).await.unwrap();
    let errands = "/deployments/zookeeper/errands";
    let known = "[{\"name\":\"smoke-tests\"},{\"name\":\"status\"}";
    assert_eq!(scene.get(errands).await.text(), format!("{known}]"));
    let templates = json!([{"name": "brought", "version": "brought"}]);
    instance.spec = Some(json!({"job": {"templates": templates}}).to_string());
    instances::save(pool, &instance).await.unwrap();
    assert_eq!(
        scene.get(errands).await.text(),
        format!("{known},{{\"name\":\"brought\"}}]")
    );
}
