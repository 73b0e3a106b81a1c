//! An archive that is cut off is an error, wherever it is cut inside an entry.

use std::fs;

use warren_container_stream::Error;
use warren_lib_tar as tar;

use crate::tree::{archive_of, directory, file, symlink, unpack};

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
