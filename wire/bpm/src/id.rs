//! Names of processes and of what is made for them.
//!
//! ```text
//! job nats, process nats             nats              bpm-nats
//! job nats, process bosh_nats_sync   nats.bosh_nats_sync   bpm-nats.2ebosh_nats_sync
//! ```
//!
//! In a container's name a byte other than a letter, a digit, `_` and `-` is a dot and two lower-case
//! hexadecimal digits, so that it can be the name of a file, a control group and a unit of systemd.

/// What container names begin with.
const PREFIX: &str = "bpm-";

/// The name of a process among all jobs': that of the job if both are called alike.
#[must_use]
pub fn name(job: &str, process: &str) -> String {
    if job == process {
        return job.to_owned();
    }
    format!("{job}.{process}")
}

/// The name of a process's container.
#[must_use]
pub fn container(job: &str, process: &str) -> String {
    format!("{PREFIX}{}", encode(&name(job, process)))
}

/// The name of the process that a container is named after; `None` if it is not a name of ours.
#[must_use]
pub fn of_container(container: &str) -> Option<String> {
    decode(container.strip_prefix(PREFIX)?)
}

/// A text as part of a name.
#[must_use]
pub fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => encoded.push(byte.into()),
            byte => encoded.push_str(&format!(".{byte:02x}")),
        }
    }
    encoded
}

/// What [`encode`] was given; `None` for what it does not make.
#[must_use]
pub fn decode(encoded: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut left = encoded.bytes();
    while let Some(byte) = left.next() {
        if byte != b'.' {
            bytes.push(byte);
            continue;
        }
        let digits = [left.next()?, left.next()?];
        let digits = std::str::from_utf8(&digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
    }
    String::from_utf8(bytes)
        .ok()
        .filter(|text| encode(text) == encoded)
}
