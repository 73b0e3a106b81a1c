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

/// What fails half-way leaves nobody who could come in, and can be asked for again.
#[test]
fn nobody_is_half_made_or_half_removed() {
    let (vm, running) = Vm::started();
    let setup = |user: &str| json!(["setup", {"public_key": "ssh-rsa KEY", "user": user}]);
    let cleanup = |regex: &str| json!(["cleanup", {"user_regex": regex}]);
    let is_there = |user: &str| vm.read("etc/passwd").contains(&format!("{user}:"));
    // The user is made, the key cannot be written.
    vm.write("var/vcap/bosh_ssh/bosh_one", "no directory");
    let said = vm.director.exception("ssh", setup("bosh_one"));
    assert!(said.contains("bosh_ssh/bosh_one"), "{said}");
    assert!(!is_there("bosh_one") && !vm.path("var/vcap/bosh_ssh/bosh_one").exists());
    let host_key = vm.read("etc/ssh/ssh_host_rsa_key.pub");
    std::fs::remove_file(vm.path("etc/ssh/ssh_host_rsa_key.pub")).unwrap();
    let said = vm.director.exception("ssh", setup("bosh_one"));
    assert!(said.contains("ssh_host_rsa_key.pub"), "{said}");
    assert!(!is_there("bosh_one"));
    vm.write("etc/ssh/ssh_host_rsa_key.pub", host_key);
    vm.director.value("ssh", setup("bosh_one"));
    // Whoever made it was killed before it was in its groups.
    let groups = vm.read("etc/group").replace("998:bosh_one", "998:");
    vm.write("etc/group", groups);
    vm.director.value("ssh", setup("bosh_one"));
    assert!(vm.read("etc/group").contains("998:bosh_one"));

    // A user of the system is neither let in nor removed, whatever it is called.
    let line = "bosh_daemon:x:555:555::/var/lib/daemon:/bin/false\n";
    vm.write("etc/passwd", vm.read("etc/passwd") + line);
    let said = vm.director.exception("ssh", setup("bosh_daemon"));
    assert!(said.contains("was not made for ssh"), "{said}");
    // One that cannot be removed does not keep the others.
    vm.director.value("ssh", setup("bosh_two"));
    let home = vm.path("var/vcap/bosh_ssh/bosh_one");
    rustix::mount::mount_bind(&home, &home).unwrap();
    let said = vm.director.exception("ssh", cleanup(".*"));
    rustix::mount::unmount(&home, rustix::mount::UnmountFlags::DETACH).unwrap();
    assert!(said.contains("bosh_ssh/bosh_one"), "{said}");
    assert!(!is_there("bosh_two") && home.exists());
    // Its user is gone already: the home goes now.
    assert!(!is_there("bosh_one"));
    vm.director.value("ssh", cleanup("o.e$"));
    assert!(!home.exists());
    assert!(vm.read("etc/passwd").ends_with(line));
    running.stop();
}
