//! When a certificate ends.
//!
//! ```text
//! Certificate ::= SEQUENCE { SEQUENCE { [0] version?, serial, algorithm, issuer,
//!                                       SEQUENCE { notBefore, notAfter }, ... }, ... }
//! ```
//!
//! Any text gives a time or none. Source: RFC 5280, sections 4.1 and 4.1.2.5.

use time::{Date, Month, Time};

use crate::der::{Reader, SEQUENCE};
use crate::pem;

const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// When the first certificate of a PEM text ends, Unix time; `None` if there is none that can be read.
#[must_use]
pub fn expiry(text: &str) -> Option<i64> {
    let der = pem::decode("CERTIFICATE", text)?;
    let certificate = Reader(&der).expect(SEQUENCE)?;
    let mut fields = Reader(Reader(certificate).expect(SEQUENCE)?);
    let (first, _) = fields.next()?;
    // The serial number is first where there is no version; then come algorithm and issuer.
    let skipped = if first == VERSION { 3 } else { 2 };
    for _ in 0..skipped {
        fields.next()?;
    }
    let mut validity = Reader(fields.expect(SEQUENCE)?);
    validity.next()?;
    let (tag, content) = validity.next()?;
    seconds(tag, std::str::from_utf8(content).ok()?)
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`, by its tag.
fn seconds(tag: u8, text: &str) -> Option<i64> {
    let digits = text.strip_suffix('Z')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let (year, rest) = digits.split_at(2);
            let year: i32 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        (GENERALIZED_TIME, 14) => {
            let (year, rest) = digits.split_at(4);
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let part = |at: usize| rest.get(at..at + 2)?.parse::<u8>().ok();
    let month = Month::try_from(part(0)?).ok()?;
    let date = Date::from_calendar_date(year, month, part(2)?).ok()?;
    let time = Time::from_hms(part(4)?, part(6)?, part(8)?).ok()?;
    Some(date.with_time(time).assume_utc().unix_timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_real_certificates_are_found() {
        let key = rcgen::KeyPair::generate().unwrap();
        for (year, end) in [(2030, 1_893_542_400), (2100, 4_102_531_200)] {
            let mut params = rcgen::CertificateParams::new(vec!["a".to_owned()]).unwrap();
            params.not_after = rcgen::date_time_ymd(year, 1, 2);
            let certificate = params.self_signed(&key).unwrap();
            let text = crate::pem::encode("CERTIFICATE", certificate.der());
            assert_eq!(expiry(&text), Some(end));
            // Whatever is missing of it, there is an answer.
            for length in 0..certificate.der().len() {
                let short = crate::pem::encode("CERTIFICATE", &certificate.der()[..length]);
                assert_eq!(expiry(&short), None);
            }
        }
        assert_eq!(expiry("no certificate"), None);
    }

    #[test]
    fn times_are_read_by_their_tags() {
        assert_eq!(seconds(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(seconds(GENERALIZED_TIME, "19700101000001Z"), Some(1));
        for bad in [
            "",
            "Z",
            "700101000000",
            "701301000000Z",
            "70010100000xZ",
            "19700101000000Z",
        ] {
            assert_eq!(seconds(UTC_TIME, bad), None, "{bad}");
        }
        assert_eq!(seconds(GENERALIZED_TIME, "700101000000Z"), None);
    }
}
