//! Certificates that a director needs itself, of authorities it made or was given.
//!
//! Their keys are P-256: one is made in a tenth of a millisecond, where an RSA key of 3072 bits takes a
//! second. What stock components load are RSA keys only in Ruby, and no part of those is Ruby here.

use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, SanType,
};
use time::{Duration, OffsetDateTime};

use crate::certificate::subject;
use crate::{GenerateError, pem};

/// A certificate and its key, PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// Its key, PKCS #8.
    pub key: String,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity(hidden)")
    }
}

/// What a certificate is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// To sign others.
    Authority,
    /// A server at these addresses, and at its common name.
    Server(Vec<IpAddr>),
    /// A client.
    Client,
}

/// Makes a certificate with stock's subject (`C=USA, O=Cloud Foundry, CN=NAME`, which NATS maps to a
/// user as a whole), good from an hour before `now` (Unix time) for so many days. Without `authority`
/// it signs itself.
pub fn identity(
    name: &str,
    purpose: &Purpose,
    authority: Option<&Identity>,
    now: i64,
    days: i64,
) -> Result<Identity, GenerateError> {
    let mut params = CertificateParams::default();
    let mut of = DistinguishedName::new();
    of.push(DnType::CountryName, "USA");
    of.push(DnType::OrganizationName, "Cloud Foundry");
    of.push(DnType::CommonName, name);
    params.distinguished_name = of;
    let begin = OffsetDateTime::from_unix_timestamp(now).map_err(|_| broken("the time"))?;
    params.not_before = begin - Duration::hours(1);
    params.not_after = begin + Duration::days(days);
    match purpose {
        Purpose::Authority => {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        }
        Purpose::Server(addresses) => {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            params.subject_alt_names = addresses.iter().copied().map(SanType::IpAddress).collect();
            for known in [name, "localhost"] {
                let known = known.try_into().map_err(failed)?;
                params.subject_alt_names.push(SanType::DnsName(known));
            }
        }
        Purpose::Client => params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth],
    }
    let key = KeyPair::generate().map_err(failed)?;
    let made = match authority {
        None => params.self_signed(&key),
        Some(authority) => params.signed_by(&key, &issuer(authority)?),
    };
    Ok(Identity {
        certificate: pem::encode("CERTIFICATE", made.map_err(failed)?.der()),
        key: pem::encode("PRIVATE KEY", key.serialized_der()),
    })
}

fn issuer(authority: &Identity) -> Result<Issuer<'static, KeyPair>, GenerateError> {
    let certificate = pem::decode("CERTIFICATE", &authority.certificate);
    let (of, id) = certificate
        .and_then(|certificate| subject(&certificate))
        .ok_or_else(|| broken("the authority's certificate"))?;
    let key = pem::decode("PRIVATE KEY", &authority.key)
        .ok_or_else(|| broken("the authority's key, which must be PKCS #8"))?;
    let mut params = CertificateParams::default();
    params.distinguished_name = of;
    params.key_identifier_method = id.map_or(KeyIdMethod::Sha256, KeyIdMethod::PreSpecified);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::try_from(key.as_slice()).map_err(failed)?;
    Ok(Issuer::new(params, key))
}

fn failed(error: rcgen::Error) -> GenerateError {
    GenerateError::Crypto {
        what: "certificate",
        problem: error.to_string(),
    }
}

fn broken(what: &'static str) -> GenerateError {
    GenerateError::Crypto {
        what: "certificate",
        problem: format!("{what} cannot be used"),
    }
}
