//! A bound on how much work a YAML text can make a parser do.
//!
//! Parsers after libyaml's model look at every flow collection (`[`, `{`) that is open for each token,
//! so that a megabyte of brackets keeps one busy for hours, and it reads them all before anybody can
//! count levels. What is asked here takes one pass over the bytes, before any parser sees them.
//!
//! Brackets in texts are no collections, but telling which are takes a whole scanner. So there are two
//! counts: one that takes every bracket for what it looks like, with a bound that meant documents are
//! far below; and one that is never too low, whatever is written, with a bound that keeps the work
//! finite.
//!
//! | | `[[["]", [` | `a: "["` |
//! |---|---|---|
//! | as it looks | 3 | 1 |
//! | at most | 4 | 1 |

/// Most brackets that may be open at once, as it looks. Parsers here take no more than 128 levels in any
/// case; the rest is for brackets in texts.
pub const MOST_OPEN: usize = 500;

/// Most brackets that may be open at once if no quoted text, comment or tag closed any.
pub const MOST_DOUBTFUL: usize = 5000;

/// A text that a parser should not see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it has more than {most} brackets that are not closed{}",
    if *.most == MOST_DOUBTFUL { ", or closed beside quotes" } else { "" })]
pub struct TooDeep {
    /// The bound.
    pub most: usize,
}

/// Checks that no more brackets are open anywhere in a text than [`MOST_OPEN`] and [`MOST_DOUBTFUL`].
///
/// # Errors
/// [`TooDeep`].
pub fn check_open(text: &[u8]) -> Result<(), TooDeep> {
    let open = Open::in_text(text);
    if open.as_it_looks > MOST_OPEN {
        return Err(TooDeep { most: MOST_OPEN });
    }
    if open.at_most > MOST_DOUBTFUL {
        return Err(TooDeep {
            most: MOST_DOUBTFUL,
        });
    }
    Ok(())
}

/// How many brackets are open where most are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Open {
    /// Every bracket taken for what it looks like.
    pub as_it_looks: usize,
    /// No parser has more open. A closing bracket counts only if nothing stands between it and what it
    /// closes by which it could be part of a text: in a collection, that takes a quote, `#` or `!`, or
    /// the `%` of a directive.
    pub at_most: usize,
}

impl Open {
    /// Counts in one pass.
    #[must_use]
    pub fn in_text(text: &[u8]) -> Self {
        let mut most = Self::default();
        let mut looks = 0usize;
        // Those that a closing bracket closes for certain, and those before them.
        let (mut fresh, mut stale) = (0usize, 0usize);
        for byte in text {
            match byte {
                b'[' | b'{' => {
                    looks += 1;
                    fresh += 1;
                    most.as_it_looks = most.as_it_looks.max(looks);
                    most.at_most = most.at_most.max(fresh + stale);
                }
                b']' | b'}' => {
                    looks = looks.saturating_sub(1);
                    fresh = fresh.saturating_sub(1);
                }
                b'"' | b'\'' | b'#' | b'!' | b'%' => {
                    stale += fresh;
                    fresh = 0;
                }
                _ => {}
            }
        }
        most
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(text: &str) -> (usize, usize) {
        let open = Open::in_text(text.as_bytes());
        (open.as_it_looks, open.at_most)
    }

    #[test]
    fn counts_are_those_of_the_table() {
        assert_eq!(counts("[[[\"]\", ["), (3, 4));
        assert_eq!(counts("a: \"[\""), (1, 1));
        assert_eq!(counts("[a, b], [c], {d: [e]}"), (2, 2));
        assert_eq!(counts("]]]["), (1, 1));
        assert_eq!(counts(""), (0, 0));
    }

    #[test]
    fn a_closing_bracket_in_a_text_closes_nothing() {
        for text in ["[\"]\", ", "[']', ", "[!<]> ", "[ # ]\n"] {
            assert_eq!(counts(&text.repeat(100)).1, 100, "{text}");
        }
    }

    #[test]
    fn meant_documents_pass_and_bombs_do_not() {
        let list = "- args: [\"--port\", \"1\"]\n".repeat(2000);
        assert_eq!(check_open(list.as_bytes()), Ok(()));
        let error = check_open("[".repeat(501).as_bytes()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "it has more than 500 brackets that are not closed"
        );
        let error = check_open("[\"]\", ".repeat(5001).as_bytes()).unwrap_err();
        assert_eq!(error.most, MOST_DOUBTFUL);
    }

    proptest! {
        /// Against the definition: brackets outside of what is certainly closed.
        #[test]
        fn never_less_than_any_reading(text in "[\\[\\]{}\"'# a]{0,60}") {
            let open = Open::in_text(text.as_bytes());
            prop_assert!(open.at_most >= open.as_it_looks.min(1));
            let opening = text.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count();
            prop_assert!(open.at_most <= opening && open.as_it_looks <= opening);
            // A reader that skips what stands in double quotes has no more open.
            let (mut depth, mut quoted) = (0usize, false);
            for byte in text.bytes() {
                match byte {
                    b'"' => quoted = !quoted,
                    b'[' | b'{' if !quoted => {
                        depth += 1;
                        prop_assert!(depth <= open.at_most, "{}", text);
                    }
                    b']' | b'}' if !quoted => depth = depth.saturating_sub(1),
                    _ => {}
                }
            }
        }
    }
}
