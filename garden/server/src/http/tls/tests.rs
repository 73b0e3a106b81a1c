//! TLS over loopback, with certificates made for the test by openssl(1).

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::RwLock;
use tokio_rustls::TlsConnector;

use super::*;
use crate::http::connection::Times;
use crate::http::listen::{Bind, Listener};
use crate::http::places::Places;
use crate::http::tests::Echo;
use crate::log::Log;

fn openssl(directory: &Path, arguments: &str) {
    let done = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(directory)
        .output()
        .expect("openssl(1), of the Debian package openssl");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "openssl {arguments}: {said}");
}

/// A root, and certificates of a server and a client that it has signed.
fn certificates() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    let ca = format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=root");
    openssl(path, &ca);
    for name in ["server", "client"] {
        openssl(
            path,
            &format!(
                "req -x509 {key} -CA ca.pem -CAkey ca.key -keyout {name}.key -out {name}.pem \
                 -subj /CN={name} -addext subjectAltName=DNS:localhost \
                 -addext basicConstraints=critical,CA:FALSE"
            ),
        );
    }
    directory
}

/// What a server says to a client with or without a certificate.
async fn ask(directory: &Path, has_certificate: bool) -> std::io::Result<String> {
    let tls = Tls {
        certificate: directory.join("server.pem"),
        key: directory.join("server.key"),
        client_roots: Some(directory.join("ca.pem")),
    };
    let bind = Bind::Tcp {
        address: ([127, 0, 0, 1], 0).into(),
        tls: Some(tls),
    };
    let listener = Listener::open(&bind).await.unwrap();
    let address = listener.address().unwrap();
    let busy = Arc::new(RwLock::new(()));
    let places = Arc::new(Places::new(8, Log::default()));
    let serving = listener.serve(Arc::new(Echo), busy, Times::default(), places);
    let serving = tokio::spawn(serving);
    let mut roots = RootCertStore::empty();
    for root in certificates_of(&directory.join("ca.pem")) {
        roots.add(root).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = if has_certificate {
        let key = PrivateKeyDer::from_pem_file(directory.join("client.key")).unwrap();
        let chain = certificates_of(&directory.join("client.pem"));
        builder.with_client_auth_cert(chain, key).unwrap()
    } else {
        builder.with_no_client_auth()
    };
    let connector = TlsConnector::from(Arc::new(config));
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = connector.connect(name, stream).await?;
    let request = b"PUT /a HTTP/1.1\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
    stream.write_all(request).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    serving.abort();
    Ok(answer)
}

fn certificates_of(path: &Path) -> Vec<CertificateDer<'static>> {
    super::certificates(path).unwrap()
}

#[test]
fn only_clients_with_a_certificate_are_served() {
    let directory = certificates();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let answer = runtime.block_on(ask(directory.path(), true)).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("hello"), "{answer}");
    runtime.block_on(ask(directory.path(), false)).unwrap_err();
}

#[test]
fn files_that_are_not_what_they_should_be_are_named() {
    let directory = certificates();
    let path = directory.path();
    let with = |certificate: &str, key: &str| {
        let tls = Tls {
            certificate: path.join(certificate),
            key: path.join(key),
            client_roots: None,
        };
        tls.acceptor().map(drop)
    };
    with("server.pem", "server.key").unwrap();
    let missing = with("none.pem", "server.key").unwrap_err().to_string();
    assert!(missing.contains("none.pem"), "{missing}");
    let wrong = with("server.pem", "client.key").unwrap_err();
    assert!(matches!(wrong, TlsError::Unusable { .. }), "{wrong}");
}
