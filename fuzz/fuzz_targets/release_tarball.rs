//! Release and stemcell tarballs of any bytes: nothing is written outside, and memory does not
//! follow what is claimed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_fuzz::archive::with_checksums;
use warren_release::{stemcell, tarball};

fn read(bytes: &[u8]) {
    let limits = tarball::Limits {
        bytes: 1 << 20,
        members: 100,
        job_bytes: 1 << 20,
    };
    let _ = tarball::read(bytes, tarball::Keep::Nothing, &limits);
    let limits = stemcell::Limits {
        bytes: 1 << 20,
        members: 100,
        other_bytes: 1 << 20,
    };
    let _ = stemcell::read(bytes, std::io::sink(), &limits);
}

fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    read(&with_checksums(bytes));
});
