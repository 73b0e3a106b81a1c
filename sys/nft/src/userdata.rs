//! User data: bytes the kernel stores with an object and does not read.
//!
//! Layout: a run of `type u8 | length u8 | value`. The nft command keeps comments
//! (NUL-terminated) and what it needs to print a set there; the numbers are those
//! of libnftnl's `udata.h`.

/// Comment of a table, chain, rule or set element.
pub(crate) const COMMENT: u8 = 0;

/// Types in a set's user data.
pub(crate) mod set {
    pub(crate) const KEY_BYTE_ORDER: u8 = 0;
    pub(crate) const DATA_BYTE_ORDER: u8 = 1;
    pub(crate) const COMMENT: u8 = 7;
}

/// nft's numbers for byte orders.
pub(crate) const HOST_ENDIAN: u32 = 1;
pub(crate) const BIG_ENDIAN: u32 = 2;

/// Longest comment the nft command accepts, in bytes.
pub(crate) const MAX_COMMENT: usize = 128;

/// Appends one value. Values over 255 bytes cannot be written and are left out;
/// callers check the length first.
pub(crate) fn put(to: &mut Vec<u8>, kind: u8, value: &[u8]) {
    if let Ok(length) = u8::try_from(value.len()) {
        to.extend_from_slice(&[kind, length]);
        to.extend_from_slice(value);
    }
}

/// Appends a NUL-terminated string.
pub(crate) fn put_str(to: &mut Vec<u8>, kind: u8, value: &str) {
    put(to, kind, &[value.as_bytes(), &[0]].concat());
}

/// User data that holds only a comment; empty if there is none.
pub(crate) fn with_comment(comment: Option<&str>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(comment) = comment {
        put_str(&mut bytes, COMMENT, comment);
    }
    bytes
}

/// The first value of type `kind`. Bytes that are not a run of values hold none:
/// other programs may store what they like here.
pub(crate) fn find(mut bytes: &[u8], kind: u8) -> Option<&[u8]> {
    while let [found, length, rest @ ..] = bytes {
        let (value, rest) = rest.split_at_checked(usize::from(*length))?;
        if *found == kind {
            return Some(value);
        }
        bytes = rest;
    }
    None
}

/// The string of type `kind`, without its NUL; `None` if absent or not UTF-8.
pub(crate) fn find_str(bytes: &[u8], kind: u8) -> Option<String> {
    let value = find(bytes, kind)?;
    let end = value
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(value.len());
    std::str::from_utf8(&value[..end]).ok().map(str::to_owned)
}
