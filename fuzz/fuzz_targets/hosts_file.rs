//! `/etc/hosts`. A last line lists the name looked up, so that no name server is ever asked.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use warren_firewall::dns::SystemResolver;
use warren_firewall::resolve::Resolve;

fn root() -> &'static PathBuf {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let root = PathBuf::from(format!("/dev/shm/warren-fuzz-{}", std::process::id()));
        fs::create_dir_all(root.join("etc")).expect("/dev/shm is writable");
        root
    })
}

fuzz_target!(|bytes: &[u8]| {
    let text = [bytes, b"\n127.0.0.9 a.b\n"].concat();
    fs::write(root().join("etc/hosts"), text).expect("it was writable");
    let found = SystemResolver::new(root())
        .lookup("a.b")
        .expect("the last line lists it");
    assert_eq!(found.last(), Some(&[127, 0, 0, 9].into()));
});
