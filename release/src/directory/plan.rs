//! Which version a new release gets.
//!
//! ```text
//! development   the last one here or final, counted up     0+dev.1  0+dev.2   1+dev.1
//! final         the last final one, counted up             1  2  3            1.0 1.1
//! ```

use warren_wire_release::directory::Releases;
use warren_wire_release::{InvalidVersion, Version};

use super::Error;

/// The next development version; with `now`, seconds since 1970, of that number.
///
/// # Errors
/// [`Error::NoNextVersion`].
pub fn next_dev(dev: &Releases, finals: &Releases, now: Option<u64>) -> Result<Version, Error> {
    let last = dev.last().max(finals.last());
    let next = match &last {
        Some(last) => last.next_dev(),
        None => first_dev().map_err(none("0"))?.next_dev(),
    };
    let next = next.map_err(|_| no_next(last.as_ref()))?;
    Ok(now.map_or(next.clone(), |now| next.with_dev(now)))
}

/// The next final version.
///
/// # Errors
/// [`Error::NoNextVersion`].
pub fn next_final(finals: &Releases) -> Result<Version, Error> {
    match finals.last() {
        Some(last) => last.next_release().map_err(|_| no_next(Some(&last))),
        None => "1".parse().map_err(none("0")),
    }
}

fn first_dev() -> Result<Version, InvalidVersion> {
    "0".parse()
}

fn none(last: &'static str) -> impl Fn(InvalidVersion) -> Error {
    move |_| Error::NoNextVersion {
        last: last.to_owned(),
    }
}

fn no_next(last: Option<&Version>) -> Error {
    Error::NoNextVersion {
        last: last.map(ToString::to_string).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn releases(versions: &[&str]) -> Releases {
        let named = versions.iter().enumerate();
        Releases(
            named
                .map(|(at, text)| (at.to_string(), (*text).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn versions() {
        let dev = |dev: &[&str], finals: &[&str], now| {
            next_dev(&releases(dev), &releases(finals), now).map(|version| version.to_string())
        };
        assert_eq!(dev(&[], &[], None).unwrap(), "0+dev.1");
        assert_eq!(
            dev(&["0+dev.9", "0+dev.10"], &[], None).unwrap(),
            "0+dev.11"
        );
        assert_eq!(dev(&["0+dev.9"], &["1"], None).unwrap(), "1+dev.1");
        assert_eq!(dev(&["1+dev.1"], &["1"], None).unwrap(), "1+dev.2");
        assert_eq!(
            dev(&["1.5-rc.1"], &["1"], Some(77)).unwrap(),
            "1.5-rc.1+dev.77"
        );
        assert!(matches!(
            dev(&["1+x"], &[], None),
            Err(Error::NoNextVersion { .. })
        ));
        let last = |finals: &[&str]| next_final(&releases(finals)).map(|one| one.to_string());
        assert_eq!(last(&[]).unwrap(), "1");
        assert_eq!(last(&["9", "10"]).unwrap(), "11");
        assert_eq!(last(&["1.0-rc.2"]).unwrap(), "1.1");
        assert!(matches!(last(&["1.x"]), Err(Error::NoNextVersion { .. })));
    }
}
