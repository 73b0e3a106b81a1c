//! Pax records: `LENGTH KEY=VALUE\n`, where the length counts the whole record.

use super::Time;
use super::sparse::PaxSparse;

/// What the records in force say; later records override earlier ones, and an empty value takes
/// an earlier one back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Records {
    pub path: Option<Vec<u8>>,
    pub link: Option<Vec<u8>>,
    pub size: Option<u64>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub mtime: Option<Time>,
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub sparse: PaxSparse,
}

/// Malformed records.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl Records {
    /// Adds the records of one pax header.
    pub(super) fn add(&mut self, mut bytes: &[u8]) -> Result<(), Malformed> {
        while !bytes.is_empty() {
            // Some writers pad with NULs.
            if bytes.iter().all(|byte| *byte == 0) {
                return Ok(());
            }
            let (key, value, rest) = record(bytes).ok_or(Malformed)?;
            self.set(key, value)?;
            bytes = rest;
        }
        Ok(())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<(), Malformed> {
        match key {
            b"path" => self.path = text(value)?,
            b"linkpath" => self.link = text(value)?,
            b"size" => self.size = number(value)?,
            b"uid" => self.uid = number(value)?,
            b"gid" => self.gid = number(value)?,
            b"mtime" if value.is_empty() => self.mtime = None,
            b"mtime" => self.mtime = Some(time(value).ok_or(Malformed)?),
            _ => {
                if let Some(name) = key.strip_prefix(ATTRIBUTE) {
                    self.set_xattr(name, value)?;
                } else if let Some(name) = key.strip_prefix(b"GNU.sparse.") {
                    self.sparse.set(name, value).ok_or(Malformed)?;
                }
                // Others are comments, access times, names of owners: nothing that is unpacked.
            }
        }
        Ok(())
    }

    fn set_xattr(&mut self, name: &[u8], value: &[u8]) -> Result<(), Malformed> {
        if name.is_empty() || name.contains(&0) {
            return Err(Malformed);
        }
        let name = attribute_name(name);
        match self.xattrs.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value.to_vec(),
            None => self.xattrs.push((name, value.to_vec())),
        }
        Ok(())
    }
}

/// What every record of an extended attribute begins with.
const ATTRIBUTE: &[u8] = b"SCHILY.xattr.";

/// GNU tar's way to have a `=` in a key: `%3D`, and for `%` itself `%25`.
const ESCAPES: [(u8, &[u8]); 2] = [(b'=', b"%3D"), (b'%', b"%25")];

fn attribute_name(mut written: &[u8]) -> Vec<u8> {
    let mut name = Vec::with_capacity(written.len());
    while let Some((first, rest)) = written.split_first() {
        let escape = ESCAPES.iter().find(|(_, code)| written.starts_with(code));
        name.push(escape.map_or(*first, |(byte, _)| *byte));
        let taken = escape.map_or(1, |(_, code)| code.len());
        written = written.get(taken..).unwrap_or(rest);
    }
    name
}

/// The key of an extended attribute's record.
pub(super) fn attribute_key(name: &[u8]) -> Vec<u8> {
    let mut key = ATTRIBUTE.to_vec();
    for byte in name {
        match ESCAPES.iter().find(|(plain, _)| plain == byte) {
            Some((_, code)) => key.extend_from_slice(code),
            None => key.push(*byte),
        }
    }
    key
}

/// A value to be written.
pub(super) enum Value<'a> {
    Bytes(&'a [u8]),
    Number(u64),
    Time(Time),
}

/// Appends one record. Its length counts its own digits.
pub(super) fn append(records: &mut Vec<u8>, key: &[u8], value: Value<'_>) {
    let text;
    let value = match value {
        Value::Bytes(bytes) => bytes,
        Value::Number(number) => {
            text = number.to_string();
            text.as_bytes()
        }
        Value::Time(time) => {
            text = time_text(time);
            text.as_bytes()
        }
    };
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(length.to_string().as_bytes());
    for part in [b" ".as_slice(), key, b"=", value, b"\n"] {
        records.extend_from_slice(part);
    }
}

/// The reverse of [`time`].
fn time_text(time: Time) -> String {
    let nanoseconds = i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanoseconds);
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let amount = nanoseconds.unsigned_abs();
    let (seconds, fraction) = (amount / 1_000_000_000, amount % 1_000_000_000);
    match fraction {
        0 => format!("{sign}{seconds}"),
        _ => format!("{sign}{seconds}.{fraction:09}"),
    }
}

/// The first record's key and value, and what follows it.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    // A length of more digits than this would be past every bound.
    let space = bytes.iter().take(20).position(|byte| *byte == b' ')?;
    let length: usize = decimal(bytes.get(..space)?)?.try_into().ok()?;
    let (record, rest) = bytes.split_at_checked(length)?;
    let body = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|byte| *byte == b'=')?;
    let (key, value) = body.split_at_checked(equals)?;
    (!key.is_empty()).then_some((key, value.get(1..)?, rest))
}

fn text(value: &[u8]) -> Result<Option<Vec<u8>>, Malformed> {
    if value.contains(&0) {
        return Err(Malformed);
    }
    Ok((!value.is_empty()).then(|| value.to_vec()))
}

fn number<T: TryFrom<u64>>(value: &[u8]) -> Result<Option<T>, Malformed> {
    if value.is_empty() {
        return Ok(None);
    }
    let number = decimal(value).and_then(|number| T::try_from(number).ok());
    number.map(Some).ok_or(Malformed)
}

/// One digit or more, nothing else.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, byte| match byte {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    })
}

/// `[-]SECONDS[.FRACTION]`; what is finer than a nanosecond is cut off.
pub(super) fn time(value: &[u8]) -> Option<Time> {
    let (is_negative, value) = match value.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, value),
    };
    let mut parts = value.splitn(2, |byte| *byte == b'.');
    let seconds = i64::try_from(decimal(parts.next()?)?).ok()?;
    let fraction = parts.next().unwrap_or_default();
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = fraction
        .iter()
        .copied()
        .chain(std::iter::repeat(b'0'))
        .take(9);
    let nanoseconds = digits.fold(0u32, |value, digit| value * 10 + u32::from(digit - b'0'));
    Some(match (is_negative, nanoseconds) {
        (false, _) => Time {
            seconds,
            nanoseconds,
        },
        (true, 0) => Time {
            seconds: -seconds,
            nanoseconds,
        },
        (true, _) => Time {
            seconds: -seconds - 1,
            nanoseconds: 1_000_000_000 - nanoseconds,
        },
    })
}
