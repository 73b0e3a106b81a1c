//! Archives for tests.

use std::io::Write;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use warren_lib_tar::{Entry, Kind, Reader, Time, Writer};

/// A compressed archive of files; a name that ends in `/` is a directory.
pub fn tgz(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = Writer::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, content) in files {
        let is_directory = name.ends_with('/');
        let entry = Entry {
            path: name.as_bytes().to_vec(),
            kind: if is_directory {
                Kind::Directory
            } else {
                Kind::File
            },
            mode: if is_directory { 0o755 } else { 0o644 },
            uid: 0,
            gid: 0,
            mtime: Time::default(),
            stored: content.len() as u64,
            xattrs: Vec::new(),
            sparse: None,
        };
        writer.start(&entry).unwrap();
        writer.data(content.as_bytes()).unwrap();
    }
    let mut encoder = writer.finish().unwrap();
    encoder.flush().unwrap();
    encoder.finish().unwrap()
}

/// Names and contents of the files in a compressed archive.
pub fn listing(archive: &[u8]) -> Vec<(String, String)> {
    let mut reader = Reader::new(GzDecoder::new(archive));
    let mut files = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        let mut content = Vec::new();
        let mut piece = [0; 4096];
        loop {
            match reader.read_data(&mut piece).unwrap() {
                0 => break,
                count => content.extend_from_slice(&piece[..count]),
            }
        }
        if entry.kind == Kind::File {
            let name = String::from_utf8(entry.path).unwrap();
            files.push((name, String::from_utf8_lossy(&content).into_owned()));
        }
    }
    files.sort();
    files
}
