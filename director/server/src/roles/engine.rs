//! What workers and the keeper of names work with: the bus, the CPI, Ruby, and what the configuration
//! says. Nothing of it is started before it is needed but the connection to the bus.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, json};
use warren_director_blobstore::Signer;
use warren_director_bus::{Bus, ServerUrl, Tls};
use warren_director_cpi::{Cpi, Settings};
use warren_director_engine::{Config, Engine, Nats, Parts, SignedUrls};
use warren_director_store::uuid;
use warren_director_templates::Pool;

use super::Scene;
use crate::Error;

pub(super) fn engine(scene: &Scene<'_>) -> Result<Engine, Error> {
    let (options, home) = (scene.options, scene.home);
    let url = options.nats.clone().unwrap_or_else(|| {
        format!(
            "nats://{}",
            SocketAddr::new(options.address, options.nats_port)
        )
    });
    let server = ServerUrl::parse(&url).map_err(|source| Error::Nats {
        url: url.clone(),
        source: source.into(),
    })?;
    let bus = Bus::start(warren_director_bus::Options {
        servers: vec![server],
        tls: Some(Tls {
            ca: home.nats_ca.certificate.clone(),
            certificate: home.nats_director.certificate.clone(),
            private_key: home.nats_director.key.clone(),
            common_name: None,
        }),
        process: uuid::new(),
    })?;
    crate::home::make(&work(scene))?;
    Ok(Engine::new(Parts {
        config: config(scene),
        store: scene.store.clone(),
        outputs: scene.outputs.clone(),
        bus: bus.clone(),
        users: Some(home.users()),
        cpi: Cpi::new(
            Settings {
                command: options.cpi.clone(),
                director_uuid: home.secrets.uuid.clone(),
                properties: Map::new(),
                preferred_version: 3,
            },
            Arc::new(|_| ()),
        ),
        blobs: scene.blobs.clone(),
        templates: Pool::new(warren_director_templates::Options {
            command: options.ruby.clone(),
            ..warren_director_templates::Options::default()
        }),
    }))
}

/// Where this process unpacks files.
fn work(scene: &Scene<'_>) -> PathBuf {
    scene.home.path("work").join(scene.presence.name())
}

fn config(scene: &Scene<'_>) -> Config {
    let (options, home) = (scene.options, scene.home);
    let endpoint = format!(
        "https://{}",
        SocketAddr::new(options.address, options.blobstore_listen.port())
    );
    let mut agent_env = Map::new();
    agent_env.insert(
        "blobstores".into(),
        json!([{
            "provider": "dav",
            "options": {
                "endpoint": endpoint,
                "user": "agent",
                "password": home.secrets.blobstore_agent_password,
                "tls": {"cert": {"ca": home.ca.certificate}},
            },
        }]),
    );
    agent_env.insert("ntp".into(), json!([]));
    Config {
        name: options.name.clone(),
        uuid: home.secrets.uuid.clone(),
        domain: "bosh".to_owned(),
        use_dns_addresses: false,
        ignore_missing_gateway: true,
        own_ips: vec![options.address],
        nats: Some(Nats {
            server_ca: home.nats_ca.certificate.clone(),
            client_ca: home.nats_ca.certificate.clone(),
            client_ca_key: home.nats_ca.key.clone(),
        }),
        agent_env,
        signed_urls: Some(SignedUrls::new(
            Signer::new(&home.secrets.blobstore_secret),
            endpoint,
            options.signed_urls,
        )),
        trusted_certs: String::new(),
        work: work(scene),
        max_threads: 32,
        agent_patience: Duration::from_secs(600),
        silent_after: Duration::from_secs(20),
        keep_unreachable_vms: false,
        snapshots: options.snapshots,
        resize_disks: true,
    }
}
