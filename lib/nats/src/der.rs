//! The common name of a certificate's subject, out of its DER form.
//!
//! ```text
//! Certificate ::= SEQUENCE { tbs SEQUENCE { [0] version?, serial, algorithm, issuer, validity,
//!                            subject SEQUENCE OF SET OF SEQUENCE { OID, text }, ... }, ... }
//! ```
//!
//! Only for names that a TLS library has verified already; it looks at nothing else. Total: any
//! bytes give a name or none.

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OID: u8 = 0x06;
const VERSION: u8 = 0xa0;
/// 2.5.4.3, `id-at-commonName`.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const TEXTS: [u8; 4] = [0x0c, 0x13, 0x14, 0x16];

/// The last common name in the subject, which is the one that counts where there are several.
#[must_use]
pub fn common_name(certificate: &[u8]) -> Option<String> {
    let (_, certificate, _) = element(certificate).filter(|(tag, ..)| *tag == SEQUENCE)?;
    let (_, mut rest, _) = element(certificate).filter(|(tag, ..)| *tag == SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        rest = element(rest)?.2;
    }
    // Serial number, algorithm, issuer, validity.
    for _ in 0..4 {
        rest = element(rest)?.2;
    }
    let (_, mut names, _) = element(rest).filter(|(tag, ..)| *tag == SEQUENCE)?;
    let mut found = None;
    while let Some((tag, mut attributes, after)) = element(names) {
        names = after;
        if tag != SET {
            continue;
        }
        while let Some((_, attribute, after)) = element(attributes) {
            attributes = after;
            let Some((OID, name, value)) = element(attribute) else {
                continue;
            };
            if name != COMMON_NAME {
                continue;
            }
            if let Some((tag, text, _)) = element(value)
                && TEXTS.contains(&tag)
            {
                found = std::str::from_utf8(text).ok().map(str::to_owned);
            }
        }
    }
    found
}

/// Tag, content, and what follows.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 || rest.len() < count {
            return None;
        }
        let (digits, rest) = rest.split_at(count);
        let length = digits
            .iter()
            .fold(0usize, |all, byte| (all << 8) | usize::from(*byte));
        (length, rest)
    };
    (length <= rest.len()).then(|| {
        let (content, after) = rest.split_at(length);
        (tag, content, after)
    })
}

#[cfg(test)]
mod tests {
    use super::common_name;
    use proptest::prelude::*;

    fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![tag, u8::try_from(content.len()).unwrap()];
        out.extend_from_slice(content);
        out
    }

    #[test]
    fn the_subjects_name_is_found() {
        let attribute = |name: &str| {
            let oid = wrap(0x06, &[0x55, 0x04, 0x03]);
            let both = [oid, wrap(0x0c, name.as_bytes())].concat();
            wrap(0x31, &wrap(0x30, &both))
        };
        let issuer = wrap(0x30, &attribute("ca"));
        let subject = wrap(0x30, &attribute("default.nats.bosh-internal"));
        let serial = wrap(0x02, &[1]);
        let version = wrap(0xa0, &wrap(0x02, &[2]));
        let [algorithm, validity] = [wrap(0x30, &[]), wrap(0x30, &[])];
        let tbs = [version, serial, algorithm, issuer, validity, subject].concat();
        let certificate = wrap(0x30, &wrap(0x30, &tbs));
        assert_eq!(
            common_name(&certificate).unwrap(),
            "default.nats.bosh-internal"
        );
        for cut in 0..certificate.len() {
            let _ = common_name(&certificate[..cut]);
        }
    }

    proptest! {
        #[test]
        fn junk_gives_an_answer(bytes: Vec<u8>) {
            let _ = common_name(&bytes);
        }
    }
}
