//! An archive that is cut off is an error, wherever it is cut inside an entry, and leaves files that were
//! there before as they were.

use std::fs;

use warren_container_stream::Error;
use warren_lib_tar as tar;

use crate::tree::{archive_of, directory, file, symlink, tree, unpack};

const BLOCK: usize = 512;

#[test]
fn cut_at_every_block_and_inside_it() {
    let long = format!("{}/name", "deep".repeat(40));
    let entries = [
        directory("folder/"),
        file("folder/file", &"data ".repeat(500)),
        file(&long, "x"),
        symlink("link", &"target".repeat(30)),
    ];
    let whole = archive_of(&entries);
    // Where an entry ends, the end of the bytes is the end of the archive.
    let mut ends = vec![0];
    for count in 1..=entries.len() {
        ends.push(archive_of(&entries[..count]).len() - 2 * BLOCK);
    }
    assert_eq!(whole.len(), ends[entries.len()] + 2 * BLOCK);
    for length in (0..whole.len())
        .step_by(BLOCK)
        .flat_map(|at| [at, at + 1, at + 300])
    {
        let place = tempfile::tempdir().unwrap();
        let outcome = unpack(&whole[..length], place.path());
        let is_end = ends.contains(&length) || length == ends[entries.len()] + BLOCK;
        // Half a block of zeros after the last entry is half an end.
        match outcome {
            Ok(()) => assert!(
                is_end || length > ends[entries.len()] + BLOCK,
                "cut at {length} and not noticed"
            ),
            Err(Error::Archive(tar::Error::Truncated { .. })) => {
                assert!(!is_end, "nothing is missing at {length}");
            }
            Err(other) => panic!("cut at {length}: {other:?}"),
        }
        let done = ends.iter().filter(|end| **end <= length).count() - 1;
        if done >= 2 {
            let data = fs::read_to_string(place.path().join("folder/file")).unwrap();
            assert_eq!(data.len(), 2500, "cut at {length}");
        }
    }
}

#[test]
fn a_file_stays_until_the_one_for_its_place_is_whole() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("folder");
    let old = [directory("folder/"), file("folder/file", "old")];
    unpack(&archive_of(&old), place.path()).unwrap();
    fs::hard_link(folder.join("file"), folder.join("other")).unwrap();
    // As somebody leaves it who is killed.
    let left = format!(".warren-{}-0", std::process::id());
    fs::write(folder.join(&left), "left").unwrap();
    let files = || {
        let mut all = tree(place.path());
        all.retain(|_, line| line.starts_with("file"));
        all
    };
    let before = files();
    let new = archive_of(&[file("folder/file", &"data ".repeat(500))]);
    for length in (1..new.len() - 2 * BLOCK).step_by(100) {
        let outcome = unpack(&new[..length], place.path());
        assert!(
            matches!(outcome, Err(Error::Archive(tar::Error::Truncated { .. }))),
            "cut at {length}: {outcome:?}"
        );
        assert_eq!(files(), before, "cut at {length}");
    }
    unpack(&new, place.path()).unwrap();
    let names: Vec<String> = files().into_keys().collect();
    let left = format!("folder/{left}");
    assert_eq!(names, [left.as_str(), "folder/file", "folder/other"]);
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!((read("file").len(), read("other").as_str()), (2500, "old"));
    // The same line as one that nothing was replaced for.
    let line = files().remove("folder/file");
    fs::remove_file(folder.join("file")).unwrap();
    unpack(&new, place.path()).unwrap();
    assert_eq!(files().remove("folder/file"), line);
}
