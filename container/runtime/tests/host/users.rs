//! Who processes run as.

use crate::world::World;
use crate::{Test, tests};
use warren_container_runtime::ProcessSpec;
use warren_container_runtime::engine::SpawnError;

pub const TESTS: &[Test] = tests![
    users_of_every_form,
    an_unknown_user_is_told,
    large_ids_work,
    root_needs_no_passwd,
    passwd_of_the_container_counts_and_not_the_hosts,
    setuid_programs_work,
];

fn users_of_every_form() {
    let world = World::new();
    let container = world.unprivileged();
    let id = |user: &str| {
        let output = container.sh_as(user, "id -u; id -g; id -G");
        output.stdout.replace('\n', " ").trim().to_owned()
    };
    assert_eq!(id(""), "0 0 0");
    assert_eq!(id("alice"), "1000 1000 1000 50");
    assert_eq!(id("1000"), "1000 1000 1000 50");
    assert_eq!(id("alice:50"), "1000 50 50");
    assert_eq!(id("alice:staff"), "1000 50 50");
    assert_eq!(id("7"), "7 0 0");
    assert_eq!(id("7:8"), "7 8 8");
}

fn an_unknown_user_is_told() {
    let world = World::new();
    let container = world.unprivileged();
    let error = container
        .try_run(&ProcessSpec {
            user: "bob".into(),
            ..crate::world::shell("true")
        })
        .unwrap_err();
    assert!(matches!(error, SpawnError::User(_)));
    assert_eq!(
        error.to_string(),
        "unable to find user bob: no matching entries in passwd file"
    );
    let error = container
        .try_run(&ProcessSpec {
            user: "alice:nobody".into(),
            ..crate::world::shell("true")
        })
        .unwrap_err();
    assert!(
        error.to_string().contains("unable to find group nobody"),
        "{error}"
    );
}

fn large_ids_work() {
    let world = World::new();
    let container = world.unprivileged();
    let output = container.sh_as(
        "1000000000:1000000000",
        "id -u; id -g; touch /tmp/x && stat -c %u /tmp/x",
    );
    assert_eq!(output.stdout, "1000000000\n1000000000\n1000000000\n");
    // Not mapped: it is the root user's, outside.
    let error = container
        .try_run(&ProcessSpec {
            user: "4294967294".into(),
            ..crate::world::shell("true")
        })
        .unwrap_err();
    assert!(matches!(error, SpawnError::Step(_)), "{error}");
}

fn root_needs_no_passwd() {
    let world = World::new();
    let container = world.unprivileged();
    container.says("rm /etc/passwd /etc/group");
    assert_eq!(
        container.sh_as("root", "echo $USER $HOME; pwd").stdout,
        "root /\n/\n"
    );
}

fn passwd_of_the_container_counts_and_not_the_hosts() {
    let world = World::new();
    let container = world.unprivileged();
    container.says("rm /etc/passwd && mkdir /var && echo 'eve:x:77:78::/:' > /var/p && ln -s /../../var/p /etc/passwd");
    assert_eq!(container.sh_as("eve", "id -u").stdout, "77\n");
    container.says("rm /etc/passwd && mkfifo /etc/passwd");
    let error = container
        .try_run(&ProcessSpec {
            user: "eve".into(),
            ..crate::world::shell("true")
        })
        .unwrap_err();
    assert!(matches!(error, SpawnError::User(_)), "{error}");
}

fn setuid_programs_work() {
    let world = World::new();
    let spec = world.spec("setuid", false);
    // Busybox gives up what it does not need, so it is this executable.
    let program = spec.rootfs.join("bin/ids");
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let container = world.start(&spec);
    container.says("cp /bin/ids /bin/mine && mv /bin/mine /bin/ids && chown 0:0 /bin/ids && chmod 4755 /bin/ids");
    assert_eq!(container.sh_as("alice", "ids ids").stdout, "1000 0\n");
}
