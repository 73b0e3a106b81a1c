//! Answers clients, and gives metrics.

use serde_json::json;
use warren_director_api::{Api, Features, Info, User};
use warren_wire_manifest::cloud_config::CloudOptions;

use super::{Running, Scene, listen, record_start, until};
use crate::Error;

pub(super) async fn start(scene: &Scene<'_>, running: &mut Running) -> Result<(), Error> {
    let upload_dir = scene.home.path("uploads").join(scene.presence.name());
    crate::home::make(&upload_dir)?;
    let user = |name: &str, password: &str| User {
        name: name.to_owned(),
        password: password.to_owned(),
        scopes: vec!["bosh.admin".to_owned()],
    };
    let api = Api {
        store: scene.store.clone(),
        outputs: scene.outputs.clone(),
        blobs: scene.blobs.clone(),
        info: Info {
            name: scene.options.name.clone(),
            uuid: scene.home.secrets.uuid.clone(),
            version: scene.options.version.clone(),
            cpi: "warden_cpi".to_owned(),
            stemcell_os: "-".to_owned(),
            stemcell_version: "-".to_owned(),
            features: Features {
                local_dns: Some("bosh".to_owned()),
                snapshots: scene.options.snapshots,
                ..Features::default()
            },
        },
        users: vec![
            user("admin", &scene.home.secrets.admin_password),
            user("hm", &scene.home.secrets.hm_password),
        ],
        upload_dir,
        cloud: CloudOptions {
            ignore_missing_gateway: true,
            director_ips: vec![scene.options.address],
        },
        certificates: crate::expiry::certificates(scene.home),
        counted: scene.metrics.counted(),
    };
    if let Some(address) = scene.options.metrics_listen {
        let router = warren_director_api::metrics_router(api.clone());
        let listener = listen(address).await?;
        let ended = scene.ended.clone();
        running.spawn(async move {
            warren_lib_https::serve(listener, None, router, until(ended))
                .await
                .map_err(|source| Error::Ended {
                    role: "metrics",
                    source,
                })
        });
    }
    let listener = listen(scene.options.listen).await?;
    let context = json!({"version": scene.options.version});
    record_start(scene, "director", &scene.home.secrets.uuid, Some(context)).await?;
    let (certificate, key) = (&scene.home.server.certificate, &scene.home.server.key);
    let tls = warren_lib_https::server_config(certificate, key)?;
    let ended = scene.ended.clone();
    running.spawn(async move {
        let router = warren_director_api::router(api);
        warren_lib_https::serve(listener, Some(tls), router, until(ended))
            .await
            .map_err(|source| Error::Ended {
                role: "API",
                source,
            })
    });
    Ok(())
}
