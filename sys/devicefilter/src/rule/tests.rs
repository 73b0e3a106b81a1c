//! Rules as text and as JSON.

use proptest::prelude::*;

use super::*;

fn oci(json: &str) -> Result<DeviceRule, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

#[test]
fn oci_forms() {
    let deny_all = DeviceRule::all(false);
    assert_eq!(oci(r#"{"allow":false,"access":"rwm"}"#), Ok(deny_all));
    assert_eq!(oci(r#"{"allow":false}"#), Ok(deny_all));
    assert_eq!(
        oci(r#"{"allow":false,"type":"a","major":-1,"minor":-1,"access":"mrw"}"#),
        Ok(deny_all)
    );
    let null = oci(r#"{"allow":true,"type":"c","major":1,"minor":3,"access":"rwm"}"#).unwrap();
    assert_eq!(null.to_string(), "allow c 1:3 rwm");
    assert_eq!(
        serde_json::to_string(&null).unwrap(),
        r#"{"allow":true,"type":"c","major":1,"minor":3,"access":"rwm"}"#
    );
    let pts = oci(r#"{"allow":true,"type":"c","major":136,"access":"rw"}"#).unwrap();
    assert_eq!(pts.v1_text(), "c 136:* rw");
}

#[test]
fn oci_refusals_name_the_value() {
    for (json, part) in [
        (r#"{"allow":true,"type":"x","access":"r"}"#, "\"x\""),
        (r#"{"allow":true,"type":"c","access":"rx"}"#, "\"rx\""),
        (r#"{"allow":true,"type":"c"}"#, "names no access"),
        (
            r#"{"allow":true,"type":"c","major":4096,"access":"r"}"#,
            "\"4096\"",
        ),
        (
            r#"{"allow":true,"type":"c","minor":-2,"access":"r"}"#,
            "\"-2\"",
        ),
        (
            r#"{"allow":true,"type":"a","major":1,"minor":3,"access":"r"}"#,
            "a 1:3 r",
        ),
        (
            r#"{"allow":false,"type":"a","access":"m"}"#,
            "cannot be narrowed",
        ),
    ] {
        let error = oci(json).unwrap_err();
        assert!(error.contains(part), "{json}: {error}");
    }
}

#[test]
fn v1_forms() {
    assert_eq!(
        DeviceRule::parse_v1(true, "a").unwrap(),
        DeviceRule::all(true)
    );
    assert_eq!(
        DeviceRule::parse_v1(true, "a *:* rwm\n").unwrap(),
        DeviceRule::all(true)
    );
    assert_eq!(
        DeviceRule::parse_v1(false, " b 8:* m").unwrap().to_string(),
        "deny b 8:* m"
    );
    for bad in [
        "",
        "c",
        "c 1:3",
        "c 1 rwm",
        "c 1:3 rwm x",
        "c +1:3 r",
        "c 1: r",
        "c 1:1048576 r",
    ] {
        assert!(DeviceRule::parse_v1(true, bad).is_err(), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn junk_never_panics(text: String, allow: bool) {
        let _ = DeviceRule::parse_v1(allow, &text);
        let _ = serde_json::from_str::<DeviceRule>(&text);
    }

    #[test]
    fn near_misses_never_panic(text in "[acbx]? ?[0-9*+-]{0,8}:?[0-9*]{0,12} ?[rwmx]{0,4}") {
        if let Ok(rule) = DeviceRule::parse_v1(true, &text) {
            prop_assert_eq!(DeviceRule::parse_v1(true, &rule.v1_text()).unwrap(), rule);
        }
    }

    #[test]
    fn round_trips(rule in crate::policy::tests::any_rule()) {
        prop_assert_eq!(DeviceRule::parse_v1(rule.allow(), &rule.v1_text()).unwrap(), rule);
        let json = serde_json::to_string(&rule).unwrap();
        prop_assert_eq!(serde_json::from_str::<DeviceRule>(&json).unwrap(), rule);
    }
}
