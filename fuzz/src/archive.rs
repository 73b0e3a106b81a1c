//! Archives from few bytes: so that what is fuzzed is what is done with entries, not the checksum
//! of their headers.

use warren_lib_tar::{Entry, Kind, Time, Writer};

/// Few names, so that entries meet each other, and such as lead astray.
const NAMES: [&str; 16] = [
    "a",
    "b",
    "c",
    "a/b",
    "a/b/c",
    "./a",
    "/a",
    "..",
    "../outside/canary",
    "a/..",
    "/",
    ".",
    "/outside/canary",
    "b/canary",
    "a/",
    "../../outside",
];

/// The same with the names by which layers hide what is below them.
const HIDING: [&str; 16] = [
    "a",
    "b",
    "a/b",
    "a/b/c",
    "..",
    "../outside/canary",
    "a/",
    ".",
    ".wh.a",
    ".wh.b",
    "a/.wh.b",
    "a/b/.wh.c",
    ".wh..wh..opq",
    "a/.wh..wh..opq",
    "a/.wh..",
    ".wh..wh.plnk",
];

/// Reads entries and their data off the input, up to 16.
pub fn entries(input: &[u8]) -> Vec<(Entry, Vec<u8>)> {
    named(input, &NAMES)
}

/// The same, as layers of images have them.
pub fn layer_entries(input: &[u8]) -> Vec<(Entry, Vec<u8>)> {
    named(input, &HIDING)
}

fn named(mut input: &[u8], names: &[&str; 16]) -> Vec<(Entry, Vec<u8>)> {
    let mut all = Vec::new();
    while let Some((head, rest)) = input.split_first_chunk::<6>().filter(|_| all.len() < 16) {
        input = rest;
        let [kind, name, target, mode, time, size] = *head;
        let mut text = |index: u8| match names.get(usize::from(index)) {
            Some(name) => name.as_bytes().to_vec(),
            None => {
                let length = usize::from(index >> 4).min(input.len());
                let (own, rest) = input.split_at(length);
                input = rest;
                own.to_vec()
            }
        };
        let path = text(name);
        let target = text(target);
        let (major, minor) = (u32::from(mode) << 20, u32::from(time) << 24);
        let kind = match kind % 8 {
            0 | 1 => Kind::File,
            2 => Kind::HardLink { target },
            3 => Kind::Symlink { target },
            4 => Kind::CharDevice { major, minor },
            5 => Kind::BlockDevice { major, minor },
            6 => Kind::Directory,
            _ => Kind::Fifo,
        };
        let length = if kind == Kind::File {
            usize::from(size).min(input.len())
        } else {
            0
        };
        let (data, rest) = input.split_at(length);
        input = rest;
        let entry = Entry {
            path,
            kind,
            mode: u32::from(mode) << 4,
            uid: u32::from(time) << 23,
            gid: u32::from(mode) << 14,
            mtime: Time {
                seconds: (i64::from(time) - 128) << (size % 56),
                nanoseconds: u32::from(time) * 3_900_000,
            },
            stored: length as u64,
            xattrs: match size % 4 {
                3 => vec![(b"user.a".to_vec(), data.to_vec())],
                _ => Vec::new(),
            },
            sparse: None,
        };
        all.push((entry, data.to_vec()));
    }
    all
}

/// Those entries as an archive, without those that no writer takes; and which were taken.
pub fn written(entries: Vec<(Entry, Vec<u8>)>) -> (Vec<u8>, Vec<(Entry, Vec<u8>)>) {
    let mut writer = Writer::new(Vec::new());
    let mut taken = Vec::new();
    for (entry, data) in entries {
        if writer.start(&entry).is_ok() {
            writer.data(&data).expect("as many bytes as announced");
            taken.push((entry, data));
        }
    }
    let bytes = writer.finish().expect("a vector takes all");
    (bytes, taken)
}

/// Puts into each block the checksum that it would have as a header.
pub fn with_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for block in bytes.as_chunks_mut::<512>().0 {
        if block.iter().all(|byte| *byte == 0) {
            continue;
        }
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    bytes
}
