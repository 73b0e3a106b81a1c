//! The little of `/proc/self/mountinfo` that the harness needs.
//!
//! Apart from `warren-sys-mount` on purpose: what tests that crate must not rest on it.

use std::path::PathBuf;

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mount {
    pub point: PathBuf,
    pub kind: String,
}

/// The mounts of the calling process, in the order they were made.
pub(crate) fn read() -> std::io::Result<Vec<Mount>> {
    Ok(parse(&std::fs::read_to_string("/proc/self/mountinfo")?))
}

/// Lines that are not understood are left out.
pub(crate) fn parse(text: &str) -> Vec<Mount> {
    text.lines()
        .filter_map(|line| {
            let (before, after) = line.split_once(" - ")?;
            let point = unescape(before.split(' ').nth(4)?);
            let kind = after.split(' ').next()?.to_owned();
            Some(Mount {
                point: point.into(),
                kind,
            })
        })
        .collect()
}

/// Undoes the octal escapes (`\040` is a space).
fn unescape(field: &str) -> String {
    let mut parts = field.split('\\');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part
            .get(..3)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => {
                text.push(char::from(code));
                text.push_str(&part[3..]);
            }
            None => {
                text.push('\\');
                text.push_str(part);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn points_and_kinds_are_read() {
        let text = "36 35 98:0 /a /m\\040n rw,noatime shared:1 - ext3 /dev/root rw\nnonsense\n";
        assert_eq!(
            parse(text),
            [Mount {
                point: "/m n".into(),
                kind: "ext3".into()
            }]
        );
    }

    proptest! {
        #[test]
        fn junk_is_left_out(text in "[ \\\\0-9a-z/\n-]{0,200}|\\PC*") {
            let _ = parse(&text);
        }
    }
}
