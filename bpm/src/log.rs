//! `bpm.log`: what bpm itself did with a job's processes, one JSON document a line.
//!
//! ```json
//! {"timestamp":"1700000000.123456789","source":"bpm","message":"bpm.start.starting","log_level":1,
//!  "level":"info","data":{"job":"nats","process":"nats"}}
//! ```

use std::fs::File;
use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::Step;
use crate::files::{Owner, open_log};
use crate::root::{Name, Root};

/// The log of one verb.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    verb: &'static str,
    name: Name,
}

impl Log {
    pub fn open(root: &Root, name: &Name, verb: &'static str, owner: Owner) -> Result<Self, Step> {
        let file = open_log(&root.logs(name.job()).join("bpm.log"), owner)?;
        let name = name.clone();
        Ok(Self { file, verb, name })
    }

    pub fn info(&mut self, event: &str) {
        self.write("info", event, &[]);
    }

    /// With more to say.
    pub fn note(&mut self, event: &str, more: &[(&str, &str)]) {
        self.write("info", event, more);
    }

    pub fn error(&mut self, event: &str, error: &dyn std::error::Error) {
        let error = warren_lib_errchain::chain(error);
        self.write("error", event, &[("error", &error)]);
    }

    fn write(&mut self, level: &str, event: &str, more: &[(&str, &str)]) {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let mut data = json!({"job": self.name.job(), "process": self.name.process()});
        if let Value::Object(data) = &mut data {
            data.extend(
                more.iter()
                    .map(|(key, value)| ((*key).to_owned(), (*value).into())),
            );
        }
        let line = json!({
            "timestamp": format!("{}.{:09}", now.as_secs(), now.subsec_nanos()),
            "source": "bpm",
            "message": format!("bpm.{}.{event}", self.verb),
            "level": level,
            "data": data,
        });
        // One write, so that lines of several verbs do not mix. That it cannot be written keeps no
        // process from running.
        let _ = self.file.write_all(format!("{line}\n").as_bytes());
    }
}
