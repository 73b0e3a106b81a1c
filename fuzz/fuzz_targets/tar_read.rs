//! Archives of any bytes, with and without checksums that fit: every entry keeps what its type
//! promises, and memory does not follow what is claimed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_fuzz::archive::with_checksums;
use warren_lib_tar::{Kind, Reader};

fn read(bytes: &[u8]) {
    let mut reader = Reader::new(bytes);
    let mut buffer = [0; 700];
    let mut entries = 0;
    while let Ok(Some(entry)) = reader.next_entry() {
        entries += 1;
        assert!(entries <= bytes.len() / 512 + 1);
        assert!(!entry.path.is_empty() && !entry.path.contains(&0));
        assert!(entry.uid != u32::MAX && entry.gid != u32::MAX);
        assert!(entry.mode <= 0o7777 && entry.mtime.nanoseconds < 1_000_000_000);
        if let Kind::HardLink { target } | Kind::Symlink { target } = &entry.kind {
            assert!(!target.is_empty() && !target.contains(&0));
        }
        if entry.kind != Kind::File {
            assert!(entry.stored == 0 && entry.sparse.is_none());
        }
        if let Some(sparse) = &entry.sparse {
            let (mut end, mut stored) = (0, 0);
            for segment in &sparse.segments {
                assert!(segment.offset >= end);
                end = segment.offset.checked_add(segment.length).expect("fits");
                stored += segment.length;
            }
            assert!(end <= sparse.size && stored <= entry.stored);
        }
        // Some data is read, the rest is passed over.
        let _ = reader.read_data(&mut buffer);
    }
    let _ = reader.drain();
}

fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    read(&with_checksums(bytes));
});
