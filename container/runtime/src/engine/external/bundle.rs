//! The bundle as an external runtime gets it. Pure.
//!
//! | | is |
//! |---|---|
//! | version | the oldest that will do |
//! | limits | left out: ours are in force on the group above from the start on |
//! | device rules | the same once more, below ours, with the built-in ones: for nodes that a bundle lists runtimes add none |
//! | group | an absolute path in what the runtime sees (see [`view`](super::view)) |
//! | `/sys/fs/cgroup` beside v1 | a tmpfs, a bind for each v1 hierarchy, a cgroup2 mount: runtimes would show no v2 |
//! | binds of the machine's groups | from where the view has them |
//!
//! All else is the bundle that the built-in engine carries out.

use std::path::{Path, PathBuf};

use warren_sys_devicefilter::Defaults;

use super::CGROUPS;
use super::view::View;
use crate::groups::Place;
use crate::groups::make::INIT;
use crate::oci::{Mount, Resources, Spec};

/// The oldest version of the specification that has all that is in a bundle of ours: older runtimes,
/// crun 1.8 for instance, refuse what is newer than they are.
const VERSION: &str = "1.0.2";

/// Whether the container sees the machine's groups, or some of them.
pub(super) fn binds_machine(bundle: &Spec) -> bool {
    let mut sources = bundle
        .mounts
        .iter()
        .filter_map(|mount| mount.source.as_deref());
    sources.any(|source| source.starts_with(CGROUPS))
}

/// The bundle. `place` is that of the container's groups, `v2` whether cgroup v2 is among them.
pub(super) fn complete(bundle: &Spec, view: Option<&View>, place: &Place) -> Spec {
    let mut complete = bundle.clone();
    VERSION.clone_into(&mut complete.version);
    let devices = bundle.linux.resources.devices.iter();
    complete.linux.resources = Resources {
        devices: devices
            .copied()
            .chain(Defaults::default().rules())
            .collect(),
        ..Resources::default()
    };
    let Some(view) = view else {
        complete.linux.cgroups_path = place.child(INIT).v2.unwrap_or_default();
        return complete;
    };
    let group = format!("/{}/{INIT}", bundle.linux.cgroups_path);
    complete.mounts = Vec::new();
    for mount in &bundle.mounts {
        if mount.kind.as_deref() == Some("cgroup") {
            groups(
                mount,
                view,
                &group,
                place.v2.is_some(),
                &mut complete.mounts,
            );
            continue;
        }
        let mut mount = mount.clone();
        if let Some(moved) = mount.source.as_deref().and_then(View::machine_path) {
            mount.source = Some(moved);
        }
        complete.mounts.push(mount);
    }
    complete.linux.cgroups_path = group;
    complete
}

/// The container's groups as the built-in engine shows them; names that are links there are binds.
fn groups(mount: &Mount, view: &View, group: &str, v2: bool, mounts: &mut Vec<Mount>) {
    let at = &mount.destination;
    let mut put = |destination: PathBuf, kind: &str, source: PathBuf, more: &[&str]| {
        let common = mount.options.iter();
        let common = common.filter(|option| kind != "tmpfs" || *option != "ro");
        let options = more.iter().map(|option| (*option).to_owned());
        mounts.push(Mount {
            destination,
            kind: Some(kind.to_owned()),
            source: Some(source),
            options: options.chain(common.cloned()).collect(),
        });
    };
    put(at.clone(), "tmpfs", "cgroup".into(), &["mode=755"]);
    for hierarchy in &view.hierarchies {
        let source = Path::new(CGROUPS).join(&hierarchy.name);
        let source = source.join(group.trim_start_matches('/'));
        let names = hierarchy.controllers.iter();
        let names = names.map(|name| name.trim_start_matches("name="));
        let mut names: Vec<&str> = names.collect();
        let all = names.join(",");
        if names.len() > 1 {
            names.push(&all);
        }
        for name in names {
            put(at.join(name), "bind", source.clone(), &["bind"]);
        }
    }
    if v2 {
        put(at.join("unified"), "cgroup2", "cgroup".into(), &[]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::view::Hierarchy;
    use super::*;
    use crate::oci::Memory;

    fn mount(destination: &str, kind: &str, source: &str, options: &[&str]) -> Mount {
        Mount {
            destination: destination.into(),
            kind: Some(kind.to_owned()),
            source: Some(source.into()),
            options: options.iter().map(|option| (*option).to_owned()).collect(),
        }
    }

    fn bundle() -> Spec {
        let mut bundle = Spec::default();
        bundle.linux.cgroups_path = "h".to_owned();
        bundle.linux.resources.memory = Some(Memory::default());
        bundle.mounts = vec![
            mount("/sys/fs/cgroup", "cgroup", "cgroup", &["nosuid", "ro"]),
            mount("/x", "bind", "/sys/fs/cgroup/memory", &["bind", "rw"]),
        ];
        bundle
    }

    fn place() -> Place {
        Place {
            v2: Some("/g/h".to_owned()),
            v1: Vec::new(),
        }
    }

    #[test]
    fn with_v2_alone_the_path_is_ours_and_mounts_stay() {
        let complete = complete(&bundle(), None, &place());
        assert_eq!(complete.linux.cgroups_path, "/g/h/init");
        assert_eq!(complete.mounts, bundle().mounts);
        assert_eq!(complete.linux.resources.memory, None);
        assert_eq!(
            complete.linux.resources.devices.len(),
            Defaults::default().rules().len()
        );
    }

    #[test]
    fn beside_v1_every_group_is_a_mount() {
        let view = View {
            hierarchies: vec![Hierarchy {
                name: "cpu,cpuacct".to_owned(),
                controllers: vec!["cpu".to_owned(), "cpuacct".to_owned()],
                parent: "/sys/fs/cgroup/cpu,cpuacct/g".into(),
            }],
            machine: true,
        };
        assert!(binds_machine(&bundle()));
        let complete = complete(&bundle(), Some(&view), &place());
        assert_eq!(complete.linux.cgroups_path, "/h/init");
        let group = "/sys/fs/cgroup/cpu,cpuacct/h/init";
        let bind = ["bind", "nosuid", "ro"];
        let expected = [
            mount("/sys/fs/cgroup", "tmpfs", "cgroup", &["mode=755", "nosuid"]),
            mount("/sys/fs/cgroup/cpu", "bind", group, &bind),
            mount("/sys/fs/cgroup/cpuacct", "bind", group, &bind),
            mount("/sys/fs/cgroup/cpu,cpuacct", "bind", group, &bind),
            mount(
                "/sys/fs/cgroup/unified",
                "cgroup2",
                "cgroup",
                &["nosuid", "ro"],
            ),
            mount(
                "/x",
                "bind",
                "/sys/fs/cgroup/.machine/memory",
                &["bind", "rw"],
            ),
        ];
        assert_eq!(complete.mounts, expected);
    }
}
