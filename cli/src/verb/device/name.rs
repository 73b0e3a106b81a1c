//! A device as the user names it: `/dev/null`, or `c 1:3`.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{major, minor};
use warren_sys_devicefilter::{Device, DeviceKind};

use crate::failure::{Failure, exit};

/// A device named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its numbers.
    pub device: Device,
    /// The node, if it was named by one.
    pub node: Option<PathBuf>,
}

/// Reads the words of the command line.
///
/// # Errors
/// No such node, not a device, or no such form.
pub fn read(words: &[String]) -> Result<Named, Failure> {
    let text = words.join(" ");
    if let Some(device) = numbers(&text) {
        return Ok(Named { device, node: None });
    }
    if !text.starts_with('/') {
        let failure = Failure::text(format!("'{text}' is no device"));
        return Err(failure
            .remedy("give a path such as /dev/null, or numbers such as 'c 1:3' or 'b 7:0'")
            .code(exit::UNKNOWN));
    }
    let path = Path::new(&text);
    let meta = std::fs::metadata(path).map_err(|error| {
        Failure::text(format!("looking at {text}: {error}"))
            .remedy("without a node, give the numbers, such as 'c 10:229' for fuse")
            .code(exit::UNKNOWN)
    })?;
    let kind = if meta.file_type().is_char_device() {
        DeviceKind::Char
    } else if meta.file_type().is_block_device() {
        DeviceKind::Block
    } else {
        return Err(Failure::text(format!("{text} is no device node")).code(exit::UNKNOWN));
    };
    let device = Device {
        kind,
        major: major(meta.rdev()),
        minor: minor(meta.rdev()),
    };
    Ok(Named {
        device,
        node: Some(path.to_owned()),
    })
}

/// `c 1:3`, `b 7:0`; a space more or less is no matter.
fn numbers(text: &str) -> Option<Device> {
    let (kind, rest) = match text.trim().split_at_checked(1)? {
        ("c", rest) => (DeviceKind::Char, rest),
        ("b", rest) => (DeviceKind::Block, rest),
        _ => return None,
    };
    let (major, minor) = rest.trim().split_once(':')?;
    let number = |digits: &str| {
        digits
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| digits.parse().ok())
            .flatten()
    };
    Some(Device {
        kind,
        major: number(major)?,
        minor: number(minor)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &[&str]) -> Vec<String> {
        text.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nodes_and_numbers_name_the_same() {
        let null = Device::char(1, 3);
        assert_eq!(read(&words(&["c", "1:3"])).unwrap().device, null);
        assert_eq!(read(&words(&["c 1:3"])).unwrap().device, null);
        assert_eq!(read(&words(&["b7:0"])).unwrap().device, Device::block(7, 0));
        let named = read(&words(&["/dev/null"])).unwrap();
        assert_eq!(named.device, null);
        assert_eq!(named.node.as_deref(), Some(Path::new("/dev/null")));
    }

    #[test]
    fn what_is_no_device_is_refused_with_a_remedy() {
        for text in ["null", "c 1", "c 1:x", "c +1:3", "/nonexistent", "x 1:3"] {
            let failure = read(&words(&[text])).unwrap_err();
            assert_eq!(failure.code, exit::UNKNOWN, "{text}");
            assert!(failure.remedy.is_some(), "{text}");
        }
        assert!(read(&words(&["/proc"])).is_err());
    }

    proptest! {
        #[test]
        fn junk_never_panics(text in ".{0,40}") {
            let _ = numbers(&text);
        }

        #[test]
        fn every_device_reads_back(major: u32, minor: u32) {
            let device = Device::block(major, minor);
            prop_assert_eq!(numbers(&device.to_string()), Some(device));
        }
    }
}
