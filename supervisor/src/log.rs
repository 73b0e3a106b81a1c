//! The log: one line for each thing, in a file or on standard error.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::date;

/// Where lines go.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Option<File>>>);

impl Log {
    /// Writes to a file from now on; opens it anew, in case it was moved away.
    pub fn open(&self, path: Option<&Path>) {
        let mut complaint = None;
        let file = path.and_then(|path| {
            let mut options = OpenOptions::new();
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
            match options.create(true).append(true).open(path) {
                Ok(file) => Some(file),
                Err(error) => {
                    complaint = Some(format!("cannot log to {}: {error}", path.display()));
                    None
                }
            }
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = file;
        if let Some(complaint) = complaint {
            self.error(&complaint);
        }
    }

    pub fn info(&self, text: &str) {
        self.line("info", text);
    }

    pub fn error(&self, text: &str) {
        self.line("error", text);
    }

    fn line(&self, level: &str, text: &str) {
        let (seconds, _) = date::since_epoch(SystemTime::now());
        let text = text.replace(['\n', '\r'], " ");
        let line = format!("[{}] {level:<8} : {text}\n", date::iso(seconds));
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // There is nobody to tell that a log cannot be written.
        let _ = match file.as_mut() {
            Some(file) => file.write_all(line.as_bytes()),
            None => std::io::stderr().write_all(line.as_bytes()),
        };
    }
}
