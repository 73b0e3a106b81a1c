//! Blobstores: WebDAV with a password, and clients that stemcells bring.

use serde_json::{Value, json};

use crate::support::http::Store;
use crate::support::vm::{Vm, executable};

fn with_blobstore(blobstore: Value) -> Vm {
    let vm = Vm::new();
    let mut settings = vm.settings();
    settings["env"]["bosh"]["blobstores"] = json!([blobstore]);
    vm.write_settings(&settings);
    vm.write("var/vcap/sys/log/web/a.log", "a");
    vm
}

#[test]
fn dav_with_a_password() {
    let store = Store::start();
    let options = json!({"endpoint": store.url, "user": "agent", "password": "pw"});
    let vm = with_blobstore(json!({"provider": "dav", "options": options}));
    let running = vm.start();
    vm.director.ping();
    store.shelf.lock().unwrap().failures = vec![500];
    let value = vm.director.run("fetch_logs", json!(["job", null]));
    let id = value["blobstore_id"].as_str().unwrap();
    let hash = warren_agent::digest::sha1_hex(id);
    let shelf = store.shelf.lock().unwrap();
    assert!(shelf.blobs.contains_key(&format!("/{}/{id}", &hash[..2])));
    let (_, headers) = shelf.requests.last().unwrap();
    assert_eq!(headers["authorization"], "Basic YWdlbnQ6cHc=");
    drop(shelf);
    // And back again.
    let error = vm.director.exception("sync_dns", json!(["gone", "00", 1]));
    assert!(error.contains("answered with 404"), "{error}");
    running.stop();
}

#[test]
fn a_client_of_the_stemcell() {
    let vm = with_blobstore(json!({"provider": "odd", "options": {"key": "secret"}}));
    let script = "while [ \"$1\" != get -a \"$1\" != put ]; do shift; done\n\
        store=$(dirname $0)/store; mkdir -p $store\n\
        case $1 in put) cp $2 $store/$3;; get) cp $store/$2 $3;; esac";
    executable(&vm, "var/vcap/bosh/bin/bosh-blobstore-odd", script);
    let running = vm.start();
    vm.director.ping();
    let value = vm.director.run("fetch_logs", json!(["job", null]));
    let id = value["blobstore_id"].as_str().unwrap();
    assert!(vm.path(&format!("var/vcap/bosh/bin/store/{id}")).exists());
    assert_eq!(vm.mode("var/vcap/bosh/etc/blobstore-odd.json"), 0o600);
    running.stop();
}

#[test]
fn no_blobstore_and_one_without_a_client() {
    // An agent without a blobstore lives all the same, for signed URLs.
    let vm = Vm::new();
    let mut settings = vm.settings();
    settings["env"]["bosh"]["blobstores"] = json!([]);
    vm.write_settings(&settings);
    let running = vm.start();
    vm.director.ping();
    let error = vm.director.fail("fetch_logs", json!(["job", null]));
    assert!(error.contains("the settings name no blobstore"), "{error}");
    running.stop();
    settings["env"]["bosh"]["blobstores"] = json!([{"provider": "nope"}]);
    vm.write_settings(&settings);
    let running = vm.start();
    vm.director.ping();
    let error = vm.director.fail("fetch_logs", json!(["job", null]));
    assert!(
        error.contains("there is no client for the blobstore \"nope\""),
        "{error}"
    );
    running.stop();
}
