//! Files that are not what they should be.

use super::{Identity, Tls, TlsError};

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    std::fs::write(at("empty.pem"), "no certificate\n").unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    std::fs::write(at("broken.pem"), broken).unwrap();
    let with = |roots: &str| Tls {
        roots: Some(at(roots)),
        identity: None,
    };
    let missing = with("missing.pem").config().unwrap_err();
    assert!(missing.to_string().contains("missing.pem"), "{missing}");
    let empty = with("empty.pem").config().unwrap_err();
    assert!(matches!(empty, TlsError::NoRoots(_)), "{empty}");
    let unusable = with("broken.pem").config().unwrap_err();
    assert!(
        matches!(unusable, TlsError::Unusable { .. }),
        "{unusable:?}"
    );
    let no_key = Tls {
        roots: None,
        identity: Some(Identity {
            certificate: at("broken.pem"),
            key: at("empty.pem"),
        }),
    };
    let no_key = no_key.config().unwrap_err();
    assert!(
        no_key.to_string().starts_with("cannot read a private key"),
        "{no_key}"
    );
    Tls::default().config().unwrap();
}
