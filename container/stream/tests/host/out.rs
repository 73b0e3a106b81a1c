//! Names in archives, and sources that are special.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use warren_container_stream::{Error, archive};
use warren_lib_tar::{Kind, Reader};

fn names(source: &Path) -> Vec<(String, Kind)> {
    let mut bytes = Vec::new();
    archive(&mut bytes, source).unwrap();
    let mut reader = Reader::new(bytes.as_slice());
    let mut names = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        names.push((String::from_utf8(entry.path).unwrap(), entry.kind));
    }
    names
}

fn plain(source: &Path) -> Vec<String> {
    names(source).into_iter().map(|(name, _)| name).collect()
}

fn with_slash(path: &Path) -> PathBuf {
    format!("{}/", path.display()).into()
}

#[test]
fn names_as_stock_has_them() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("folder");
    fs::create_dir_all(folder.join("b/c")).unwrap();
    fs::write(folder.join("z"), "z").unwrap();
    fs::write(folder.join("b/c/d"), "d").unwrap();
    fs::create_dir(folder.join("a")).unwrap();
    assert_eq!(
        plain(&folder),
        [
            "folder/",
            "folder/z",
            "folder/a/",
            "folder/b/",
            "folder/b/c/",
            "folder/b/c/d"
        ]
    );
    assert_eq!(
        plain(&with_slash(&folder)),
        ["./", "./z", "./a/", "./b/", "./b/c/", "./b/c/d"]
    );
    assert_eq!(plain(&folder.join("z")), ["z"]);
}

#[test]
fn a_link_is_a_link_unless_a_slash_follows() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("real")).unwrap();
    fs::write(place.path().join("real/file"), "x").unwrap();
    let link = place.path().join("link");
    symlink("real", &link).unwrap();
    let target = b"real".to_vec();
    assert_eq!(
        names(&link),
        [("link".to_owned(), Kind::Symlink { target })]
    );
    assert_eq!(plain(&with_slash(&link)), ["./", "./file"]);
}

#[test]
fn sockets_are_left_out() {
    let place = tempfile::tempdir().unwrap();
    let _socket = UnixListener::bind(place.path().join("socket")).unwrap();
    assert_eq!(plain(&with_slash(place.path())), ["./"]);
}

#[test]
fn what_is_not_there_is_an_error() {
    for missing in ["/warren/no/such", "/warren-no-such", "/warren-no-such/"] {
        let outcome = archive(Vec::new(), Path::new(missing));
        assert!(
            matches!(
                outcome,
                Err(Error::Entry {
                    source: Errno::NOENT,
                    ..
                })
            ),
            "{missing}: {outcome:?}"
        );
    }
}

#[test]
fn depth_takes_no_descriptors() {
    let place = tempfile::tempdir().unwrap();
    let deep = place.path().join("d/".repeat(1500));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("end"), "x").unwrap();
    let names = plain(&place.path().join("d"));
    assert_eq!(names.len(), 1501);
    assert!(names[1500].ends_with("d/end"));
}
