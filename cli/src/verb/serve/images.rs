//! Images of registries, for a Garden server.

use warren_container_rootfs::source::Reference;
use warren_container_rootfs::store::{SourceError, Store};
use warren_garden_server::{Credentials, Opened, Sources};
use warren_registry::{Settings, source_in};

/// Registries as the server's flags describe them.
pub(super) struct Registries(pub Settings);

impl Sources for Registries {
    fn open(
        &self,
        image: &Reference,
        credentials: Option<&Credentials>,
        store: &Store,
    ) -> Result<Opened, SourceError> {
        let credentials = credentials
            .map(|one| warren_registry::Credentials::new(&*one.username, &*one.password));
        let found = source_in(store, image, credentials.as_ref(), &self.0)?;
        Ok(Opened {
            remark: found.remark.map(|remark| remark.to_string()),
            image: found.image,
        })
    }
}
