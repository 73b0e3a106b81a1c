//! Makes the values of variables, as the stock config server and the CLI's `--vars-store` do.
//!
//! | type | options | value |
//! |---|---|---|
//! | `password` | `length` (20) | a text of `[a-z0-9]` |
//! | `rsa` | – | `private_key`, `public_key` (2048 bits, PEM) |
//! | `ssh` | – | `private_key` (PEM), `public_key`, `public_key_fingerprint` (MD5) |
//! | `certificate` | `common_name organization alternative_names is_ca ca extended_key_usage duration key_length` | `ca`, `certificate`, `private_key` (PEM) |
//!
//! Nothing here reads a clock, a file or a source of randomness: the caller gives [`Context`]. The one
//! exception is blinding inside the signature of a certificate, which does not change the signature.
//!
//! Keys are RSA as in the stock. Primes come from `crypto-primes`, everything that is made of them is
//! checked by `ring` before it is handed out, and `ring` signs.

mod certificate;
mod der;
mod error;
mod expiry;
mod identity;
mod options;
mod password;
mod pem;
mod rsa;
mod store;
#[cfg(test)]
mod tests;

pub use error::GenerateError;
pub use expiry::expiry;
pub use identity::{Identity, Purpose, identity};
pub use rsa::RsaKey;
pub use store::Store;

use rand_core::CryptoRng;
use warren_wire_manifest::yaml::{Mapping, Value};

/// What a value is made from besides its options.
pub struct Context<'a> {
    /// Randomness, fit for keys.
    pub rng: &'a mut dyn CryptoRng,
    /// The time, in seconds since 1970.
    pub now: i64,
    /// The value of another variable: a certificate's CA.
    pub lookup: &'a mut dyn FnMut(&str) -> Option<Value>,
}

/// Makes a value of a type with options.
pub fn generate(
    kind: &str,
    options: &Value,
    context: &mut Context<'_>,
) -> Result<Value, GenerateError> {
    match kind {
        "password" => password::generate(options, context.rng),
        "rsa" => rsa::generate_pair(context.rng),
        "ssh" => rsa::generate_ssh(context.rng),
        "certificate" => certificate::generate(options, context),
        other => Err(GenerateError::UnknownType(other.to_owned())),
    }
}

/// A mapping of texts, in this order.
fn texts(pairs: Vec<(&str, String)>) -> Value {
    let mut map = Mapping::new();
    for (key, text) in pairs {
        map.insert(key, text);
    }
    Value::Map(map)
}
