//! Logs: fetched, bundled, and files removed.

use serde_json::json;

use crate::support::http::Store;
use crate::support::tar::listing;
use crate::support::vm::Vm;

fn write_logs(vm: &Vm) {
    vm.write("var/vcap/sys/log/web/web.stdout.log", "out");
    vm.write("var/vcap/sys/log/web/old/web.txt", "old");
    vm.write("var/vcap/bosh/log/current", "agent");
    vm.write("var/log/syslog", "system");
    std::os::unix::fs::symlink("/nowhere", vm.path("var/vcap/sys/log/web/broken")).unwrap();
}

fn names(archive: &[u8]) -> Vec<String> {
    listing(archive).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn kinds_and_filters() {
    let (vm, running) = Vm::started();
    write_logs(&vm);
    let fetch = |arguments| {
        let value = vm.director.run("fetch_logs", arguments);
        let id = value["blobstore_id"].as_str().unwrap();
        assert_eq!(value["sha1"].as_str().unwrap().len(), 40);
        names(&std::fs::read(vm.path(&format!("var/vcap/blobstore/{id}"))).unwrap())
    };
    assert_eq!(
        fetch(json!(["job", null])),
        ["./web/old/web.txt", "./web/web.stdout.log"]
    );
    assert_eq!(
        fetch(json!(["job", []])),
        ["./web/old/web.txt", "./web/web.stdout.log"]
    );
    assert_eq!(
        fetch(json!(["job", ["**/*.log"]])),
        ["./web/web.stdout.log"]
    );
    assert_eq!(fetch(json!(["system", null])), ["./syslog"]);
    let both = fetch(json!(["agent,system", null]));
    assert_eq!(both, ["./agent/current", "./system/syslog"]);
    assert!(
        vm.director
            .fail("fetch_logs", json!(["kernel", null]))
            .contains("Invalid log type")
    );
    running.stop();
}

#[test]
fn signed_urls_and_bundles() {
    let (vm, running) = Vm::started();
    write_logs(&vm);
    let store = Store::start();
    let argument = json!({"signed_url": format!("{}/logs", store.url), "log_type": "job", "filters": null,
        "blobstore_headers": {"X-A": "b"}});
    let value = vm
        .director
        .run("fetch_logs_with_signed_url", json!([argument]));
    assert!(value["sha1"].as_str().unwrap().contains(";sha512:"));
    assert_eq!(names(&store.shelf.lock().unwrap().blobs["/logs"]).len(), 2);
    store.shelf.lock().unwrap().failures = vec![403];
    let error = vm
        .director
        .fail("fetch_logs_with_signed_url", json!([argument]));
    assert!(error.contains("answered with 403"), "{error}");

    let bundle = vm.director.value(
        "bundle_logs",
        json!([{"owning_user": "vcap", "log_type": "job", "filters": []}]),
    );
    let path = bundle["logs_tar_path"].as_str().unwrap().to_owned();
    assert!(bundle["sha512"].as_str().unwrap().starts_with("sha512:"));
    assert_eq!(names(&std::fs::read(&path).unwrap()).len(), 2);
    use std::os::unix::fs::MetadataExt;
    assert_eq!(std::fs::metadata(&path).unwrap().uid(), 1000);
    assert_eq!(vm.director.value("remove_file", json!([path])), path);
    assert!(!std::path::Path::new(&path).exists());
    assert!(
        vm.director
            .exception("remove_file", json!(["/"]))
            .contains("no path of a file")
    );
    assert!(
        vm.director
            .exception("remove_file", json!(["relative"]))
            .contains("no path of a file")
    );
    let nobody = json!([{"owning_user": "nobody-here", "log_type": "job"}]);
    assert!(
        vm.director
            .exception("bundle_logs", nobody)
            .contains("no user nobody-here")
    );
    running.stop();
}
