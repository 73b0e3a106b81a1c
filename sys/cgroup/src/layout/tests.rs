//! Mount tables of the shapes met in the field, each with the process's own `/proc/self/cgroup`.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::path::JoinError;
use crate::proc_file::ProcessCgroups;

/// A mount table and a cgroup file of one process.
struct Place {
    layout: Layout,
    groups: ProcessCgroups,
}

fn place(mountinfo: &str, cgroup: &str) -> Place {
    let table = MountTable::parse(mountinfo.as_bytes()).unwrap();
    let groups = ProcessCgroups::parse(cgroup.as_bytes()).unwrap();
    Place {
        layout: Layout::from_table(&table),
        groups,
    }
}

impl Place {
    /// The directory of the process's v2 group in the best mount.
    fn v2_directory(&self) -> Result<PathBuf, JoinError> {
        let mount = self.layout.unified().expect("a v2 mount");
        let relative = self
            .groups
            .v2()
            .expect("a v2 line")
            .path
            .relative_to(&mount.root)?;
        Ok(mount.mount_point.join(relative).components().collect())
    }

    fn v1_directory(&self, controller: &str) -> Result<PathBuf, JoinError> {
        let mount = &self.layout.v1(controller).expect("a v1 mount").mount;
        let relative = self
            .groups
            .v1(controller)
            .expect("a line")
            .path
            .relative_to(&mount.root)?;
        Ok(mount.mount_point.join(relative).components().collect())
    }
}

const ROOT: &str = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
                    2 1 0:5 / /proc rw - proc proc rw\n\
                    3 1 0:6 / /sys rw - sysfs sysfs rw\n";

#[test]
fn pure_v2_host() {
    let p = place(
        &format!(
            "{ROOT}4 3 0:8 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"
        ),
        "0::/system.slice/bosh-agent.service\n",
    );
    assert_eq!(p.layout.mode, Mode::Unified);
    let mount = p.layout.unified().unwrap();
    assert_eq!(mount.shows(), Shows::Namespace);
    assert!(mount.has_option("nsdelegate") && !mount.read_only);
    assert_eq!(
        p.v2_directory().unwrap(),
        Path::new("/sys/fs/cgroup/system.slice/bosh-agent.service")
    );
}

#[test]
fn hybrid_host_with_one_mount_per_controller() {
    let p = place(
        &format!(
            "{ROOT}31 3 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
             32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n\
             35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
             40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd\n\
             41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
        ),
        "9:name=systemd:/\n4:memory:/job/a\n1:cpu:/\n0::/\n",
    );
    assert_eq!(p.layout.mode, Mode::Hybrid);
    assert_eq!(
        p.v2_directory().unwrap(),
        Path::new("/sys/fs/cgroup/unified")
    );
    assert_eq!(
        p.v1_directory("memory").unwrap(),
        Path::new("/sys/fs/cgroup/memory/job/a")
    );
    assert_eq!(
        p.layout.v1("name=systemd").unwrap().controllers,
        ["name=systemd"]
    );
    assert!(p.layout.v1("pids").is_none());
}

#[test]
fn comounted_controllers_are_one_hierarchy() {
    let p = place(
        &format!(
            "{ROOT}32 3 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpuacct,cpu,clone_children,release_agent=/x\n"
        ),
        "2:cpu,cpuacct:/a\n",
    );
    assert_eq!(p.layout.v1.len(), 1);
    assert_eq!(
        p.layout.v1("cpuacct").unwrap().controllers,
        ["cpu", "cpuacct"]
    );
}

#[test]
fn docker_with_a_private_namespace() {
    let p = place(
        "500 400 0:50 / / rw - overlay overlay rw\n\
         501 500 0:51 / /sys ro,nosuid - sysfs sysfs ro\n\
         502 501 0:8 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw,nsdelegate\n",
        "0::/\n",
    );
    let mount = p.layout.unified().unwrap();
    assert!(
        mount.read_only,
        "the mount is read-only though the file system is not"
    );
    assert_eq!(mount.shows(), Shows::Namespace);
    assert_eq!(p.v2_directory().unwrap(), Path::new("/sys/fs/cgroup"));
}

#[test]
fn docker_with_the_host_namespace_and_a_bind() {
    let p = place(
        "500 400 0:50 / / rw - overlay overlay rw\n\
         502 500 0:8 /docker/9f2c /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
        "0::/docker/9f2c/init\n",
    );
    let mount = p.layout.unified().unwrap();
    assert_eq!(mount.shows(), Shows::Subtree);
    assert_eq!(p.v2_directory().unwrap(), Path::new("/sys/fs/cgroup/init"));
}

#[test]
fn kubernetes_with_a_mount_older_than_the_namespace() {
    let p = place(
        "500 400 0:50 / / rw - overlay overlay rw\n\
         502 500 0:8 /../../.. /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
        "0::/\n",
    );
    assert_eq!(p.layout.unified().unwrap().shows(), Shows::Outside);
    assert!(matches!(
        p.v2_directory(),
        Err(JoinError::NamesUnknown { .. })
    ));
}

#[test]
fn kubernetes_pod_in_the_host_namespace() {
    let p = place(
        "500 400 0:50 / / rw - overlay overlay rw\n\
         502 500 0:8 /kubepods/besteffort/pod1/ctr /sys/fs/cgroup ro - cgroup2 cgroup rw\n",
        "0::/kubepods/besteffort/pod1/ctr\n",
    );
    assert_eq!(p.v2_directory().unwrap(), Path::new("/sys/fs/cgroup"));
}

#[test]
fn garden_with_the_hosts_tree_bound() {
    let p = place(
        "500 400 0:50 / / rw - overlay overlay rw\n\
         502 500 0:8 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n",
        "0::/garden/7d1/system.slice/agent.service\n",
    );
    assert_eq!(
        p.v2_directory().unwrap(),
        Path::new("/sys/fs/cgroup/garden/7d1/system.slice/agent.service")
    );
}

#[test]
fn a_hybrid_container_that_sees_only_v1() {
    let p = place(
        "500 400 0:50 / / rw - overlay overlay rw\n\
         510 500 0:52 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
         511 510 0:32 /docker/x /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
        "12:net_cls,net_prio:/container-xxx\n4:memory:/docker/x\n0::/container-xxx\n",
    );
    assert_eq!(p.layout.mode, Mode::Legacy);
    assert!(p.layout.unified().is_none());
    assert!(
        p.groups.v2().is_some(),
        "a v2 line does not mean a v2 mount"
    );
    assert_eq!(
        p.v1_directory("memory").unwrap(),
        Path::new("/sys/fs/cgroup/memory")
    );
}

#[test]
fn no_cgroup_mount_at_all() {
    let p = place(ROOT, "0::/user.slice/container-xxx\n");
    assert_eq!(p.layout.mode, Mode::Unmounted);
    assert!(p.layout.buried.is_empty());
}

#[test]
fn a_private_mount_stacked_on_the_hosts() {
    let p = place(
        "500 400 0:50 / / rw - overlay overlay rw\n\
         502 500 0:8 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n\
         503 502 0:60 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
         504 503 0:8 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
        "0::/\n",
    );
    assert_eq!(p.layout.v2.len(), 1);
    assert_eq!(p.layout.unified().unwrap().covers, 2);
    assert_eq!(p.layout.unified().unwrap().shows(), Shows::Namespace);
    assert_eq!(p.layout.buried, [PathBuf::from("/sys/fs/cgroup")]);
}

#[test]
fn cgroup2_buried_below_a_tmpfs() {
    let p = place(
        &format!(
            "{ROOT}4 3 0:8 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n\
             5 4 0:9 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
             6 5 0:32 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices\n"
        ),
        "0::/a\n",
    );
    assert_eq!(p.layout.mode, Mode::Legacy);
    assert_eq!(p.layout.buried, [PathBuf::from("/sys/fs/cgroup")]);
}

#[test]
fn a_deleted_group_and_one_outside() {
    let p = place(
        &format!("{ROOT}4 3 0:8 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
        "0::/../other (deleted)\n",
    );
    assert!(p.groups.v2().unwrap().deleted);
    assert!(matches!(p.v2_directory(), Err(JoinError::NotBelow { .. })));
}

#[test]
fn three_levels_of_bind_mounts() {
    // L1 binds the host's tree, L2 binds L1's; then L2 gets one that shows only its own part.
    let p = place(
        "900 800 0:90 / / rw - overlay overlay rw\n\
         901 900 0:8 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n\
         902 900 0:8 /garden/l1/garden/l2 /own rw - cgroup2 cgroup2 rw\n",
        "0::/garden/l1/garden/l2/garden/l3/agent\n",
    );
    assert_eq!(
        p.layout.unified().unwrap().mount_point,
        Path::new("/sys/fs/cgroup")
    );
    assert_eq!(
        p.v2_directory().unwrap(),
        Path::new("/sys/fs/cgroup/garden/l1/garden/l2/garden/l3/agent")
    );
    let part = &p.layout.v2[1];
    let relative = p.groups.v2().unwrap().path.relative_to(&part.root).unwrap();
    assert_eq!(
        part.mount_point.join(relative),
        Path::new("/own/garden/l3/agent")
    );
}

#[test]
fn whole_and_writable_mounts_come_first() {
    let p = place(
        &format!(
            "{ROOT}4 1 0:8 /../x /a rw - cgroup2 cgroup2 rw\n\
             5 1 0:8 / /b ro - cgroup2 cgroup2 rw\n\
             6 1 0:8 /sub /c rw - cgroup2 cgroup2 rw\n\
             7 1 0:8 / /d rw - cgroup2 cgroup2 rw\n"
        ),
        "0::/sub\n",
    );
    let order: Vec<_> = p
        .layout
        .v2
        .iter()
        .map(|m| m.mount_point.to_str().unwrap())
        .collect();
    assert_eq!(order, ["/d", "/b", "/c", "/a"]);
}

#[test]
fn a_mount_that_is_not_what_it_seems_is_set_aside() {
    let p = place(
        &format!(
            "{ROOT}4 3 0:8 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
             5 3 0:9 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
        ),
        "0::/\n",
    );
    let layout = p.layout.confirmed_by(|path| {
        if path.ends_with("unified") {
            Ok(0x0102_1994)
        } else {
            Ok(CGROUP_SUPER_MAGIC)
        }
    });
    assert_eq!(layout.mode, Mode::Legacy);
    assert_eq!(layout.doubtful.len(), 1);
    assert_eq!(layout.doubtful[0].found, Ok(0x0102_1994));
}

#[test]
fn the_kernels_own_list_tells_of_v2() {
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir(root.path().join("self")).unwrap();
    std::fs::write(root.path().join("self/mountinfo"), ROOT).unwrap();
    let read = || Layout::read(root.path(), "self").unwrap().kernel_v2;
    assert_eq!(read(), None);
    std::fs::write(root.path().join("filesystems"), "nodev\tcgroup\n\text4\n").unwrap();
    assert_eq!(read(), Some(false));
    std::fs::write(
        root.path().join("filesystems"),
        "nodev\tcgroup\nnodev\tcgroup2\n",
    )
    .unwrap();
    assert_eq!(read(), Some(true));
}

proptest! {
    #[test]
    fn any_table_gives_a_layout(
        lines in proptest::collection::vec(("(/[ab]){1,3}", "(/\\.\\.){0,2}(/[a-c.]{1,2}){0,2}", prop_oneof!["cgroup2", "cgroup"], "[a-z=,]{0,12}"), 0..8)
    ) {
        let text: Vec<String> = lines
            .iter()
            .enumerate()
            .map(|(i, (point, root, kind, options))| {
                format!("{} {} 0:1 {root}/ {point} rw - {kind} x rw,{options}", i + 1, i / 2)
            })
            .collect();
        let layout = Layout::from_table(&MountTable::parse(text.join("\n").as_bytes()).unwrap());
        prop_assert_eq!(layout.v2.is_empty() && layout.v1.is_empty(), layout.mode == Mode::Unmounted);
    }
}
