//! Light stemcells, out of a real registry in the server's network.

use std::time::{Duration, Instant};

use serde_json::json;
use warren_tests_conformance::garden::Server;
use warren_tests_harness::Background;

use crate::layout::layout;
use crate::scene::{Scene, create_vm};

const REGISTRY: &str = "127.0.0.1:5000";

/// Starts Debian's docker-registry, without TLS, and pushes the scene's image as `stemcell:1`.
fn registry(scene: &Scene) -> (Background<'_>, String) {
    let at = scene.server.directory().display();
    let config = format!(
        "version: 0.1\nlog: {{accesslog: {{disabled: true}}, level: error}}\n\
         storage: {{filesystem: {{rootdirectory: {at}/images}}}}\n\
         http: {{addr: '{REGISTRY}', secret: test}}\n"
    );
    let path = scene.server.directory().join("registry.yml");
    std::fs::write(&path, config).unwrap();
    let path = path.display().to_string();
    let process = scene
        .server
        .actor()
        .start(&["docker-registry", "serve", &path]);
    let from = scene.server.directory().join("layout");
    let digest = layout(&from, &[scene.archive(true)], &["PATH=/bin:/sbin"]);
    let (from, to) = (
        format!("oci:{}:1", from.display()),
        format!("docker://{REGISTRY}/stemcell:1"),
    );
    let deadline = Instant::now() + Duration::from_secs(60);
    let copy = [
        "skopeo",
        "--insecure-policy",
        "copy",
        "--quiet",
        "--preserve-digests",
    ];
    let copy = [&copy[..], &["--dest-tls-verify=false", &from, &to]].concat();
    loop {
        // It takes a moment to listen.
        let pushed = scene.server.actor().run(&copy);
        if pushed.code == 0 {
            return (process, digest.to_string());
        }
        assert!(Instant::now() < deadline, "{pushed:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_light_stemcell_is_its_image_by_digest() {
    let server = Server::builder()
        .arguments(&["--insecure-docker-registry", REGISTRY])
        .start();
    let scene = Scene::at_server(server, "auto");
    let (registry, digest) = registry(&scene);
    let directory = scene.server.directory().join("light");
    std::fs::create_dir(&directory).unwrap();
    let image = directory.join("image");
    std::fs::write(&image, "").unwrap();
    std::fs::write(
        directory.join("stemcell.MF"),
        "stemcell_formats: [docker-light]\n",
    )
    .unwrap();

    let name = format!("{REGISTRY}/stemcell:1");
    let wrong = format!("sha256:{}", "0".repeat(64));
    let (error, said, _) = scene.refused(
        "create_stemcell",
        json!([image, {"image_reference": name, "digest": wrong}]),
    );
    assert_eq!(error, "CloudError", "{said}");
    scene.assert_no_machines();
    let properties = json!({"image_reference": name, "digest": digest});
    let stemcell = scene.call("create_stemcell", json!([image, properties]));
    assert_eq!(
        stemcell,
        json!(format!("light://{REGISTRY}/stemcell@{digest}"))
    );
    let named = scene.call("create_stemcell", json!([image, {"image_reference": name}]));
    assert_eq!(named, json!(format!("light://{name}")));

    let stemcell = stemcell.as_str().unwrap();
    let vm = scene.vm(stemcell, "10.244.0.2");
    assert_eq!(scene.settings(&vm)["agent_id"], "agent-1");
    scene.call("delete_vm", json!([vm]));
    scene.call("delete_stemcell", json!([stemcell]));
    drop(registry);
    let gone = create_vm("light://127.0.0.1:1/none:1", "10.244.0.2", json!({}));
    assert_eq!(scene.refused("create_vm", gone).0, "VMCreationFailed");
    scene.assert_no_machines();
}
