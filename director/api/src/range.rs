//! `Range: bytes=...`, of which one range is honoured; all else is as if there were none.
//!
//! Clients read the output of a task by its tail twice a second, so the end of it is an answer of
//! its own: 416 means "nothing new".

/// What to answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Everything, as 200.
    Whole,
    /// Bytes from the first up to before the second, as 206; never empty.
    Slice(u64, u64),
    /// Nothing is there, as 416.
    Beyond,
}

/// Which part of `length` bytes a header asks for.
#[must_use]
pub fn part(header: Option<&str>, length: u64) -> Part {
    let Some(wanted) = header.and_then(parse) else {
        return Part::Whole;
    };
    let (start, end) = match wanted {
        // Nothing has been written yet: an empty answer, as stock gives it.
        (Some(0), _) if length == 0 => return Part::Whole,
        (Some(start), last) => (
            start,
            last.map_or(length, |last| last.saturating_add(1).min(length)),
        ),
        (None, Some(count)) => (length.saturating_sub(count), length),
        (None, None) => return Part::Whole,
    };
    if start >= end {
        return Part::Beyond;
    }
    Part::Slice(start, end)
}

/// First and last byte; without a first, the last so many.
fn parse(header: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (first, last) = header.trim().strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| -> Option<Option<u64>> {
        let text = text.trim();
        match text.is_empty() {
            true => Some(None),
            // More digits than a number has mean more bytes than there are.
            false if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(Some(text.parse().unwrap_or(u64::MAX)))
            }
            false => None,
        }
    };
    let (first, last) = (number(first)?, number(last)?);
    match (first, last) {
        (None, None) => None,
        (Some(first), Some(last)) if last < first => None,
        both => Some(both),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_tail_is_what_clients_ask_for() {
        assert_eq!(part(None, 10), Part::Whole);
        assert_eq!(part(Some("bytes=0-"), 10), Part::Slice(0, 10));
        assert_eq!(part(Some("bytes=4-"), 10), Part::Slice(4, 10));
        assert_eq!(part(Some("bytes=10-"), 10), Part::Beyond);
        assert_eq!(part(Some("bytes=11-"), 10), Part::Beyond);
        assert_eq!(part(Some("bytes=0-"), 0), Part::Whole);
        assert_eq!(part(Some("bytes=1-"), 0), Part::Beyond);
        assert_eq!(part(Some("bytes=2-3"), 10), Part::Slice(2, 4));
        assert_eq!(part(Some("bytes=2-99"), 10), Part::Slice(2, 10));
        assert_eq!(part(Some("bytes=-3"), 10), Part::Slice(7, 10));
        assert_eq!(part(Some("bytes=-0"), 10), Part::Beyond);
        assert_eq!(
            part(Some("bytes=99999999999999999999999-"), 10),
            Part::Beyond
        );
        for ignored in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=5-2",
            "bytes=a-",
            "bytes=0-1,3-4",
            "lines=0-",
        ] {
            assert_eq!(part(Some(ignored), 10), Part::Whole, "{ignored}");
        }
    }

    proptest! {
        #[test]
        fn a_slice_is_inside(text in "(bytes=)?[0-9,-]{0,24}", length in any::<u64>()) {
            if let Part::Slice(start, end) = part(Some(&text), length) {
                prop_assert!(start < end && end <= length);
            }
        }
    }
}
