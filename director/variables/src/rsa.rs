//! RSA keys: making them, and the forms they are written in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto_bigint::{BoxedUint, ConcatenatingMul, NonZero, Resize};
use crypto_primes::hazmat::{SetBits, SmallFactorsSieveFactory};
use crypto_primes::{Flavor, is_prime, sieve_and_find};
use md5::{Digest, Md5};
use rand_core::CryptoRng;
use warren_wire_manifest::yaml::Value;
use zeroize::Zeroizing;

use crate::{GenerateError, der, pem, texts};

const EXPONENT: u64 = 65_537;
/// The length of `rsa` and `ssh` keys; certificates choose theirs.
const DEFAULT_BITS: u32 = 2048;

/// A private key that `ring` has found sound.
pub struct RsaKey {
    /// PKCS #1, in DER.
    private: Zeroizing<Vec<u8>>,
    modulus: Vec<u8>,
}

impl RsaKey {
    /// Makes a key of 2048, 3072 or 4096 bits with exponent 65537.
    pub fn generate(bits: u32, rng: &mut dyn CryptoRng) -> Result<RsaKey, GenerateError> {
        loop {
            let (p, q) = (prime(bits / 2, rng)?, prime(bits / 2, rng)?);
            // Both have their two highest bits set, so the product has all of its bits.
            if let Some(key) = assemble(p, q) {
                ring::rsa::KeyPair::from_der(&key.private)
                    .map_err(|error| crypto(error.to_string()))?;
                return Ok(key);
            }
        }
    }

    /// The private key as `RSA PRIVATE KEY`.
    pub fn private_pem(&self) -> String {
        pem::encode("RSA PRIVATE KEY", &self.private)
    }

    /// The public key as `PUBLIC KEY`.
    pub fn public_pem(&self) -> String {
        let key = der::sequence(&[
            der::integer(&self.modulus),
            der::integer(&EXPONENT.to_be_bytes()),
        ]);
        let bits = der::tagged(der::BIT_STRING, &[&[0][..], &key].concat());
        pem::encode(
            "PUBLIC KEY",
            &der::sequence(&[der::RSA_ENCRYPTION.to_vec(), bits]),
        )
    }

    /// The modulus without leading zeros.
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// The private key in PKCS #8, as libraries want it.
    pub(crate) fn pkcs8(&self) -> Vec<u8> {
        pkcs8(&self.private)
    }
}

/// Wraps PKCS #1.
pub(crate) fn pkcs8(pkcs1: &[u8]) -> Vec<u8> {
    der::sequence(&[
        der::integer(&[0]),
        der::RSA_ENCRYPTION.to_vec(),
        der::tagged(der::OCTET_STRING, pkcs1),
    ])
}

fn crypto(problem: String) -> GenerateError {
    GenerateError::Crypto {
        what: "Key",
        problem,
    }
}

fn prime(bits: u32, rng: &mut dyn CryptoRng) -> Result<BoxedUint, GenerateError> {
    let factory = SmallFactorsSieveFactory::new(Flavor::Any, bits, SetBits::TwoMsb)
        .map_err(|error| crypto(error.to_string()))?;
    sieve_and_find(rng, factory, |_, candidate| {
        is_prime(Flavor::Any, candidate)
    })
    .map_err(|error| crypto(error.to_string()))?
    .ok_or_else(|| crypto("no prime found".to_owned()))
}

/// The key of two primes; `None` if the exponent has no inverse for them, or they are too close.
fn assemble(p: BoxedUint, q: BoxedUint) -> Option<RsaKey> {
    // The usual order, which makes the coefficient smaller than the first.
    let (p, q) = if p > q { (p, q) } else { (q, p) };
    let half = p.bits_precision();
    // FIPS 186-5 wants them to differ within their first hundred bits.
    if (&p - &q).bits() + 100 <= p.bits() {
        return None;
    }
    let one = BoxedUint::one_with_precision(half);
    let (p1, q1) = (&p - &one, &q - &one);
    let n = p.concatenating_mul(&q);
    let totient = NonZero::new(p1.concatenating_mul(&q1)).into_option()?;
    let e = BoxedUint::from(EXPONENT);
    let d = e
        .clone()
        .resize_unchecked(totient.bits_precision())
        .invert_mod(&totient)
        .into_option()?;
    let inverse = |p1: &BoxedUint| {
        let p1 = NonZero::new(p1.clone()).into_option()?;
        e.clone()
            .resize_unchecked(half)
            .invert_mod(&p1)
            .into_option()
    };
    let (dp, dq) = (inverse(&p1)?, inverse(&q1)?);
    let coefficient = q
        .invert_mod(&NonZero::new(p.clone()).into_option()?)
        .into_option()?;
    let modulus = n.to_be_bytes();
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let mut parts = vec![der::integer(&[0])];
    for number in [&n, &e, &d, &p, &q, &dp, &dq, &coefficient] {
        parts.push(der::integer(&number.to_be_bytes()));
    }
    let private = Zeroizing::new(der::sequence(&parts));
    parts.iter_mut().for_each(zeroize::Zeroize::zeroize);
    Some(RsaKey {
        private,
        modulus: modulus[zeros..].to_vec(),
    })
}

/// The value of type `rsa`.
pub(crate) fn generate_pair(rng: &mut dyn CryptoRng) -> Result<Value, GenerateError> {
    let key = RsaKey::generate(DEFAULT_BITS, rng)?;
    Ok(texts(vec![
        ("private_key", key.private_pem()),
        ("public_key", key.public_pem()),
    ]))
}

/// The value of type `ssh`.
pub(crate) fn generate_ssh(rng: &mut dyn CryptoRng) -> Result<Value, GenerateError> {
    let key = RsaKey::generate(DEFAULT_BITS, rng)?;
    let mut blob = Vec::new();
    let number = |bytes: &[u8]| {
        der::Reader(&der::integer(bytes))
            .next()
            .map(|(_, content)| content.to_vec())
    };
    let numbers = [number(&EXPONENT.to_be_bytes()), number(&key.modulus)];
    for part in std::iter::once(b"ssh-rsa".to_vec()).chain(numbers.into_iter().flatten()) {
        blob.extend_from_slice(&(part.len() as u32).to_be_bytes());
        blob.extend_from_slice(&part);
    }
    let digest: Vec<String> = Md5::digest(&blob)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Ok(texts(vec![
        ("private_key", key.private_pem()),
        (
            "public_key",
            format!("ssh-rsa {}\n", STANDARD.encode(&blob)),
        ),
        ("public_key_fingerprint", digest.join(":")),
    ]))
}
