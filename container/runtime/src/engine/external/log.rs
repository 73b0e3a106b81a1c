//! What a runtime has written to its `--log` with `--log-format json`.
//!
//! One object a line, with `level`, `msg` and `time`; runc and crun do it alike. Anything else is
//! taken as it is, since a runtime that fails early may not have read its options yet.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use serde::Deserialize;

/// So much of a log is read, from its end.
const LONGEST: u64 = 64 << 10;
/// So many bytes of it are told.
const TOLD: usize = 2 << 10;

/// What a log says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Messages {
    /// What failed, in order.
    pub errors: Vec<String>,
    /// What else is remarkable.
    pub warnings: Vec<String>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    level: String,
    #[serde(default)]
    msg: String,
}

/// The messages of a log. Those below a warning, and repetitions, are left out.
#[must_use]
pub fn messages(log: &[u8]) -> Messages {
    let mut found = Messages::default();
    for line in log.split(|byte| *byte == b'\n') {
        let text = String::from_utf8_lossy(line);
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        let parsed = serde_json::from_str::<Line>(text);
        let (list, text) = match &parsed {
            Ok(line) => match line.level.as_str() {
                "debug" | "info" | "trace" => continue,
                "warning" | "warn" => (&mut found.warnings, line.msg.trim()),
                _ => (&mut found.errors, line.msg.trim()),
            },
            Err(_) => (&mut found.errors, text),
        };
        let text = cut(text);
        if !text.is_empty() && !list.contains(&text) {
            list.push(text);
        }
    }
    found
}

/// Those of a file; none if there is no such file.
pub(super) fn read(path: &Path) -> Messages {
    let mut bytes = Vec::new();
    if let Ok(mut file) = std::fs::File::open(path) {
        let length = file.metadata().map_or(0, |metadata| metadata.len());
        let from = SeekFrom::Start(length.saturating_sub(LONGEST));
        if file.seek(from).is_ok() {
            // What could be read of it has to do.
            let _partly = file.take(LONGEST).read_to_end(&mut bytes);
        }
    }
    messages(&bytes)
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(TOLD);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn runc_and_crun_are_understood() {
        let runc = br#"{"level":"warning","msg":"signal: killed","time":"2024-01-01T00:00:00Z"}
{"level":"debug","msg":"child process in init()","time":"2024-01-01T00:00:00Z"}
{"level":"error","msg":"runc create failed: unable to apply caps","time":"2024-01-01T00:00:00Z"}"#;
        let found = messages(runc);
        assert_eq!(found.warnings, ["signal: killed"]);
        assert_eq!(found.errors, ["runc create failed: unable to apply caps"]);
        let crun = br#"{"msg":"setrlimit `RLIMIT_MEMLOCK`: Operation not permitted","level":"error","time":"2024-01-01T00:00:00.1Z"}"#;
        let found = messages(crun);
        assert_eq!(
            found.errors,
            ["setrlimit `RLIMIT_MEMLOCK`: Operation not permitted"]
        );
    }

    #[test]
    fn other_text_is_an_error_and_is_told_once() {
        let found = messages(b"no such command\n\nno such command\n");
        assert_eq!(found.errors, ["no such command"]);
    }

    proptest! {
        #[test]
        fn junk_is_told_in_bounded_size(log in proptest::collection::vec(any::<u8>(), 0..4096)) {
            let found = messages(&log);
            for text in found.errors.iter().chain(&found.warnings) {
                prop_assert!(text.len() <= TOLD);
            }
        }
    }
}
