//! Arguments in all the shapes they come in, and junk.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Answer, Call, CallError, Drain};

fn parse(method: &str, arguments: Value) -> Result<Call, CallError> {
    Call::parse(method, arguments.as_array().unwrap())
}

#[test]
fn forgiving_of_what_directors_send() {
    let Call::FetchLogs(logs) = parse("fetch_logs", json!(["job", null])).unwrap() else {
        panic!("other method");
    };
    assert!(logs.filters.is_empty());
    assert_eq!(
        parse("migrate_disk", json!(["a", "b"])).unwrap(),
        Call::MigrateDisk
    );
    assert!(matches!(
        parse("drain", json!(["shutdown", {}])).unwrap(),
        Call::Drain(Drain::Shutdown(Some(_)))
    ));
    assert!(matches!(
        parse("drain", json!(["shutdown"])).unwrap(),
        Call::Drain(Drain::Shutdown(None))
    ));
    let Call::Ssh { parameters, .. } = parse("ssh", json!(["setup", {"User": "bosh_x"}])).unwrap()
    else {
        panic!("other method");
    };
    assert_eq!(parameters.user, "bosh_x");
    let dependencies = json!({"ruby": {"Name": "ruby", "Version": "1.2", "SHA1": "ab"}});
    let compile = parse(
        "compile_package",
        json!(["id", "ab", "n", "1", dependencies]),
    )
    .unwrap();
    let Call::CompilePackage(compile) = compile else {
        panic!("other method");
    };
    assert_eq!(compile.dependencies["ruby"].sha1, "ab");
}

#[test]
fn refusals_are_told_in_words() {
    let missing = parse("mount_disk", json!([])).unwrap_err().to_string();
    assert_eq!(missing, "Not enough arguments, expected 1, got 0");
    let counted = parse("add_dynamic_disk", json!([{}])).unwrap_err();
    assert_eq!(
        counted.to_string(),
        "Not enough arguments, expected 2, got 1"
    );
    let unknown = parse("release_apply_spec", json!([]))
        .unwrap_err()
        .to_string();
    assert_eq!(unknown, "unknown message release_apply_spec");
    assert!(matches!(
        parse("mount_disk", json!([{}])).unwrap_err(),
        CallError::Argument { position: 1, .. }
    ));
    assert!(parse("drain", json!(["update"])).is_err());
}

#[test]
fn lists_of_disks_depend_on_the_protocol() {
    assert_eq!(Call::ListDisk.answer(0), Answer::Value);
    assert_eq!(Call::ListDisk.answer(3), Answer::Task);
    assert_eq!(Call::Start.answer(3), Answer::Value);
    assert_eq!(Call::Stop.answer(3), Answer::Task);
}

#[test]
fn secrets_are_not_shown() {
    let call = parse(
        "upload_blob",
        json!([{"blob_id": "b", "payload": "c2VjcmV0", "checksum": "aa"}]),
    );
    assert!(!format!("{call:?}").contains("c2VjcmV0"));
    let update = json!([{"mbus": {"cert": {"private_key": "very secret"}}}]);
    assert!(!format!("{:?}", parse("update_settings", update)).contains("very secret"));
}

proptest! {
    #[test]
    fn junk_gives_an_answer(method in "[a-z_]{0,30}", text in "\\PC{0,40}", number: i64) {
        let arguments = [json!(text), json!(number), json!({text.clone(): number}), json!([text])];
        let _ = Call::parse(&method, &arguments);
    }
}
