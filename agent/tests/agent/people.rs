//! Users that are made for people, and removed.

use serde_json::json;

use crate::support::vm::Vm;

#[test]
fn a_user_comes_and_goes() {
    let (vm, running) = Vm::started();
    let setup = json!(["setup", {"public_key": "ssh-rsa KEY me\n", "User": "bosh_abc"}]);
    let value = vm.director.value("ssh", setup.clone());
    assert_eq!(
        value,
        json!({"command": "setup", "status": "success", "ip": "10.244.0.2",
            "host_public_key": "ssh-rsa HOSTKEY root@x\n"})
    );
    let keys = "var/vcap/bosh_ssh/bosh_abc/.ssh/authorized_keys";
    assert_eq!(vm.read(keys), "ssh-rsa KEY me\n");
    assert_eq!(vm.mode(keys), 0o600);
    assert!(vm.read("etc/passwd").contains("bosh_abc:"));
    assert!(vm.read("etc/group").contains("bosh_sshers:x:998:bosh_abc"));
    // Again is fine.
    vm.director.value("ssh", setup);
    vm.director.value(
        "ssh",
        json!(["setup", {"public_key": "ssh-rsa OTHER", "user": "bosh_other"}]),
    );
    let value = vm
        .director
        .value("ssh", json!(["cleanup", {"user_regex": "^bosh_abc"}]));
    assert_eq!(value, json!({"command": "cleanup", "status": "success"}));
    let passwd = vm.read("etc/passwd");
    assert!(
        !passwd.contains("bosh_abc") && passwd.contains("bosh_other") && passwd.contains("vcap")
    );
    assert!(!vm.path("var/vcap/bosh_ssh/bosh_abc").exists());
    // Whatever the pattern says, only ours go.
    vm.director
        .value("ssh", json!(["cleanup", {"user_regex": ".*"}]));
    let passwd = vm.read("etc/passwd");
    assert!(!passwd.contains("bosh_other") && passwd.contains("vcap") && passwd.contains("root"));
    running.stop();
}

#[test]
fn others_are_refused() {
    let (vm, running) = Vm::started();
    let ask =
        |command: &str, parameters| vm.director.exception("ssh", json!([command, parameters]));
    assert!(ask("setup", json!({"user": "root", "public_key": "k"})).contains("begins with bosh_"));
    assert!(
        ask("setup", json!({"user": "bosh_a b", "public_key": "k"})).contains("no name of a user")
    );
    assert!(ask("setup", json!({"user": "bosh_a", "public_key": "k\nk"})).contains("not one line"));
    assert!(ask("cleanup", json!({"user_regex": "("})).contains("Action Failed ssh"));
    assert!(ask("dance", json!({})).contains("Unknown command for SSH method: dance"));
    running.stop();
}
