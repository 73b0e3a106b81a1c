//! The plugin with what a stock guardian hands it: images of a real registry, and the layout that
//! `preloaded+layer` becomes, with its file of settings.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use warren_container_rootfs::layer::Digest;

use crate::Scene;
use crate::registry::Registry;

/// User `me`, password `s3cret` (bcrypt).
const HTPASSWD: &str = "me:$2y$05$abcdefghijklmnopqrstuuLK7U1u6pVRmL7L1BBM2aS35PSZnDXlK\n";

/// An authority and what it has signed, in `certs/` as containers/image wants it; a layer; and what
/// a layout and a server need.
const MAKE: &str = "cd $TOP; mkdir -p app/bin certs
    echo run >app/bin/run; tar -C app -cf layer.tar .; gzip -nk layer.tar
    sign() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=$1 \
      -keyout $1.key -out $1.pem -CA ca.pem -CAkey ca.key -addext subjectAltName=IP:127.0.0.1 \
      -addext basicConstraints=critical,CA:FALSE; }
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca \
      -keyout ca.key -out ca.pem
    sign server; sign client
    cp ca.pem certs/ca.crt; cp client.pem certs/client.cert; cp client.key certs/client.key";

/// An image layout.
struct Layout(PathBuf);

impl Layout {
    fn new(directory: PathBuf) -> Self {
        std::fs::create_dir_all(directory.join("blobs/sha256")).unwrap();
        Self(directory)
    }

    fn blob(&self, digest: Digest) -> PathBuf {
        self.0.join("blobs/sha256").join(digest.hex())
    }

    /// Its descriptor.
    fn put(&self, kind: &str, bytes: &[u8]) -> Value {
        let digest = Digest::of(bytes);
        std::fs::write(self.blob(digest), bytes).unwrap();
        let kind = format!("application/vnd.oci.image.{kind}");
        json!({"mediaType": kind, "digest": digest.to_string(), "size": bytes.len()})
    }

    /// Makes it whole, with the tag `1`.
    fn finish(&self, config: &Value, layers: &[Value]) {
        let config = self.put("config.v1+json", config.to_string().as_bytes());
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": layers});
        let mut manifest = self.put("manifest.v1+json", manifest.to_string().as_bytes());
        manifest["annotations"] = json!({"org.opencontainers.image.ref.name": "1"});
        let index = json!({"schemaVersion": 2, "manifests": [manifest]});
        std::fs::write(self.0.join("index.json"), index.to_string()).unwrap();
        let version = r#"{"imageLayoutVersion": "1.0.0"}"#;
        std::fs::write(self.0.join("oci-layout"), version).unwrap();
    }
}

fn config(environment: &[&str], diff_ids: [Digest; 2]) -> Value {
    let diff_ids = diff_ids.map(|digest| digest.to_string());
    json!({
        "architecture": "amd64", "os": "linux", "config": {"Env": environment},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    })
}

/// An image of the scene's two layers, as anybody would push it.
fn pushed(scene: &Scene) -> Layout {
    let read = |name: &str| std::fs::read(scene.path(name)).unwrap();
    let layout = Layout::new(scene.path("pushed"));
    let base = layout.put("layer.v1.tar", &read("base.tar"));
    let layer = layout.put("layer.v1.tar+gzip", &read("layer.tar.gz"));
    let diff_ids = [
        Digest::of(&read("base.tar")),
        Digest::of(&read("layer.tar")),
    ];
    layout.finish(&config(&["A=b"], diff_ids), &[base, layer]);
    layout
}

/// What guardian makes of `preloaded+layer`: no digest of the base is one, and the layer is elsewhere.
fn preloaded(scene: &Scene, registry: &str) {
    let layout = Layout::new(scene.path("preloaded"));
    let base = Digest::of(format!("{}-12345", scene.path("base.tar").display()).as_bytes());
    symlink(scene.path("base.tar"), layout.blob(base)).unwrap();
    let layer = Digest::of(&std::fs::read(scene.path("layer.tar.gz")).unwrap());
    let kind = |name: &str| format!("application/vnd.oci.image.layer.v1.{name}");
    let layers = [
        json!({"mediaType": kind("tar"), "digest": base.to_string(), "size": 0}),
        json!({
            "mediaType": kind("tar+gzip"), "digest": layer.to_string(), "size": 0,
            "urls": [format!("https://{registry}/v2/app/blobs/{layer}")],
            "annotations": {
                "org.cloudfoundry.experimental.image.base-directory": "/home/vcap/app",
            },
        }),
    ];
    layout.finish(&config(&[], [base, layer]), &layers);
    // Guardian does not write it.
    std::fs::remove_file(layout.0.join("oci-layout")).unwrap();
}

fn settings(scene: &Scene, insecure: &str, certificates: &Path) {
    let text = format!(
        "store: {0}\nlog_level: info\nmetron_endpoint: 127.0.0.1:3457\ncreate:\n  \
         insecure_registries: ['{insecure}']\n  skip_layer_validation: true\n  \
         remote_layer_client_certificates_path: {1}\ninit:\n  owneruser: vcap\n  \
         ownergroup: ''\n",
        scene.path("plugin").display(),
        certificates.display()
    );
    std::fs::write(scene.path("config.yml"), text).unwrap();
}

#[test]
fn images_of_a_registry_and_layers_that_want_a_certificate() {
    let scene = Scene::new();
    let made = scene.run(MAKE);
    assert_eq!(made.code, 0, "{made:?}");
    let at = scene.top.path().display();
    std::fs::write(scene.path("htpasswd"), HTPASSWD).unwrap();
    let auth = format!("auth: {{htpasswd: {{realm: test, path: {at}/htpasswd}}}}\n");
    let registry = Registry::start(scene.top.path(), &auth);
    let address = &registry.address;
    let layout = pushed(&scene);
    let push = format!(
        "skopeo --insecure-policy copy --quiet --dest-creds me:s3cret --dest-tls-verify=false \
         oci:{}:1 docker://{address}/app:1",
        layout.0.display()
    );
    let ran = scene.run(&push);
    assert_eq!(
        ran.code, 0,
        "this test needs apt-get install skopeo: {ran:?}"
    );

    // As guardian calls it: flags, what the settings do not say, image and handle.
    let create = |flags: &str, image: &str, id: &str| {
        scene.run(&format!(
            "P=\"$WARREN rootfs plugin --config $TOP/config.yml\"
            $P create --disk-limit-size-bytes 1000000 --exclude-image-from-quota {flags} {image} {id}
            find $TOP/plugin/images/{id}/rootfs -type f -printf ' %P'"
        ))
    };
    settings(&scene, "elsewhere:1", &scene.path("none"));
    let ran = scene.run("$WARREN rootfs plugin --config $TOP/config.yml init-store");
    assert_eq!((ran.code, ran.out.as_str()), (0, ""), "{ran:?}");
    let told: Vec<Value> = ran.err.lines().map(crate::json).collect();
    let unused: Vec<_> = told.iter().map(|line| &line["data"]["setting"]).collect();
    assert_eq!(unused, ["metron_endpoint", "init.owneruser"]);

    let image = format!("docker://{address}/app:1");
    let refused = |flags: &str, image: &str, words: &str| {
        let ran = create(flags, image, "x");
        assert!(ran.code == 1 && ran.out.contains(words), "{words}: {ran:?}");
    };
    refused("", &image, "This registry is insecure. To pull images");
    settings(&scene, address, &scene.path("none"));
    refused("", &image, "does not exist or you do not have permissions");
    let words = "authorization failed: username and password are invalid";
    refused("--username me --password wrong", &image, words);
    let ran = create("--username me --password s3cret", &image, "web");
    assert_eq!(ran.code, 0, "{ran:?}");
    let (answer, files) = ran.out.split_once('\n').unwrap();
    assert_eq!(crate::json(answer)["process"]["env"], json!(["A=b"]));
    for file in ["etc/motd", "bin/run", "zero"] {
        assert!(files.contains(file), "{file}: {files}");
    }

    // The same layer from a server that wants to know who asks.
    drop(registry);
    let tls = format!(
        "  tls:\n    certificate: {at}/server.pem\n    key: {at}/server.key\n    \
         clientcas: [{at}/ca.pem]\n"
    );
    let registry = Registry::start(scene.top.path(), &tls);
    preloaded(&scene, &registry.address);
    let image = format!("oci://{}", scene.path("preloaded").display());
    refused("", &image, &registry.address);
    std::fs::create_dir(scene.path("half")).unwrap();
    std::fs::copy(scene.path("ca.pem"), scene.path("half/ca.crt")).unwrap();
    settings(&scene, "elsewhere:1", &scene.path("half"));
    let words = format!("put NAME.cert and NAME.key in {at}/half");
    refused("", &image, &words);
    settings(&scene, "elsewhere:1", &scene.path("certs"));
    let ran = create("", &image, "app");
    assert_eq!(ran.code, 0, "{ran:?}");
    let (answer, files) = ran.out.split_once('\n').unwrap();
    assert!(crate::json(answer)["root"]["path"].is_string());
    for file in ["etc/motd", "home/vcap/app/bin/run"] {
        assert!(files.contains(file), "{file}: {files}");
    }
    let ran = scene.run("$P delete web; $P delete app; $P clean; $P delete-store");
    let gone = "Image web deleted\nImage app deleted\nclean completed\n";
    assert_eq!((ran.code, ran.out.as_str()), (0, gone), "{ran:?}");
}
