//! When the director's own certificates end, for `GET /director/certificate_expiry`.
//!
//! They are called as a stock director calls them: by the properties that hold them there. One more is
//! told of here, the certificate of the bus, which stock leaves to whoever deploys it.

use warren_director_api::Certificate;
use warren_director_variables::expiry;

use crate::Home;

/// All certificates of a home that can be read. Processes have them from their start, so a file that is
/// changed counts from the next one.
pub(crate) fn certificates(home: &Home) -> Vec<Certificate> {
    let all = [
        ("director.ssl.cert", &home.server),
        // The blobstore has the director's certificate, and agents trust it by this authority.
        ("blobstore.tls.cert.ca", &home.ca),
        ("nats.tls.ca", &home.nats_ca),
        ("nats.tls.client_ca.certificate", &home.nats_ca),
        ("nats.tls.director.certificate", &home.nats_director),
        ("nats.tls.server.certificate", &home.nats_server),
    ];
    let ends = all.into_iter().filter_map(|(path, identity)| {
        Some(Certificate {
            path: path.to_owned(),
            expiry: expiry(&identity.certificate)?,
        })
    });
    ends.collect()
}
