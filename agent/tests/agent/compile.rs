//! Compiling packages, with and without signed URLs.

use serde_json::json;
use warren_wire_agent::envelope::Response;

use crate::scripts::assert_ended;
use crate::support::http::Store;
use crate::support::tar::{listing, tgz};
use crate::support::until;
use crate::support::vm::Vm;

const PACKAGING: &str = "set -e\necho compiling $BOSH_PACKAGE_NAME $BOSH_PACKAGE_VERSION\n\
    cp source.txt $BOSH_INSTALL_TARGET/\ncat $ROOT/var/vcap/packages/lib/l > $BOSH_INSTALL_TARGET/linked\n\
    test $PWD = $BOSH_COMPILE_TARGET\n";

#[test]
fn a_package_with_a_dependency() {
    let (vm, running) = Vm::started();
    let packaging = PACKAGING.replace("$ROOT", &vm.directory.path().to_string_lossy());
    let source = tgz(&[("./packaging", &packaging), ("./source.txt", "hello")]);
    let source = vm.blob("source", &source);
    let library = vm.blob("lib", &tgz(&[("./l", "from lib")]));
    let dependencies =
        json!({"lib": {"Name": "lib", "version": "3", "sha1": library, "blobstore_id": "lib"}});
    let value = vm.director.run(
        "compile_package",
        json!(["source", source, "app", "1.1", dependencies]),
    );
    let id = value["result"]["blobstore_id"].as_str().unwrap();
    let archive = std::fs::read(vm.path(&format!("var/vcap/blobstore/{id}"))).unwrap();
    let digest =
        warren_agent::digest::of_bytes(warren_wire_agent::digest::Algorithm::Sha1, &archive);
    assert_eq!(value["result"]["sha1"], digest.to_string());
    let expected = [("./linked", "from lib"), ("./source.txt", "hello")];
    assert_eq!(
        listing(&archive),
        expected.map(|(name, text)| (name.to_owned(), text.to_owned()))
    );
    assert!(
        vm.read("var/vcap/sys/log/compilation/packaging.stdout.log")
            .contains("compiling app 1.1")
    );
    for gone in ["data/compile/app", "packages/app", "data/packages/app/1.1"] {
        assert!(!vm.path(&format!("var/vcap/{gone}")).exists(), "{gone}");
    }
    // What was compiled can be installed as a dependency of the next.
    let next = json!({"app": {"name": "app", "version": "1.1", "sha1": digest.to_string(), "blobstore_id": id}});
    let empty = vm.blob("empty", &tgz(&[("./nothing", "")]));
    vm.director.run(
        "compile_package",
        json!(["empty", empty, "next", "1", next]),
    );
    assert_eq!(vm.read("var/vcap/packages/app/linked"), "from lib");
    assert!(!vm.path("var/vcap/packages/lib").exists());
    running.stop();
}

#[test]
fn failures_tell_the_end_of_the_output() {
    let (vm, running) = Vm::started();
    let packaging = "head -c 20000 /dev/zero | tr '\\0' o; echo the-end; echo why >&2; exit 5";
    let source = vm.blob("bad", &tgz(&[("packaging", packaging)]));
    let error = vm
        .director
        .fail("compile_package", json!(["bad", source, "app", "1", {}]));
    assert!(
        error.contains("Command exited with 5; Truncated stdout: oooo"),
        "{error}"
    );
    assert!(
        error.contains("the-end\n, stderr: ") && error.contains("why"),
        "{error}"
    );
    assert!(!vm.path("var/vcap/packages/app").exists());
    let error = vm
        .director
        .fail("compile_package", json!(["bad", "00", "app", "1", {}]));
    assert!(error.contains("not what it should be"), "{error}");
    let error = vm
        .director
        .fail("compile_package", json!(["bad", source, "a/b", "1", {}]));
    assert!(error.contains("no name of a file"), "{error}");

    // One that takes for ever ends on demand, with all that it has begun.
    let pids = vm.path("pids");
    let packaging = format!(
        "sleep 600 & echo $! >{0}.new; echo $$ >>{0}.new; mv {0}.new {0}; wait",
        pids.display()
    );
    let source = vm.blob("long", &tgz(&[("packaging", &packaging)]));
    let arguments = json!(["long", source, "app", "1", {}]);
    let task = vm.director.start("compile_package", arguments.clone());
    until("the script", || pids.exists());
    // So does one that has not begun yet.
    let next = vm.director.start("compile_package", arguments);
    for task in [&next, &task] {
        assert_eq!(vm.director.value("cancel_task", json!([task])), "canceled");
    }
    for task in [&task, &next] {
        let Response::Exception(error) = vm.director.finish(task) else {
            panic!("no exception")
        };
        assert!(error.contains("the compilation was cancelled"), "{error}");
    }
    assert_ended(&pids);
    assert!(!vm.path("var/vcap/data/compile/app").exists());
    running.stop();
}

#[test]
fn signed_urls_go_both_ways() {
    let (vm, running) = Vm::started();
    let store = Store::start();
    let source = tgz(&[("packaging", "echo x > $BOSH_INSTALL_TARGET/x")]);
    let digest = vm.blob("unused", &source);
    let library = tgz(&[("l", "")]);
    let library_digest = vm.blob("unused2", &library);
    {
        let mut shelf = store.shelf.lock().unwrap();
        shelf.blobs.insert("/signed/source".into(), source);
        shelf.blobs.insert("/signed/lib".into(), library);
        // Each may fail once.
        shelf.failures = vec![503];
    }
    let argument = json!({
        "package_get_signed_url": format!("{}/signed/source?st=SECRET", store.url),
        "upload_signed_url": format!("{}/signed/result?st=SECRET", store.url),
        "digest": digest, "name": "app", "version": "1",
        "deps": {"lib": {"name": "lib", "version": "1", "sha1": library_digest,
            "package_get_signed_url": format!("{}/signed/lib", store.url), "blobstore_headers": {"X-Dep": "d"}}},
        "blobstore_headers": {"X-Header": "h"},
    });
    let value = vm
        .director
        .run("compile_package_with_signed_url", json!([argument]));
    let result = &value["result"];
    assert!(result.get("blobstore_id").is_none());
    let sha1 = result["sha1"].as_str().unwrap();
    assert!(sha1.contains(";sha512:"), "{sha1}");
    let shelf = store.shelf.lock().unwrap();
    assert_eq!(
        listing(&shelf.blobs["/signed/result"]),
        [("./x".to_owned(), "x\n".to_owned())]
    );
    let put = shelf
        .requests
        .iter()
        .find(|(line, _)| line.starts_with("PUT"))
        .unwrap();
    assert_eq!(put.1["x-header"], "h");
    assert!(
        shelf
            .requests
            .iter()
            .any(|(_, headers)| headers.get("x-dep").is_some_and(|value| value == "d"))
    );
    drop(shelf);
    let mut bad = argument.clone();
    bad["package_get_signed_url"] = json!(format!("{}/signed/none?st=SECRET", store.url));
    let error = vm
        .director
        .fail("compile_package_with_signed_url", json!([bad]));
    assert!(
        error.contains("answered with 404") && !error.contains("SECRET"),
        "{error}"
    );
    running.stop();
}
