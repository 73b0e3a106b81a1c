//! The 512-byte header block.
//!
//! ```text
//! 0 name 100 │ 100 mode 8 │ 108 uid 8 │ 116 gid 8 │ 124 size 12 │ 136 mtime 12 │ 148 checksum 8
//! 156 type 1 │ 157 link 100 │ 257 magic 6 │ 263 version 2 │ 265 user 32 │ 297 group 32
//! 329 major 8 │ 337 minor 8 │ 345 prefix 155 (ustar) or, GNU sparse: 386 map 96 │ 482 more │ 483 size
//! ```

/// Bytes of a block.
pub(super) const BLOCK: usize = 512;

/// Which dialect a header speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    V7,
    Ustar,
    Gnu,
}

/// A header block whose checksum has been found right.
pub(super) struct Header<'a>(&'a [u8; BLOCK]);

impl<'a> Header<'a> {
    /// `None` where the checksum is wrong. Old writers summed signed bytes.
    pub(super) fn checked(block: &'a [u8; BLOCK]) -> Option<Self> {
        let header = Self(block);
        let stated = octal(header.field(148, 8))?;
        let (mut unsigned, mut signed) = (0u64, 0i64);
        for (index, byte) in block.iter().enumerate() {
            let byte = if (148..156).contains(&index) {
                b' '
            } else {
                *byte
            };
            unsigned += u64::from(byte);
            signed += i64::from(byte.cast_signed());
        }
        (stated == unsigned || i64::try_from(stated) == Ok(signed)).then_some(header)
    }

    pub(super) fn field(&self, at: usize, length: usize) -> &'a [u8] {
        self.0.get(at..at + length).unwrap_or_default()
    }

    /// Up to the first NUL.
    fn text(&self, at: usize, length: usize) -> &'a [u8] {
        let field = self.field(at, length);
        field.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    pub(super) fn number(&self, at: usize, length: usize) -> Option<i128> {
        number(self.field(at, length))
    }

    pub(super) fn flag(&self) -> u8 {
        self.0[156]
    }

    pub(super) fn format(&self) -> Format {
        match self.field(257, 8) {
            b"ustar  \0" => Format::Gnu,
            magic if magic.starts_with(b"ustar") => Format::Ustar,
            _ => Format::V7,
        }
    }

    pub(super) fn name(&self) -> Vec<u8> {
        let name = self.text(0, 100);
        let prefix = match self.format() {
            Format::Ustar => self.text(345, 155),
            Format::V7 | Format::Gnu => &[],
        };
        if prefix.is_empty() {
            return name.to_vec();
        }
        [prefix, b"/", name].concat()
    }

    pub(super) fn link(&self) -> Vec<u8> {
        self.text(157, 100).to_vec()
    }
}

/// Octal digits among blanks and NULs, or GNU's base-256: a byte with the top bit, then big-endian
/// two's complement.
pub(super) fn number(field: &[u8]) -> Option<i128> {
    let Some((first, rest)) = field.split_first() else {
        return Some(0);
    };
    if first & 0x80 == 0 {
        return octal(field).map(i128::from);
    }
    let mut value: i128 = if first & 0x40 == 0 {
        i128::from(first & 0x3f)
    } else {
        i128::from(*first) - 0x100
    };
    for byte in rest {
        value = value.checked_mul(256)?.checked_add(i128::from(*byte))?;
    }
    Some(value)
}

/// An empty field counts as 0, as some writers leave out what has no meaning.
fn octal(field: &[u8]) -> Option<u64> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | 0);
    let start = field.iter().position(|byte| !is_blank(byte));
    let Some(field) = start.and_then(|start| field.get(start..)) else {
        return Some(0);
    };
    let digits = field.split(is_blank).next().unwrap_or_default();
    digits.iter().try_fold(0u64, |value, byte| match byte {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    })
}
