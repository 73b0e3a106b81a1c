//! A director's API on a port of its own, and curl.

use std::path::PathBuf;
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use warren_director_api::{Api, Counted, Features, Info, User, router};
use warren_director_blobstore::Local;
use warren_director_store::output::Outputs;
use warren_director_store::work::Work;
use warren_director_store::{Store, configs, deployments, releases, stemcells, tasks};
use warren_lib_telemetry::metrics::snapshot;
use warren_wire_manifest::cloud_config::CloudOptions;

pub struct Scene {
    pub directory: TempDir,
    pub port: u16,
    pub store: Store,
    pub outputs: Outputs,
    pub blobs: Local,
    pub api: Api,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter();
        all.find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The number of the task that this redirects to.
    pub fn task(&self) -> i64 {
        assert_eq!(self.status, 302, "{}", self.text());
        assert!(self.body.is_empty());
        let place = self.header("location").unwrap();
        place.strip_prefix("/tasks/").unwrap().parse().unwrap()
    }

    /// The code of a refusal, which must be compact.
    pub fn code(&self) -> u64 {
        let text = self.text();
        assert!(text.starts_with("{\"code\":"), "{text}");
        assert!(text.contains(",\"description\":\""), "{text}");
        self.json()["code"].as_u64().unwrap()
    }
}

pub const ADMIN: &str = "admin:admin-password";

impl Scene {
    pub async fn new() -> Self {
        Self::on(None).await
    }

    /// On a database, or on SQLite.
    pub async fn on(url: Option<String>) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let url = url.unwrap_or_else(|| at("director.db").to_str().unwrap().to_owned());
        let store = Store::open(&url).await.unwrap();
        let blobs = Local::open(&at("blobs"), "test").await.unwrap();
        let outputs = Outputs::new(&at("tasks"));
        let user = |name: &str, scopes: &[&str]| User {
            name: name.to_owned(),
            password: format!("{name}-password"),
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
        };
        let api = Api {
            store: store.clone(),
            outputs: outputs.clone(),
            blobs: blobs.clone(),
            info: Info {
                name: "stock".to_owned(),
                uuid: "b89ce5c8-fc7e-403a-9842-b3dd4b189012".to_owned(),
                version: "283.1.6 (00000000)".to_owned(),
                cpi: "warden_cpi".to_owned(),
                stemcell_os: "-".to_owned(),
                stemcell_version: "-".to_owned(),
                features: Features {
                    local_dns: Some("bosh".to_owned()),
                    ..Features::default()
                },
            },
            users: vec![
                user("admin", &["bosh.admin"]),
                user("reader", &["bosh.read"]),
                user("dev", &["bosh.teams.dev.admin"]),
                user("guest", &["bosh.teams.dev.read"]),
                user("releaser", &["bosh.releases.upload"]),
            ],
            upload_dir: at("uploads"),
            cloud: CloudOptions::default(),
            certificates: Vec::new(),
            counted: Counted::new(|| Box::pin(async { snapshot().labelled("process", "api") })),
        };
        let mut params = CertificateParams::new(vec![]).unwrap();
        let name = &mut params.distinguished_name;
        *name = rcgen::DistinguishedName::new();
        name.push(rcgen::DnType::CommonName, "authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(at("ca.pem"), issuer.pem()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = leaf.signed_by(&key, &issuer).unwrap().pem();
        let tls = warren_lib_https::server_config(&certificate, &key.serialize_pem()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(warren_lib_https::serve(
            listener,
            Some(tls),
            router(api.clone()),
            std::future::pending(),
        ));
        Self {
            directory,
            port,
            store,
            outputs,
            blobs,
            api,
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Curl with these arguments before the URL of a path.
    pub async fn curl(&self, path: &str, arguments: &[&str]) -> Answer {
        let mut command = Command::new("curl");
        command
            .args([
                "-sS",
                "-g",
                "--path-as-is",
                "--http1.1",
                "--max-time",
                "60",
                "-D",
            ])
            .arg("/dev/stderr")
            .arg("--cacert")
            .arg(self.path("ca.pem"))
            .args(arguments)
            .arg(format!("https://127.0.0.1:{}{path}", self.port));
        let output = tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap();
        let head = String::from_utf8_lossy(&output.stderr).into_owned();
        // Of several heads (100 Continue) the last counts.
        let start = head
            .rfind("HTTP/1.1 ")
            .unwrap_or_else(|| panic!("{path}: {head}"));
        let mut lines = head[start..].lines();
        let status = lines.next().unwrap()[9..12].parse().unwrap();
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Answer {
            status,
            headers,
            body: output.stdout,
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.curl(path, &["-u", ADMIN]).await
    }

    pub async fn get_as(&self, user: &str, path: &str) -> Answer {
        self.curl(path, &["-u", &format!("{user}:{user}-password")])
            .await
    }

    /// With a body of a type.
    pub async fn send(&self, method: &str, path: &str, kind: &str, body: &str) -> Answer {
        self.send_as("admin", method, path, kind, body).await
    }

    pub async fn send_as(
        &self,
        user: &str,
        method: &str,
        path: &str,
        kind: &str,
        body: &str,
    ) -> Answer {
        let kind = format!("Content-Type: {kind}");
        let user = format!("{user}:{user}-password");
        let file = self.path(&format!("body-{}", warren_director_store::uuid::new()));
        std::fs::write(&file, body).unwrap();
        let data = format!("@{}", file.display());
        let arguments = [
            "-u",
            &user,
            "-X",
            method,
            "-H",
            &kind,
            "--data-binary",
            &data,
        ];
        self.curl(path, &arguments).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.curl(path, &["-u", ADMIN, "-X", "DELETE"]).await
    }

    pub async fn work(&self, task: i64) -> Work {
        let task = tasks::find(self.store.pool(), task).await.unwrap().unwrap();
        task.work().unwrap()
    }

    /// The rows of the recorded director.
    pub async fn fill(&self) {
        let pool = self.store.pool();
        let recorded = |path: &str| super::recorded::body("GET", path);
        let config: Value =
            serde_json::from_str(&recorded("/configs?latest=true&limit=1")).unwrap();
        let content = config[0]["content"].as_str().unwrap();
        let config = configs::create(pool, "cloud", "default", content, None)
            .await
            .unwrap();
        let manifest: Value = serde_json::from_str(&recorded("/deployments/zookeeper")).unwrap();
        let text = manifest["manifest"].as_str().unwrap();
        let resolved = text
            .replacen("version: latest", "version: 0.0.10+lab.1", 1)
            .replacen("version: latest", "version: '1.1'", 1);
        let stemcell = stemcells::New {
            name: "bosh-warden-boshlite-debian-bookworm",
            version: "1.1",
            operating_system: "debian-bookworm",
            cid: "5c550ba2-6895-4f00-4ab4-b76b885da8a1",
            sha1: "x",
            cpi: "",
            api_version: Some(3),
        };
        let stemcell = stemcells::put(pool, &stemcell).await.unwrap();
        let release = releases::find_or_create(pool, "zookeeper").await.unwrap();
        let version = releases::create_version(pool, release.id, "0.0.10+lab.1", "abc", false)
            .await
            .unwrap();
        releases::set_completed(pool, version, true).await.unwrap();
        for (name, template) in [
            ("zookeeper", "bin/ctl"),
            ("status", "bin/run"),
            ("smoke-tests", "bin/run"),
        ] {
            let spec = serde_json::json!({
                "name": name, "templates": {"x.erb": template}, "packages": [],
                "provides": [{"name": "conn", "type": "zk"}],
            });
            let new = warren_director_store::templates::New {
                release_id: release.id,
                name,
                version: name,
                fingerprint: name,
                blobstore_id: "blob",
                sha1: "sha",
                package_names: &[],
                spec: &spec,
            };
            let id = warren_director_store::templates::create(pool, &new)
                .await
                .unwrap();
            warren_director_store::templates::join(pool, id, version)
                .await
                .unwrap();
        }
        let mut tx = self.store.begin().await.unwrap();
        let deployment = deployments::find_or_create(&mut *tx, "zookeeper", "[]")
            .await
            .unwrap();
        deployments::set_manifest(&mut *tx, deployment.id, &resolved, text)
            .await
            .unwrap();
        deployments::set_configs(&mut tx, deployment.id, &[config.id])
            .await
            .unwrap();
        let refer = deployments::refer;
        refer(
            &mut tx,
            deployment.id,
            deployments::Reference::Stemcell,
            &[stemcell],
        )
        .await
        .unwrap();
        refer(
            &mut tx,
            deployment.id,
            deployments::Reference::ReleaseVersion,
            &[version],
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        let set = warren_director_store::variables::create_set(pool, deployment.id)
            .await
            .unwrap();
        for index in 0..2 {
            let new = warren_director_store::instances::New {
                deployment_id: deployment.id,
                job: "zookeeper",
                index,
                uuid: &format!("0540a9d8-f455-4019-9bc5-f611f3f14ae{index}"),
                state: "started",
                availability_zone: Some("z1"),
                bootstrap: index == 0,
                compilation: false,
                variable_set_id: set,
            };
            warren_director_store::instances::create(pool, &new)
                .await
                .unwrap();
        }
    }
}
