//! A line on a terminal, while parts of an environment are asked: which have not answered, and for how long.

use std::time::Instant;

use warren_environment::Looking;

use crate::output::Display;

/// So many are named.
const NAMED: usize = 3;

/// Looks, and shows on standard error what is waited for, if that is a terminal.
pub fn looking<T>(look: impl FnOnce(&Looking) -> T) -> T {
    let (left, began) = (Looking::default(), Instant::now());
    Display::find(false).during(
        || words(&left.left(), began.elapsed().as_secs()),
        || look(&left),
    )
}

fn words(left: &[String], seconds: u64) -> String {
    let named: Vec<&str> = left.iter().take(NAMED).map(String::as_str).collect();
    let more = match left.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("Waiting for {}{more}... {seconds} s", named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn some_are_named_and_others_counted() {
        let left = |count: usize| -> Vec<String> {
            ["NATS", "Director", "Workers", "Metrics", "Blobstore"]
                .iter()
                .take(count)
                .map(ToString::to_string)
                .collect()
        };
        assert_eq!(words(&left(1), 2), "Waiting for NATS... 2 s");
        let all = "Waiting for NATS, Director, Workers and 2 more... 10 s";
        assert_eq!(words(&left(5), 10), all);
    }
}
