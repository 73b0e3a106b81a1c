//! A nats-server of our own, and agents that are none.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::Value;
use tempfile::TempDir;
use warren_director_bus::{Bus, Options, ServerUrl, Tls, Users};
use warren_lib_nats::{Client, Event, Events, Message};
use warren_tests_harness::Port;

/// An authority, and who it says somebody is.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

fn subject(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CountryName, "USA");
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Cloud Foundry");
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

impl Authority {
    fn new() -> Self {
        let mut params = subject("default.nats-ca.bosh-internal");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer }
    }

    fn identity(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let certificate = subject(name).signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn tls(&self, name: &str) -> Tls {
        let (certificate, private_key) = self.identity(name);
        Tls {
            ca: self.issuer.pem(),
            certificate,
            private_key,
            common_name: None,
        }
    }
}

/// A running server; killed when dropped.
pub struct Server {
    directory: TempDir,
    authority: Authority,
    port: Port,
    child: Option<Child>,
    pub users: Users,
}

impl Server {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let at = |name: &str| directory.path().join(name);
        let (certificate, key) = authority.identity("default.nats.bosh-internal");
        fs::write(at("ca.pem"), authority.issuer.pem()).unwrap();
        fs::write(at("server.pem"), certificate).unwrap();
        fs::write(at("server.key"), key).unwrap();
        let port = Port::of_loopback();
        let users = Users::new(&at("auth.json"), &at("nats.pid"));
        users.write(&std::collections::BTreeMap::new()).unwrap();
        fs::write(
            at("nats.cfg"),
            format!(
                "listen: \"127.0.0.1:{}\"\npid_file: \"{}\"\ntls {{ cert_file: \"{}\", \
                 key_file: \"{}\", ca_file: \"{}\", verify_and_map: true, timeout: 10 }}\n\
                 include auth.json\n",
                port.number(),
                at("nats.pid").display(),
                at("server.pem").display(),
                at("server.key").display(),
                at("ca.pem").display(),
            ),
        )
        .unwrap();
        let mut server = Self {
            directory,
            authority,
            port,
            child: None,
            users,
        };
        server.run();
        server
    }

    /// Gives it a setting for its next start; the last one of a name counts.
    pub fn set(&self, line: &str) {
        let path = self.directory.path().join("nats.cfg");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}{line}\n")).unwrap();
    }

    pub fn run(&mut self) {
        let child = Command::new(program())
            .arg("-c")
            .arg(self.directory.path().join("nats.cfg"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port.number())
    }

    pub fn url(&self) -> ServerUrl {
        ServerUrl::parse(&format!("nats://{}", self.address())).unwrap()
    }

    pub fn bus(&self) -> Bus {
        Bus::start(Options {
            servers: vec![self.url()],
            tls: Some(self.authority.tls("default.director.bosh-internal")),
            process: "p".to_owned(),
        })
        .unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn program() -> &'static Path {
    [
        "/usr/sbin/nats-server",
        "/usr/bin/nats-server",
        "/usr/local/bin/nats-server",
    ]
    .iter()
    .map(Path::new)
    .find(|path| path.exists())
    .unwrap_or_else(|| panic!("nats-server is missing: apt-get install nats-server"))
}

type Answer = dyn Fn(&str, &[Value]) -> Value + Send + Sync;

/// Something that answers at an agent's subject.
pub struct Pretend {
    _client: Arc<OnceLock<Client>>,
}

struct Answers {
    client: Arc<OnceLock<Client>>,
    answer: Box<Answer>,
}

impl Events for Answers {
    fn message(&self, message: Message) {
        let request: Value = serde_json::from_slice(&message.payload).unwrap();
        let arguments = request["arguments"].as_array().unwrap();
        let answer = (self.answer)(request["method"].as_str().unwrap(), arguments);
        let to = request["reply_to"].as_str().unwrap();
        if let Some(client) = self.client.get() {
            client.publish(to, answer.to_string().as_bytes()).unwrap();
        }
    }

    fn event(&self, _: &Event) {}
}

impl Pretend {
    pub fn start(
        server: &Server,
        id: &str,
        bootstrap: bool,
        answer: impl Fn(&str, &[Value]) -> Value + Send + Sync + 'static,
    ) -> Self {
        Self::start_as(server, id, id, bootstrap, answer)
    }

    /// One with the certificate of `id` that listens for `other`.
    pub fn start_as(
        server: &Server,
        id: &str,
        other: &str,
        bootstrap: bool,
        answer: impl Fn(&str, &[Value]) -> Value + Send + Sync + 'static,
    ) -> Self {
        let name = warren_wire_agent::subject::common_name(id, bootstrap);
        let shared = Arc::new(OnceLock::new());
        let client = Client::start(
            warren_lib_nats::Options {
                servers: vec![server.url()],
                tls: Some(server.authority.tls(&name)),
                name,
                subjects: vec![format!("agent.{other}")],
                ping_interval: Duration::from_secs(5),
            },
            Arc::new(Answers {
                client: Arc::clone(&shared),
                answer: Box::new(answer),
            }),
        )
        .unwrap();
        let _ = shared.set(client);
        Self { _client: shared }
    }
}
