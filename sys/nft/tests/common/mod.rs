//! Fresh network namespaces for host tests, and the nft command to compare with.
#![expect(
    unsafe_code,
    reason = "unshare(2) is unsafe in rustix for flags not used here"
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail like tests"
)]
#![allow(dead_code, reason = "not every test binary uses every helper")]

use std::io::Write;
use std::process::{Command, Stdio};

use rustix::thread::{UnshareFlags, unshare_unsafe};
use warren_sys_netlink::{MessageBuilder, Protocol, Socket};

/// Name of the threads that tests run on, as the kernel tells it.
pub const THREAD: &str = "netns-test";

/// Runs `test` on a thread of its own in a new, empty network namespace with loopback up.
pub fn in_netns(test: impl FnOnce() + Send + 'static) {
    let run = move || {
        // SAFETY: only the network namespace is unshared, which has no effect on memory or
        // descriptors; the thread ends with the test.
        unsafe { unshare_unsafe(UnshareFlags::NEWNET) }
            .expect("these tests need root (CAP_SYS_ADMIN) for a network namespace");
        loopback_up();
        test();
    };
    let thread = std::thread::Builder::new()
        .name(THREAD.to_owned())
        .spawn(run)
        .unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Sets the loopback interface up (`RTM_NEWLINK` with `IFF_UP`).
fn loopback_up() {
    let mut header = [0u8; 16];
    header[4..8].copy_from_slice(&1i32.to_ne_bytes());
    header[8..12].copy_from_slice(&1u32.to_ne_bytes());
    header[12..16].copy_from_slice(&1u32.to_ne_bytes());
    let request = MessageBuilder::new(16, 0).family_header(&header);
    Socket::open(Protocol::Route)
        .unwrap()
        .request(request)
        .unwrap();
}

/// Output of the nft command in the calling thread's network namespace.
pub fn nft(arguments: &[&str]) -> String {
    let output = Command::new("nft")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("these tests compare with the nft command: apt-get install nftables");
    assert!(
        output.status.success(),
        "nft {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Runs the nft command on a script.
pub fn nft_stdin(script: &str) {
    let mut child = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("these tests compare with the nft command: apt-get install nftables");
    child
        .stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success(), "nft refused {script}");
}
