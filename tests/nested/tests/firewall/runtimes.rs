//! The requirements' table "Container Runtime Configurations", row by row.
//!
//! Real Docker plays its own rows in `docker`; here each row is the namespaces, mounts and
//! capabilities that the runtime gives a container.

use warren_sys_process::capabilities::CapabilitySet;
use warren_tests_harness::{Connected, Leaks};
use warren_tests_nested::{View, assert_reaches};

use crate::scene::{PLACES, Scene, assert_proof, firewall, play};

/// What Docker gives a container by default: no NET_ADMIN, no SYS_ADMIN.
fn all_but_dockers_default() -> CapabilitySet {
    use CapabilitySet as C;
    C::all()
        - (C::CHOWN | C::DAC_OVERRIDE | C::FSETID | C::FOWNER | C::MKNOD | C::NET_RAW | C::SETGID)
        - (C::SETUID | C::SETFCAP | C::SETPCAP | C::NET_BIND_SERVICE | C::SYS_CHROOT | C::KILL)
        - C::AUDIT_WRITE
}

#[test]
fn garden_runc_privileged_binds_the_hosts_cgroups() {
    play(View::HostBound);
}

#[test]
fn docker_privileged_with_the_hosts_cgroup_namespace() {
    play(View::HostBound);
}

#[test]
fn docker_privileged_with_a_private_cgroup_namespace() {
    play(View::Private);
}

#[test]
fn docker_unprivileged_is_refused_clearly_and_nothing_changes() {
    refused_without_net_admin(View::PrivateReadOnly);
}

#[test]
fn docker_unprivileged_with_net_admin_works_in_its_isolated_cgroup_namespace() {
    works_with_net_admin_alone(View::PrivateReadOnly);
}

#[test]
fn kubernetes_privileged_pod_in_the_hosts_cgroup_namespace() {
    play(View::HostBound);
}

#[test]
fn kubernetes_unprivileged_pod_is_refused_clearly_and_nothing_changes() {
    refused_without_net_admin(View::PrivateReadOnly);
}

#[test]
fn kubernetes_pod_with_net_admin_alone_works_in_its_container_cgroup_namespace() {
    works_with_net_admin_alone(View::PrivateReadOnly);
}

#[track_caller]
fn refused_without_net_admin(view: View) {
    let leaks = Leaks::snapshot();
    let scene = Scene::new(view);
    let confined = scene
        .container
        .process("confined")
        .drop_capabilities(all_but_dockers_default())
        .spawn();
    let before = scene.stock();
    for verb in ["setup", "verify", "watch"] {
        let output = confined.warren(&firewall(verb, &[]));
        assert_eq!(output.code, 1, "{output:#?}");
        assert!(output.stderr.contains("CAP_NET_ADMIN"), "{output:#?}");
        assert!(output.stderr.contains("Remedy: "), "{output:#?}");
    }
    scene.assert_open();
    assert_eq!(scene.stock(), before);
    drop((confined, scene));
    leaks.assert_same();
}

/// No SYS_ADMIN: no mount of our own, no outsider's cgroup. The identity and the level are
/// known all the same, and the rules work.
#[track_caller]
fn works_with_net_admin_alone(view: View) {
    let leaks = Leaks::snapshot();
    let scene = Scene::new(view);
    let lost = all_but_dockers_default() - CapabilitySet::NET_ADMIN;
    let agent = scene
        .container
        .process("confined")
        .drop_capabilities(lost)
        .spawn();
    let before = scene.stock();
    let output = agent.warren(&firewall("setup", &["--json"])).success();
    assert_proof(&output, "refused");
    assert_reaches(&agent, "the confined agent", &PLACES, Connected::Connected);
    for other in [
        &scene.agent,
        &scene.sibling,
        &scene.elsewhere,
        &scene.unprivileged,
    ] {
        assert_reaches(other, "another process", &PLACES, Connected::Refused);
    }
    agent.warren(&["firewall", "teardown"]).success();
    assert_eq!(scene.stock(), before);
    drop((agent, scene));
    leaks.assert_same();
}
