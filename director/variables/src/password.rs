//! Passwords: letters and digits, each as likely as any other.

use rand_core::CryptoRng;
use warren_wire_manifest::yaml::Value;

use crate::GenerateError;
use crate::options::Options;

const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const DEFAULT: usize = 20;
const LONGEST: i128 = 65_536;

pub(crate) fn generate(options: &Value, rng: &mut dyn CryptoRng) -> Result<Value, GenerateError> {
    let options = Options::of("password", options, &["length"])?;
    let length = match options.number("length")? {
        0 => DEFAULT,
        length if (1..=LONGEST).contains(&length) => length as usize,
        _ => {
            return Err(GenerateError::BadOption {
                kind: "password",
                option: "length",
                wanted: "between 1 and 65536",
            });
        }
    };
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut bytes = [0u8; 64];
        rng.fill_bytes(&mut bytes);
        for byte in bytes {
            // Bytes beyond the last whole round of the alphabet would favour its beginning.
            let whole = 256 / ALPHABET.len() * ALPHABET.len();
            if usize::from(byte) < whole && text.len() < length {
                text.push(char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
            }
        }
    }
    Ok(Value::String(text))
}
