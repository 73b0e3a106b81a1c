//! Versions as BOSH orders them.
//!
//! ```text
//! RELEASE[-PRE][+POST]      each a list of components between dots: digits, or a word
//! 1.0-rc.1 < 1.0 < 1.0+dev.1 < 1.0+dev.2 < 1.1       1 = 1.0       1.2 < 1.a
//! ```
//!
//! Numbers have any length and lose leading zeros. A segment that is longer than another is greater
//! unless what it has more are zeros. A number is less than a word; words are compared as bytes.
//! Source: the gem and the Go package `semi_semantic`, which director and command line use.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// Bytes of the longest version; a version is also a name.
const LONGEST: usize = 255;

/// A text that is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a version: RELEASE[-PRE][+POST] of letters, digits, _ and dots")]
pub struct InvalidVersion {
    /// The text, cut short.
    pub text: String,
}

/// A version has no number to count up, or has no such part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{segment:?} does not end in a number, so there is no next version")]
pub struct NoNext {
    /// The part that should be counted up.
    pub segment: String,
}

/// One component of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Component {
    /// Digits without leading zeros.
    Number(String),
    Word(String),
}

impl Component {
    fn is_zero(&self) -> bool {
        matches!(self, Component::Number(digits) if digits == "0")
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Component::Number(a), Component::Number(b)) => {
                a.len().cmp(&b.len()).then_with(|| a.cmp(b))
            }
            (Component::Word(a), Component::Word(b)) => a.cmp(b),
            (Component::Number(_), Component::Word(_)) => Ordering::Less,
            (Component::Word(_), Component::Number(_)) => Ordering::Greater,
        }
    }

    fn text(&self) -> &str {
        match self {
            Component::Number(text) | Component::Word(text) => text,
        }
    }
}

/// The part of a version between `-`, `+` and its ends; never empty.
#[derive(Debug, Clone)]
pub struct Segment(Vec<Component>);

impl Segment {
    fn parse(text: &str, may_have_dash: bool) -> Option<Self> {
        let component = |part: &str| {
            if part.is_empty() {
                return None;
            }
            if part.bytes().all(|byte| byte.is_ascii_digit()) {
                let digits = part.trim_start_matches('0');
                let digits = if digits.is_empty() { "0" } else { digits };
                return Some(Component::Number(digits.to_owned()));
            }
            let is_good = |byte: u8| {
                byte.is_ascii_alphanumeric() || byte == b'_' || (byte == b'-' && may_have_dash)
            };
            let is_word = part.bytes().all(is_good);
            is_word.then(|| Component::Word(part.to_owned()))
        };
        text.split('.')
            .map(component)
            .collect::<Option<_>>()
            .map(Self)
    }

    fn next(&self) -> Result<Self, NoNext> {
        let mut next = self.clone();
        match next.0.last_mut() {
            Some(Component::Number(digits)) => {
                *digits = one_more(digits);
                Ok(next)
            }
            _ => Err(NoNext {
                segment: self.to_string(),
            }),
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        let common = self.0.len().min(other.0.len());
        for (a, b) in self.0.iter().zip(&other.0) {
            let order = a.compare(b);
            if order.is_ne() {
                return order;
            }
        }
        let rest = |segment: &Self| segment.0.iter().skip(common).any(|one| !one.is_zero());
        rest(self).cmp(&rest(other))
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, component) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            f.write_str(component.text())?;
        }
        Ok(())
    }
}

/// Digits and one.
fn one_more(digits: &str) -> String {
    let mut carry = true;
    let mut reversed = String::with_capacity(digits.len() + 1);
    for digit in digits.bytes().rev() {
        let next = match (carry, digit) {
            (false, digit) => digit,
            (true, b'9') => b'0',
            (true, digit) => {
                carry = false;
                digit + 1
            }
        };
        reversed.push(char::from(next));
    }
    if carry {
        reversed.push('1');
    }
    reversed.chars().rev().collect()
}

/// A version. Two are equal if neither is before the other: `1 == 1.0`.
#[derive(Debug, Clone)]
pub struct Version {
    release: Segment,
    pre: Option<Segment>,
    post: Option<Segment>,
}

impl Version {
    /// The last component of the release counted up; what follows it is gone.
    ///
    /// # Errors
    /// [`NoNext`].
    pub fn next_release(&self) -> Result<Self, NoNext> {
        Ok(Self {
            release: self.release.next()?,
            pre: None,
            post: None,
        })
    }

    /// The next development version: `1` ─► `1+dev.1` ─► `1+dev.2`.
    ///
    /// # Errors
    /// [`NoNext`].
    pub fn next_dev(&self) -> Result<Self, NoNext> {
        let post = match &self.post {
            Some(post) => post.next()?,
            None => dev("1"),
        };
        Ok(Self {
            post: Some(post),
            ..self.clone()
        })
    }

    /// The development version of this number, such as a time.
    #[must_use]
    pub fn with_dev(&self, number: u64) -> Self {
        Self {
            post: Some(dev(&number.to_string())),
            ..self.clone()
        }
    }

    /// Whether it is a development version.
    pub fn is_dev(&self) -> bool {
        let post = self.post.as_ref().map(ToString::to_string);
        post.is_some_and(|post| post.contains("dev"))
    }
}

fn dev(number: &str) -> Segment {
    Segment(vec![
        Component::Word("dev".to_owned()),
        Component::Number(number.to_owned()),
    ])
}

impl FromStr for Version {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, InvalidVersion> {
        let parse = || {
            if text.len() > LONGEST {
                return None;
            }
            let (rest, post) = match text.split_once('+') {
                Some((rest, post)) => (rest, Some(Segment::parse(post, true)?)),
                None => (text, None),
            };
            let (release, pre) = match rest.split_once('-') {
                Some((release, pre)) => (release, Some(Segment::parse(pre, true)?)),
                None => (rest, None),
            };
            let release = Segment::parse(release, false)?;
            Some(Self { release, pre, post })
        };
        parse().ok_or_else(|| InvalidVersion {
            text: text.chars().take(100).collect(),
        })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.release.fmt(f)?;
        if let Some(pre) = &self.pre {
            write!(f, "-{pre}")?;
        }
        if let Some(post) = &self.post {
            write!(f, "+{post}")?;
        }
        Ok(())
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        // Without a pre-release part is after all that have one; without a post-release part before.
        let part = |a: &Option<Segment>, b: &Option<Segment>, absent: Ordering| match (a, b) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => absent,
            (Some(_), None) => absent.reverse(),
            (Some(a), Some(b)) => a.compare(b),
        };
        self.release
            .compare(&other.release)
            .then_with(|| part(&self.pre, &other.pre, Ordering::Greater))
            .then_with(|| part(&self.post, &other.post, Ordering::Less))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

/// A version as a manifest asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Exactly this text.
    Exact(String),
    /// `latest`.
    Latest,
    /// `PREFIX.latest` or `PREFIX_latest`: the last of those that are the prefix, or begin with it
    /// and `.`, `-` or `+`.
    LatestOf(String),
}

impl Wanted {
    /// Reads it; every text asks for something.
    pub fn new(text: &str) -> Self {
        match text.strip_suffix("latest") {
            Some("") => Wanted::Latest,
            Some(prefix) => match prefix.strip_suffix(['.', '_']) {
                Some(prefix) => Wanted::LatestOf(prefix.to_owned()),
                None => Wanted::Exact(text.to_owned()),
            },
            None => Wanted::Exact(text.to_owned()),
        }
    }

    /// Which of those that there are is meant.
    pub fn choose<'a>(&self, there: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        let mut there = there.into_iter();
        match self {
            Wanted::Exact(text) => there.find(|version| version == text),
            Wanted::Latest => latest(there),
            Wanted::LatestOf(prefix) => latest(there.filter(|version| {
                let rest = version.strip_prefix(prefix.as_str());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '+']))
            })),
        }
    }
}

/// The last of these; texts that are no version do not count.
pub fn latest<'a>(versions: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let parsed = versions
        .into_iter()
        .filter_map(|text| Some((text.parse::<Version>().ok()?, text)));
    let last = parsed.max_by(|(a, _), (b, _)| a.cmp(b))?;
    Some(last.1)
}

#[cfg(test)]
mod tests;
