//! Certificates: CAs of their own or of another, and those that a CA signs.
//!
//! As in the stock: `C=US`, `O=Cloud Foundry` unless said otherwise, 365 days, SHA-256 with RSA, the key
//! identifier is the SHA-1 of the modulus. A CA may sign certificates and revocation lists; any other may
//! sign and encipher keys, as a server unless `extended_key_usage` says otherwise.

use std::net::IpAddr;

use rcgen::string::{Ia5String, PrintableString};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256,
    SanType, SerialNumber,
};
use rustls_pki_types::PrivatePkcs8KeyDer;
use time::OffsetDateTime;
use warren_wire_manifest::yaml::Value;

use crate::options::Options;
use crate::rsa::{RsaKey, pkcs8};
use crate::{Context, GenerateError, der, pem, texts};

const KIND: &str = "certificate";
const KNOWN: [&str; 8] = [
    "common_name",
    "organization",
    "alternative_names",
    "is_ca",
    "ca",
    "extended_key_usage",
    "duration",
    "key_length",
];
const DAY: i64 = 24 * 60 * 60;

pub(crate) fn generate(options: &Value, context: &mut Context<'_>) -> Result<Value, GenerateError> {
    let options = Options::of(KIND, options, &KNOWN)?;
    let bits = match options.number("key_length")? {
        0 => 3072,
        bits @ (2048 | 3072 | 4096) => bits as u32,
        other => return Err(GenerateError::KeyLength(other)),
    };
    let (is_ca, ca) = (options.flag("is_ca")?, options.text("ca")?);
    if !is_ca && ca.is_empty() {
        return Err(GenerateError::MissingCa);
    }
    let mut params = params(&options, is_ca, context)?;
    let signer = match ca.as_str() {
        "" => None,
        name => Some(Signer::load(name, context)?),
    };
    let key = RsaKey::generate(bits, context.rng)?;
    params.key_identifier_method = key_id(key.modulus());
    let pair = pair(key.pkcs8())?;
    let made = match &signer {
        None => params.self_signed(&pair),
        Some(signer) => params.signed_by(&pair, &signer.issuer),
    };
    let made = made.map_err(failed)?;
    let certificate = pem::encode("CERTIFICATE", made.der());
    let ca = signer.map_or_else(|| certificate.clone(), |signer| signer.pem);
    Ok(texts(vec![
        ("ca", ca),
        ("certificate", certificate),
        ("private_key", key.private_pem()),
    ]))
}

fn failed(error: rcgen::Error) -> GenerateError {
    GenerateError::Crypto {
        what: "certificate",
        problem: error.to_string(),
    }
}

fn pair(pkcs8: Vec<u8>) -> Result<KeyPair, GenerateError> {
    KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(pkcs8), &PKCS_RSA_SHA256)
        .map_err(failed)
}

fn key_id(modulus: &[u8]) -> KeyIdMethod {
    let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, modulus);
    KeyIdMethod::PreSpecified(digest.as_ref().to_vec())
}

fn params(
    options: &Options<'_>,
    is_ca: bool,
    context: &mut Context<'_>,
) -> Result<CertificateParams, GenerateError> {
    let mut params = CertificateParams::default();
    let mut serial = [0u8; 16];
    context.rng.fill_bytes(&mut serial);
    // An integer in DER is signed.
    serial[0] &= 0x7f;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    let days = match options.number("duration")? {
        days if days > 0 => i64::try_from(days).unwrap_or(i64::MAX),
        _ => 365,
    };
    let wrong = GenerateError::BadOption {
        kind: KIND,
        option: "duration",
        wanted: "a number of days before the year 10000",
    };
    let end = days
        .checked_mul(DAY)
        .and_then(|seconds| context.now.checked_add(seconds));
    let time = |seconds: Option<i64>| {
        seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
    };
    (params.not_before, params.not_after) = time(Some(context.now)).zip(time(end)).ok_or(wrong)?;
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CountryName, text("US"));
    let organization = options.text("organization")?;
    let organization = if organization.is_empty() {
        "Cloud Foundry"
    } else {
        &organization
    };
    subject.push(DnType::OrganizationName, text(organization));
    let common_name = options.text("common_name")?;
    if !common_name.is_empty() {
        subject.push(DnType::CommonName, text(&common_name));
    }
    params.distinguished_name = subject;
    params.use_authority_key_identifier_extension = true;
    if is_ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        return Ok(params);
    }
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![
        KeyUsagePurpose::DigitalSignature,
        KeyUsagePurpose::KeyEncipherment,
    ];
    for usage in options.list("extended_key_usage")? {
        params.extended_key_usages.push(match usage.as_str() {
            "client_auth" => ExtendedKeyUsagePurpose::ClientAuth,
            "server_auth" => ExtendedKeyUsagePurpose::ServerAuth,
            _ => return Err(GenerateError::ExtendedKeyUsage(usage)),
        });
    }
    if params.extended_key_usages.is_empty() {
        params
            .extended_key_usages
            .push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    for name in options.list("alternative_names")? {
        params.subject_alt_names.push(match name.parse::<IpAddr>() {
            Ok(ip) => SanType::IpAddress(ip),
            Err(_) => match Ia5String::try_from(name.as_str()) {
                Ok(dns) => SanType::DnsName(dns),
                Err(_) => return Err(GenerateError::Name(name)),
            },
        });
    }
    Ok(params)
}

/// A text in the form that Go chooses.
fn text(text: &str) -> DnValue {
    match PrintableString::try_from(text) {
        Ok(text) => DnValue::PrintableString(text),
        Err(_) => DnValue::Utf8String(text.to_owned()),
    }
}

/// A CA that was made before, here or elsewhere.
struct Signer {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate.
    pem: String,
}

impl Signer {
    fn load(name: &str, context: &mut Context<'_>) -> Result<Signer, GenerateError> {
        let fail = |problem| GenerateError::Ca {
            name: name.to_owned(),
            problem,
        };
        let value = (context.lookup)(name).ok_or_else(|| fail("no such variable"))?;
        let part = |key: &str| value.get(key).and_then(Value::as_str);
        let certificate = part("certificate")
            .and_then(|text| pem::decode("CERTIFICATE", text))
            .ok_or_else(|| fail("'certificate' holds no certificate"))?;
        let key = part("private_key")
            .and_then(|text| pem::decode("RSA PRIVATE KEY", text))
            .ok_or_else(|| fail("'private_key' holds no RSA key"))?;
        let (subject, id) = subject(&certificate)
            .ok_or_else(|| fail("'certificate' has a subject of unknown form"))?;
        let key_pair = pair(pkcs8(&key))?;
        let id = match id {
            Some(id) => KeyIdMethod::PreSpecified(id),
            None => KeyIdMethod::Sha256,
        };
        let mut params = CertificateParams::default();
        params.distinguished_name = subject;
        params.key_identifier_method = id;
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let pem = pem::encode("CERTIFICATE", &certificate);
        Ok(Signer {
            issuer: Issuer::new(params, key_pair),
            pem,
        })
    }
}

/// The subject of a certificate and its key identifier.
pub(crate) fn subject(certificate: &[u8]) -> Option<(DistinguishedName, Option<Vec<u8>>)> {
    let outer = der::Reader(certificate).expect(der::SEQUENCE)?;
    let mut fields = der::Reader(der::Reader(outer).expect(der::SEQUENCE)?);
    // Version, serial number, algorithm, issuer, validity.
    fields.expect(0xa0)?;
    fields.expect(der::INTEGER)?;
    for _ in 0..3 {
        fields.expect(der::SEQUENCE)?;
    }
    let name = name(fields.expect(der::SEQUENCE)?)?;
    let mut id = None;
    while let Some((tag, content)) = fields.next() {
        if tag == 0xa3 {
            id = key_identifier(content);
        }
    }
    Some((name, id))
}

fn name(content: &[u8]) -> Option<DistinguishedName> {
    let mut name = DistinguishedName::new();
    let mut parts = der::Reader(content);
    while !parts.is_empty() {
        let mut set = der::Reader(parts.expect(der::SET)?);
        let mut pair = der::Reader(set.expect(der::SEQUENCE)?);
        let kind = DnType::from_oid(&der::oid(pair.expect(der::OID)?)?);
        let (tag, value) = pair.next()?;
        let utf8 = || String::from_utf8(value.to_vec()).ok();
        let value = match tag {
            0x0c => DnValue::Utf8String(utf8()?),
            0x13 => DnValue::PrintableString(PrintableString::try_from(utf8()?).ok()?),
            0x16 => DnValue::Ia5String(Ia5String::try_from(utf8()?).ok()?),
            _ => return None,
        };
        // Written again it must be the same bytes, and the library keeps one of each kind only.
        if !set.is_empty() || name.get(&kind).is_some() {
            return None;
        }
        name.push(kind, value);
    }
    Some(name)
}

fn key_identifier(extensions: &[u8]) -> Option<Vec<u8>> {
    const SUBJECT_KEY_IDENTIFIER: [u64; 4] = [2, 5, 29, 14];
    let mut list = der::Reader(der::Reader(extensions).expect(der::SEQUENCE)?);
    while let Some(extension) = list.expect(der::SEQUENCE) {
        let mut extension = der::Reader(extension);
        if der::oid(extension.expect(der::OID)?)? == SUBJECT_KEY_IDENTIFIER {
            let value = extension.expect(der::OCTET_STRING)?;
            return der::Reader(value)
                .expect(der::OCTET_STRING)
                .map(<[u8]>::to_vec);
        }
    }
    None
}
