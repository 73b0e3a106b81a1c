//! A registry that wants to know who its clients are, and certificates in Docker's directories.

use std::path::Path;
use std::process::Command;

use warren_registry::{Error, Settings, source_for};

use crate::images::{Form, Images, OCI_MANIFEST, archive};
use crate::real::{error, open};
use crate::server::{Registry, Small, Wanted, answer};

const KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";

fn openssl(directory: &Path, arguments: &str) {
    let done = Command::new("openssl")
        .args(arguments.split_whitespace())
        .current_dir(directory)
        .output()
        .expect("this test needs apt-get install openssl");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "openssl {arguments}: {said}");
}

/// Two authorities and what they have signed: `server` and `client` by one, `stranger` by the other.
fn certificates() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for name in ["ca", "other"] {
        let request =
            format!("req -x509 {KEY} -keyout {name}.key -out {name}.pem -subj /CN={name}");
        openssl(directory.path(), &request);
    }
    for (name, by) in [("server", "ca"), ("client", "ca"), ("stranger", "other")] {
        let request = format!(
            "req -x509 {KEY} -CA {by}.pem -CAkey {by}.key -keyout {name}.key -out {name}.pem \
             -subj /CN={name} -addext subjectAltName=IP:127.0.0.1 \
             -addext basicConstraints=critical,CA:FALSE"
        );
        openssl(directory.path(), &request);
    }
    directory
}

/// A registry that only takes clients of `ca`, with the image `app:1`.
fn registry(at: &Path) -> Registry {
    let storage = at.join("storage");
    let wanted = Wanted {
        storage: Some(&storage),
        ..Wanted::default()
    };
    let mut images = Images::default();
    let image = images.image(OCI_MANIFEST, &[(archive("a", b"a"), Form::Gzip)]);
    Registry::start(&wanted).push("app", &images, &image, "1");
    let (certificate, key, roots) = (
        at.join("server.pem"),
        at.join("server.key"),
        at.join("ca.pem"),
    );
    Registry::start(&Wanted {
        tls: Some((&certificate, &key)),
        clients: Some(&roots),
        ..wanted
    })
}

#[test]
fn a_registry_that_wants_a_client_certificate() {
    let top = certificates();
    let at = |name: &str| top.path().join(name);
    let registry = registry(top.path());
    let own = at("certs.d").join(&registry.address);
    let settings = Settings {
        certificates: at("certs.d"),
        ..Settings::default()
    };
    let uri = format!("docker://{}/app:1", registry.address);
    let refused = || error(source_for(&uri, None, &settings));
    let told = |part: &str| {
        let refused = refused();
        assert!(
            matches!(refused, Error::ClientCertificate { .. }),
            "{refused:?}"
        );
        let text = refused.to_string();
        assert!(text.contains(part), "{text}");
        assert!(text.contains(&*own.to_string_lossy()), "{text}");
    };

    let error = refused();
    assert!(matches!(error, Error::Insecure { .. }), "{error:?}");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::copy(at("ca.pem"), own.join("ca.crt")).unwrap();
    told("wants a client certificate: put NAME.cert and NAME.key in");

    let show = |name: &str| {
        std::fs::copy(at(&format!("{name}.pem")), own.join("client.cert")).unwrap();
        std::fs::copy(at(&format!("{name}.key")), own.join("client.key")).unwrap();
    };
    show("stranger");
    told("refuses the client certificate that is in");
    show("client");
    let source = source_for(&uri, None, &settings).unwrap();
    assert_eq!(open(&at("store")).fetch(&*source).unwrap().len(), 1);

    // Not checking its certificate is one thing, being known to it another.
    let careless = Settings {
        insecure: vec![registry.address.clone()],
        ..settings.clone()
    };
    source_for(&uri, None, &careless).unwrap();

    std::fs::copy(at("client.pem"), own.join("second.cert")).unwrap();
    let error = refused();
    assert!(matches!(error, Error::Certificates { .. }), "{error:?}");
    std::fs::remove_file(own.join("second.cert")).unwrap();
    std::fs::remove_file(own.join("client.key")).unwrap();
    let error = refused();
    assert!(matches!(error, Error::Certificates { .. }), "{error:?}");
    assert!(error.to_string().contains("client.key"), "{error}");
}

#[test]
fn no_other_host_is_shown_a_registrys_certificate() {
    let top = certificates();
    let at = |name: &str| top.path().join(name);
    let registry = registry(top.path());
    // Another registry's directory has the certificate that this one wants.
    let other = at("certs.d").join("127.0.0.1:1");
    std::fs::create_dir_all(&other).unwrap();
    for (from, to) in [
        ("ca.pem", "ca.crt"),
        ("client.pem", "c.cert"),
        ("client.key", "c.key"),
    ] {
        std::fs::copy(at(from), other.join(to)).unwrap();
    }
    let settings = Settings {
        certificates: at("certs.d"),
        trusted: vec![at("ca.pem")],
        ..Settings::default()
    };
    let uri = format!("docker://{}/app:1", registry.address);
    let refused = error(source_for(&uri, None, &settings));
    assert!(
        matches!(refused, Error::ClientCertificate { .. }),
        "{refused:?}"
    );
    // Nor is one that sends us there.
    let place = format!("https://{}", registry.address);
    let server = Small::start(move |asked| {
        let headers = format!("location: {place}{}\r\n", asked.path);
        answer("307 Elsewhere", &headers, b"")
    });
    let own = at("certs.d").join(server.address.to_string());
    std::fs::rename(&other, own).unwrap();
    let settings = Settings {
        insecure: vec![server.address.to_string()],
        ..settings
    };
    let refused = error(source_for(
        &format!("docker://{}/app:1", server.address),
        None,
        &settings,
    ));
    assert!(
        matches!(refused, Error::ClientCertificate { .. }),
        "{refused:?}"
    );
}
