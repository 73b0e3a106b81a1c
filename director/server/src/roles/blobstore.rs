//! Gives blobs to agents and takes theirs.

use warren_director_blobstore::{Access, Signer};

use super::{Running, Scene, listen, until};
use crate::Error;

pub(super) async fn start(scene: &Scene<'_>, running: &mut Running) -> Result<(), Error> {
    let user = |name: &str, password: &str| warren_director_blobstore::User {
        name: name.to_owned(),
        password: password.to_owned(),
    };
    let access = Access {
        readers: Vec::new(),
        // Agents put what they compile and the logs they are asked for.
        writers: vec![
            user("director", &scene.home.secrets.blobstore_director_password),
            user("agent", &scene.home.secrets.blobstore_agent_password),
        ],
        signer: Some(Signer::new(&scene.home.secrets.blobstore_secret)),
    };
    let router = warren_director_blobstore::router(scene.blobs.clone(), access);
    let listener = listen(scene.options.blobstore_listen).await?;
    let (certificate, key) = (&scene.home.server.certificate, &scene.home.server.key);
    let tls = warren_lib_https::server_config(certificate, key)?;
    let ended = scene.ended.clone();
    running.spawn(async move {
        warren_lib_https::serve(listener, Some(tls), router, until(ended))
            .await
            .map_err(|source| Error::Ended {
                role: "blobstore",
                source,
            })
    });
    Ok(())
}
