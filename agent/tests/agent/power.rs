//! The machine crashes, as when its power fails: what was installed is there with all its content, or not at all.

use std::fs::File;
use std::process::Command;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use serde_json::json;
use warren_sys_mount::loop_device::LoopDevice;

use crate::deploy::spec;
use crate::support::vm::Vm;

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

/// A disk of its own for what is installed.
struct Data<'a>(&'a Vm);

impl<'a> Data<'a> {
    fn new(vm: &'a Vm) -> Self {
        let image = vm.path("disk");
        File::create(&image).unwrap().set_len(64 << 20).unwrap();
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image));
        std::fs::create_dir(vm.path("var/vcap/data")).unwrap();
        let data = Self(vm);
        data.mount();
        data
    }

    fn mount(&self) {
        let path = self.0.path("disk");
        let image = File::options().read(true).write(true).open(path).unwrap();
        let device = LoopDevice::attach(&image).unwrap();
        let place = self.0.path("var/vcap/data");
        mount(device.path(), place, "ext4", MountFlags::empty(), None).unwrap();
    }

    fn unmount(&self, flags: UnmountFlags) -> rustix::io::Result<()> {
        // The agent has mounted another in it, unless it did not come that far.
        let _ = unmount(self.0.path("var/vcap/data/sys/run"), flags);
        unmount(self.0.path("var/vcap/data"), flags)
    }

    /// From now on nothing is written to the disk that is not there yet.
    fn crash(&self) {
        let shut = "File.open(ARGV[0]).ioctl(0x8004587d, [2].pack('L'))";
        let place = self.0.path("var/vcap/data");
        run(Command::new("ruby").args(["-e", shut]).arg(place));
        self.unmount(UnmountFlags::empty()).unwrap();
        self.mount();
    }
}

impl Drop for Data<'_> {
    fn drop(&mut self) {
        let _ = self.unmount(UnmountFlags::DETACH);
    }
}

#[test]
fn a_job_that_is_there_after_a_crash_is_whole() {
    let vm = Vm::new();
    let data = Data::new(&vm);
    let running = vm.start();
    vm.director.ping();
    let mut spec = spec(&vm, "1");
    spec["packages"] = json!({});
    vm.director.run("apply", json!([spec]));
    running.stop();
    // Somebody else's file takes all names to the disk that were made before, and no content but its own.
    let others = File::create(vm.path("var/vcap/data/others")).unwrap();
    others.sync_all().unwrap();
    drop(others);
    data.crash();
    assert!(vm.path("var/vcap/data/jobs/web").exists());
    let running = vm.start();
    vm.director.ping();
    assert_eq!(vm.director.run("apply", json!([spec])), "applied");
    assert_eq!(vm.read("var/vcap/jobs/web/config/web.yml"), "version: 1\n");
    running.stop();
}
