//! `/proc/PID/mountinfo`, and the cgroup layout read from it.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use warren_sys_cgroup::Layout;
use warren_sys_mount::MountTable;

fuzz_target!(|text: &[u8]| {
    let Ok(table) = MountTable::parse(text) else {
        return;
    };
    let _ = table.covering(Path::new("/sys/fs/cgroup/a"));
    for mount in table.iter() {
        let _ = (table.is_reachable(mount), table.stacked_below(mount));
        let _ = (mount.is_read_only(), format!("{mount:?}"));
    }
    let layout = Layout::from_table(&table);
    let _ = layout.unified().map(|mount| mount.shows());
    let _ = layout.v1("memory");
});
