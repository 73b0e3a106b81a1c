//! Having the supervisor read its files again.
//!
//! | way | who understands it | how it is known to have worked |
//! |---|---|---|
//! | `POST /_runtime`, `action=reload` | ours | another incarnation |
//! | a command that restarts the service | monit under runit or systemd, as stock agents do | another incarnation |
//!
//! Monit has an incarnation of whole seconds, so the second way waits until it differs.

use std::path::Path;
use std::time::{Duration, Instant};

use super::{LOOK, Monit, MonitError};
use crate::process::tool;
use crate::say;

/// How long ours may take after it has said that it will, where there is another way.
const OURS: Duration = Duration::from_secs(2);
/// The same where there is none: a machine with much to do is no reason to fail.
const ALONE: Duration = Duration::from_secs(30);
/// How long a restarted monit may take, once.
const RESTARTED: Duration = Duration::from_secs(10);
/// How often it is restarted.
const ROUNDS: usize = 3;

/// How to restart a supervisor that cannot be asked.
#[derive(Debug, Clone, Default)]
pub struct Ways {
    /// Commands, each with its arguments, run one after the other.
    pub restart: Vec<Vec<String>>,
}

impl Ways {
    /// As this system's service manager does it; none where there is none that knows monit.
    #[must_use]
    pub fn of_system() -> Self {
        let has = |path: &str| Path::new(path).exists();
        let commands: &[&[&str]] = if has("/run/systemd/system") {
            &[
                &["systemctl", "kill", "monit"],
                &["systemctl", "start", "monit"],
            ]
        } else if has("/etc/service/monit") || has("/etc/sv/monit") {
            &[&["sv", "kill", "monit"], &["sv", "start", "monit"]]
        } else {
            &[]
        };
        let owned = |command: &&[&str]| command.iter().map(|&part| part.to_owned()).collect();
        Self {
            restart: commands.iter().map(owned).collect(),
        }
    }
}

impl Monit {
    /// Has the supervisor read its files again, and waits until it has.
    ///
    /// # Errors
    /// [`MonitError::Reload`] and others.
    pub fn reload(&self) -> Result<(), MonitError> {
        let before = self.client.status_patiently()?.incarnation;
        let mut tried = Vec::new();
        if self.client.reload() {
            let limit = match self.reload.restart.is_empty() {
                true => ALONE,
                false => OURS,
            };
            if self.is_other(&before, limit) {
                return Ok(());
            }
            tried.push("it was asked to, and did not");
        } else {
            tried.push("it cannot be asked to");
        }
        if self.reload.restart.is_empty() {
            tried.push("no service manager here restarts it");
        } else {
            tried.push("its service was restarted");
            for _ in 0..ROUNDS {
                for command in &self.reload.restart {
                    let Some((program, arguments)) = command.split_first() else {
                        continue;
                    };
                    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
                    if let Err(error) = tool(program, &arguments) {
                        say!("monit", "reload: {}", warren_lib_errchain::chain(&error));
                    }
                }
                if self.is_other(&before, RESTARTED) {
                    return Ok(());
                }
            }
        }
        let after = self
            .status()
            .map(|status| status.incarnation)
            .unwrap_or_default();
        Err(MonitError::Reload {
            before,
            after,
            tried: tried.join("; "),
        })
    }

    /// Waits for another incarnation.
    fn is_other(&self, before: &str, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            let now = self.status().map(|status| status.incarnation);
            if now.is_ok_and(|now| !now.is_empty() && now != before) {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(LOOK);
        }
    }
}
