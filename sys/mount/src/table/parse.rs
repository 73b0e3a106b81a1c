//! The text of `mountinfo`.
//!
//! ```text
//! 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
//! id parent dev root  point  options   optional* - type source    super options
//! ```
//!
//! Fields are separated by exactly one space (an empty source makes two in a row). Space, tab,
//! newline, backslash and `#` in a field are written as a backslash and three octal digits.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use super::{Device, Mount, MountOptions, ParseError, ParseErrorKind, Propagation};

/// All lines; empty ones are skipped.
pub(super) fn table(text: &[u8]) -> Result<Vec<Mount>, ParseError> {
    text.split(|b| *b == b'\n')
        .enumerate()
        .filter(|(_, line)| !line.is_empty())
        .map(|(n, line)| mount(line).map_err(|kind| ParseError { line: n + 1, kind }))
        .collect()
}

fn mount(line: &[u8]) -> Result<Mount, ParseErrorKind> {
    use ParseErrorKind::{Missing, NotANumber};
    let mut fields = line.split(|b| *b == b' ');
    let mut next = |name| fields.next().ok_or(Missing(name));

    let id = number(next("mount id")?).ok_or(NotANumber("mount id"))?;
    let parent = number(next("parent id")?).ok_or(NotANumber("parent id"))?;
    let device = device(next("device")?).ok_or(NotANumber("device"))?;
    let root = PathBuf::from(unescape(next("root")?));
    let mount_point = PathBuf::from(unescape(next("mount point")?));
    let options = options(next("mount options")?);
    let mut propagation = Propagation::default();
    loop {
        match next("separator")? {
            b"-" => break,
            field => propagation_field(field, &mut propagation),
        }
    }
    let fs_type = unescape(next("file system type")?);
    let source = unescape(next("source")?);
    // Some file systems print unescaped spaces here, so the rest of the line belongs to it.
    let rest: Vec<&[u8]> = fields.collect();
    let super_options = self::options(&rest.join(&b' '));
    Ok(Mount {
        id,
        parent,
        device,
        root,
        mount_point,
        options,
        propagation,
        fs_type,
        source,
        super_options,
    })
}

fn number(field: &[u8]) -> Option<u32> {
    // `str::parse` would take a leading plus sign.
    if !field.first()?.is_ascii_digit() {
        return None;
    }
    std::str::from_utf8(field).ok()?.parse().ok()
}

fn device(field: &[u8]) -> Option<Device> {
    let colon = field.iter().position(|b| *b == b':')?;
    let (major, minor) = (field.get(..colon)?, field.get(colon + 1..)?);
    Some(Device {
        major: number(major)?,
        minor: number(minor)?,
    })
}

fn propagation_field(field: &[u8], into: &mut Propagation) {
    let tagged = |tag: &[u8]| field.strip_prefix(tag).and_then(number);
    if let Some(n) = tagged(b"shared:") {
        into.shared = Some(n);
    } else if let Some(n) = tagged(b"master:") {
        into.master = Some(n);
    } else if let Some(n) = tagged(b"propagate_from:") {
        into.propagate_from = Some(n);
    } else if field == b"unbindable" {
        into.unbindable = true;
    } else {
        into.unknown.push(OsString::from_vec(field.to_vec()));
    }
}

fn options(field: &[u8]) -> MountOptions {
    MountOptions(
        field
            .split(|b| *b == b',')
            .filter(|o| !o.is_empty())
            .map(unescape)
            .collect(),
    )
}

/// Undoes `\ooo`; a backslash without three octal digits after it stands for itself.
fn unescape(field: &[u8]) -> OsString {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..]) => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = tail;
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    OsString::from_vec(out)
}
