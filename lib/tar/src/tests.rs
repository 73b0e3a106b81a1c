//! What is written can be read: by the reader, and by GNU tar.

use std::io::Read;
use std::process::{Command, Stdio};

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Entry, Error, Kind, Reader, Segment, Sparse, Time, WriteError, Writer};

fn entry(path: &[u8], kind: Kind) -> Entry {
    Entry {
        path: path.to_vec(),
        kind,
        mode: 0o644,
        uid: 0,
        gid: 0,
        mtime: Time::default(),
        stored: 0,
        xattrs: Vec::new(),
        sparse: None,
    }
}

fn written(entries: &[(Entry, Vec<u8>)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for (entry, data) in entries {
        writer.start(entry).unwrap();
        // In two pieces.
        let (first, second) = data.split_at(data.len() / 3);
        writer.data(first).unwrap();
        writer.data(second).unwrap();
    }
    writer.finish().unwrap()
}

fn read(bytes: &[u8]) -> Vec<(Entry, Vec<u8>)> {
    let mut reader = Reader::new(bytes);
    let mut found = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        let (mut data, mut buffer) = (Vec::new(), [0; 700]);
        loop {
            match reader.read_data(&mut buffer).unwrap() {
                0 => break,
                count => data.extend_from_slice(&buffer[..count]),
            }
        }
        found.push((entry, data));
    }
    found
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    vec(1u8..=255, 1..300).prop_map(|mut name| {
        if name.ends_with(b"/") {
            name.push(b'x');
        }
        name
    })
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::File),
        Just(Kind::Directory),
        Just(Kind::Fifo),
        name().prop_map(|target| Kind::HardLink { target }),
        name().prop_map(|target| Kind::Symlink { target }),
        any::<(u32, u32)>().prop_map(|(major, minor)| Kind::CharDevice { major, minor }),
        any::<(u32, u32)>().prop_map(|(major, minor)| Kind::BlockDevice { major, minor }),
    ]
}

fn xattrs() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
    let name = "user\\.[a-z%=0-9.]{1,12}".prop_map(String::into_bytes);
    vec((name, vec(any::<u8>(), 0..1200)), 0..4).prop_map(|mut list| {
        let mut seen = std::collections::BTreeSet::new();
        list.retain(|(name, _)| seen.insert(name.clone()));
        list
    })
}

prop_compose! {
    fn any_entry()(
        path in name(),
        kind in kind(),
        mode in 0u32..=0o7777,
        ids in (0..u32::MAX, 0..u32::MAX),
        // The reader's range: a negative fraction is rounded towards the past.
        seconds in prop_oneof![Just(0i64), -5_000_000_000i64..20_000_000_000, (i64::MIN + 2)..i64::MAX],
        nanoseconds in prop_oneof![Just(0u32), 0u32..1_000_000_000],
        xattrs in xattrs(),
        data in vec(any::<u8>(), 0..2000),
    ) -> (Entry, Vec<u8>) {
        let data = if kind == Kind::File { data } else { Vec::new() };
        let entry = Entry {
            path, kind, mode, uid: ids.0, gid: ids.1,
            mtime: Time { seconds, nanoseconds },
            stored: data.len() as u64,
            xattrs,
            sparse: None,
        };
        (entry, data)
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(entries in vec(any_entry(), 0..6)) {
        prop_assert_eq!(read(&written(&entries)), entries);
    }

    #[test]
    fn cut_anywhere_it_is_an_error_or_a_shorter_archive(
        entries in vec(any_entry(), 1..3),
        cut in any::<prop::sample::Index>(),
    ) {
        let bytes = written(&entries);
        let mut reader = Reader::new(&bytes[..cut.index(bytes.len())]);
        let mut expected = entries.iter();
        while let Ok(Some(entry)) = reader.next_entry() {
            prop_assert_eq!(Some(&entry), expected.next().map(|(entry, _)| entry));
        }
    }
}

#[test]
fn sizes_beyond_the_header_are_announced() {
    // Only the headers: nobody writes 9 GiB here.
    let mut entry = entry(b"large", Kind::File);
    entry.stored = 9 << 30;
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes);
    writer.start(&entry).unwrap();
    let Err(WriteError::Data { left }) = writer.finish() else {
        panic!("an unfinished entry was finished");
    };
    assert_eq!(left, 9 << 30);
    let mut reader = Reader::new(bytes.as_slice());
    assert_eq!(reader.next_entry().unwrap().unwrap(), entry);
}

#[test]
fn too_much_data_is_refused() {
    let mut writer = Writer::new(Vec::new());
    writer.start(&entry(b"empty", Kind::File)).unwrap();
    assert!(matches!(
        writer.data(b"x"),
        Err(WriteError::Data { left: -1 })
    ));
}

#[test]
fn what_no_reader_takes_is_not_written() {
    let start = |entry: &Entry| Writer::new(Vec::new()).start(entry);
    for path in [b"".as_slice(), b"a\0b", b"file/"] {
        let refused = start(&entry(path, Kind::File));
        assert!(matches!(refused, Err(WriteError::Name)), "{path:?}");
    }
    let mut large = entry(b"x", Kind::File);
    large.xattrs = vec![(b"user.x".to_vec(), vec![0; 2 << 20])];
    assert!(matches!(start(&large), Err(WriteError::TooLong { .. })));
    large.xattrs = vec![(Vec::new(), Vec::new())];
    assert!(matches!(start(&large), Err(WriteError::Attribute)));
}

/// Needs GNU tar (Debian: tar, essential).
#[test]
fn gnu_tar_reads_it() {
    let long = [b"deep/".repeat(60).as_slice(), b"file"].concat();
    let mut all = entry(&long, Kind::File);
    all.stored = 600;
    all.uid = 3_000_000_000;
    all.mtime = Time {
        seconds: 1_700_000_000,
        nanoseconds: 123_456_789,
    };
    all.xattrs = vec![(b"user.a=b%c".to_vec(), b"v\n=\0".to_vec())];
    let target = b"elsewhere/".repeat(20);
    let entries = [
        (entry(b"dir/", Kind::Directory), Vec::new()),
        (all, b"z".repeat(600)),
        (entry(b"link", Kind::Symlink { target }), Vec::new()),
        (entry(b"hard", Kind::HardLink { target: long }), Vec::new()),
        (
            entry(b"null", Kind::CharDevice { major: 1, minor: 3 }),
            Vec::new(),
        ),
        (entry(b"pipe", Kind::Fifo), Vec::new()),
    ];
    let mut tar = Command::new("tar")
        .args(["--xattrs", "--full-time", "--numeric-owner", "-tvvf", "-"])
        .env("TZ", "UTC")
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("cannot run GNU tar (Debian package tar)");
    let mut stdin = tar.stdin.take().unwrap();
    let bytes = written(&entries);
    let feeder = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, &bytes));
    let mut list = String::new();
    tar.stdout
        .take()
        .unwrap()
        .read_to_string(&mut list)
        .unwrap();
    feeder.join().unwrap().unwrap();
    assert!(tar.wait().unwrap().success(), "{list}");
    let deep = "deep/".repeat(60);
    let time = "1970-01-01 00:00:00";
    let expected = [
        format!("drw-r--r-- 0/0               0 {time} dir/"),
        format!(
            "-rw-r--r--* 3000000000/0     600 2023-11-14 22:13:20.123456789 {deep}file\n  x:  4 user.a=b%c"
        ),
        format!(
            "lrw-r--r-- 0/0 0 {time} link -> {}",
            "elsewhere/".repeat(20)
        ),
        format!("hrw-r--r-- 0/0 0 {time} hard link to {deep}file"),
    ];
    // Columns are padded to what came before; only the words count.
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let listed = words(&list);
    for line in &expected[..2] {
        let line = words(line);
        assert!(
            listed.windows(line.len()).any(|part| part == line),
            "{line:?} is not in\n{list}"
        );
    }
    assert!(
        list.contains(&format!("link -> {}", "elsewhere/".repeat(20))),
        "{list}"
    );
    assert!(list.contains(&format!("hard link to {deep}file")), "{list}");
    assert!(list.contains("1,3"), "{list}");
    assert!(
        list.lines()
            .any(|line| line.starts_with('p') && line.ends_with(" pipe")),
        "{list}"
    );
}

#[test]
fn data_is_copied_to_its_places() {
    let data: Vec<u8> = (0..100).collect();
    let mut file = entry(b"a", Kind::File);
    file.stored = 100;
    let bytes = written(&[(file, data.clone())]);
    let copied = |change: fn(&mut Entry)| {
        let mut reader = Reader::new(&*bytes);
        let mut entry = reader.next_entry().unwrap().unwrap();
        change(&mut entry);
        let (mut places, mut all) = (Vec::new(), Vec::new());
        let outcome = reader.copy_data(&entry, &mut [0; 30], |piece, at| {
            places.push(at);
            all.extend_from_slice(piece);
            Ok::<_, Error>(())
        });
        (outcome.is_ok(), places, all)
    };
    assert_eq!(copied(|_| ()), (true, vec![0, 30, 60, 90], data.clone()));
    let sparse = |entry: &mut Entry| {
        let segments = [(10, 40), (1000, 60)];
        let segments = segments.map(|(offset, length)| Segment { offset, length });
        entry.sparse = Some(Sparse {
            size: 2000,
            segments: segments.into(),
        });
    };
    assert_eq!(copied(sparse), (true, vec![10, 40, 1000, 1030], data));
    // Another entry's.
    let (is_good, ..) = copied(|entry| entry.stored = 101);
    assert!(!is_good);
}
