//! Archives that we write: read again as the same entries and data.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_fuzz::archive::{entries, written};
use warren_lib_tar::{Kind, Reader};

fuzz_target!(|bytes: &[u8]| {
    let (archive, taken) = written(entries(bytes));
    let mut reader = Reader::new(archive.as_slice());
    for (mut entry, data) in taken {
        let found = reader
            .next_entry()
            .expect("well written")
            .expect("all there");
        entry.mode &= 0o7777;
        if entry.kind == Kind::File {
            entry.stored = data.len() as u64;
        }
        assert_eq!(found, entry);
        let mut read = vec![0; data.len() + 1];
        let mut length = 0;
        while let more @ 1.. = reader.read_data(&mut read[length..]).expect("well written") {
            length += more;
        }
        assert_eq!(&read[..length], data);
    }
    assert!(reader.next_entry().expect("well ended").is_none());
});
