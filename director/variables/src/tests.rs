//! Values of all types; `openssl` and `ssh-keygen` judge them in `tests/openssl.rs`.

use rand::SeedableRng;
use rand::rngs::StdRng;
use warren_wire_manifest::interpolate::{Options, evaluate};
use warren_wire_manifest::yaml::{Dialect, Mapping, Value, parse, to_go};

use crate::{Context, GenerateError, Store, generate};

fn make(kind: &str, options: &str) -> Result<Value, GenerateError> {
    let mut rng = StdRng::seed_from_u64(1);
    let mut context = Context {
        rng: &mut rng,
        now: 1_700_000_000,
        lookup: &mut |_| None,
    };
    generate(kind, &parse(options, Dialect::Go).unwrap(), &mut context)
}

#[test]
fn passwords() {
    let password = make("password", "").unwrap();
    let text = password.as_str().unwrap();
    assert_eq!(text.len(), 20);
    assert!(
        text.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    );
    assert_eq!(
        make("password", "length: 7")
            .unwrap()
            .as_str()
            .unwrap()
            .len(),
        7
    );
    assert!(make("password", "length: -1").is_err());
    let mut counts = std::collections::BTreeMap::new();
    for byte in make("password", "length: 36000")
        .unwrap()
        .as_str()
        .unwrap()
        .bytes()
    {
        *counts.entry(byte).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 36);
    assert!(
        counts.values().all(|count| (800..1200).contains(count)),
        "{counts:?}"
    );
}

#[test]
fn what_is_refused() {
    for (kind, options, message) in [
        ("user", "", "Unsupported value type: user"),
        (
            "password",
            "size: 1",
            "Failed to generate password, parameters are invalid: Unsupported parameter 'size'",
        ),
        (
            "certificate",
            "key_usage: []",
            "Failed to generate certificate, parameters are invalid: Unsupported parameter 'key_usage'",
        ),
        ("certificate", "common_name: x", "Missing required CA name"),
        (
            "certificate",
            "{is_ca: true, key_length: 1024}",
            "Invalid key_length: 1024. Must be one of: [2048 3072 4096]",
        ),
        (
            "certificate",
            "{ca: x}",
            "Loading certificates: x: no such variable",
        ),
        (
            "certificate",
            "{ca: x, extended_key_usage: [z]}",
            "Unsupported extended key usage value: z",
        ),
        (
            "certificate",
            "{ca: x, alternative_names: [é]}",
            "Generating certificate: name 'é' is not ASCII",
        ),
    ] {
        assert_eq!(make(kind, options).unwrap_err().to_string(), message);
    }
    assert!(make("certificate", "{is_ca: true, duration: 99999999999}").is_err());
}

#[test]
fn the_same_randomness_makes_the_same_keys() {
    assert_eq!(make("rsa", "").unwrap(), make("rsa", "").unwrap());
    assert_eq!(
        make("certificate", "{is_ca: true, key_length: 2048}").unwrap(),
        make("certificate", "{is_ca: true, key_length: 2048}").unwrap()
    );
}

#[test]
fn a_store_makes_what_it_has_not() {
    let document = parse("{p: ((pw)), variables: [{name: pw, type: password}, {name: ca, type: certificate, options: {is_ca: true, key_length: 2048}}, {name: leaf, type: certificate, options: {ca: ca, key_length: 2048}}]}", Dialect::Go).unwrap();
    let mut rng = StdRng::seed_from_u64(2);
    let mut store = Store::new(Mapping::new(), &mut rng, 1_700_000_000);
    let made = evaluate(document.clone(), &[], &mut store, &Options::default()).unwrap();
    assert!(store.is_changed());
    assert_eq!(made.get("p"), store.values().get("pw"));
    assert_eq!(made.get("variables"), Some(&Value::Seq(vec![])));
    let ca = store.values().get("ca").unwrap();
    assert_eq!(
        store.values().get("leaf").unwrap().get("ca"),
        ca.get("certificate")
    );
    // What it has is kept, and survives the file.
    let kept = parse(&to_go(&Value::Map(store.values().clone())), Dialect::Go).unwrap();
    let mut again = Store::new(kept.as_map().unwrap().clone(), &mut rng, 0);
    assert_eq!(
        evaluate(document, &[], &mut again, &Options::default()).unwrap(),
        made
    );
    assert!(!again.is_changed());
}

#[test]
fn readers_of_der_and_pem_are_total() {
    for bytes in [
        &[][..],
        &[0x30],
        &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
        &[0x30, 0x80],
        &[0xff; 40],
    ] {
        let mut reader = crate::der::Reader(bytes);
        while reader.next().is_some() {}
        let _ = crate::der::oid(bytes);
    }
    assert_eq!(
        crate::pem::decode("X", "-----BEGIN X-----\n!\n-----END X-----"),
        None
    );
    assert_eq!(
        crate::pem::decode("X", &crate::pem::encode("X", &[7; 100])),
        Some(vec![7; 100])
    );
}
