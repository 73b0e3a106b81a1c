//! The kernel and our own executable.

use std::os::unix::fs::FileExt;

use super::{Facts, Finding};

pub fn release(_: &Facts) -> Finding {
    let name = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    Finding::pass(format!(
        "{} {} ({})",
        text(name.sysname()),
        text(name.release()),
        text(name.machine())
    ))
}

pub fn executable(_: &Facts) -> Finding {
    const PATH: &str = "/proc/self/exe";
    let remedy = "make the executable readable, and mount /proc";
    let mut head = [0; 4096];
    let read = std::fs::File::open(PATH).and_then(|file| file.read_at(&mut head, 0));
    match read {
        Err(error) => Finding::fail(format!("{PATH} cannot be read: {error}"), remedy),
        Ok(length) => match needs_loader(&head[..length]) {
            Some(false) => Finding::pass("statically linked and readable"),
            Some(true) => Finding::warn(
                "dynamically linked: it starts only where its loader and libraries are",
                "use the released executable, or build with -C target-feature=+crt-static",
            ),
            None => Finding::warn(format!("{PATH} is no 64-bit ELF file"), remedy),
        },
    }
}

/// Whether an ELF file asks for a loader (`PT_INTERP`, elf(5)); `None` if it is not understood.
fn needs_loader(file: &[u8]) -> Option<bool> {
    const PT_INTERP: u32 = 3;
    let bytes = |at: usize, length: usize| file.get(at..at.checked_add(length)?);
    let half = |at| Some(u16::from_le_bytes(bytes(at, 2)?.try_into().ok()?));
    // Class 2 is 64 bits, data 1 is little-endian.
    if bytes(0, 6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let offset = u64::from_le_bytes(bytes(0x20, 8)?.try_into().ok()?);
    let offset = usize::try_from(offset).ok()?;
    let (size, count) = (half(0x36)?, half(0x38)?);
    for entry in 0..usize::from(count) {
        let at = offset.checked_add(entry * usize::from(size))?;
        if u32::from_le_bytes(bytes(at, 4)?.try_into().ok()?) == PT_INTERP {
            return Some(true);
        }
    }
    Some(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn elf(kinds: &[u32]) -> Vec<u8> {
        let mut file = vec![0; 64];
        file[..6].copy_from_slice(b"\x7fELF\x02\x01");
        file[0x20] = 64;
        file[0x36] = 56;
        file[0x38] = u8::try_from(kinds.len()).unwrap();
        for kind in kinds {
            let mut entry = [0; 56];
            entry[..4].copy_from_slice(&kind.to_le_bytes());
            file.extend(entry);
        }
        file
    }

    #[test]
    fn a_loader_is_asked_for_by_one_kind_of_header() {
        assert_eq!(needs_loader(&elf(&[1, 2, 3])), Some(true));
        assert_eq!(needs_loader(&elf(&[1, 2, 7])), Some(false));
        assert_eq!(needs_loader(b"#!/bin/sh"), None);
    }

    proptest! {
        #[test]
        fn junk_never_panics(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), elf: bool) {
            if elf && bytes.len() > 6 {
                bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
            }
            let _ = needs_loader(&bytes);
        }
    }
}
