//! The codec of D-Bus messages, as far as calls to systemd need it. No I/O.
//!
//! ```text
//! byte order 'l' or 'B', u8 kind, u8 flags, u8 version (1)
//! u32 length of the body, u32 serial
//! array of fields: u32 length in bytes, then each at 8: u8 code, variant
//! padding to 8
//! body, of the types in the field SIGNATURE
//! ```
//!
//! A number is aligned to its own size from the message's beginning, a struct to 8. A string is `u32`
//! length, bytes, NUL; a signature the same with a `u8`. A variant is a signature and a value. We
//! write little endian; both are read.
//!
//! Source: D-Bus specification, "Message Protocol".

/// Longest message that is taken. Answers here are some hundred bytes.
pub const LONGEST: usize = 1 << 20;
/// The part of the head that says how long the rest is.
pub const PREFIX: usize = 16;

const LITTLE: u8 = b'l';
const VERSION: u8 = 1;
/// Bytes of a field of the head that matters here: none of them nests.
const CALL: u8 = 1;

/// These bytes are no message, or not one of those that are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no D-Bus message: {0}")]
pub struct Malformed(pub &'static str);

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A call.
    Call,
    /// The answer to one.
    Return,
    /// The refusal of one.
    Error,
    /// Said to nobody in particular.
    Signal,
}

/// A call that is to be written.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Told again in the answer.
    pub serial: u32,
    /// The object.
    pub path: &'a str,
    /// Its interface.
    pub interface: &'a str,
    /// The method.
    pub member: &'a str,
    /// Types of the body; empty for none.
    pub signature: &'a str,
}

/// A message that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub kind: Kind,
    /// The call that it answers.
    pub reply_to: Option<u32>,
    /// Name of the error.
    pub error: Option<String>,
    /// Types of the body.
    pub signature: String,
    is_little: bool,
    body: Vec<u8>,
}

/// Values of a body, aligned as they are put in.
#[derive(Debug, Clone, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn align(&mut self, to: usize) {
        self.bytes.resize(self.bytes.len().next_multiple_of(to), 0);
    }

    /// `b`.
    pub fn boolean(&mut self, value: bool) {
        self.number(value.into());
    }

    /// `u`.
    pub fn number(&mut self, value: u32) {
        self.align(4);
        self.bytes.extend(value.to_le_bytes());
    }

    /// `t`.
    pub fn long(&mut self, value: u64) {
        self.align(8);
        self.bytes.extend(value.to_le_bytes());
    }

    /// `s`, and `o`, which looks the same. A text ends at a NUL, as no string may have one.
    pub fn text(&mut self, value: &str) {
        let value = value.split('\0').next().unwrap_or_default();
        self.number(u32::try_from(value.len()).unwrap_or(u32::MAX));
        self.bytes.extend(value.as_bytes());
        self.bytes.push(0);
    }

    /// `g`, at most 255 bytes.
    pub fn signature(&mut self, value: &str) {
        self.bytes
            .push(u8::try_from(value.len()).unwrap_or(u8::MAX));
        self.bytes.extend(value.as_bytes());
        self.bytes.push(0);
    }

    /// A struct begins; it needs no end.
    pub fn structure(&mut self) {
        self.align(8);
    }

    /// `a`: what `fill` puts in, aligned to `to` as the element's type is.
    pub fn array(&mut self, to: usize, fill: impl FnOnce(&mut Self)) {
        self.number(0);
        let length_at = self.bytes.len() - 4;
        self.align(to);
        let from = self.bytes.len();
        fill(self);
        let length = u32::try_from(self.bytes.len() - from).unwrap_or(u32::MAX);
        for (byte, new) in self
            .bytes
            .iter_mut()
            .skip(length_at)
            .zip(length.to_le_bytes())
        {
            *byte = new;
        }
    }
}

/// The bytes of a call with this body.
#[must_use]
pub fn encode(call: &Call<'_>, body: &Writer) -> Vec<u8> {
    let mut head = Writer::default();
    head.bytes.extend([LITTLE, CALL, 0, VERSION]);
    head.number(u32::try_from(body.bytes.len()).unwrap_or(u32::MAX));
    head.number(call.serial);
    head.array(8, |fields| {
        let texts = [
            (1, "o", call.path),
            (2, "s", call.interface),
            (3, "s", call.member),
            (6, "s", "org.freedesktop.systemd1"),
        ];
        for (code, kind, value) in texts {
            fields.structure();
            fields.bytes.push(code);
            fields.signature(kind);
            fields.text(value);
        }
        if !call.signature.is_empty() {
            fields.structure();
            fields.bytes.push(8);
            fields.signature("g");
            fields.signature(call.signature);
        }
    });
    head.align(8);
    head.bytes.extend(&body.bytes);
    head.bytes
}

/// How long the message is that begins with these bytes.
///
/// # Errors
/// [`Malformed`]: it begins as none does, or is longer than [`LONGEST`].
pub fn length(prefix: &[u8; PREFIX]) -> Result<usize, Malformed> {
    let is_little = byte_order(prefix)?;
    let mut reader = Reader {
        bytes: prefix,
        at: 4,
        is_little,
    };
    let body = reader.number()?;
    reader.number()?;
    let fields = reader.number()?;
    let whole = u64::from(fields).next_multiple_of(8) + u64::from(body) + PREFIX as u64;
    match usize::try_from(whole) {
        Ok(whole) if whole <= LONGEST => Ok(whole),
        _ => Err(Malformed("it is too long")),
    }
}

fn byte_order(bytes: &[u8]) -> Result<bool, Malformed> {
    match bytes {
        [b'l', _, _, VERSION, ..] => Ok(true),
        [b'B', _, _, VERSION, ..] => Ok(false),
        _ => Err(Malformed("it begins as none does")),
    }
}

/// Reads a whole message.
///
/// # Errors
/// [`Malformed`].
pub fn decode(bytes: &[u8]) -> Result<Message, Malformed> {
    let prefix = bytes.first_chunk().ok_or(Malformed("it is cut off"))?;
    if length(prefix)? != bytes.len() {
        return Err(Malformed("its length is not what it says"));
    }
    let is_little = byte_order(bytes)?;
    let kind = match bytes.get(1) {
        Some(1) => Kind::Call,
        Some(2) => Kind::Return,
        Some(3) => Kind::Error,
        Some(4) => Kind::Signal,
        _ => return Err(Malformed("its kind is unknown")),
    };
    let mut message = Message {
        kind,
        reply_to: None,
        error: None,
        signature: String::new(),
        is_little,
        body: Vec::new(),
    };
    let mut reader = Reader {
        bytes,
        at: 12,
        is_little,
    };
    let fields = reader.number()? as usize;
    let end = PREFIX + fields;
    while reader.at < end {
        reader.align(8)?;
        let code = reader.byte()?;
        let kind = reader.signature()?;
        match (code, kind) {
            (4, "s") => message.error = Some(reader.text()?.to_owned()),
            (5, "u") => message.reply_to = Some(reader.number()?),
            (8, "g") => reader.signature()?.clone_into(&mut message.signature),
            (_, "s" | "o") => drop(reader.text()?),
            (_, "u") => drop(reader.number()?),
            (_, "g") => drop(reader.signature()?),
            _ => return Err(Malformed("a field of its head has an unknown type")),
        }
    }
    if reader.at != end {
        return Err(Malformed("a field of its head is cut off"));
    }
    reader.align(8)?;
    bytes
        .get(reader.at..)
        .unwrap_or_default()
        .clone_into(&mut message.body);
    Ok(message)
}

impl Message {
    /// The first value of the body, if it is a string or an object's path, also in a variant.
    ///
    /// # Errors
    /// [`Malformed`]: it is something else.
    pub fn text(&self) -> Result<&str, Malformed> {
        let (kind, mut reader) = self.first()?;
        match kind {
            "s" | "o" => reader.text(),
            _ => Err(Malformed("a text was expected")),
        }
    }

    /// The first value of the body, if it is a truth value, also in a variant.
    ///
    /// # Errors
    /// [`Malformed`]: it is something else.
    pub fn boolean(&self) -> Result<bool, Malformed> {
        let (kind, mut reader) = self.first()?;
        match (kind, reader.number()) {
            ("b", Ok(value @ 0..=1)) => Ok(value == 1),
            _ => Err(Malformed("a truth value was expected")),
        }
    }

    /// Type and place of the first value, which may be in a variant.
    fn first(&self) -> Result<(&str, Reader<'_>), Malformed> {
        let mut reader = Reader {
            bytes: &self.body,
            at: 0,
            is_little: self.is_little,
        };
        let kind = self.signature.get(..1).unwrap_or_default();
        if kind == "v" {
            let kind = reader.signature()?;
            return Ok((kind, reader));
        }
        Ok((kind, reader))
    }
}

/// A place in bytes.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    is_little: bool,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or(Malformed("it is cut off"))?;
        self.at += count;
        Ok(taken)
    }

    fn align(&mut self, to: usize) -> Result<(), Malformed> {
        let padding = self.at.next_multiple_of(to) - self.at;
        self.take(padding).map(drop)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        let taken = self.take(1)?;
        taken.first().copied().ok_or(Malformed("it is cut off"))
    }

    fn number(&mut self) -> Result<u32, Malformed> {
        self.align(4)?;
        let bytes = *self
            .take(4)?
            .first_chunk()
            .ok_or(Malformed("it is cut off"))?;
        Ok(match self.is_little {
            true => u32::from_le_bytes(bytes),
            false => u32::from_be_bytes(bytes),
        })
    }

    fn text(&mut self) -> Result<&'a str, Malformed> {
        let length = self.number()? as usize;
        self.string(length)
    }

    fn signature(&mut self) -> Result<&'a str, Malformed> {
        let length = self.byte()?.into();
        self.string(length)
    }

    fn string(&mut self, length: usize) -> Result<&'a str, Malformed> {
        let bytes = self.take(length)?;
        if self.byte()? != 0 {
            return Err(Malformed("a text has no end"));
        }
        std::str::from_utf8(bytes).map_err(|_| Malformed("a text is not UTF-8"))
    }
}
