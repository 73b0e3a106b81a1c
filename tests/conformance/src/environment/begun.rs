//! A shell command that was begun and not waited for.
//!
//! ```text
//! DIRECTORY/begun.sh    the command       DIRECTORY/begun.log     what it says
//!                                         DIRECTORY/begun.code    its exit code, once it ended
//! ```

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::Environment;

/// See the module.
pub struct Begun<'a> {
    environment: &'a Environment,
    log: PathBuf,
}

impl<'a> Begun<'a> {
    #[track_caller]
    pub(super) fn begin(environment: &'a Environment, script: &str) -> Self {
        let log = environment.at("begun.log");
        let code = log.with_extension("code");
        if code.exists()
            && let Err(error) = fs::remove_file(&code)
        {
            panic!("cannot remove {}: {error}", code.display());
        }
        let script = environment.file("begun.sh", script);
        environment.shell(&format!(
            "setsid sh -c 'sh {script}; echo $? >{code}.new; mv {code}.new {code}' \
             >{log} 2>&1 </dev/null &",
            script = script.display(),
            code = code.display(),
            log = log.display()
        ));
        Self { environment, log }
    }

    /// What it said by now.
    #[must_use]
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its exit code, once it ended.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        let text = fs::read_to_string(self.log.with_extension("code")).ok()?;
        text.trim().parse().ok()
    }

    /// Waits until it says this.
    ///
    /// # Panics
    /// If it ends without.
    #[track_caller]
    pub fn until_said(&self, what: &str) {
        self.environment.until(what, || {
            // In this order: it may say it last of all.
            let code = self.code();
            let said = self.said().contains(what);
            assert!(said || code.is_none(), "no {what}: {}", self.said());
            said
        });
    }

    /// Waits for its end; its exit code, and all it said.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn end(self, patience: Duration) -> (i32, String) {
        let mut code = None;
        self.environment.until_for(patience, "it ends", || {
            code = self.code();
            code.is_some()
        });
        (code.unwrap_or(-1), self.said())
    }
}
