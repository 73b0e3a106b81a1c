//! Images of registries, for a Garden server.

use warren_container_rootfs::source::{Reference, Source};
use warren_container_rootfs::store::SourceError;
use warren_garden_server::{Credentials, Sources};
use warren_registry::{RegistryImage, Settings};

/// Registries as the server's flags describe them.
pub(super) struct Registries(pub Settings);

impl Sources for Registries {
    fn open(
        &self,
        image: &Reference,
        credentials: Option<&Credentials>,
    ) -> Result<Box<dyn Source>, SourceError> {
        let Reference::Registry(name) = image else {
            return Err("only images of registries can be fetched".into());
        };
        let credentials = credentials
            .map(|one| warren_registry::Credentials::new(&*one.username, &*one.password));
        let image = RegistryImage::open(&name.parse()?, credentials.as_ref(), &self.0)?;
        Ok(Box::new(image))
    }
}
