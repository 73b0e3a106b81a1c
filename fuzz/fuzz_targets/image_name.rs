//! Texts that name an image: addresses, names in registries, digests.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_container_rootfs::layer::Digest;
use warren_container_rootfs::source::Reference;
use warren_registry::{ImageName, Pin};

fuzz_target!(|text: &str| {
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string().parse(), Ok(digest));
    }
    let name = match text.parse::<Reference>() {
        Ok(Reference::Path(path) | Reference::Raw(path)) => {
            assert!(path.is_absolute());
            return;
        }
        Ok(Reference::OciLayout { directory, .. }) => {
            assert!(directory.is_absolute());
            return;
        }
        Ok(Reference::PreloadedLayer { base, .. }) => {
            assert!(base.is_absolute());
            return;
        }
        Ok(Reference::Registry(name)) => name,
        Err(_) => text.to_owned(),
    };
    let Ok(name) = name.parse::<ImageName>() else {
        return;
    };
    // Nothing in it may mean anything else in a URL's path.
    let harmless = |text: &str| !text.contains(['?', '#', '@', '%', ' ', '\\', '\n']);
    assert!(harmless(&name.repository) && !name.repository.contains(':'));
    assert!(
        name.repository
            .split('/')
            .all(|part| !matches!(part, "" | "." | ".."))
    );
    assert!(
        name.registry
            .iter()
            .all(|host| harmless(host) && !host.contains('/'))
    );
    if let Pin::Tag(tag) = &name.pin {
        assert!(harmless(tag) && !tag.contains('/') && !matches!(tag.as_str(), "." | ".."));
    }
    // Written out it is the same name.
    let host = name.registry.as_deref().unwrap_or("docker.io");
    let separator = if matches!(name.pin, Pin::Tag(_)) {
        ':'
    } else {
        '@'
    };
    let written = format!("{host}/{}{separator}{}", name.repository, name.pin);
    assert_eq!(written.parse(), Ok(name), "{written}");
});
