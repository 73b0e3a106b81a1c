//! URLs that need no password: good for one blob, one method and a time.
//!
//! `/signed/xx/ID?st=SIGNATURE&ts=BEGINNING&e=SECONDS`; the signature is HMAC-SHA256 over method,
//! `xx/ID`, beginning and seconds, in base64 for URLs without padding.
//!
//! Nothing separates beginning and seconds in what is signed, as in stock: one may be made longer with
//! digits of the other, and the signature is the same. What comes of that begins in the far future, or in
//! the far past, so that neither a beginning to come nor more seconds than are ever given are good.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::id;

/// How long a URL is good at most, in seconds.
pub const LIFE: i64 = 86_400;

/// How far ahead the clock of whoever signed may be, in seconds.
const SKEW: i64 = 300;

/// What a URL is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reading.
    Get,
    /// Writing.
    Put,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Put => "PUT",
        }
    }
}

/// Makes and checks signatures.
#[derive(Clone)]
pub struct Signer {
    secret: Vec<u8>,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer(hidden)")
    }
}

impl Signer {
    /// Signs with this secret.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self {
            secret: secret.as_bytes().to_vec(),
        }
    }

    /// A URL below `endpoint` (`https://HOST:PORT`), good from `now` (Unix time) on for so many seconds,
    /// [`LIFE`] at most.
    #[must_use]
    pub fn url(&self, endpoint: &str, method: Method, id: &str, now: i64, seconds: i64) -> String {
        let seconds = seconds.clamp(1, LIFE);
        let path = format!("{}/{id}", id::prefix(id));
        let signature = self
            .mac(method.name(), &path, now, seconds)
            .map(|mac| URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
            .unwrap_or_default();
        let endpoint = endpoint.trim_end_matches('/');
        format!("{endpoint}/signed/{path}?st={signature}&ts={now}&e={seconds}")
    }

    /// Whether a request has a good signature.
    pub(crate) fn accepts(&self, method: &str, path: &str, query: &str, now: i64) -> bool {
        let value = |key: &str| {
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find_map(|(name, value)| (name == key).then_some(value))
        };
        let number = |key| value(key).and_then(|text| text.parse::<i64>().ok());
        let (Some(signature), Some(beginning), Some(seconds)) =
            (value("st"), number("ts"), number("e"))
        else {
            return false;
        };
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else {
            return false;
        };
        let is_good = self
            .mac(method, path, beginning, seconds)
            .is_some_and(|mac| mac.verify_slice(&signature).is_ok());
        let is_time = beginning <= now.saturating_add(SKEW)
            && (1..=LIFE).contains(&seconds)
            && beginning.checked_add(seconds).is_some_and(|end| now < end);
        is_good && is_time
    }

    fn mac(&self, method: &str, path: &str, beginning: i64, seconds: i64) -> Option<Hmac<Sha256>> {
        // A key of any length will do, so that this is never an error.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).ok()?;
        mac.update(format!("{method}{path}{beginning}{seconds}").as_bytes());
        Some(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_good_for_what_was_signed_only() {
        let signer = Signer::new("secret");
        let url = signer.url("https://h:1/", Method::Get, "abc", 1000, LIFE);
        let (path, query) = url.split_once('?').unwrap();
        let path = path.strip_prefix("https://h:1/signed/").unwrap();
        assert_eq!(path, "a9/abc");
        assert!(signer.accepts("GET", path, query, 1000));
        assert!(signer.accepts("GET", path, query, 1000 + LIFE - 1));
        assert!(!signer.accepts("GET", path, query, 1000 + LIFE));
        assert!(!signer.accepts("PUT", path, query, 1000));
        assert!(!signer.accepts("GET", "a9/abd", query, 1000));
        assert!(!signer.accepts("GET", path, &query.replace("e=86400", "e=96400"), 1000));
        assert!(!Signer::new("other").accepts("GET", path, query, 1000));
        assert!(signer.accepts("GET", path, query, 1000 - SKEW));
        assert!(!signer.accepts("GET", path, query, 1000 - SKEW - 1));
        for junk in [
            "",
            "st=&ts=&e=",
            "st=AA&ts=1&e=9223372036854775807",
            "&&=&==",
        ] {
            assert!(!signer.accepts("GET", path, junk, 1000), "{junk}");
        }
    }

    /// As nginx checks it: `secure_link_hmac $arg_st,$arg_ts,$arg_e` over
    /// `$request_method$object_id$arg_ts$arg_e`. The values were computed by something else.
    #[test]
    fn are_what_other_servers_check() {
        let signer = Signer::new("secret");
        let (now, base) = (1_700_000_000, "https://h:1");
        for (method, seconds, rest) in [
            (
                Method::Get,
                3600,
                "uqj6MEUNxumg-Swf6S3TcSZ9jbqsIeqwQmqdSnqzjko&ts=1700000000&e=3600",
            ),
            (
                Method::Put,
                LIFE,
                "hQ0myBwESlbExIz8MCRAZh5Whpw41stluKrHHa-Amx4&ts=1700000000&e=86400",
            ),
        ] {
            let url = signer.url(base, method, "abc", now, seconds);
            assert_eq!(url, format!("{base}/signed/a9/abc?st={rest}"));
            let (_, query) = url.split_once('?').unwrap();
            assert!(signer.accepts(method.name(), "a9/abc", query, now + seconds - 1));
            assert!(!signer.accepts(method.name(), "a9/abc", query, now + seconds));
        }
        // Never longer than what the server takes.
        let longest = signer.url(base, Method::Put, "abc", now, LIFE);
        assert_eq!(signer.url(base, Method::Put, "abc", now, i64::MAX), longest);
    }

    #[test]
    fn digits_cannot_be_moved_between_beginning_and_seconds() {
        let signer = Signer::new("secret");
        let begun = 1_700_000_005;
        let url = signer.url("https://h:1/", Method::Get, "abc", begun, LIFE);
        let (path, query) = url.split_once('?').unwrap();
        let path = path.strip_prefix("https://h:1/signed/").unwrap();
        let (signature, _) = query.split_once('&').unwrap();
        let digits = format!("{begun}{LIFE}");
        let mut same = 0;
        for at in 1..digits.len() {
            let (beginning, seconds) = digits.split_at(at);
            let (ts, e) = (beginning.parse().unwrap(), seconds.parse().unwrap());
            let mac = signer.mac("GET", path, ts, e).unwrap();
            let mac = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
            let is_the_same = format!("st={mac}") == signature;
            same += usize::from(is_the_same);
            // Whenever it is tried: at once, when it was good, and long after.
            for now in [
                0,
                begun,
                begun + LIFE - 1,
                begun + LIFE,
                2 * begun,
                i64::MAX,
            ] {
                let shifted = format!("{signature}&ts={ts}&e={e}");
                let is_good = (ts, e) == (begun, LIFE) && (begun..begun + LIFE).contains(&now);
                let accepted = signer.accepts("GET", path, &shifted, now);
                assert_eq!(accepted, is_good, "{shifted} at {now}");
            }
        }
        // Otherwise this would show nothing.
        assert!(same > 5, "{same}");
    }
}
