//! Heads of requests, and forms.

/// Largest head that is read, in bytes.
pub const LONGEST_HEAD: usize = 16 * 1024;

/// Largest body that is read, in bytes.
pub const LONGEST_BODY: usize = 64 * 1024;

/// Most fields of a form.
const MOST_FIELDS: usize = 2000;

/// What a client asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// In capitals.
    pub method: String,
    /// Decoded, without the query.
    pub path: String,
    /// Fields of the query, and of the body if that is a form.
    pub form: Vec<(String, String)>,
    /// Bytes of the body that follow.
    pub length: usize,
    /// `Authorization`.
    pub authorization: Option<String>,
    /// `Host`.
    pub host: Option<String>,
    /// `Origin`.
    pub origin: Option<String>,
    /// `Sec-Fetch-Site`.
    pub fetch_site: Option<String>,
}

/// A head that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadHead {
    /// No HTTP.
    #[error("this is no HTTP request")]
    Malformed,
    /// A body of unknown or too large size.
    #[error("the body is too large, or its size is not given")]
    Body,
}

impl Request {
    /// Reads a head, without the empty line at its end.
    ///
    /// # Errors
    /// [`BadHead`].
    pub fn parse(head: &[u8]) -> Result<Request, BadHead> {
        let head = std::str::from_utf8(head).map_err(|_| BadHead::Malformed)?;
        let mut lines = head
            .split('\n')
            .map(|line| line.strip_suffix('\r').unwrap_or(line));
        let first = lines.next().ok_or(BadHead::Malformed)?;
        let mut words = first.split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(BadHead::Malformed);
        };
        let is_method = !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase());
        if !is_method || !version.starts_with("HTTP/1.") || !target.starts_with('/') {
            return Err(BadHead::Malformed);
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut request = Request {
            method: method.to_owned(),
            path: decode(path, false),
            form: form(query),
            ..Request::default()
        };
        let mut length = None;
        for line in lines {
            let (name, value) = line.split_once(':').ok_or(BadHead::Malformed)?;
            if name.is_empty() || name.bytes().any(|b| b.is_ascii_whitespace()) {
                return Err(BadHead::Malformed);
            }
            let value = value.trim();
            let place = match name.to_ascii_lowercase().as_str() {
                "content-length" => {
                    let digits = value.bytes().all(|b| b.is_ascii_digit());
                    let bytes: usize = value.parse().map_err(|_| BadHead::Body)?;
                    let other = length.replace(bytes).is_some_and(|before| before != bytes);
                    if !digits || other || bytes > LONGEST_BODY {
                        return Err(BadHead::Body);
                    }
                    continue;
                }
                "transfer-encoding" => return Err(BadHead::Body),
                "authorization" => &mut request.authorization,
                "host" => &mut request.host,
                "origin" => &mut request.origin,
                "sec-fetch-site" => &mut request.fetch_site,
                _ => continue,
            };
            if place.replace(value.to_owned()).is_some() {
                return Err(BadHead::Malformed);
            }
        }
        request.length = length.unwrap_or(0);
        Ok(request)
    }

    /// Adds the fields of a body.
    pub fn take_body(&mut self, body: &[u8]) {
        let more = form(&String::from_utf8_lossy(body));
        self.form.extend(more);
    }

    /// The first field of a name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let named = self.form.iter().find(|(key, _)| key == name);
        named.map(|(_, value)| value.as_str())
    }

    /// All fields of a name.
    pub fn fields<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.form.iter().filter(move |(key, _)| key == name);
        named.map(|(_, value)| value.as_str())
    }

    /// Whether a browser sends this for another site's page. Whoever knows the password by heart,
    /// as a browser does, must not act for others.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        let site = self.fetch_site.as_deref();
        if site.is_some_and(|site| !matches!(site, "same-origin" | "none")) {
            return true;
        }
        let Some(origin) = &self.origin else {
            return false;
        };
        let there = origin.split_once("://").map_or("", |(_, host)| host);
        self.host.as_deref() != Some(there)
    }
}

/// Where a head ends in what has come so far, and where what follows it begins.
#[must_use]
pub fn end_of_head(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == b'\n') {
        let at = from + at;
        match &bytes[at + 1..] {
            [b'\n', ..] => return Some((head_len(bytes, at), at + 2)),
            [b'\r', b'\n', ..] => return Some((head_len(bytes, at), at + 3)),
            _ => from = at + 1,
        }
    }
    None
}

fn head_len(bytes: &[u8], newline: usize) -> usize {
    let before = newline.checked_sub(1).and_then(|at| bytes.get(at));
    newline - usize::from(before == Some(&b'\r'))
}

fn form(text: &str) -> Vec<(String, String)> {
    let fields = text.split('&').filter(|field| !field.is_empty());
    let split = |field: &str| {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        (decode(name, true), decode(value.trim_end(), true))
    };
    fields.take(MOST_FIELDS).map(split).collect()
}

fn decode(text: &str, plus: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let hex = hex.filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        match (first, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
                continue;
            }
            (b'+', _) if plus => bytes.push(b' '),
            (byte, _) => bytes.push(*byte),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
