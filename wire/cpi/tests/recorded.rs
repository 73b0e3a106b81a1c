//! Calls that a stock director made and what the stock Warden CPI answered, read and written again.

use serde_json::{Value, json};
use warren_wire_cpi::{Call, CallError, ErrorKind, METHODS, Request, Response};

const RECORDED: &str = include_str!("fixtures/calls.jsonl");

#[test]
fn calls_are_understood_and_written_as_they_were() {
    let mut seen = std::collections::BTreeSet::new();
    for line in RECORDED.lines() {
        let pair: Value = serde_json::from_str(line).unwrap();
        let request: Request = serde_json::from_value(pair["request"].clone()).unwrap();
        assert_eq!(serde_json::to_value(&request).unwrap(), pair["request"]);
        let call = Call::parse(&request.method, request.arguments.clone()).unwrap();
        assert_eq!(call.method(), request.method);
        assert_eq!(call.arguments(), request.arguments, "{line}");
        let response: Response = serde_json::from_value(pair["response"].clone()).unwrap();
        assert_eq!(serde_json::to_value(&response).unwrap(), pair["response"]);
        seen.insert(request.method);
    }
    assert!(seen.len() >= 12, "{seen:?}");
}

#[test]
fn every_method_is_understood_with_its_own_arguments() {
    let enough = [
        json!("a"),
        json!("b"),
        json!({}),
        json!({}),
        json!([]),
        json!({}),
    ];
    for method in METHODS {
        // Some arguments have another shape; what matters is that the method is known.
        match Call::parse(method, enough.to_vec()) {
            Ok(call) => assert_eq!(Call::parse(method, call.arguments()), Ok(call)),
            Err(error) => assert!(matches!(error, CallError::Argument { .. }), "{error}"),
        }
    }
}

#[test]
fn bad_calls_are_named() {
    for (method, arguments, expected) in [
        ("fly", json!([]), "Must call implemented method: fly"),
        (
            "delete_vm",
            json!([]),
            "delete_vm: expected at least 1 arguments, got 0",
        ),
        (
            "delete_vm",
            json!([""]),
            "delete_vm: argument 1 (cid): Expected CID to be non-empty",
        ),
        (
            "create_disk",
            json!(["x", {}]),
            "create_disk: argument 1 (size): invalid type: string \"x\", expected u64",
        ),
    ] {
        let arguments = arguments.as_array().unwrap().clone();
        let error = Call::parse(method, arguments).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn missing_methods_are_recognised_as_old_cpis_say_it() {
    assert_eq!(
        ErrorKind::of("InvalidCall", "Method is not known, got: x"),
        Some(ErrorKind::NotImplemented)
    );
    assert_eq!(
        ErrorKind::of("Bosh::Clouds::CloudError", "Invalid Method: x"),
        Some(ErrorKind::NotImplemented)
    );
    assert_eq!(
        ErrorKind::of("Bosh::Clouds::VMNotFound", ""),
        Some(ErrorKind::VmNotFound)
    );
    assert_eq!(ErrorKind::of("Something", ""), None);
}
