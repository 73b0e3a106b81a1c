//! Ids of projects: whose they are, and the older way to them.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::process::Command;
use std::time::Instant;

use warren_container_rootfs::image::Quota;
use warren_container_rootfs::store::Error;
use warren_sys_mount::project_quota::{ProjectQuota, State, project_of};

use crate::scene::{Counted, DEADLINE, MIB, OURS, layer, on_each, open, request};

#[test]
#[ignore = "needs project quotas: run in the virtual machine"]
fn stores_on_one_file_system_do_not_share_ids() {
    on_each(|_, disk| {
        let roots = [disk.store(), disk.path().join("copy")];
        let mut first = open(&roots[0], None);
        let tell = |error: &Error| panic!("{error}");
        first.empty_in_background(Box::new(tell)).unwrap();
        // As one that was copied with all that is in it.
        fs::create_dir(&roots[1]).unwrap();
        for entry in fs::read_dir(&roots[0]).unwrap() {
            let entry = entry.unwrap();
            let target = roots[1].join(entry.file_name());
            match entry.file_type().unwrap().is_dir() {
                true => fs::create_dir(target).unwrap(),
                false => drop(fs::copy(entry.path(), target).unwrap()),
            }
        }
        let second = open(&roots[1], None);
        assert_eq!(first.id(), second.id());
        let mut seen = Vec::new();
        for store in [&first, &second] {
            let layers = [layer(store)];
            for id in ["a", "b", "c"] {
                store.create(request(id, &layers, Some(MIB))).unwrap();
                let upper = store.root().join("images").join(id).join("upper");
                seen.push(project_of(&File::open(upper).unwrap()).unwrap());
            }
        }
        let mut distinct = seen.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 6, "{seen:?}");
        assert_eq!(seen[1], seen[0] + 1);
        // Ids that others use are left alone, and those given back are used again.
        // Its files are not left to a thread: as long as they are there they count.
        first.destroy_soon("b").unwrap();
        let trash = fs::read_dir(roots[0].join("trash")).unwrap();
        assert_eq!(trash.count(), 0);
        let deadline = Instant::now() + DEADLINE;
        let quota = disk.quota();
        while !quota.usage(seen[1]).unwrap().is_none() {
            assert!(Instant::now() < deadline);
        }
        quota.set_limit(seen[1], Some(MIB)).unwrap();
        let layers = [layer(&first)];
        for (id, expected) in [("d", seen[2] + 1), ("e", seen[1])] {
            if id == "e" {
                quota.set_limit(seen[1], None).unwrap();
            }
            first.create(request(id, &layers, Some(MIB))).unwrap();
            let upper = first.root().join("images").join(id).join("upper");
            assert_eq!(project_of(&File::open(upper).unwrap()).unwrap(), expected);
        }
        // One that was copied with its images does not give back what is the original's.
        let third = disk.path().join("third");
        let copied = Command::new("cp")
            .arg("-a")
            .args([&roots[0], &third])
            .status();
        assert!(copied.unwrap().success());
        let copied = open(&third, None);
        let image = copied.image("a").unwrap();
        assert_eq!(image.quota, Quota::Accounting { bytes: MIB });
        assert!(copied.destroy("a").unwrap());
        assert!(quota.usage(seen[0]).unwrap().limit.is_some());
        for (store, ids) in [(&first, "acde"), (&second, "abc")] {
            for id in ids.chars() {
                store.destroy(&id.to_string()).unwrap();
            }
        }
        disk.nothing_is_left();
    });
}

/// The way of kernels before 5.14.
#[test]
#[ignore = "needs project quotas: run in the virtual machine"]
fn a_file_system_is_reached_by_its_device_too() {
    on_each(|_, disk| {
        let by_device = ProjectQuota::by_device(File::open(disk.path()).unwrap().as_fd());
        let by_device = by_device.unwrap();
        assert_eq!(by_device.state().unwrap(), State::Enforced);
        by_device.set_limit(OURS, Some(5000)).unwrap();
        let limited = disk.quota().usage(OURS).unwrap();
        // XFS rounds to its blocks.
        assert!(matches!(limited.limit, Some(4096..=8192)), "{limited:?}");
        assert_eq!(by_device.usage(OURS).unwrap(), limited);
        assert_eq!(by_device.next(OURS).unwrap(), Some((OURS, limited)));
        by_device.set_limit(OURS, None).unwrap();
        assert_eq!(disk.projects(), []);
    });
}
